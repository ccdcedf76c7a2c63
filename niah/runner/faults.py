"""What an exception of the network means for a trial: the row of its own class, or of the nearest one above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from niah.providers import Failure
from niah.records import Outcome
from niah.text.outside import redacted

_MOST_MESSAGE = 300


class NoAnswer(Exception):
    """A reply that is none: cut in the middle, of an unexpected shape, endless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one kind of exception means."""

    retry: bool = True  # another attempt may help
    unreachable: bool = False  # nobody was there: nothing was sent, nothing is paid
    sent: bool = True  # the request, or a part of it, may have reached the server


_HERE = Fault(retry=False, sent=False)  # a request that cannot be sent, whatever the server
_AWAY = Fault(unreachable=True, sent=False)
_BROKEN = Fault()

FAULTS: Mapping[type[Exception], Fault] = {
    httpx.HTTPError: _BROKEN,
    httpx.StreamError: _BROKEN,
    NoAnswer: _BROKEN,
    TimeoutError: _BROKEN,
    httpx.ConnectTimeout: _AWAY,
    httpx.PoolTimeout: _AWAY,
    httpx.ConnectError: _AWAY,
    httpx.ProxyError: _AWAY,
    httpx.LocalProtocolError: _HERE,
    httpx.UnsupportedProtocol: _HERE,
    httpx.InvalidURL: _HERE,
    httpx.CookieConflict: _HERE,
    httpx.TooManyRedirects: Fault(retry=False),
}
CAUGHT = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, NoAnswer, TimeoutError)


def fault_of(error: Exception) -> Fault:
    """The row of an exception's class, or of the nearest one above it."""
    return next(FAULTS[kind] for kind in type(error).__mro__ if kind in FAULTS)


def failure_of_exception(error: Exception) -> Failure:
    """The failure of an attempt that an exception ended."""
    fault, name = fault_of(error), type(error).__name__
    words = str(error) if isinstance(error, NoAnswer | TimeoutError) else f"{name}: {error}" if str(error) else name
    return Failure(
        outcome=Outcome.ERROR,
        # redacted before the cut, which could halve a key
        message=" ".join(redacted(words.encode(errors="replace").decode()).split())[:_MOST_MESSAGE],
        retry=fault.retry,
        unreachable=fault.unreachable,
    )
