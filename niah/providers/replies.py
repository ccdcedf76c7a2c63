"""What all protocols have in common: routes, headers, bodies, and how a stream becomes a reply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from niah.providers import Failure, HttpRequest, ReplyError, ServedModel, Service, UnexpectedStop
from niah.providers.failures import failure_of, known
from niah.providers.files import LIVES_S, Files, FormFiles
from niah.providers.shapes import Shaped, body_with, merged
from niah.records import Outcome, Prompt, Response, Usage
from niah.text.outside import json_in

# reasoning that a server leaves in the text, by the marks of the model's template
_REASONING = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<reasoning>", "</reasoning>"),  # of gpt-oss on Bedrock
)
_JSON = {"Content-Type": "application/json"}
_FORM = {
    "purpose": "user_data",
    "expires_after[anchor]": "created_at",
    "expires_after[seconds]": str(LIVES_S),
}


class TextReply:
    """Text, stop reason and usage of a stream, or of a plain JSON reply; ``take`` reads events."""

    stops_once = True  # a stop marker stands at the end only

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._stop_reason: str | None = None
        self._usage = Usage()
        self._model: str | None = None
        self._choice: object = None  # the number of the one that is read
        self.request_id: str | None = None  # as the reply names itself
        self.finished = False  # nothing more is to come, though the connection may stay open

    @property
    def complete(self) -> bool:
        """Whether a stop marker was seen; a stream that ends without one was cut."""
        return self._stop_reason is not None

    @property
    def counted(self) -> bool:
        """Whether the server's count of the prompt was seen."""
        return self._usage.input_tokens is not None

    def feed(self, event: str) -> bool:
        """Take one event. True: it holds generated text or reasoning. Raises ReplyError."""
        if event.strip() == "[DONE]":
            self.finished = True
            return False
        chunk = json_in(event)
        if not isinstance(chunk, dict):
            raise ValueError("an event that is no object")
        if chunk.get("error"):
            raise ReplyError(event)
        return self.take(chunk)

    def take(self, chunk: dict[str, Any]) -> bool:
        """The same of an event that is no error."""
        raise NotImplementedError

    def first_of(self, choices: list[dict[str, Any]] | None) -> dict[str, Any] | None:
        """The part of the one answer that was asked for; others may come under other numbers."""
        for choice in choices or []:
            number = choice.get("index") or 0
            if self._choice is None:
                self._choice = number
            if number == self._choice:
                return choice
        return None

    def response(self) -> Response:
        text = without_reasoning("".join(self._text)) or "".join(self._refusal)
        stop, model = self._stop_reason, self._model
        return Response(
            text=whole_characters(text),
            stop_reason=None if stop is None else whole_characters(str(stop)),
            usage=plausible(self._usage),
            model=None if model is None else whole_characters(str(model)),
        )

    def outcome(self) -> Outcome:
        """``scored`` where the answer is whole. Raises UnexpectedStop for an odd stop reason."""
        meaning = _meaning_of(self._stop_reason)
        if meaning == "declined" or any(self._refusal):
            return Outcome.REFUSED
        if meaning in ("cut_off", "too_long"):
            return Outcome.TRUNCATED if meaning == "cut_off" else Outcome.OVERFLOW
        if self._stop_reason is not None and meaning != "whole":
            raise UnexpectedStop(
                f"the reply stopped because of {self._stop_reason!r}", again=meaning == "again"
            )
        return Outcome.SCORED if self.response().text.strip() else Outcome.EMPTY


def _meaning_of(stop_reason: str | None) -> str | None:
    reason = str(stop_reason).casefold()
    return next((meaning for meaning, reasons in known("stops").items() if reason in reasons), None)


def is_cut_off(stop_reason: str | None) -> bool:
    """Whether a reply stopped because its budget was spent."""
    return _meaning_of(stop_reason) == "cut_off"


def whole_characters(text: str) -> str:
    """The text with halves of characters, which a stream may part, joined or else replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plausible(usage: Usage) -> Usage:
    """The usage without what cannot be: a price is finite, what was written is part of the input.

    More cached than input is kept: it tells that a server leaves out what it cached.
    """
    most, written, dollars = usage.input_tokens, usage.cache_write_tokens, usage.dollars
    if dollars is not None and not 0 <= dollars < math.inf:
        dollars = None
    if most is not None and written is not None:
        written = min(written, max(0, most - (usage.cached_tokens or 0)))
    return replace(usage, cache_write_tokens=written, dollars=dollars)


def without_reasoning(text: str) -> str:
    """The answer behind reasoning that a server left in the text (``<think>…</think>``)."""
    for begin, end in _REASONING:
        if end in text:  # some templates open the block in the prompt: only its end is in the reply
            return text.rpartition(end)[2].lstrip()
        if text.lstrip().startswith(begin):
            return ""
    return text


def text_in(content: object) -> str:
    """Text as a string, or as a list of parts of which some are text (others are reasoning)."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    if content is None or isinstance(content, str):
        return content or ""
    raise ValueError(f"content of an unexpected kind: {type(content).__name__}")


def count_of(*values: object) -> int | None:
    """The first of the values that counts something; None where none does."""
    whole = (v for v in values if isinstance(v, int) and not isinstance(v, bool))
    return next((v for v in whole if v >= 0), None)


def usage_in(counts: Mapping[str, Any], names: Mapping[str, str]) -> Usage:
    """The usage in a server's counts: each field by its first name that counts; dots go inside."""
    told = {f: [_at(counts, name) for name in of.split()] for f, of in names.items()}
    return Usage(**{field: count_of(*values) for field, values in told.items()})


def _at(counts: Any, name: str) -> Any:
    for part in name.split("."):
        counts = counts.get(part) if isinstance(counts, Mapping) else None
    return counts


@dataclass(frozen=True, slots=True)
class HttpApi:
    """One model behind one address. A protocol says where its routes are, and what bodies hold."""

    service: Service
    window_path: str | None = None  # the route that tells a model's window

    KEY_HEADER: ClassVar[str] = "Authorization"
    HEADERS: ClassVar[Mapping[str, str]] = {}  # of every request
    ACCEPT: ClassVar[Mapping[str, str]] = {"Accept": "text/event-stream"}  # of those with a prompt
    ROUTE: ClassVar[str]  # of prompts, with {model}
    MODELS: ClassVar[str] = "/models"  # lists the models
    REPLY: ClassVar[type[TextReply]]
    FILES: ClassVar[Files] = FormFiles(_FORM)  # where media are uploaded

    def shaped(self, prompt: Prompt) -> Shaped:
        """The prompt's messages, or all of it as one user message, in parts where it has splits."""
        raise NotImplementedError

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """The body around these messages."""
        raise NotImplementedError

    def window_among(self, table: Any) -> int | None:
        """The window in the answer of that route, or in one row of the list of models."""
        return None

    def request(self, prompt: Prompt) -> HttpRequest:
        """A prompt, and what the service adds to every request."""
        shaped = self.shaped(prompt)
        table = merged(self.table(prompt, shaped.messages), self.service.extra)
        return HttpRequest(
            url=self.service.url(self.ROUTE.format(model=self.model)),
            headers={**_JSON, **self.ACCEPT, **self.headers()},
            body=body_with(table, *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> TextReply:
        return self.REPLY()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> HttpRequest | None:
        if self.window_path is None:
            return None
        return self.get(self.window_path.format(model=self.model))

    def window_in(self, body: str) -> int | None:
        return self.window_among(json_in(body))

    def models_request(self) -> HttpRequest:
        return self.get(self.MODELS)

    def models_in(self, body: str) -> list[ServedModel]:
        rows = json_in(body)["data"]
        return [ServedModel(name=str(row["id"]), window=self.window_among(row)) for row in rows]

    @property
    def model(self) -> str:
        return self.service.model

    def get(self, path: str) -> HttpRequest:
        return HttpRequest(url=self.service.url(path), headers=self.headers(), method="GET")

    def headers(self) -> dict[str, str]:
        return {**self.HEADERS, **self.service.key_headers(self.KEY_HEADER)}
