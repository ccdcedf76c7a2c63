"""How a run waits: ten minutes of refusals in virtual time, told rates, patience, and the first
word about trouble."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_client import PROMPT, provider_at
from virtual import run_virtual

from niah.records import Outcome
from niah.runner.client import FIRST_WORD_S, Client
from niah.runner.exchange import AdaptiveTimeout, Answer
from niah.runner.pool import Pool
from niah.runner.progress import Observer, Trouble
from niah.runner.rates import span_s
from niah.runner.throttle import Throttle

WHOLE = (
    b'data: {"model": "m", "choices": [{"delta": {"content": "7421830"}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 10, "completion_tokens": 5}}\n\ndata: [DONE]\n\n'
)
OK = httpx.Response(200, content=WHOLE)
Act = Callable[[float], httpx.Response | Exception]  # seconds since the start to a reply


@dataclass
class Run(Observer):
    """A sweep in virtual time against a server that answers as the time says."""

    act: Act
    latency_s: float = 1.0
    workers: int = 8
    patience_s: float = 3_600.0
    attempts: int = 8
    seed: int = 0
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    troubles: list[tuple[float, Trouble]] = field(default_factory=list)
    began: float = 0.0

    async def until(self, end_s: float) -> None:
        loop = asyncio.get_running_loop()
        began = self.began = loop.time()

        async def handle(request: httpx.Request) -> httpx.Response:
            await request.aread()
            self.sent.append(loop.time() - began)
            reply = self.act(loop.time() - began)
            if isinstance(reply, Exception):
                raise reply
            if reply.status_code == 200:
                await asyncio.sleep(self.latency_s)
                self.answered.append(loop.time() - began)
            return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

        transport = httpx.MockTransport(handle)
        throttle = Throttle(
            cap=self.workers,
            in_flight_tokens=10**9,
            clock=loop.time,
            jitter=random.Random(self.seed).random,  # noqa: S311  # pauses, no secrets
        )
        async with Pool(lambda: transport) as pool:
            client = Client(
                pool,
                provider_at("http://127.0.0.1:9/v1"),
                throttle,
                attempts=self.attempts,
                clock=loop.time,
                timeouts=AdaptiveTimeout(None),
                longest_wait_s=600,
                patience_s=self.patience_s,
                observer=self,
                start="vllm serve MODEL",
            )
            loop.call_later(end_s, throttle.stop)
            await asyncio.gather(*(self._work(client, throttle) for _ in range(self.workers)))

    def trouble(self, trouble: Trouble) -> None:
        self.troubles.append((asyncio.get_running_loop().time() - self.began, trouble))

    async def _work(self, client: Client, throttle: Throttle) -> None:
        request = provider_at("http://127.0.0.1:9/v1").request(PROMPT)
        while not throttle.stopping:
            answer = await client.ask(request)
            if (
                answer is not None and not throttle.stopping
            ):  # one that a stop cut short is the last refusal
                self.answers.append(answer)
                if answer.fatal:
                    throttle.stop()


def swept(act: Act, end_s: float, **settings: float) -> Run:
    run = Run(act, **settings)  # type: ignore[arg-type]
    run_virtual(run.until(end_s))
    return run


REFUSALS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "429": lambda: httpx.Response(429, json={"error": {"message": "slow down"}}),
    "429, too short a wait": lambda: httpx.Response(429, headers={"Retry-After": "0"}),
    "503": lambda: httpx.Response(503, content=b"overloaded"),
    "nobody there": lambda: httpx.ConnectError("refused"),
}


@pytest.mark.slow
@pytest.mark.parametrize("refusal", REFUSALS)
@settings(max_examples=6)
@example(before_s=0.5, seed=67_783)
@given(before_s=st.sampled_from([0.5, 7.3, 20.0]), seed=st.integers(0, 10**6))
def test_ten_minutes_of_refusals_see_few_requests_and_their_end_is_noticed(
    refusal: str, before_s: float, seed: int
) -> None:
    end_s = before_s + 600

    def act(now: float) -> httpx.Response | Exception:
        return REFUSALS[refusal]() if before_s <= now < end_s else OK

    run = swept(act, end_s + 35, seed=seed)
    assert len([at for at in run.sent if before_s <= at < end_s]) <= 40
    assert min(at for at in run.answered if at > end_s) <= end_s + 30
    assert {answer.outcome for answer in run.answers} == {
        Outcome.SCORED
    }  # patience: none used up its attempts


def test_the_first_word_comes_with_the_first_trouble_and_says_what_will_happen() -> None:
    run = swept(lambda now: REFUSALS["429"]() if now < 50 else OK, 60)
    at, trouble = run.troubles[0]
    assert at < 1
    assert str(trouble).startswith(
        "127.0.0.1:9: 429: slow down; asking again in 1 s, for up to 60 min"
    )


def test_a_server_that_never_says_a_word_is_spoken_of_after_ten_seconds() -> None:
    run = swept(lambda _: OK, 100, latency_s=90, workers=1)
    assert [at for at, _ in run.troubles] == [FIRST_WORD_S]
    assert str(run.troubles[0][1]) == "127.0.0.1:9: no word for 10 s; asking again in 110 s"


def test_patience_that_is_over_stops_the_run_and_says_so() -> None:
    run = swept(lambda now: OK if now < 10 else REFUSALS["503"](), 10_000, patience_s=300)
    assert 300 <= run.sent[-1] - 10 <= 340
    (last,) = [answer for answer in run.answers if answer.fatal]
    assert "nothing was answered for 3" in str(last.error)
    assert "(--patience): 503: overloaded" in str(last.error)


def test_without_patience_attempts_are_counted() -> None:
    run = swept(lambda _: REFUSALS["503"](), 1_000, patience_s=0, attempts=3, workers=1)
    assert run.answers[0].attempts == 3


def test_a_refused_first_connection_ends_at_once_with_the_command_that_starts_a_server() -> None:
    run = swept(lambda _: httpx.ConnectError("All connection attempts failed"), 1_000, workers=1)
    assert (len(run.sent), run.sent[0] < 1, run.answers[0].fatal) == (1, True, True)
    said = (
        "nobody answers at 127.0.0.1:9 (All connection attempts failed); start the server first: "
    )
    assert run.answers[0].error == said + "vllm serve MODEL"


def test_a_server_that_was_never_met_is_not_waited_for_with_patience() -> None:
    run = swept(lambda _: httpx.ConnectTimeout("x"), 1_000, workers=1, attempts=3)
    assert (run.answers[0].attempts, run.answers[0].outcome) == (3, Outcome.ERROR)


def test_a_web_page_where_the_api_should_be_stops_within_seconds() -> None:
    run = swept(lambda _: httpx.Response(200, content=b"<!doctype html><p>Hotel"), 1_000, workers=1)
    assert (len(run.sent), run.sent[-1] < 3, run.answers[0].fatal) == (2, True, True)
    assert run.answers[0].error == "a web page instead of a reply; is base_url right?"


def test_a_web_page_between_answers_is_a_passing_fault() -> None:
    pages = iter([False, True, True, True, False])
    run = swept(
        lambda _: httpx.Response(200, content=b"<html>") if next(pages, False) else OK,
        60,
        workers=1,
    )
    assert {answer.outcome for answer in run.answers} == {Outcome.SCORED}
    assert run.answers[1].attempts == 4


class Tokens:
    """A server with a bucket of tokens a minute, which tells of it and refuses what does not
    fit."""

    def __init__(self, limit: float, kind: str) -> None:
        self.limit = limit
        self.left = limit
        self.at = 0.0
        self.kind = kind
        self.refused = 0

    def __call__(self, now: float) -> httpx.Response:
        self.left = min(self.limit, self.left + (now - self.at) * self.limit / 60)
        self.at = now
        if self.left < 10:
            self.refused += 1
            return httpx.Response(429, headers=self._headers())
        self.left -= 10
        return httpx.Response(200, headers=self._headers(), content=WHOLE)

    def _headers(self) -> dict[str, str]:
        full_s = (self.limit - self.left) / self.limit * 60
        told = {
            "limit": f"{self.limit:.0f}",
            "remaining": f"{self.left:.0f}",
            "reset": f"{full_s:.3f}s",
        }
        return {self.kind.format(part): value for part, value in told.items()}


@pytest.mark.parametrize("name", ["x-ratelimit-{}-tokens", "anthropic-ratelimit-input-tokens-{}"])
def test_a_run_keeps_to_the_rate_that_the_server_tells(name: str) -> None:
    server = Tokens(300, name)  # thirty requests of ten tokens a minute
    run = swept(server, 600, workers=4)
    assert server.refused <= 4
    assert 290 <= len(run.answered) <= 335


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("6m0s", 360),
        ("1h2m3.5s", 3_723.5),
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("12", 12),
        ("2026-01-01T12:00:09Z", 9),
        ("1767268809000", None),  # a date in milliseconds, by one gateway
        ("soon", None),
        ("", None),
    ],
)
def test_a_reset_is_read_however_it_is_told(told: str, seconds: float | None) -> None:
    assert span_s(told, "Thu, 01 Jan 2026 12:00:00 GMT") == seconds


@pytest.mark.parametrize(("reset", "told"), [("100s", [10.0]), ("20s", [])])
def test_a_long_wait_for_the_rate_that_a_server_tells_is_spoken_of(
    reset: str, told: list[float]
) -> None:
    now = 0.0
    spoken: list[float] = []

    class Hears(Observer):
        def trouble(self, trouble: Trouble) -> None:
            spoken.append(trouble.wait_s)

    async def sleep(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return True

    async def enter() -> bool:
        throttle = Throttle(
            cap=1, in_flight_tokens=100, clock=lambda: now, sleep=sleep, observer=Hears()
        )
        names = {"limit": "10", "remaining": "0", "reset": reset}  # one in ten, or in two, seconds
        throttle.told({f"x-ratelimit-{part}-requests": value for part, value in names.items()})
        return await throttle.enter(10)

    assert asyncio.run(enter())
    assert spoken == told


def test_a_wait_that_follows_no_failure_is_not_told_as_one() -> None:
    words = str(Trouble(kind="paced", reason="the rate limits that the server tells", wait_s=10))
    assert words == "the rate limits that the server tells; asking in 10 s"
