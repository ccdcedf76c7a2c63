"""Batch files: from a request to a line of a service's file, from any result line to its reply.

No I/O. Shapes: OpenAI's /v1/batches (also of ``vllm run-batch``), Anthropic's Message Batches,
Gemini's batchGenerateContent, and a line of our own, ``{id, text, stop_reason?, usage?, model?,
digest?}`` or ``{id, error}``. Limits of a file are those of the services' documentation (2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from niah.errors import ConfigError
from niah.providers import PROVIDERS, Provider, ReplyError, Service, provider_of
from niah.providers.anthropic import Anthropic, MessageReply
from niah.providers.gemini import ContentReply, Gemini
from niah.providers.openai import ChatReply, OpenAI, Responses, ResponsesReply
from niah.providers.replies import TextReply, count_of, usage_in
from niah.records import Prompt
from niah.text.outside import json_in

_STREAMING = ("stream", "stream_options")  # fields that no batch takes
_OWN_USAGE = {  # with the other names that are read
    "input_tokens": "input_tokens prompt_tokens",
    "output_tokens": "output_tokens completion_tokens",
    "cached_tokens": "cached_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchForm:
    """What one service takes as a file."""

    provider: str  # whose requests these are, where the config names none
    speaks: tuple[type, ...]  # kinds of provider whose requests fit
    most_lines: int | None = None
    most_bytes: int | None = None


FORMS: Mapping[str, BatchForm] = {
    "openai-batch": BatchForm(
        provider="openai", speaks=(OpenAI, Responses), most_lines=50_000, most_bytes=200_000_000
    ),
    "anthropic-batch": BatchForm(
        provider="anthropic", speaks=(Anthropic,), most_lines=100_000, most_bytes=256_000_000
    ),
    "gemini-batch": BatchForm(provider="gemini", speaks=(Gemini,), most_bytes=2_000_000_000),
    "vllm-batch": BatchForm(provider="vllm", speaks=(OpenAI,)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """One result line: a reply, or why there is none."""

    id: str
    reply: TextReply | None
    status: int = 200  # of what failed
    error: str = ""  # its body
    digest: str | None = None  # of the prompt, where the line tells it


def batch_provider(form: str, service: Service) -> Provider:
    """The provider that makes a form's requests. Raises ConfigError for one of another protocol."""
    made_by = PROVIDERS[service.provider].made_by if service.provider in PROVIDERS else None
    provider = provider_of(service) if made_by else None
    if provider is None or not isinstance(provider, FORMS[form].speaks):
        raise ConfigError(
            f"--format {form} holds requests of another protocol than provider"
            f" {service.provider!r}: use --provider {FORMS[form].provider}, or another --format"
        )
    return provider


def request_line(
    form: str, provider: Provider, request_id: str, prompt: Prompt
) -> dict[str, object]:
    """One line of a service's file: what a run would send for this prompt, without streaming."""
    body = json.loads(b"".join(provider.request(prompt).body))
    for key in _STREAMING:
        body.pop(key, None)
    if isinstance(provider, Anthropic):
        return {"custom_id": request_id, "params": body}
    if isinstance(provider, Gemini):
        return {"key": request_id, "request": body}
    url = "/v1/responses" if isinstance(provider, Responses) else "/v1/chat/completions"
    return {"custom_id": request_id, "method": "POST", "url": url, "body": body}


def id_in(request: bytes) -> str:
    """The id in a line of requests."""
    return str(_id_of(json_in(request.decode())))


def answer_in(line: bytes) -> BatchAnswer:
    """The answer in a result line of any service. Raises ValueError for what is none of them."""
    table = json_in(line.decode())
    if not isinstance(table, dict):
        raise ValueError("no object")
    request_id = _id_of(table)
    if not isinstance(request_id, str):
        raise ValueError("no custom_id, key or id")
    if isinstance(table.get("text"), str):
        told = table.get("digest", table.get("prompt_digest"))
        digest = told if isinstance(told, str) else None
        return BatchAnswer(id=request_id, reply=_Given(table), digest=digest)
    if isinstance(table.get("result"), dict):
        return _of_anthropic(request_id, table["result"])
    return _of_openai_or_gemini(request_id, table)


def _id_of(table: Mapping[str, Any]) -> object:
    return table.get("custom_id") or table.get("key") or table.get("id")


def _of_anthropic(request_id: str, result: Mapping[str, Any]) -> BatchAnswer:
    if result.get("type") == "succeeded":
        return _fed(request_id, MessageReply(), result.get("message"))
    error = result.get("error")
    inner = error.get("error") if isinstance(error, dict) else error
    inner = inner or f"the service ended this request as {result.get('type')}"
    wrong = isinstance(inner, dict) and inner.get("type") == "invalid_request_error"
    return _failed(request_id, 400 if wrong else 500, inner)


def _of_openai_or_gemini(request_id: str, table: Mapping[str, Any]) -> BatchAnswer:
    response, error = table.get("response"), table.get("error")
    if isinstance(response, dict) and ("candidates" in response or "promptFeedback" in response):
        return _fed(request_id, ContentReply(), response)
    if isinstance(response, dict):
        status, body = count_of(response.get("status_code")) or 200, response.get("body")
        if status < 300 and isinstance(body, dict) and not body.get("error"):
            reply = ResponsesReply() if body.get("object") == "response" else ChatReply()
            return _fed(request_id, reply, body)
        said = json.dumps(body or error)
        return BatchAnswer(id=request_id, reply=None, status=max(status, 400), error=said)
    if not error:
        raise ValueError("neither text, response, result nor error")
    code = count_of(error.get("code") if isinstance(error, dict) else None) or 0
    if code == 3:  # gRPC's INVALID_ARGUMENT, as Gemini tells it
        return _failed(request_id, 400, error)
    return _failed(request_id, code if 400 <= code < 600 else 500, error)


def _failed(request_id: str, status: int, error: object) -> BatchAnswer:
    said = error if isinstance(error, dict) else {"message": str(error)}
    return BatchAnswer(id=request_id, reply=None, status=status, error=json.dumps({"error": said}))


def _fed(request_id: str, reply: TextReply, body: object) -> BatchAnswer:
    """The answer in a whole body. Raises ValueError for a body of no known shape."""
    try:
        reply.feed(json.dumps(body))
        reply.response()  # now, where a fault of it is one of this line
    except ReplyError as error:
        return BatchAnswer(id=request_id, reply=None, status=500, error=error.body)
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"a body of no known shape ({error})") from None
    if not reply.complete:
        return _failed(request_id, 500, "a reply without a stop reason: it is not whole")
    return BatchAnswer(id=request_id, reply=reply)


class _Given(TextReply):
    """A reply as our own line tells it."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__()
        self._text.append(table["text"])
        self._stop_reason, self._model = table.get("stop_reason"), table.get("model")
        counts = table.get("usage") or {}
        if not isinstance(counts, dict):
            raise ValueError("usage is no object")
        self._usage = usage_in(counts, _OWN_USAGE)
