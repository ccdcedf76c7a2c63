"""Providers: each builds requests and reads replies of one API, and does no I/O.

The client sends what ``request`` returns, feeds the stream to a ``Reply`` and asks ``failure`` about error bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from niah.errors import UnknownName
from niah.records import Outcome, Prompt, Response

PROVIDERS: Mapping[str, str] = {
    "local": "a small model inside this process, on your CPU: no key, no account (extra 'local')",
    "openai": "OpenAI Chat Completions, or any server that speaks it (--base-url)",
    "simulated": "readers that are no models, to check the instrument: perfect, blind, head-tail, window:TOKENS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, ready to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)  # may hold a key
    body: tuple[bytes, ...] = field(repr=False)  # parts, sent one after the other: a long prompt is not copied again


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What an error reply means for the trial."""

    outcome: Outcome
    message: str
    retry: bool
    fatal: bool = False  # every further request would fail in the same way


class Reply(Protocol):
    """Collects one streamed reply."""

    def feed(self, event: str) -> bool:
        """Take one event; True when it holds text of the answer. Raises ReplyError for an error event."""
        ...

    @property
    def complete(self) -> bool:
        """Whether a stop marker was seen; a stream that ends without one was cut."""
        ...

    def response(self) -> Response: ...

    def outcome(self) -> Outcome:
        """``scored`` where the answer is whole and can be scored."""
        ...


class Provider(Protocol):
    """One API."""

    def request(self, prompt: Prompt) -> HttpRequest: ...

    def reply(self) -> Reply: ...

    def failure(self, status: int, body: str) -> Failure: ...


class ReplyError(Exception):
    """An error object inside a stream that began well. Carries its body for Provider.failure."""

    def __init__(self, body: str) -> None:
        super().__init__(body)
        self.body = body


def check_provider(name: str) -> None:
    """Raises UnknownName for a provider that is not there."""
    if name not in PROVIDERS:
        raise UnknownName("provider", name, PROVIDERS)
