"""Run what may take long beside the event loop, for so long at most: other answers must not wait for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

SMALL = 2_000  # signs of an answer: judging so few takes less than handing them over
LONGEST_S = 30.0
_T = TypeVar("_T")


class Overdue(Exception):
    """Work that was given up."""


async def aside(work: Callable[[], _T], size: int, longest_s: float = LONGEST_S) -> _T:
    """The result of work on so many signs; at once where they are few. Raises Overdue where it takes too long.

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

    threading.Thread(target=run, daemon=True, name="aside").start()
    try:
        async with asyncio.timeout(longest_s):
            return await asyncio.wrap_future(done)
    except TimeoutError:
        raise Overdue(f"not judged within {longest_s:g} s; niah score judges it again") from None
