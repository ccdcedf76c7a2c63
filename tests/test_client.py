"""Every way a server can answer, through the real client and a real socket: each ends in its own
outcome."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocols import PROVIDER_PATHS, Counts
from server import (
    Handler,
    Say,
    Server,
    answers,
    answers_without_streaming,
    chunk,
    cuts_the_stream,
    ends_without_a_stop,
    fails,
    fails_inside_the_stream,
    refuses,
    resets,
    serving,
)

from niah.providers import Provider, Service, provider_of
from niah.providers.shapes import json_string
from niah.records import Outcome, Planting, Prompt
from niah.runner.client import Client
from niah.runner.exchange import AdaptiveTimeout, Answer
from niah.runner.pool import DirectTransport, Pool
from niah.runner.rates import retry_after_s
from niah.runner.throttle import Throttle

PLANTING = Planting(opening="a\n", closing="\nb", question="b?", needles=(), targets=("7421830",))
TEXT = "long text, 長文, naïve\u2028line"
PROMPT = Prompt(
    utf8=TEXT.encode(),
    tokens=10,
    reply_tokens=32,
    haystack_tokens=5,
    unique_share=1.0,
    placements=(),
    planting=PLANTING,
    digest="d",
)


def provider_at(base_url: str, name: str = "openai", **settings: Any) -> Provider:
    return provider_of(Service(provider=name, model="m", base_url=base_url, **settings))


def ends(text: str, reason: str) -> Say:
    return lambda h, _: h.send_events(chunk(text), chunk(finish=reason))


def asked(
    *script: Say,
    otherwise: Say | None = None,
    attempts: int = 3,
    timeout: float = 5.0,
    name: str = "openai",
) -> tuple[Answer, list[float], Server]:
    """Ask once; the answer, the waits between attempts, and the server with what it received."""
    waits: list[float] = []

    async def pause(seconds: float) -> bool:
        waits.append(seconds)
        return True

    async def ask(base_url: str) -> Answer:
        async with Pool(DirectTransport) as pool:
            provider = provider_at(base_url, name, api_key="sk-test")
            client = Client(
                pool,
                provider,
                Throttle(
                    cap=4,
                    in_flight_tokens=10**6,
                    clock=lambda: sum(waits),
                    sleep=pause,
                    jitter=lambda: 1.0,
                ),
                attempts=attempts,
                clock=time.monotonic,
                timeouts=AdaptiveTimeout(timeout, reply_tokens=PROMPT.reply_tokens),
                longest_wait_s=600,
                patience_s=0,
            )
            answer = await client.ask(provider.request(PROMPT))
            assert answer is not None
            return answer

    with serving(*script, otherwise=otherwise or answers("never asked")) as server:
        return asyncio.run(ask(server.root + PROVIDER_PATHS[name])), waits, server


TOO_LONG = {
    "error": {
        "message": "This model's maximum context length is 8192 tokens.",
        "code": "context_length_exceeded",
    }
}
LLAMA_TOO_LONG = {
    "error": {
        "code": 400,
        "type": "exceed_context_size_error",
        "message": "request (12006 tokens) exceeds",
    }
}
NO_MONEY = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
FILTERED = {"error": {"message": "flagged", "code": "content_policy_violation"}}


@pytest.mark.parametrize(
    ("act", "outcome", "attempts"),
    [
        (answers("It is 7421830."), Outcome.SCORED, 1),
        (answers("cut off in the mid", "length"), Outcome.TRUNCATED, 1),
        (answers(""), Outcome.EMPTY, 1),
        (answers(" \n"), Outcome.EMPTY, 1),
        (answers("", "length"), Outcome.TRUNCATED, 1),
        (answers("", "filter"), Outcome.REFUSED, 1),
        (refuses, Outcome.REFUSED, 1),
        (answers_without_streaming("It is 7421830."), Outcome.SCORED, 1),
        (fails(400, TOO_LONG), Outcome.OVERFLOW, 1),
        (fails(400, LLAMA_TOO_LONG), Outcome.OVERFLOW, 1),
        (fails(413, b"<html>too large</html>"), Outcome.OVERFLOW, 1),
        (fails(400, FILTERED), Outcome.REFUSED, 1),
        (
            fails(400, {"error": {"message": "Unsupported parameter: 'max_tokens'"}}),
            Outcome.ERROR,
            1,
        ),
        (fails(401, {"error": {"message": "Incorrect API key"}}), Outcome.ERROR, 1),
        (fails(429, NO_MONEY), Outcome.ERROR, 1),
        (fails(408, {}), Outcome.ERROR, 3),
        (fails(409, {}), Outcome.ERROR, 3),
        (fails(429, {"error": {"message": "slow down"}}), Outcome.ERROR, 3),
        (fails(500, b"oops"), Outcome.ERROR, 3),
        (fails(503, {"error": "overloaded"}), Outcome.ERROR, 3),
        (cuts_the_stream, Outcome.ERROR, 3),
        (ends_without_a_stop, Outcome.ERROR, 3),
        (fails_inside_the_stream, Outcome.ERROR, 3),
        (resets, Outcome.ERROR, 3),
        (fails(200, b"null"), Outcome.ERROR, 3),
        (fails(200, b"[1, 2]"), Outcome.ERROR, 3),
        (lambda h, _: h.send_events("[]"), Outcome.ERROR, 3),
        (lambda h, _: h.send_events({"choices": [None]}), Outcome.ERROR, 3),
        (lambda h, _: h.send_events({"choices": [{"delta": {"content": 7}}]}), Outcome.ERROR, 3),
        (lambda h, _: h.send_events(chunk("The magic"), "[DONE]"), Outcome.ERROR, 3),
        (
            lambda h, _: h.send_events(
                chunk("The magic num"), chunk(finish="insufficient_system_resource")
            ),
            Outcome.ERROR,
            3,
        ),
        (ends("The magic num", "tool_calls"), Outcome.ERROR, 1),
        (ends("The magic num", "max_tokens"), Outcome.TRUNCATED, 1),
        (ends("I will not", "refusal"), Outcome.REFUSED, 1),
        (ends("7421830", "eos"), Outcome.SCORED, 1),
        (
            lambda h, _: h.send_events({"error": {"message": "greater than the context length"}}),
            Outcome.OVERFLOW,
            1,
        ),
        (
            lambda h, _: h.send_events(
                {"error": {"message": "m", "code": "context_length_exceeded"}}
            ),
            Outcome.OVERFLOW,
            1,
        ),
        (
            fails(400, {"error": {"message": "input length and max_tokens exceed context limit"}}),
            Outcome.OVERFLOW,
            1,
        ),
        (
            fails(413, {"error": {"message": "Request too large on tokens per minute (TPM)"}}),
            Outcome.ERROR,
            3,
        ),
        (fails(403, {"error": {"message": "Your input was flagged"}}), Outcome.REFUSED, 1),
        (fails(200, b"not json"), Outcome.ERROR, 3),
        (fails(302, b"", Location="http://127.0.0.1:9/elsewhere"), Outcome.ERROR, 1),
    ],
)
def test_every_ending_is_its_own_outcome(act: Say, outcome: Outcome, attempts: int) -> None:
    answer, waits, server = asked(otherwise=act)
    assert (answer.outcome, answer.attempts, len(server.requests), len(waits)) == (
        outcome,
        attempts,
        attempts,
        attempts - 1,
    )
    assert (answer.error is not None) == (
        answer.outcome is Outcome.ERROR or answer.response is None
    )
    assert "\n" not in (answer.error or "")


def test_text_usage_and_model_come_from_the_stream() -> None:
    answer, _, server = asked(answers("It is 7421830.", counts=Counts(input=900, cached=512)))
    assert answer.response is not None
    assert answer.response.text == "It is 7421830."
    usage = answer.response.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (900, 512, 7)
    assert (answer.response.model, answer.response.stop_reason) == ("m-2026", "stop")
    assert answer.first_token_s is not None
    assert answer.total_s is not None
    assert answer.first_token_s <= answer.total_s
    body = server.requests[0]
    assert body["messages"] == [{"role": "user", "content": TEXT}]
    assert (body["max_tokens"], body["stream"]) == (32, True)
    assert not {"temperature", "top_p", "seed"} & set(body)


@pytest.mark.parametrize(
    "fault", [cuts_the_stream, ends_without_a_stop, resets, fails(500, {}), fails(429, {})]
)
def test_a_passing_fault_is_tried_again_and_the_answer_is_whole(fault: Say) -> None:
    answer, waits, _ = asked(fault, fault, answers("It is 7421830."))
    assert answer.outcome is Outcome.SCORED
    assert answer.attempts == 3
    assert answer.response is not None
    assert answer.response.text == "It is 7421830."
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "soon"}, 1.0),
    ],
)
def test_the_wait_a_server_asks_for_is_honoured(headers: dict[str, str], wait: float) -> None:
    answer, waits, _ = asked(fails(429, {}, **headers), answers("7421830"))
    assert (answer.outcome, waits) == (Outcome.SCORED, [wait] if wait else [])


def test_a_server_that_always_asks_for_no_wait_gets_more_and_more() -> None:
    answer, waits, _ = asked(otherwise=fails(429, {}, Retry_After="0"), attempts=5)
    assert (answer.outcome, waits) == (Outcome.ERROR, [2.0, 4.0, 8.0])


@pytest.mark.parametrize("end", ["cut", "open"])
@pytest.mark.parametrize("name", ["openai", "anthropic", "openai-responses", "ollama"])
def test_what_is_whole_stays_whole_whatever_the_connection_does_then(name: str, end: str) -> None:
    def act(handler: Handler, _: dict[str, Any]) -> None:
        handler.send_stream(handler.protocol.events("It is 7421830.", "stop", None, "m"), cut=True)
        handler.wfile.flush()
        time.sleep(2 if end == "open" else 0)

    answer, waits, server = asked(otherwise=act, name=name)
    assert (answer.outcome, len(server.requests), waits) == (Outcome.SCORED, 1, [])


@pytest.mark.slow
def test_a_slow_and_steady_answer_may_take_its_time() -> None:
    def act(handler: Handler, _: dict[str, Any]) -> None:
        words = [(None, chunk("word ")) for _ in range(24)]
        handler.send_stream([*words, (None, chunk(finish="stop"))], pause_s=0.05)

    answer, _, server = asked(otherwise=act, timeout=0.25)  # 0.75 s without a word, 1.2 s in all
    assert (answer.outcome, len(server.requests)) == (Outcome.SCORED, 1)


def test_a_redirect_is_named_and_not_followed() -> None:
    answer, _, server = asked(
        otherwise=fails(302, b"", Location="https://elsewhere.example/v1?token=x")
    )
    assert (
        answer.error
        == "302: redirected to https://elsewhere.example/v1, which is not followed; is base_url"
        " right?"
    )
    assert len(server.requests) == 1


def test_halves_of_a_character_in_two_events_are_joined() -> None:
    events = [
        '{"choices": [{"delta": {"content": "7421830 \\ud83d"}}]}',
        '{"choices": [{"delta": {"content": "\\ude00"}, "finish_reason": "stop"}]}',
    ]
    answer, _, _ = asked(lambda h, _: h.send_events(*events))
    assert answer.response is not None
    assert answer.response.text == "7421830 😀"


def test_a_wait_of_hours_ends_the_trial_as_an_error_instead() -> None:
    answer, waits, _ = asked(fails(429, {}, Retry_After="36000"), answers("7421830"))
    assert (answer.outcome, waits) == (Outcome.ERROR, [])


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after_s(httpx.Headers({"retry-after": "Thu, 01 Jan 2026 12:00:09 GMT"}), now) == 9
    assert retry_after_s(httpx.Headers({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}), now) == 0


def waits_for(event: threading.Event) -> Say:
    def act(handler: object, body: object) -> None:
        event.wait(2.0)

    return act


def test_a_silent_server_times_out_as_an_error() -> None:
    done = threading.Event()
    answer, _, _ = asked(otherwise=waits_for(done), attempts=1, timeout=0.2)
    done.set()
    assert answer.outcome is Outcome.ERROR
    assert "ReadTimeout" in str(answer.error)


def test_line_separators_inside_the_text_do_not_break_the_stream() -> None:
    odd = "It\u2028is\x85 7421830"
    answer, _, _ = asked(lambda h, _: h.send_events(chunk(odd), chunk(finish="stop")))
    assert answer.response is not None
    assert answer.response.text == odd


def test_the_key_is_sent_and_never_shown() -> None:
    provider = provider_at("http://x/v1", api_key="sk-canary")
    assert "sk-canary" not in repr(provider)
    assert "sk-canary" not in repr(provider.request(PROMPT))
    answer, _, server = asked(fails(401, {"error": {"message": "bad key"}}))
    assert server.keys == ["Bearer sk-test"]
    assert "sk-test" not in repr(answer)
    assert answer.fatal


def test_openai_itself_gets_the_field_its_models_accept() -> None:
    body = json.loads(b"".join(provider_at("https://api.openai.com/v1").request(PROMPT).body))
    assert body["max_completion_tokens"] == 32
    assert "max_tokens" not in body


def test_text_in_parts_is_joined_and_reasoning_left_out() -> None:
    parts = [
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "7421830"},
    ]
    answer, _, _ = asked(
        lambda h, _: h.send_events(
            {"choices": [{"delta": {"content": parts}, "finish_reason": "stop"}]}
        )
    )
    assert answer.response is not None
    assert answer.response.text == "It is 7421830"


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_log() -> None:
    answer, _, _ = asked(fails(401, {"error": {"message": "Received API Key = Bearer sk-test"}}))
    assert answer.error == "401: Received API Key = Bearer [key]"


@given(st.text())
def test_any_prompt_is_written_as_the_json_it_is(text: str) -> None:
    assert json.loads(json_string(text.encode())) == text
    prompt = replace(PROMPT, utf8=text.encode())
    body = json.loads(
        b"".join(provider_at("http://x/v1", extra={"stop": ["\n"]}).request(prompt).body)
    )
    assert body["messages"] == [{"role": "user", "content": text}]
    assert body["stop"] == ["\n"]
