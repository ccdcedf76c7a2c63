"""What asyncio lacks for a sweep: slots of which one may have all, and work that ends in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TypeVar

SMALL = 2_000  # characters of an answer: judging so few takes less than handing them over
LONGEST_S = 30.0
_T = TypeVar("_T")


class Signal:
    """Wait for a state that others announce. If it is there already, nobody comes in between."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    async def until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            await self._change.wait()

    def changed(self) -> None:
        """Have everyone who waits look again."""
        self._change.set()
        self._change = asyncio.Event()


class Slots:
    """So many at once, or one alone once the others are out, which goes before those who wait."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._inside = 0
        self._closed = False
        self._state = Signal()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        await self._state.until(lambda: not self._closed and self._inside < self._count)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._state.changed()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        await self._state.until(lambda: not self._closed)
        self._closed = True
        try:
            await self._state.until(lambda: not self._inside)
            yield
        finally:
            self._closed = False
            self._state.changed()


class Overdue(Exception):
    """Work that was given up."""


async def in_time(work: Callable[[], _T], size: int, longest_s: float = LONGEST_S) -> _T:
    """The result of work on so many characters; at once where they are few.

    Raises Overdue where it takes too long: it goes on in a thread that keeps no process alive.
    """
    if size <= SMALL:
        return work()
    done: Future[_T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # handed to the one who waits for it
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="beside").start()
    try:
        async with asyncio.timeout(longest_s):
            return await asyncio.wrap_future(done)
    except TimeoutError:
        raise Overdue(f"not judged within {longest_s:g} s; niah score judges it again") from None
