"""What servers of each API send: the events of an answer, and where the prompt stands in a
request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = tuple[str | None, dict[str, Any] | str]  # name, data


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tokens of a request; the input is the whole prompt."""

    input: int
    output: int = 7
    cached: int = 0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One API as its servers speak it."""

    prompt: Callable[[Mapping[str, Any]], str]
    events: Callable[
        [str, str, Counts | None, str], list[Event]
    ]  # text, stop reason (stop, length, filter), counts, model
    error: Callable[[str], Event]  # inside a stream that began well
    content_type: str = "text/event-stream"


def _text(content: str | list[dict[str, Any]]) -> str:
    """A message's content, in one piece or in blocks."""
    return content if isinstance(content, str) else "".join(str(block["text"]) for block in content)


def _half(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _chat(text: str, stop: str, counts: Counts | None, model: str) -> list[Event]:
    def chunk(part: str, finish: str | None = None) -> Event:
        return None, {
            "id": "chatcmpl-1",
            "model": model,
            "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": finish}],
        }

    usage = counts and {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
    }
    last: list[Event] = (
        [(None, {"id": "chatcmpl-1", "model": model, "choices": [], "usage": usage})]
        if usage
        else []
    )
    finish = {"stop": "stop", "length": "length", "filter": "content_filter"}[stop]
    return [*(chunk(part) for part in _half(text)), chunk("", finish), *last, (None, "[DONE]")]


def _messages(text: str, stop: str, counts: Counts | None, model: str) -> list[Event]:
    def event(kind: str, **fields: Any) -> Event:
        return kind, {"type": kind, **fields}

    read = (
        {"cache_read_input_tokens": counts.cached, "cache_creation_input_tokens": 0}
        if counts
        else {}
    )
    usage = (
        {"input_tokens": counts.input - counts.cached, **read, "output_tokens": 1}
        if counts
        else None
    )
    reason = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}[stop]
    return [
        event(
            "message_start",
            message={
                "id": "msg_1",
                "model": model,
                "content": [],
                "stop_reason": None,
                "usage": usage,
            },
        ),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("ping"),
        *(
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": t})
            for t in _half(text)
        ),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": counts.output} if counts else None,
        ),
        event("message_stop"),
    ]


def _responses(text: str, stop: str, counts: Counts | None, model: str) -> list[Event]:
    usage = counts and {
        "input_tokens": counts.input,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.output,
    }
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    end = "completed" if stop == "stop" else "incomplete"
    response = {
        "id": "resp_1",
        "object": "response",
        "model": model,
        "status": end,
        "incomplete_details": {"reason": reasons[stop]} if stop in reasons else None,
        "usage": usage,
    }
    deltas: list[Event] = [
        ("response.output_text.delta", {"type": "response.output_text.delta", "delta": part})
        for part in _half(text)
    ]
    return [
        (
            "response.created",
            {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        ),
        *deltas,
        (f"response.{end}", {"type": f"response.{end}", "response": response}),
    ]


def _gemini(text: str, stop: str, counts: Counts | None, model: str) -> list[Event]:
    reason = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}[stop]
    first, rest = _half(text)
    usage = (
        {
            "promptTokenCount": counts.input,
            "cachedContentTokenCount": counts.cached,
            "candidatesTokenCount": counts.output,
        }
        if counts
        else {}
    )

    def chunk(part: str, **more: Any) -> Event:
        candidate = {"content": {"role": "model", "parts": [{"text": part}]}, "index": 0, **more}
        return None, {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": model,
            "responseId": "resp-1",
        }

    return [chunk(first), chunk(rest, finishReason=reason)]


def _ollama(text: str, stop: str, counts: Counts | None, model: str) -> list[Event]:
    if stop == "filter":
        raise ValueError("Ollama has no filter")

    def line(part: str, **more: Any) -> Event:
        return None, {
            "model": model,
            "message": {"role": "assistant", "content": part},
            "done": False,
            **more,
        }

    counted = {"prompt_eval_count": counts.input, "eval_count": counts.output} if counts else {}
    return [*(line(part) for part in _half(text)), line("", done=True, done_reason=stop, **counted)]


PROTOCOLS: Mapping[str, Protocol] = {
    "/chat/completions": Protocol(
        prompt=lambda body: _text(body["messages"][0]["content"]),
        events=_chat,
        error=lambda message: (None, {"error": {"message": message, "code": 500}}),
    ),
    "/messages": Protocol(
        prompt=lambda body: _text(body["messages"][0]["content"]),
        events=_messages,
        error=lambda m: (
            "error",
            {"type": "error", "error": {"type": "overloaded_error", "message": m}},
        ),
    ),
    "/embeddings": Protocol(
        prompt=lambda body: "\n".join(body["input"]),
        events=_chat,
        error=lambda message: (None, {"error": {"message": message, "code": 500}}),
    ),
    "/responses": Protocol(
        prompt=lambda body: _text(body["input"][0]["content"]),
        events=_responses,
        error=lambda m: ("error", {"type": "error", "code": "server_error", "message": m}),
    ),
    ":streamGenerateContent": Protocol(
        prompt=lambda body: str(body["contents"][0]["parts"][0]["text"]),
        events=_gemini,
        error=lambda m: (None, {"error": {"code": 503, "message": m, "status": "UNAVAILABLE"}}),
    ),
    "/api/chat": Protocol(
        prompt=lambda body: _text(body["messages"][0]["content"]),
        events=_ollama,
        error=lambda m: (None, {"error": m}),
        content_type="application/x-ndjson",
    ),
}

# the providers that a server of these protocols can stand in for, and what their address ends in
PROVIDER_PATHS = {
    "openai": "/v1",
    "anthropic": "/v1",
    "openai-responses": "/v1",
    "gemini": "/v1beta",
    "ollama": "",
}


def protocol_of(path: str) -> Protocol:
    path = path.partition("?")[0]
    return next(protocol for end, protocol in PROTOCOLS.items() if path.endswith(end))


def framed(protocol: Protocol, event: Event) -> bytes:
    """An event as it goes over the wire."""
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    if protocol.content_type == "application/x-ndjson":
        return text.encode() + b"\n"
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
