"""Hear signals inside an event loop, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handled(
    numbers: Sequence[signal.Signals], loop: asyncio.AbstractEventLoop, heard: Callable[[], None]
) -> Iterator[None]:
    """Call ``heard`` in the loop at each of these signals, for as long as the block runs.

    Signals are heard in the main thread only. Loops on Windows have no handlers of their own, so that Python's are
    used there, which wake the loop.
    """

    def wake(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(heard)

    before = {}
    try:
        for number in numbers:
            try:
                loop.add_signal_handler(number, heard)
            except NotImplementedError:
                before[number] = signal.signal(number, wake)
        yield
    finally:
        for number in numbers:
            if number in before:
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)
