"""HTTP clients of one connection each.

A shared pool of httpx looks at all its connections for every request: with 64 in flight that cost more than all the
rest of a trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import httpx


class Pool:
    """As many connections as are in use at once, made when they are needed, the last used one first."""

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        self._make = make
        self._all: list[httpx.AsyncClient] = []
        self._free: list[httpx.AsyncClient] = []

    @contextmanager
    def one(self) -> Iterator[httpx.AsyncClient]:
        """A client that nobody else uses while the block runs."""
        if not self._free:
            self._all.append(self._make())
            self._free.append(self._all[-1])
        http = self._free.pop()
        try:
            yield http
        finally:
            self._free.append(http)

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for http in self._all:
            await http.aclose()
