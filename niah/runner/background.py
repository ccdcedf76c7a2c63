"""A sweep in a thread of its own: it works where an event loop runs already, as in a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from niah.records import Result
from niah.runner.progress import INTERRUPTED, Observer
from niah.runner.sweep import Sweep

_LOOK_S = 0.5  # between two looks for an interrupt, on systems where waiting cannot be interrupted
_Running = tuple[asyncio.AbstractEventLoop, asyncio.Task[object] | None, Sweep]
_T = TypeVar("_T")


class Stoppable(Observer):
    """Keeps what a sweep warns of, and can stop it from another thread."""

    def __init__(self, on_result: Callable[[Result], None] | None) -> None:
        self.said: list[str] = []
        self._on_result = on_result
        self._lock = threading.Lock()
        self._asked = 0  # times that a stop was asked for
        self._running: _Running | None = None

    def warned(self, text: str) -> None:
        self.said.append(text)

    def landed(self, result: Result) -> None:
        if self._on_result is not None:
            self._on_result(result)

    @asynccontextmanager
    async def beside(self, sweep: Sweep) -> AsyncIterator[None]:
        with self._lock:
            self._running = asyncio.get_running_loop(), asyncio.current_task(), sweep
            if self._asked:  # before there was anything to stop
                sweep.stop(INTERRUPTED)
        try:
            with suppress(asyncio.CancelledError):  # stopped at once, as asked
                yield
        finally:
            with self._lock:
                self._running = None

    def stop(self) -> None:
        """At the first call, let what is in flight finish; at the second, do not wait for it."""
        with self._lock:
            self._asked += 1
            if self._running is None:
                return
            loop, task, sweep = self._running
            loop.call_soon_threadsafe(sweep.stop, INTERRUPTED)
            if self._asked > 1 and task is not None:
                loop.call_soon_threadsafe(task.cancel)


def in_thread(work: Callable[[], _T], observer: Stoppable) -> _T:
    """The result of work in a thread. An interrupt stops it, and is raised when it has ended."""
    interrupted: KeyboardInterrupt | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sweep") as pool:
        future = pool.submit(work)
        while True:
            try:
                if wait([future], timeout=_LOOK_S).done:
                    break
            except KeyboardInterrupt as pressed:
                interrupted = pressed
                observer.stop()
    if interrupted is not None:
        raise interrupted
    return future.result()


async def in_thread_of_its_own(work: Callable[[], _T], observer: Stoppable) -> _T:
    """The same, awaited. To cancel it stops the work, and is raised when it has ended."""
    cancelled: asyncio.CancelledError | None = None
    task = asyncio.ensure_future(asyncio.to_thread(work))
    while not task.done():
        try:
            await asyncio.wait({task})  # which leaves the work alone where it is cancelled itself
        except asyncio.CancelledError as asked:
            cancelled = asked
            observer.stop()
    if cancelled is not None:
        task.exception()  # does not matter to whoever has cancelled it
        raise cancelled
    return task.result()
