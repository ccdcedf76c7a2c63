"""Providers: each builds requests and reads replies of one API, and does no I/O.

The client sends what ``request`` returns, feeds the stream to a ``TextReply`` and asks ``failure``
about error bodies.
"""

from __future__ import annotations

import importlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from niah import installation
from niah.errors import UnknownName
from niah.installation import brought_by, loaded
from niah.records import Outcome, Prompt

if TYPE_CHECKING:
    from niah.providers.replies import TextReply


@cache
def stated(name: str) -> dict[str, Any]:
    """A table of this folder."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """One row of the registry."""

    line: str  # what `niah providers` shows
    made_by: str | None = None  # module:attribute, called with a Service; None: the session does
    base_url: str | None = None  # {NAME} stands for the environment's variable NAME
    marks: bool = False  # whether its cache takes marks
    key_variable: str | None = None  # read for this base_url only; None: no key unless one is named
    key_header: str | None = None  # that carries the key, where it is not the protocol's own
    embedded: bool = False  # runs inside this process: no address, no key
    free: bool = False
    start: str | None = None  # the command that starts such a server on this machine
    # how it differs from plain Chat Completions
    dialect: Mapping[str, Any] = field(default_factory=dict)

    @property
    def on_this_machine(self) -> bool:
        """Whether nothing leaves this machine by default."""
        return self.base_url is None or is_loopback(self.base_url)


class _Registry(Mapping[str, ProviderEntry]):
    """The rows of registry.toml, and behind them those of installed packages; read when needed."""

    @cached_property
    def _rows(self) -> dict[str, ProviderEntry]:
        return {name: ProviderEntry(**row) for name, row in stated("registry").items()}

    def __getitem__(self, name: str) -> ProviderEntry:
        if name not in self._rows and name in brought_by(installation.PROVIDERS):
            return cast(ProviderEntry, loaded(installation.PROVIDERS, name))
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._rows
        yield from sorted(set(brought_by(installation.PROVIDERS)) - set(self._rows))

    def __len__(self) -> int:
        return len({*self._rows, *brought_by(installation.PROVIDERS)})


PROVIDERS: Mapping[str, ProviderEntry] = _Registry()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One model behind one address: what a provider is made from."""

    provider: str
    model: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    reply_field: str | None = None  # of the reply budget, where the provider's own does not fit
    longest_context: int = 0  # tokens: for servers that are told their window
    key_header: str | None = None  # that carries the key, where it is not the protocol's own

    def url(self, path: str) -> str:
        """The address of a route, of one that begins with // from the root of the API.

        What stands behind the ? of the base URL goes with every request.
        """
        base, _, query = self.base_url.partition("?")
        path, _, own = path.partition("?")
        base = base.rstrip("/")
        if path.startswith("//"):
            base, path = base.removesuffix("/v1").removesuffix("/api"), path[1:]
        both = "&".join(filter(None, (own, query)))
        return base + path + (f"?{both}" if both else "")

    def key_headers(self, usual: str) -> dict[str, str]:
        """The header that carries the key; ``usual`` is the protocol's own."""
        name = self.key_header or usual
        if not self.api_key:
            return {}
        scheme = "Bearer " if name.casefold() == "authorization" else ""
        return {name: scheme + self.api_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, ready to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)  # may hold a key
    # parts, sent in turn: a long prompt is not copied again
    body: tuple[bytes, ...] = field(default=(), repr=False)
    method: str = "POST"
    tokens: int = 0  # of the prompt, in the run's tokenizer
    label: str = ""  # what it is for, for people

    @property
    def address(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc


def json_request(url: str, headers: Mapping[str, str], table: Mapping[str, Any]) -> HttpRequest:
    """A request whose body is a table."""
    told = {"Content-Type": "application/json", **headers}
    return HttpRequest(url=url, headers=told, body=(json.dumps(table).encode(),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What an error reply means for the trial."""

    outcome: Outcome
    message: str
    retry: bool
    fatal: bool = False  # every further request would fail in the same way
    throttled: bool = False  # too much at once: all requests should slow down
    unreachable: bool = False  # nobody answers at all
    wait_s: float | None = None  # as the body asks


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One model of a server's list."""

    name: str
    window: int | None = None  # in the model's tokens, where the list tells it


class Provider(Protocol):
    """One API."""

    def request(self, prompt: Prompt) -> HttpRequest: ...

    def reply(self) -> TextReply: ...

    def failure(self, status: int, body: str) -> Failure: ...

    def window_request(self) -> HttpRequest | None:
        """Asks the server for its window; None where no route tells it."""
        ...

    def window_in(self, body: str) -> int | None:
        """The window in its answer, in the server's tokens. Raises whatever an odd shape raises."""
        ...

    def models_request(self) -> HttpRequest:
        """Asks the server for its models. A server without such a list says so by its status."""
        ...

    def models_in(self, body: str) -> list[ServedModel]:
        """The models in the answer to that. Raises whatever an odd shape raises."""
        ...


class ReplyError(Exception):
    """An error object inside a stream that began well. Carries its body for Provider.failure."""

    def __init__(self, body: str) -> None:
        super().__init__(body)
        self.body = body


class UnexpectedStop(ValueError):
    """A reply whose stop reason makes it no answer; ``again`` where another try may help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


def provider_of(service: Service) -> Provider:
    """The provider of a service, by the registry."""
    module, _, attribute = str(known_provider(service.provider).made_by).partition(":")
    return cast(Provider, getattr(importlib.import_module(module), attribute)(service))


def speaks_chat(name: str) -> bool:
    """Whether a provider is spoken to in Chat Completions. Raises UnknownName."""
    return str(known_provider(name).made_by).endswith("openai:chat")


def known_provider(name: str) -> ProviderEntry:
    """Raises UnknownName for a provider that is not there."""
    if name not in PROVIDERS:
        raise UnknownName("provider", name, PROVIDERS)
    return PROVIDERS[name]


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
