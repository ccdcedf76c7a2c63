"""Each provider against recorded shapes of its API: replies, errors, windows; and what it sends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from niah.providers import PROVIDERS, Provider, ReplyError, Service, provider_of
from niah.providers.failures import failure_of, status_in
from niah.providers.replies import without_reasoning
from niah.records import Outcome, Planting, Prompt, Response, Usage
from niah.runner.client import Client
from niah.runner.exchange import AdaptiveTimeout, Answer
from niah.runner.pool import Pool
from niah.runner.preflight import told_window
from niah.runner.stream_parsing import StreamReader
from niah.runner.throttle import Throttle

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
PLACES = {  # region, project and resource of providers that have an address for each
    "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com",
    "AWS_REGION": "us-west-2",
    "GOOGLE_CLOUD_LOCATION": "us-central1",
    "GOOGLE_CLOUD_PROJECT": "p",
}
HTTP = sorted(name for name, known in PROVIDERS.items() if known.made_by)


def provider(name: str, **settings: Any) -> Provider:
    known = PROVIDERS[name]
    ours = {
        "provider": name,
        "model": "m",
        "base_url": own_address(name),
        "api_key": KEY,
        "key_header": known.key_header,
    }
    return provider_of(Service(**{**ours, **settings}))


def own_address(name: str) -> str:
    return str(PROVIDERS[name].base_url).format(**PLACES)


def client_of(api: Provider, pool: Pool, waits: list[float], *, attempts: int) -> Client:
    async def pause(seconds: float) -> bool:
        waits.append(seconds)
        return True

    ticks = itertools.count()
    return Client(
        pool,
        api,
        Throttle(
            cap=4, in_flight_tokens=10**6, clock=lambda: sum(waits), sleep=pause, jitter=lambda: 1.0
        ),
        attempts=attempts,
        clock=lambda: next(ticks),
        timeouts=AdaptiveTimeout(60),
        longest_wait_s=600,
        patience_s=0,
    )


def answered(
    name: str,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    attempts: int = 2,
    piece: int = 61,
) -> tuple[Answer, list[float]]:
    """What the client makes of a server that always answers so, and its waits between attempts."""
    waits: list[float] = []

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    async def ask() -> Answer | None:
        transport = httpx.MockTransport(
            lambda _: httpx.Response(status, headers=headers, content=pieces())
        )
        async with Pool(lambda: transport) as pool:
            api = provider(name)
            return await client_of(api, pool, waits, attempts=attempts).ask(api.request(PROMPT))

    answer = asyncio.run(ask())
    assert answer is not None
    return answer, waits


# --- replies
# --------------------------------------------------------------------------------------------------

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


def counted(
    read: int | None = None, written: int | None = None, out: int = 23, thought: int | None = None
) -> Usage:
    return Usage(
        input_tokens=4213,
        cached_tokens=read,
        cache_write_tokens=written,
        output_tokens=out,
        reasoning_tokens=thought,
    )


GPT: dict[str, Any] = {"model": "gpt-6-luna-2026-08-20", "id": "chatcmpl-CfK3mZ0aQ8"}
SOL: dict[str, Any] = {"model": "gpt-6.1-sol-2026-10-02", "id": "resp_68f1c0ffee52819a"}
SOL_USAGE = counted(3072, 1024, 215, 192)
CLAUDE: dict[str, Any] = {"model": "claude-sonnet-5-5", "id": "msg_01XFDUDYJgAACzvnptvVoYEL"}
AZURE: dict[str, Any] = {"model": "gpt-4.1-2025-04-14", "id": "chatcmpl-CgAz71"}
GEMINI: dict[str, Any] = {"model": "gemini-3.8-flash", "id": "xU4haYD-B5_Sz7IP7bWbmAQ"}
OLLAMA: dict[str, Any] = {"model": "gemma4:12b", "id": None}
LLAMA: dict[str, Any] = {"model": "gemma-4-12b-it-Q4_K_M.gguf", "id": "chatcmpl-3vXb0u1aZk"}
VLLM: dict[str, Any] = {"model": "Qwen/Qwen4-32B", "id": "chatcmpl-9f2c1d6b7e8a4c05"}
DEEPSEEK: dict[str, Any] = {
    "model": "deepseek-v4-flash",
    "id": "7f0c1b9e-6f7c-4dc7-8a51-2f2f7f0e6c11",
}
KIMI: dict[str, Any] = {"model": "kimi-k3", "id": "chatcmpl-68f1c0ffee"}
GLM: dict[str, Any] = {"model": "glm-5.3", "id": "20261121181542a1b2c3d4e5f60718"}
MISTRAL: dict[str, Any] = {
    "model": "mistral-medium-4",
    "id": "cmpl-e5cc70bb28c444948073e77776eb30ef",
}
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
    Recording(
        path="openai/filter", text=BEGUN, outcome=Outcome.REFUSED, stop="content_filter", **GPT
    ),
    Recording(path="openai/refusal", text=NO, outcome=Outcome.REFUSED, **GPT),
    Recording(path="openai/whole", usage=SOL_USAGE, model=GPT["model"], id="chatcmpl-CfK4wQ7zt1"),
    Recording(path="openai-responses/answer", stop="completed", usage=SOL_USAGE, **SOL),
    Recording(path="openai-responses/commentary", stop="completed", usage=SOL_USAGE, **SOL),
    Recording(
        path="openai-responses/length", stop="max_output_tokens", usage=SOL_USAGE, **CUT, **SOL
    ),
    Recording(
        path="openai-responses/filter",
        text=BEGUN,
        outcome=Outcome.REFUSED,
        stop="content_filter",
        **SOL,
    ),
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
        usage=Usage(
            input_tokens=41,
            cached_tokens=0,
            cache_write_tokens=0,
            output_tokens=231,
            reasoning_tokens=204,
        ),
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
        path="anthropic/refusal",
        text="",
        outcome=Outcome.REFUSED,
        stop="refusal",
        usage=counted(out=2),
        **CLAUDE,
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
    Recording(
        path="gemini/continuation", stop="CONTINUATION", usage=counted(out=4), **CUT, **GEMINI
    ),
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
    Recording(path="azure/answer", usage=counted(3072, None, 23, 0), **AZURE),
    Recording(
        path="azure/filter", text=BEGUN, outcome=Outcome.REFUSED, stop="content_filter", **AZURE
    ),
    Recording(
        path="bedrock/reasoning_in_text",
        usage=counted(None, None, 47),
        model="openai.gpt-oss-20b-1:0",
        id="chatcmpl-8d31f0a2",
    ),
    Recording(
        path="bedrock-anthropic/answer",
        stop="end_turn",
        usage=counted(0, 0),
        model="anthropic.claude-sonnet-5-5",
        id="msg_bdrk_01XFDUDYJgAACzvnptvVoYEL",
    ),
    Recording(
        path="vertex/answer", usage=counted(3072), model="google/gemini-3.8-flash", id=GEMINI["id"]
    ),
    Recording(path="vertex-gemini/answer", stop="STOP", usage=counted(3072), **GEMINI),
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
    Recording(
        path="vllm/thinking_cut_off", text="", outcome=Outcome.TRUNCATED, stop="length", **VLLM
    ),
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
    Recording(
        path="openrouter/own_key",
        usage=Usage(input_tokens=4213, output_tokens=23, dollars=0.0021),
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
    Recording(
        path="zai/window",
        text="",
        outcome=Outcome.OVERFLOW,
        stop="model_context_window_exceeded",
        **GLM,
    ),
    Recording(path="mistral/answer", usage=counted(4096, None, 47), **MISTRAL),
    Recording(
        path="mistral/model_length", stop="model_length", usage=counted(out=4), **CUT, **MISTRAL
    ),
    Recording(path="mistral/marks_in_text", **MISTRAL),
]


@pytest.mark.parametrize("recording", REPLIES, ids=lambda r: r.path)
def test_a_recorded_reply_is_read_in_full(recording: Recording) -> None:
    headers = {"content-type": recording.content_type}
    answer, waits = answered(recording.provider, 200, recording.body, headers)
    assert answer.response == Response(
        text=recording.text,
        stop_reason=recording.stop,
        usage=recording.usage,
        model=recording.model,
    )
    assert (answer.outcome, answer.request_id, waits) == (recording.outcome, recording.id, [])


# what goes wrong inside a reply that began with status 200: outcome, attempts of two, what the
# message says
BROKEN = [
    ("openai/error", Outcome.ERROR, 2, "The server had an error"),
    ("openai/cut", Outcome.ERROR, 2, "ended without a stop marker"),
    ("openai-responses/failed_policy", Outcome.REFUSED, 1, "bio_policy"),
    ("openai-responses/failed_server", Outcome.ERROR, 2, "server_error"),
    ("openai-responses/error", Outcome.ERROR, 2, "429: Rate limit reached"),
    ("openai-responses/error_quota", Outcome.ERROR, 1, "429: You exceeded your current quota"),
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
    (
        "openrouter/whole_error",
        Outcome.ERROR,
        2,
        "429: Provider returned error: z-ai/glm-5.3 is temporarily",
    ),
    ("deepseek/no_resource", Outcome.ERROR, 2, "insufficient_system_resource"),
    ("qwen/error", Outcome.REFUSED, 1, "inappropriate content"),
    ("zai/network_error", Outcome.ERROR, 2, "network_error"),
    ("mistral/error", Outcome.ERROR, 2, "'error'"),
]


@pytest.mark.parametrize(
    ("path", "outcome", "attempts", "message"), BROKEN, ids=[b[0] for b in BROKEN]
)
def test_a_reply_that_breaks_off_is_no_answer(
    path: str, outcome: Outcome, attempts: int, message: str
) -> None:
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
    events = StreamReader()
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


# the first event that holds generated text, counted from 0: reasoning counts, an empty start does
# not
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


# every stop reason that an API documents, by what it means; what is in no other line is a fault and
# tried again
STOPS: Mapping[str, Mapping[Outcome, str]] = {
    "openai": {
        Outcome.SCORED: "stop",
        Outcome.TRUNCATED: "length",
        Outcome.REFUSED: "content_filter",
    },
    "openai-responses": {
        Outcome.SCORED: "completed",
        Outcome.TRUNCATED: "max_output_tokens",
        Outcome.REFUSED: "content_filter",
        Outcome.ERROR: "max_messages steered cancelled queued in_progress",
    },
    "anthropic": {
        Outcome.SCORED: "end_turn stop_sequence",
        Outcome.TRUNCATED: "max_tokens",
        Outcome.REFUSED: "refusal",
        Outcome.OVERFLOW: "model_context_window_exceeded",
        Outcome.ERROR: "tool_use pause_turn",
    },
    "gemini": {
        Outcome.SCORED: "STOP",
        Outcome.TRUNCATED: "MAX_TOKENS CONTINUATION",
        Outcome.REFUSED: (
            "SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII ESCALATION"
            " MODEL_ARMOR"
        ),
        Outcome.ERROR: (
            "FINISH_REASON_UNSPECIFIED MALFORMED_FUNCTION_CALL MALFORMED_RESPONSE"
            " UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE"
            " PUP_LIMITED_DISABLED NO_IMAGE IMAGE_SAFETY IMAGE_OTHER IMAGE_PROHIBITED_CONTENT"
            " IMAGE_RECITATION"
        ),
    },
    "ollama": {Outcome.SCORED: "stop", Outcome.TRUNCATED: "length", Outcome.ERROR: "load unload"},
    "vllm": {
        Outcome.SCORED: "stop",
        Outcome.TRUNCATED: "length repetition",
        Outcome.ERROR: "abort error tool_calls function_call",
    },
    "deepseek": {
        Outcome.SCORED: "stop",
        Outcome.TRUNCATED: "length",
        Outcome.ERROR: "insufficient_system_resource",
    },
    "mistral": {
        Outcome.SCORED: "stop",
        Outcome.TRUNCATED: "length model_length",
        Outcome.ERROR: "error tool_calls",
    },
    "openrouter": {
        Outcome.SCORED: "stop",
        Outcome.REFUSED: "content_filter",
        Outcome.ERROR: "error tool_calls",
    },
    "zai": {
        Outcome.SCORED: "stop",
        Outcome.REFUSED: "sensitive",
        Outcome.OVERFLOW: "model_context_window_exceeded",
        Outcome.ERROR: "network_error tool_calls",
    },
}


def stopped(name: str, reason: str) -> dict[str, Any]:
    """A whole reply that ends for a reason."""
    whole: dict[str, dict[str, Any]] = {
        "openai-responses": {
            "object": "response",
            "status": "incomplete",
            "incomplete_details": {"reason": reason},
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "7421830"}]}
            ],
        },
        "anthropic": {
            "type": "message",
            "content": [{"type": "text", "text": "7421830"}],
            "stop_reason": reason,
        },
        "gemini": {
            "candidates": [{"content": {"parts": [{"text": "7421830"}]}, "finishReason": reason}]
        },
        "ollama": {"message": {"content": "7421830"}, "done": True, "done_reason": reason},
    }
    return whole.get(
        name, {"choices": [{"message": {"content": "7421830"}, "finish_reason": reason}]}
    )


@pytest.mark.parametrize(
    ("name", "reason", "outcome"),
    [
        (name, reason, o)
        for name, line in STOPS.items()
        for o, reasons in line.items()
        for reason in reasons.split()
    ],
)
def test_every_documented_stop_reason_has_its_outcome(
    name: str, reason: str, outcome: Outcome
) -> None:
    reply = provider(name).reply()
    reply.feed(json.dumps(stopped(name, reason)))
    if outcome is Outcome.ERROR:
        with pytest.raises(ValueError, match=reason):
            reply.outcome()
    else:
        assert reply.outcome() is outcome
    assert (reply.response().text, reply.response().stop_reason) == ("7421830", reason)


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


# --- errors
# --------------------------------------------------------------------------------------------------


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
    Refusal(**row)
    for row in map(json.loads, (RECORDED / "errors.jsonl").read_text(encoding="utf-8").splitlines())
]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("try again in 5 minutes", 300.0), ("retry after 2 hours", 7_200.0),
        ("try again in 1 day", 86_400.0),
        ("try again in 1h5m", 3_900.0), ("try again in 220ms", 0.22),
        ("retry after 20 seconds", 20.0),
        ("try again in 500 milliseconds", None), ("try again in 10 ways", None),
        ("try again in 3 months", None),
    ],
)  # fmt: skip
def test_a_wait_is_read_in_letters_and_in_words(asked: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": f"Too many requests. Please {asked}."}})
    assert failure_of(429, body).wait_s == seconds


def test_an_allowance_without_figures_is_none() -> None:
    assert failure_of(429, json.dumps({"error": {"message": "limit: , requested: ,"}})).retry


@pytest.mark.parametrize(
    ("code", "status"), [("²", 0), ("9" * 5_000, 0), ("42", 0), ("429", 429), (503, 503)]
)
def test_a_code_is_a_status_where_it_is_one(code: object, status: int) -> None:
    assert status_in(json.dumps({"error": {"code": code}})) == status


def body_of(refusal: Refusal) -> bytes:
    return (refusal.body if isinstance(refusal.body, str) else json.dumps(refusal.body)).encode()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.by} {r.status} {r.kind}")
def test_an_error_reply_is_taken_for_what_it_is(refusal: Refusal) -> None:
    outcome, again, fatal, throttled = KINDS[refusal.kind]
    failure = provider(refusal.by).failure(refusal.status, body_of(refusal).decode())
    assert (failure.outcome, failure.retry, failure.fatal, failure.throttled) == (
        outcome,
        again,
        fatal,
        throttled,
    )
    assert refusal.says in failure.message
    assert len(failure.message) <= 300
    answer, waits = answered(
        refusal.by, refusal.status, body_of(refusal), refusal.headers, piece=10_000
    )
    assert (answer.outcome, answer.fatal, answer.attempts) == (outcome, fatal, 2 if again else 1)
    assert waits == ([refusal.wait_s or 1.0] if again else [])
    assert str(answer.error) == failure.message


ECHO = (
    "The billing was 9 a day, said the mate; maximum context length exceeded, flagged, rate limit"
    " per minute. " * 40
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.by} {r.status} {r.kind}")
@pytest.mark.parametrize(
    "echo", [{"input": ECHO}, {"param": " " * 1_000 + ECHO}], ids=["input", "long"]
)
def test_a_prompt_that_an_error_repeats_changes_nothing(
    refusal: Refusal, echo: Mapping[str, str]
) -> None:
    if isinstance(refusal.body, dict) and isinstance(refusal.body.get("error"), dict):
        judge = provider(refusal.by).failure
        plain = judge(refusal.status, json.dumps(refusal.body))
        assert (
            judge(refusal.status, json.dumps({"error": {**refusal.body["error"], **echo}})) == plain
        )


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("before", [0, 275, 290])
def test_a_key_that_an_error_repeats_is_not_shown_even_where_the_message_is_cut(
    name: str, before: int
) -> None:
    said = f"{'x' * before} {KEY} is wrong"
    for body in (
        said,
        json.dumps({"error": said}),
        json.dumps({"error": {"message": said, "code": "no_key"}}),
    ):
        message = provider(name).failure(401, body).message
        assert KEY[:6] not in message
        assert before > 0 or "[key]" in message


@given(st.text(max_size=60), st.integers(400, 599))
@example("[" * 60_000, 500)
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


# --- requests
# --------------------------------------------------------------------------------------------------

BEARER = {"authorization": f"Bearer {KEY}"}
STREAMED = {"accept": "text/event-stream"}
MESSAGES = [{"role": "user", "content": TEXT}]
COUNTED = {"stream": True, "stream_options": {"include_usage": True}}
CHAT = {"model": "m", "messages": MESSAGES, "max_tokens": 64, **COUNTED}
OPENAI = {
    "model": "m",
    "messages": MESSAGES,
    "max_completion_tokens": 64,
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
}
RESPONSES = {
    "model": "m",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": TEXT}]}],
    "max_output_tokens": 64,
    "stream": True,
    "store": False,
    "truncation": "disabled",
}

# provider: address, headers beside the content type, body
REQUESTS: Mapping[str, tuple[str, Mapping[str, str], Mapping[str, Any]]] = {
    "openai": ("https://api.openai.com/v1/chat/completions", BEARER | STREAMED, OPENAI),
    "openai-responses": ("https://api.openai.com/v1/responses", BEARER | STREAMED, RESPONSES),
    "anthropic": (
        "https://api.anthropic.com/v1/messages",
        {"x-api-key": KEY, "anthropic-version": "2023-06-01"} | STREAMED,
        {"model": "m", "max_tokens": 64, "messages": MESSAGES, "stream": True},
    ),
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        {"x-goog-api-key": KEY},
        {
            "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
            "generationConfig": {"maxOutputTokens": 64},
        },
    ),
    "azure": (
        "https://acme.openai.azure.com/openai/v1/chat/completions",
        {"api-key": KEY} | STREAMED,
        {"model": "m", "messages": MESSAGES, "max_completion_tokens": 64, **COUNTED},
    ),
    "bedrock": (
        "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions",
        BEARER | STREAMED,
        {"model": "m", "messages": MESSAGES, "max_completion_tokens": 64, **COUNTED},
    ),
    "bedrock-anthropic": (
        "https://bedrock-mantle.us-west-2.api.aws/anthropic/v1/messages",
        {"x-api-key": KEY, "anthropic-version": "2023-06-01"} | STREAMED,
        {"model": "m", "max_tokens": 64, "messages": MESSAGES, "stream": True},
    ),
    "vertex": (
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi"
            "/chat/completions"
        ),
        BEARER | STREAMED,
        CHAT,
    ),
    "vertex-gemini": (
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google"
            "/models/m:streamGenerateContent?alt=sse"
        ),
        BEARER,
        {
            "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
            "generationConfig": {"maxOutputTokens": 64},
        },
    ),
    "ollama": (
        "http://127.0.0.1:11434/api/chat",
        BEARER,
        {
            "model": "m",
            "messages": MESSAGES,
            "stream": True,
            "truncate": False,
            "shift": False,
            "options": {"num_ctx": 10_240, "num_predict": 64},
        },
    ),
    "llama.cpp": (
        "http://127.0.0.1:8080/v1/chat/completions",
        BEARER | STREAMED,
        CHAT | {"cache_prompt": True},
    ),
    "vllm": ("http://127.0.0.1:8000/v1/chat/completions", BEARER | STREAMED, CHAT),
    "sglang": ("http://127.0.0.1:30000/v1/chat/completions", BEARER | STREAMED, CHAT),
    "lmstudio": ("http://127.0.0.1:1234/v1/chat/completions", BEARER | STREAMED, CHAT),
    "openrouter": (
        "https://openrouter.ai/api/v1/chat/completions",
        BEARER | STREAMED,
        {
            "model": "m",
            "messages": MESSAGES,
            "max_tokens": 64,
            "stream": True,
            "plugins": [{"id": "context-compression", "enabled": False}],
        },
    ),
    "deepseek": ("https://api.deepseek.com/v1/chat/completions", BEARER | STREAMED, CHAT),
    "qwen": (
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        BEARER | STREAMED,
        CHAT,
    ),
    "moonshot": ("https://api.moonshot.ai/v1/chat/completions", BEARER | STREAMED, CHAT),
    "zai": ("https://api.z.ai/api/paas/v4/chat/completions", BEARER | STREAMED, CHAT),
    "mistral": (
        "https://api.mistral.ai/v1/chat/completions",
        BEARER | STREAMED,
        {
            "model": "m",
            "messages": MESSAGES,
            "max_tokens": 64,
            "stream": True,
            "prompt_cache_key": "niah",
        },
    ),
}
SAMPLING = {
    "temperature",
    "top_p",
    "top_k",
    "topP",
    "topK",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "n",
}


def body_sent(name: str, **settings: Any) -> dict[str, Any]:
    request = provider(name, **{"longest_context": 8_000, **settings}).request(PROMPT)
    body: dict[str, Any] = json.loads(b"".join(request.body))
    return body


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("name", HTTP)
def test_a_request_is_what_the_api_documents_and_nothing_else(name: str) -> None:
    url, headers, body = REQUESTS[name]
    request = provider(name, longest_context=8_000).request(PROMPT)
    assert (request.method, request.url, request.tokens) == ("POST", url, 4_200)
    assert {k.casefold(): v for k, v in request.headers.items()} == {
        "content-type": "application/json",
        **headers,
    }
    assert json.loads(b"".join(request.body)) == body
    assert not keys_in(body) & SAMPLING
    assert KEY not in repr(request)
    assert KEY not in request.url


@pytest.mark.parametrize("name", HTTP)
def test_without_a_key_no_header_speaks_of_one(name: str) -> None:
    api = provider(name, api_key=None)
    window = api.window_request()
    for request in (api.request(PROMPT), *([window] if window else [])):
        assert not {"authorization", "x-api-key", "api-key", "x-goog-api-key"} & {
            k.casefold() for k in request.headers
        }


@pytest.mark.parametrize("name", HTTP)
def test_extra_fields_are_merged_into_the_tables_that_are_there(name: str) -> None:
    extra = {
        "temperature": 0,
        "stream_options": {"include_usage": False},
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
        "options": {"num_ctx": 2048},
    }
    body, plain = body_sent(name, extra=extra), body_sent(name)
    assert body["temperature"] == 0
    for table in ("stream_options", "generationConfig", "options"):
        assert body[table] == {**plain.get(table, {}), **extra[table]}  # type: ignore[dict-item]
    assert {k: v for k, v in body.items() if k not in extra} == {
        k: v for k, v in plain.items() if k not in extra
    }


@pytest.mark.parametrize("name", HTTP)
def test_the_reply_budget_goes_into_the_field_that_is_named(name: str) -> None:
    body = body_sent(name, reply_field="budget")
    holder = body.get("generationConfig") or body.get("options") or body
    assert holder["budget"] == 64
    assert not keys_in(body) & {
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "maxOutputTokens",
        "num_predict",
    }


@pytest.mark.parametrize(
    ("model", "off"),
    [
        ("gpt-4o", False),
        ("gpt-4.1-mini", False),
        ("gpt-5", False),
        ("gpt-5-2025-08-07", False),
        ("gpt-5.5", False),
        ("gpt-5.6", True),
        ("gpt-5.6-2026-03-01", True),
        ("gpt-6-luna", True),
        ("gpt-6.1-sol-2026-10-02", True),
        ("gpt-10", True),
        ("ft:gpt-6-luna:acme::x1", True),
        ("o4-mini", False),
        ("gpt-oss-120b", False),
    ],
)
@pytest.mark.parametrize("name", ["openai", "openai-responses"])
def test_the_cache_is_off_where_writing_to_it_costs(name: str, model: str, off: bool) -> None:
    assert body_sent(name, model=model).get("prompt_cache_options") == (
        {"mode": "explicit"} if off else None
    )
    assert "prompt_cache_options" not in body_sent("openrouter", model=f"openai/{model}")


BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}
CONTROL = {"cache_control": {"type": "ephemeral"}}
MARKS: Mapping[str, Mapping[str, Any]] = {
    "openai": {"type": "text", **BREAKPOINT},
    "openai-responses": {"type": "input_text", **BREAKPOINT},
    "anthropic": {"type": "text", **CONTROL},
    "bedrock-anthropic": {"type": "text", **CONTROL},
    "qwen": {"type": "text", **CONTROL},
}


def test_marks_are_known_for_every_provider_whose_cache_takes_them() -> None:
    assert set(MARKS) == {name for name, known in PROVIDERS.items() if known.marks}


@pytest.mark.parametrize("name", MARKS)
def test_the_last_four_blocks_before_the_first_needle_are_marked_for_the_cache(name: str) -> None:
    lines = [f"{number}. 船 {number}\n".encode() for number in range(9)]
    ends = tuple(itertools.accumulate(map(len, lines[:-1])))
    prompt = replace(PROMPT, utf8=b"".join(lines), splits=ends, shared_bytes=ends[6] - 1)
    body = json.loads(b"".join(provider(name, model="gpt-6-luna").request(prompt).body))
    [message] = body["input"] if name == "openai-responses" else body["messages"]
    marked = dict(MARKS[name])
    bare = {"type": marked["type"]}
    expected = [
        {**(marked if 2 <= n <= 5 else bare), "text": line.decode()} for n, line in enumerate(lines)
    ]
    assert message["content"] == expected
    if name.startswith("openai"):
        assert body["prompt_cache_options"] == {"mode": "explicit"}


def test_what_stands_behind_the_address_goes_with_every_request() -> None:
    base = "https://acme.openai.azure.com/openai/deployments/d?api-version=2024-10-21"
    assert provider("azure", base_url=base).request(PROMPT).url == base.replace(
        "?", "/chat/completions?"
    )
    gemini = provider("gemini", base_url="http://h/v1beta?key=x").request(PROMPT).url
    assert gemini == "http://h/v1beta/models/m:streamGenerateContent?alt=sse&key=x"
    window = provider("llama.cpp", base_url="http://h/v1/?a=b").window_request()
    assert window is not None
    assert window.url == "http://h/props?a=b"


def test_openai_at_another_address_is_any_server_that_speaks_chat_completions() -> None:
    assert body_sent("openai", base_url="http://127.0.0.1:9999/v1", model="gpt-6-luna") == CHAT | {
        "model": "gpt-6-luna"
    }


@pytest.mark.parametrize(
    ("longest", "window"),
    [(0, 1_024), (800, 1_024), (820, 2_048), (8_192, 10_240), (128_000, 160_768)],
)
def test_ollama_is_told_one_window_for_the_whole_run(longest: int, window: int) -> None:
    assert body_sent("ollama", longest_context=longest)["options"]["num_ctx"] == window
    for address in ("http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/api"):
        assert provider("ollama", base_url=address).request(PROMPT).url == "http://h:1/api/chat"


def test_every_provider_has_its_request_in_the_table() -> None:
    assert set(REQUESTS) == set(HTTP)
    variables = {
        name: known.key_variable for name, known in PROVIDERS.items() if known.key_variable
    }
    assert variables == {
        "openai": "OPENAI_API_KEY",
        "openai-responses": "OPENAI_API_KEY",
        "anthropic": "ANTHROPIC_API_KEY",
        "gemini": "GEMINI_API_KEY",
        "azure": "AZURE_OPENAI_API_KEY",
        "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
        "bedrock-anthropic": "AWS_BEARER_TOKEN_BEDROCK",
        "vertex": "VERTEX_ACCESS_TOKEN",
        "vertex-gemini": "VERTEX_ACCESS_TOKEN",
        "openrouter": "OPENROUTER_API_KEY",
        "deepseek": "DEEPSEEK_API_KEY",
        "qwen": "DASHSCOPE_API_KEY",
        "moonshot": "MOONSHOT_API_KEY",
        "zai": "ZAI_API_KEY",
        "mistral": "MISTRAL_API_KEY",
    }


# --- windows
# --------------------------------------------------------------------------------------------------


def listed(*entries: Mapping[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


OTHER = {
    "id": "other",
    "object": "model",
    "max_model_len": 1,
    "context_length": 1,
    "max_context_length": 1,
}
SLOT = {"id": 0, "id_task": -1, "n_ctx": 8_192, "is_processing": False, "params": {"n_predict": -1}}

# provider, the address asked, what it answers, the window in that
WINDOWS: list[tuple[str, str, Any, int | None]] = [
    (
        "vllm",
        "GET /v1/models",
        listed(OTHER, {"id": "m", "root": "m", "max_model_len": 40_960, "permission": []}),
        40_960,
    ),
    ("vllm", "GET /v1/models", listed({"id": "m-as-served", "max_model_len": 40_960}), 40_960),
    ("vllm", "GET /v1/models", listed(OTHER, {"id": "another", "max_model_len": 40_960}), None),
    (
        "sglang",
        "GET /v1/models",
        listed({"id": "m", "object": "model", "root": "m", "max_model_len": 131_072}),
        131_072,
    ),
    (
        "sglang",
        "GET /v1/models",
        listed({"id": "m", "object": "model", "max_model_len": None}),
        None,
    ),
    (
        "openai",
        "GET /v1/models",
        listed({"id": "m", "object": "model", "created": 1, "owned_by": "x"}),
        None,
    ),
    (
        "openrouter",
        "GET /api/v1/models",
        {
            "data": [
                OTHER,
                {
                    "id": "m",
                    "context_length": 1_048_576,
                    "top_provider": {"context_length": 262_144},
                },
            ]
        },
        1_048_576,
    ),
    (
        "moonshot",
        "GET /v1/models",
        listed(OTHER, {"id": "m", "object": "model", "context_length": 262_144}),
        262_144,
    ),
    (
        "mistral",
        "GET /v1/models/m",
        {
            "id": "m",
            "object": "model",
            "max_context_length": 131_072,
            "aliases": [],
            "type": "base",
        },
        131_072,
    ),
    (
        "llama.cpp",
        "GET /props",
        {
            "default_generation_settings": SLOT,
            "total_slots": 4,
            "model_path": "m.gguf",
            "build_info": "b7120",
        },
        8_192,
    ),
    (
        "lmstudio",
        "GET /api/v0/models",
        listed(
            {**OTHER, "state": "loaded", "loaded_context_length": 1},
            {
                "id": "m",
                "type": "llm",
                "state": "loaded",
                "max_context_length": 131_072,
                "loaded_context_length": 4_096,
            },
        ),
        4_096,
    ),
    (
        "lmstudio",
        "GET /api/v0/models",
        listed({"id": "m", "state": "not-loaded", "max_context_length": 131_072}),
        131_072,
    ),
    (
        "anthropic",
        "GET /v1/models/m",
        {
            "type": "model",
            "id": "m",
            "display_name": "M",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
        },
        1_000_000,
    ),
    (
        "anthropic",
        "GET /v1/models/m",
        {"type": "model", "id": "m", "display_name": "M", "max_input_tokens": None},
        None,
    ),
    (
        "gemini",
        "GET /v1beta/models/m",
        {
            "name": "models/m",
            "version": "001",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
        },
        1_048_576,
    ),
    (
        "ollama",
        "POST /api/show",
        {
            "details": {"family": "gemma4"},
            "model_info": {
                "general.architecture": "gemma4",
                "gemma4.vision.context_length": 2_048,
                "gemma4.rope.scaling.original_context_length": 8_192,
                "gemma4.context_length": 131_072,
            },
        },
        131_072,
    ),
    ("ollama", "POST /api/show", {"model_info": {"general.architecture": "gemma4"}}, None),
]
ODD: list[Any] = [
    *(
        "",
        "null",
        "not json",
        "7",
        '"8192"',
        "[]",
        "[1]",
        "{}",
        '{"data": null}',
        '{"data": []}',
        '{"data": [null]}',
    ),
    *(
        json.dumps(listed({"id": "m", key: odd}))
        for key in ("max_model_len", "n_ctx")
        for odd in ("8192", True, -1, 0, 1.5)
    ),
    *(
        '{"max_input_tokens": "200000"}',
        '{"max_input_tokens": true}',
        '{"inputTokenLimit": [1]}',
        '{"model_info": []}',
    ),
    '{"model_info": {"general.architecture": "g", "g.context_length": "8192"}}',
    "[" * 100_000,
]


def window_told(name: str, body: str, status: int = 200) -> tuple[int | None, list[httpx.Request]]:
    """The window as the preflight reads it, and what was asked."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, text=body)

    async def ask() -> int | None:
        base_url = "http://127.0.0.1:9/v1" if name == "openai" else own_address(name)
        api = provider(name, base_url=base_url)
        async with Pool(lambda: httpx.MockTransport(handle)) as pool:
            return await told_window(client_of(api, pool, [], attempts=1))

    return asyncio.run(ask()), asked


@pytest.mark.parametrize(
    ("name", "address", "answer", "window"), WINDOWS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_window_is_read_where_the_server_tells_it(
    name: str, address: str, answer: Any, window: int | None
) -> None:
    told, [request] = window_told(name, json.dumps(answer))
    assert told == window
    assert f"{request.method} {request.url.raw_path.decode()}" == address
    assert KEY in str(request.headers.raw)
    assert window_told(name, json.dumps(answer), status=404)[0] is None


@pytest.mark.parametrize("name", HTTP)
def test_an_odd_answer_tells_no_window(name: str) -> None:
    for body in ODD:
        assert window_told(name, body)[0] is None


@pytest.mark.parametrize("name", ["openai-responses", "deepseek", "qwen", "zai"])
def test_where_no_route_tells_the_window_none_is_asked(name: str) -> None:
    assert provider(name).window_request() is None
    assert provider("openai").window_request() is None
