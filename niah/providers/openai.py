"""OpenAI Chat Completions, spoken by most servers. Streams, sends no sampling parameter unless the config does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from niah.providers import Failure, HttpRequest, ReplyError
from niah.records import Outcome, Prompt, Response, Usage

BASE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|exceeds? the (?:available )?context (?:window|size|length)"
    r"|maximum (?:context|model|prompt) length|longer than the model's context length|model's context length is"
    r"|token count exceeds the model's|greater than the context length|exceeded model token limit|prompt is too long"
    r"|input is too long|too large for model with|reduce the length of the messages|string_above_max_length"
    r"|exceeds the maximum number of tokens|exceed context limit|context window exceeds limit"
    r"|tokens in request more than max tokens|max_tokens must be at least 1|max_new_tokens` must be <=",
    re.IGNORECASE,
)
_TOO_FAST = re.compile(r"per (?:minute|day)|\btp[md]\b|rate.?limit", re.IGNORECASE)
_FILTERED = re.compile(
    r"content_policy_violation|content_filter|invalid_prompt|\w+_policy\"|moderation|\bflagged\b|data_inspection_failed",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"insufficient_quota|credit_balance|billing|exceeded your current quota", re.IGNORECASE)

# stop reasons by what they mean; one that stands nowhere is a fault, not an answer
_WHOLE = frozenset({"stop", "eos", "end_turn", "stop_sequence", "eos_token", "complete"})
_CUT_OFF = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
_DECLINED = frozenset({"content_filter", "refusal", "safety", "sensitive", "recitation"})
_PLACE = "\ue000"  # stands for the prompt while the rest of the body is written
_CONTROL = re.compile(rb"[\x00-\x1f]")
_AGAIN = frozenset({408, 409, 425, 429})
_FATAL = frozenset({401, 402, 403, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """One model behind one address."""

    model: str
    base_url: str = BASE_URL
    api_key: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def request(self, prompt: Prompt) -> HttpRequest:
        """The whole prompt as one user message."""
        # OpenAI's own models refuse max_tokens; most other servers know nothing else
        limit = "max_completion_tokens" if urlsplit(self.base_url).hostname == "api.openai.com" else "max_tokens"
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": _PLACE}],
            limit: prompt.reply_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.extra,
        }
        before, _, behind = json.dumps(body, ensure_ascii=False, separators=(",", ":")).partition(
            json.dumps(_PLACE, ensure_ascii=False)
        )
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return HttpRequest(
            url=f"{self.base_url.rstrip('/')}/chat/completions",
            headers=headers,
            body=(before.encode(), json_string(prompt.utf8), behind.encode()),
        )

    def reply(self) -> OpenAIReply:
        return OpenAIReply()

    def failure(self, status: int, body: str) -> Failure:
        """Too long, filtered, out of money, worth another try, or plainly wrong."""
        message = f"{status}: {_message(body)}"
        if self.api_key:
            message = message.replace(self.api_key, "[key]")  # some servers repeat it
        if (status == 413 or _TOO_LONG.search(body)) and not _TOO_FAST.search(body):
            return Failure(outcome=Outcome.OVERFLOW, message=message, retry=False)
        if status in (400, 403, 422) and _FILTERED.search(body):
            return Failure(outcome=Outcome.REFUSED, message=message, retry=False)
        if status == 429 and _NO_MONEY.search(body):
            return Failure(outcome=Outcome.ERROR, message=message, retry=False, fatal=True)
        retry = status in _AGAIN or status >= 500 or (status == 413 and bool(_TOO_FAST.search(body)))
        return Failure(outcome=Outcome.ERROR, message=message, retry=retry, fatal=status in _FATAL)


class OpenAIReply:
    """Text, stop reason and usage of one stream (or of one plain JSON reply)."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._stop_reason: str | None = None
        self._usage = Usage()
        self._model: str | None = None

    @property
    def complete(self) -> bool:
        return self._stop_reason is not None

    def feed(self, event: str) -> bool:
        if event.strip() == "[DONE]":
            return False
        chunk = json.loads(event)
        if not isinstance(chunk, dict):
            raise ValueError(f"an event that is no object: {event[:60]}")
        if chunk.get("error"):
            raise ReplyError(event)
        self._model = chunk.get("model") or self._model
        self._read_usage(chunk.get("usage"))
        text = ""
        for choice in (chunk.get("choices") or [])[:1]:
            part = choice.get("delta") or choice.get("message") or {}
            text = _text_in(part.get("content"))
            self._text.append(text)
            self._refusal.append(_text_in(part.get("refusal")))
            self._stop_reason = choice.get("finish_reason") or self._stop_reason
        return bool(text)

    def _read_usage(self, usage: Mapping[str, Any] | None) -> None:
        if usage:
            self._usage = Usage(
                input_tokens=usage.get("prompt_tokens"),
                cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
                output_tokens=usage.get("completion_tokens"),
            )

    def response(self) -> Response:
        text = "".join(self._text) or "".join(self._refusal)
        return Response(text=text, stop_reason=self._stop_reason, usage=self._usage, model=self._model)

    def outcome(self) -> Outcome:
        reason = str(self._stop_reason).casefold()
        if reason in _DECLINED or any(self._refusal):
            return Outcome.REFUSED
        if reason in _CUT_OFF:
            return Outcome.TRUNCATED
        if self._stop_reason is not None and reason not in _WHOLE:
            raise ValueError(f"the reply stopped because of {self._stop_reason!r}")
        return Outcome.SCORED if "".join(self._text).strip() else Outcome.EMPTY


def json_string(utf8: bytes) -> bytes:
    """A text as a JSON string, from bytes to bytes: the text is never held as anything else."""
    escaped = utf8.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if _CONTROL.search(escaped):
        escaped = _CONTROL.sub(lambda m: b"\\u%04x" % ord(m[0]), escaped)
    return b'"' + escaped + b'"'


def _text_in(content: object) -> str:
    """Text as a string, or as a list of parts of which some are text (others are reasoning)."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    if content is None or isinstance(content, str):
        return content or ""
    raise ValueError(f"content of an unexpected kind: {type(content).__name__}")


def _message(body: str) -> str:
    """The message of an error body, on one line and short."""
    try:
        error = json.loads(body)["error"]
        text = error.get("message") or str(error) if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        text = body
    return " ".join(text.split())[:300] or "no message"
