"""What asyncio lacks for a sweep: slots of which one may have all, and work beside the event loop that ends in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

SMALL = 2_000  # characters of an answer: judging so few takes less than handing them over
LONGEST_S = 30.0
_T = TypeVar("_T")


class Slots:
    """So many at once, or one alone once the others are out. First come, first served."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._door = asyncio.Lock()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._door:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with self._door, AsyncExitStack() as all_of_them:
            for _ in range(self._count):
                await all_of_them.enter_async_context(self._free)
            yield


class Overdue(Exception):
    """Work that was given up."""


async def in_time(work: Callable[[], _T], size: int, longest_s: float = LONGEST_S) -> _T:
    """The result of work on so many characters; at once where they are few. Raises Overdue where it takes too long.

    Work that is given up goes on in a thread that does not keep the process alive.
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
