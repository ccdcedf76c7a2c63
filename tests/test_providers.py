"""Each provider against recorded shapes of its API: replies, errors, windows; and what it sends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.providers import PROVIDERS, Provider, ReplyError, Service, provider_of
from niah.providers.replies import without_reasoning
from niah.records import Outcome, Planting, Prompt, Response, Usage
from niah.runner.client import Answer, Client
from niah.runner.events import reader_of
from niah.runner.limits import Limits
from niah.runner.patience import Patience

RECORDED = Path(__file__).parent / "recorded"
KEY = "sk-canary-0123456789abcdef"
TEXT = 'Ship\'s "log", 船のログ\n'
PROMPT = Prompt(
    utf8=TEXT.encode(),
    tokens=4_200,
    reply_tokens=64,
    haystack_tokens=4_000,
    unique_share=1.0,
    placements=(),
    planting=Planting(opening="", closing="", question="", needles=(), targets=()),
    digest="d",
)
HTTP = sorted(name for name, known in PROVIDERS.items() if known.made_by)


def provider(name: str, **settings: Any) -> Provider:
    base_url = PROVIDERS[name].base_url
    return provider_of(Service(**{"provider": name, "model": "m", "base_url": base_url, "api_key": KEY, **settings}))


def client_of(api: Provider, http: httpx.AsyncClient, waits: list[float], *, attempts: int) -> Client:
    async def pause(seconds: float) -> bool:
        waits.append(seconds)
        return True

    ticks = itertools.count()
    return Client(
        http,
        api,
        Limits(cap=4, in_flight_tokens=10**6, longest_prompt=10_000, clock=lambda: sum(waits), sleep=pause),
        attempts=attempts,
        clock=lambda: next(ticks),
        patience=Patience(60),
        longest_wait_s=600,
        jitter=lambda: 1.0,
    )


def answered(
    name: str, status: int, body: bytes, headers: Mapping[str, str], *, attempts: int = 2, piece: int = 61
) -> tuple[Answer, list[float]]:
    """What the client makes of a server that always answers so, and its waits between attempts."""
    waits: list[float] = []

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    async def ask() -> Answer | None:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, content=pieces()))
        async with httpx.AsyncClient(transport=transport) as http:
            api = provider(name)
            return await client_of(api, http, waits, attempts=attempts).ask(api.request(PROMPT))

    answer = asyncio.run(ask())
    assert answer is not None
    return answer, waits


# --- replies ---------------------------------------------------------------------------------------------------------

ANSWER = "The magic number for Marble Harbour is 7421830."
BEGUN = "The magic number"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recorded reply and what must be read from it."""

    path: str
    text: str = ANSWER
    outcome: Outcome = Outcome.SCORED
    stop: str | None = "stop"
    model: str
    id: str | None
    usage: Usage = field(default_factory=Usage)

    @property
    def provider(self) -> str:
        return self.path.partition("/")[0]

    @property
    def body(self) -> bytes:
        return (RECORDED / f"{self.path}.txt").read_bytes()

    @property
    def content_type(self) -> str:
        return content_type_of(self.path)


def content_type_of(path: str) -> str:
    name, _, case = path.partition("/")
    if case.startswith("whole"):
        return "application/json; charset=utf-8"
    return "application/x-ndjson" if name == "ollama" else "text/event-stream; charset=utf-8"


def counted(read: int | None = None, written: int | None = None, out: int = 23, thought: int | None = None) -> Usage:
    return Usage(
        input_tokens=4213, cached_tokens=read, cache_write_tokens=written, output_tokens=out, reasoning_tokens=thought
    )


GPT: dict[str, Any] = {"model": "gpt-6-luna-2026-08-20", "id": "chatcmpl-CfK3mZ0aQ8"}
SOL: dict[str, Any] = {"model": "gpt-6.1-sol-2026-10-02", "id": "resp_68f1c0ffee52819a"}
SOL_USAGE = counted(3072, 1024, 215, 192)
CLAUDE: dict[str, Any] = {"model": "claude-sonnet-5-5", "id": "msg_01XFDUDYJgAACzvnptvVoYEL"}
GEMINI: dict[str, Any] = {"model": "gemini-3.8-flash", "id": "xU4haYD-B5_Sz7IP7bWbmAQ"}
OLLAMA: dict[str, Any] = {"model": "gemma4:12b", "id": None}
LLAMA: dict[str, Any] = {"model": "gemma-4-12b-it-Q4_K_M.gguf", "id": "chatcmpl-3vXb0u1aZk"}
VLLM: dict[str, Any] = {"model": "Qwen/Qwen4-32B", "id": "chatcmpl-9f2c1d6b7e8a4c05"}
DEEPSEEK: dict[str, Any] = {"model": "deepseek-v4-flash", "id": "7f0c1b9e-6f7c-4dc7-8a51-2f2f7f0e6c11"}
KIMI: dict[str, Any] = {"model": "kimi-k3", "id": "chatcmpl-68f1c0ffee"}
GLM: dict[str, Any] = {"model": "glm-5.3", "id": "20261121181542a1b2c3d4e5f60718"}
MISTRAL: dict[str, Any] = {"model": "mistral-medium-4", "id": "cmpl-e5cc70bb28c444948073e77776eb30ef"}
CUT: dict[str, Any] = {"text": BEGUN, "outcome": Outcome.TRUNCATED}
NO = "I can't help with that."

REPLIES = [
    Recording(path="openai/answer", usage=SOL_USAGE, **GPT),
    Recording(path="openai/no_usage", **GPT),
    Recording(path="openai/length", stop="length", usage=counted(0, None, 4, 0), **CUT, **GPT),
    Recording(
        path="openai/length_in_reasoning",
        text="",
        outcome=Outcome.TRUNCATED,
        stop="length",
        usage=counted(0, 0, 64, 64),
        **GPT,
    ),
    Recording(path="openai/filter", text=BEGUN, outcome=Outcome.REFUSED, stop="content_filter", **GPT),
    Recording(path="openai/refusal", text=NO, outcome=Outcome.REFUSED, **GPT),
    Recording(path="openai/whole", usage=SOL_USAGE, model=GPT["model"], id="chatcmpl-CfK4wQ7zt1"),
    Recording(path="openai-responses/answer", stop="completed", usage=SOL_USAGE, **SOL),
    Recording(path="openai-responses/commentary", stop="completed", usage=SOL_USAGE, **SOL),
    Recording(path="openai-responses/length", stop="max_output_tokens", usage=SOL_USAGE, **CUT, **SOL),
    Recording(path="openai-responses/filter", text=BEGUN, outcome=Outcome.REFUSED, stop="content_filter", **SOL),
    Recording(
        path="openai-responses/refusal",
        text=NO,
        outcome=Outcome.REFUSED,
        stop="completed",
        usage=SOL_USAGE,
        **SOL,
    ),
    Recording(path="openai-responses/no_usage", stop="completed", **SOL),
    Recording(path="openai-responses/whole", stop="completed", usage=SOL_USAGE, **SOL),
    Recording(path="anthropic/answer", stop="end_turn", usage=counted(3148, 1024), **CLAUDE),
    Recording(
        path="anthropic/thinking",
        stop="end_turn",
        usage=Usage(input_tokens=41, cached_tokens=0, cache_write_tokens=0, output_tokens=231, reasoning_tokens=204),
        **CLAUDE,
    ),
    Recording(
        path="anthropic/thinking_hidden",
        stop="end_turn",
        usage=Usage(input_tokens=41, cached_tokens=0, cache_write_tokens=0, output_tokens=231),
        **CLAUDE,
    ),
    Recording(path="anthropic/length", stop="max_tokens", usage=counted(out=64), **CUT, **CLAUDE),
    Recording(
        path="anthropic/refusal", text="", outcome=Outcome.REFUSED, stop="refusal", usage=counted(out=2), **CLAUDE
    ),
    Recording(
        path="anthropic/window",
        text=BEGUN,
        outcome=Outcome.OVERFLOW,
        stop="model_context_window_exceeded",
        usage=Usage(input_tokens=199_990, output_tokens=10),
        **CLAUDE,
    ),
    Recording(
        path="anthropic/whole",
        stop="end_turn",
        usage=counted(4172, 0),
        model="claude-haiku-5-5",
        id="msg_013Zva2CMHLNnXjNJJKqJ2EF",
    ),
    Recording(path="anthropic/no_usage", stop="end_turn", model="local", id="msg_5"),
    Recording(path="anthropic/counted_at_the_end", stop="end_turn", usage=counted(4200), **CLAUDE),
    Recording(path="gemini/answer", stop="STOP", usage=counted(4086, out=19), **GEMINI),
    Recording(path="gemini/thoughts", stop="STOP", usage=counted(out=106, thought=87), **GEMINI),
    Recording(
        path="gemini/length_in_thoughts",
        text="",
        outcome=Outcome.TRUNCATED,
        stop="MAX_TOKENS",
        usage=counted(out=61, thought=61),
        **GEMINI,
    ),
    Recording(path="gemini/continuation", stop="CONTINUATION", usage=counted(out=4), **CUT, **GEMINI),
    Recording(
        path="gemini/blocked",
        text="blocked: PROHIBITED_CONTENT",
        outcome=Outcome.REFUSED,
        stop="PROHIBITED_CONTENT",
        usage=Usage(input_tokens=4213),
        **GEMINI,
    ),
    Recording(
        path="gemini/recitation",
        text=BEGUN,
        outcome=Outcome.REFUSED,
        stop="RECITATION",
        usage=counted(out=4),
        **GEMINI,
    ),
    Recording(path="gemini/whole", stop="STOP", usage=counted(out=19), **GEMINI),
    Recording(path="gemini/no_usage", stop="STOP", **GEMINI),
    Recording(path="ollama/answer", usage=counted(), **OLLAMA),
    Recording(path="ollama/thinking", usage=counted(), **OLLAMA),
    Recording(path="ollama/length", stop="length", usage=counted(out=64), **CUT, **OLLAMA),
    Recording(path="ollama/whole", usage=counted(), **OLLAMA),
    Recording(path="ollama/no_usage", **OLLAMA),
    Recording(path="llama.cpp/answer", usage=counted(3072), **LLAMA),
    Recording(path="llama.cpp/timings_only", usage=counted(3072), **LLAMA),
    Recording(path="vllm/answer", usage=counted(3072, 1136, 47), **VLLM),
    Recording(path="vllm/answer_plain_usage", usage=counted(), **VLLM),
    Recording(path="vllm/thinking_in_text", **VLLM),
    Recording(path="vllm/thinking_opened_in_the_prompt", **VLLM),
    Recording(path="vllm/thinking_cut_off", text="", outcome=Outcome.TRUNCATED, stop="length", **VLLM),
    Recording(path="vllm/thinking_never_closed", text="", outcome=Outcome.EMPTY, **VLLM),
    Recording(
        path="sglang/answer",
        usage=counted(3072, None, 47, 24),
        model="zai-org/GLM-5.3-Flash",
        id="5d0f8c4ea77b4cbf9c3c",
    ),
    Recording(
        path="lmstudio/answer",
        usage=counted(None, None, 47, 24),
        model="qwen/qwen3.6-35b-a3b",
        id="chatcmpl-yxvk6dhi1m",
    ),
    Recording(
        path="openrouter/answer",
        usage=Usage(
            input_tokens=4213,
            cached_tokens=3072,
            cache_write_tokens=0,
            output_tokens=47,
            reasoning_tokens=24,
            dollars=0.0019823,
        ),
        model="z-ai/glm-5.3",
        id="gen-1795312000-UD7bR0I1JNCsPvVzlXat",
    ),
    Recording(path="deepseek/answer", usage=counted(3072, None, 47, 24), **DEEPSEEK),
    Recording(path="deepseek/whole", usage=counted(3072, None, 47), **DEEPSEEK),
    Recording(
        path="qwen/answer",
        usage=counted(0, 4096, 47, 24),
        model="qwen4-plus",
        id="chatcmpl-4b0a4b2e-73a8-9f5e-8c53-6f2e8f1d0a77",
    ),
    Recording(path="moonshot/answer", usage=counted(4096, 117, 47), **KIMI),
    Recording(path="moonshot/usage_in_the_choice", usage=counted(4096, None, 47), **KIMI),
    Recording(path="zai/answer", usage=counted(3072, None, 47, 24), **GLM),
    Recording(path="zai/sensitive", text=BEGUN, outcome=Outcome.REFUSED, stop="sensitive", **GLM),
    Recording(path="zai/window", text="", outcome=Outcome.OVERFLOW, stop="model_context_window_exceeded", **GLM),
    Recording(path="mistral/answer", usage=counted(4096, None, 47), **MISTRAL),
    Recording(path="mistral/model_length", stop="model_length", usage=counted(out=4), **CUT, **MISTRAL),
    Recording(path="mistral/marks_in_text", **MISTRAL),
]


@pytest.mark.parametrize("recording", REPLIES, ids=lambda r: r.path)
def test_a_recorded_reply_is_read_in_full(recording: Recording) -> None:
    headers = {"content-type": recording.content_type}
    answer, waits = answered(recording.provider, 200, recording.body, headers)
    assert answer.response == Response(
        text=recording.text, stop_reason=recording.stop, usage=recording.usage, model=recording.model
    )
    assert (answer.outcome, answer.request_id, waits) == (recording.outcome, recording.id, [])


# what goes wrong inside a reply that began with status 200: outcome, attempts of two, what the message says
BROKEN = [
    ("openai/error", Outcome.ERROR, 2, "The server had an error"),
    ("openai/cut", Outcome.ERROR, 2, "ended without a stop marker"),
    ("openai-responses/failed_policy", Outcome.REFUSED, 1, "bio_policy"),
    ("openai-responses/failed_server", Outcome.ERROR, 2, "server_error"),
    ("openai-responses/error", Outcome.ERROR, 2, "429: Rate limit reached"),
    ("openai-responses/cut", Outcome.ERROR, 2, "ended without a stop marker"),
    ("anthropic/error", Outcome.ERROR, 2, "529: Overloaded (overloaded_error)"),
    ("anthropic/cut", Outcome.ERROR, 2, "ended without a stop marker"),
    ("gemini/error", Outcome.ERROR, 2, "503: The model is overloaded"),
    ("gemini/malformed", Outcome.ERROR, 2, "MALFORMED_RESPONSE"),
    ("ollama/error", Outcome.ERROR, 2, "CUDA error"),
    ("ollama/loaded", Outcome.ERROR, 2, "'load'"),
    ("ollama/cut", Outcome.ERROR, 2, "ended without a stop marker"),
    ("llama.cpp/error", Outcome.OVERFLOW, 1, "Context size has been exceeded"),
    ("vllm/error", Outcome.ERROR, 2, "EngineCore"),
    ("sglang/error", Outcome.OVERFLOW, 1, "longer than the model's context length"),
    ("lmstudio/error", Outcome.OVERFLOW, 1, "greater than the context length"),
    ("openrouter/error", Outcome.ERROR, 2, "502: Provider disconnected"),
    ("openrouter/whole_error", Outcome.ERROR, 2, "429: Provider returned error: z-ai/glm-5.3 is temporarily"),
    ("deepseek/no_resource", Outcome.ERROR, 2, "insufficient_system_resource"),
    ("qwen/error", Outcome.REFUSED, 1, "inappropriate content"),
    ("zai/network_error", Outcome.ERROR, 2, "network_error"),
    ("mistral/error", Outcome.ERROR, 2, "'error'"),
]


@pytest.mark.parametrize(("path", "outcome", "attempts", "message"), BROKEN, ids=[b[0] for b in BROKEN])
def test_a_reply_that_breaks_off_is_no_answer(path: str, outcome: Outcome, attempts: int, message: str) -> None:
    body = (RECORDED / f"{path}.txt").read_bytes()
    answer, _ = answered(path.partition("/")[0], 200, body, {"content-type": content_type_of(path)})
    assert (answer.outcome, answer.attempts, answer.response) == (outcome, attempts, None)
    assert message in str(answer.error)


def test_every_recording_is_in_a_table() -> None:
    kept = {p.relative_to(RECORDED).with_suffix("").as_posix() for p in RECORDED.rglob("*.txt")}
    assert kept == {r.path for r in REPLIES} | {b[0] for b in BROKEN}
    assert {path.partition("/")[0] for path in kept} == set(HTTP)


@dataclass(frozen=True)
class Read:
    """All that a stream comes to."""

    response: Response | str
    outcome: str
    id: str | None
    generated: tuple[bool, ...]


def read(path: str, pieces: Sequence[bytes]) -> Read:
    """A stream, fed piece by piece to the provider's reply."""
    reply = provider(path.partition("/")[0]).reply()
    events = reader_of(content_type_of(path))
    generated: tuple[bool, ...] = ()
    try:
        for event in itertools.chain(*(events.feed(piece) for piece in pieces), events.finish()):
            generated = (*generated, reply.feed(event))
        outcome = reply.outcome().value
    except (ReplyError, ValueError) as error:
        return Read(str(error), "broken", reply.request_id, generated)
    return Read(reply.response(), outcome, reply.request_id, generated)


PATHS = sorted([r.path for r in REPLIES] + [b[0] for b in BROKEN])


@given(st.data())
def test_any_split_and_either_line_end_give_the_same_reply(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    body = (RECORDED / f"{path}.txt").read_bytes()
    whole = read(path, [body])
    if data.draw(st.booleans()):
        body = body.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    parts = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    assert read(path, parts) == whole


# the first event that holds generated text, counted from 0: reasoning counts, an empty start does not
@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("openai/answer", 1),
        ("openai/refusal", 1),
        ("openai-responses/answer", 3),
        ("anthropic/answer", 3),
        ("anthropic/thinking", 2),
        ("anthropic/thinking_hidden", 2),
        ("gemini/answer", 0),
        ("gemini/thoughts", 0),
        ("ollama/thinking", 0),
        ("llama.cpp/answer", 1),
        ("vllm/answer", 1),
        ("sglang/answer", 1),
        ("openrouter/answer", 0),
        ("deepseek/answer", 1),
        ("moonshot/answer", 1),
        ("mistral/answer", 1),
    ],
)
def test_the_first_token_is_the_first_one_generated(path: str, first: int) -> None:
    assert read(path, [(RECORDED / f"{path}.txt").read_bytes()]).generated.index(True) == first


def test_the_header_names_the_request_before_the_body_does() -> None:
    recording = REPLIES[0]
    for header in ("x-request-id", "request-id"):
        headers = {"content-type": recording.content_type, header: "req_011CSHoEeqs5C35K2UUqR7Fy"}
        answer, _ = answered("openai", 200, recording.body, headers)
        assert answer.request_id == "req_011CSHoEeqs5C35K2UUqR7Fy"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("7421830", "7421830"),
        ("<think>a</think>7421830", "7421830"),
        ("\n<think>a</think>\n\n<think>b</think>\n7421830", "7421830"),
        ("a</think>7421830", "7421830"),
        ("<think>7421830", ""),
        ("[THINK]a[/THINK]7421830", "7421830"),
        ("◁think▷a◁/think▷7421830", "7421830"),
        ("I <think> it is 7421830", "I <think> it is 7421830"),
    ],
)
def test_reasoning_in_the_text_is_stripped(text: str, answer: str) -> None:
    assert without_reasoning(text) == answer


# --- errors ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A line of errors.jsonl: an error reply, and what it must be taken for."""

    by: str  # provider
    status: int
    body: Any  # written as JSON where it is no text
    kind: str  # one of KINDS
    wait_s: float | None = None  # that the body or a header asks for
    headers: Mapping[str, str] = field(default_factory=dict)
    says: str = ""  # in the message


# outcome, another attempt?, stop the run?, slow all down?
KINDS = {
    "too long": (Outcome.OVERFLOW, False, False, False),
    "filtered": (Outcome.REFUSED, False, False, False),
    "wrong": (Outcome.ERROR, False, False, False),
    "for good": (Outcome.ERROR, False, True, False),
    "down": (Outcome.ERROR, True, False, False),
    "throttled": (Outcome.ERROR, True, False, True),
}


REFUSALS = [
    Refusal(**row) for row in map(json.loads, (RECORDED / "errors.jsonl").read_text(encoding="utf-8").splitlines())
]


def body_of(refusal: Refusal) -> bytes:
    return (refusal.body if isinstance(refusal.body, str) else json.dumps(refusal.body)).encode()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.by} {r.status} {r.kind}")
def test_an_error_reply_is_taken_for_what_it_is(refusal: Refusal) -> None:
    outcome, again, fatal, throttled = KINDS[refusal.kind]
    failure = provider(refusal.by).failure(refusal.status, body_of(refusal).decode())
    assert (failure.outcome, failure.retry, failure.fatal, failure.throttled) == (outcome, again, fatal, throttled)
    assert refusal.says in failure.message
    assert len(failure.message) <= 300
    answer, waits = answered(refusal.by, refusal.status, body_of(refusal), refusal.headers, piece=10_000)
    assert (answer.outcome, answer.fatal, answer.attempts) == (outcome, fatal, 2 if again else 1)
    assert waits == ([refusal.wait_s or 1.0] if again else [])
    assert str(answer.error) == failure.message


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("before", [0, 275, 290])
def test_a_key_that_an_error_repeats_is_not_shown_even_where_the_message_is_cut(name: str, before: int) -> None:
    said = f"{'x' * before} {KEY} is wrong"
    for body in (said, json.dumps({"error": said}), json.dumps({"error": {"message": said, "code": "no_key"}})):
        message = provider(name).failure(401, body).message
        assert KEY[:6] not in message
        assert before > 0 or "[key]" in message


@given(st.text(max_size=60), st.integers(400, 599))
def test_any_error_body_is_some_failure(body: str, status: int) -> None:
    for text in (
        body,
        json.dumps(body),
        json.dumps({"error": body}),
        json.dumps({"error": [body]}),
        json.dumps([body]),
    ):
        failure = provider("openai").failure(status, text)
        assert failure.message.startswith(str(status))
        assert not (failure.retry and failure.fatal)
