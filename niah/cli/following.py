"""A sweep as the terminal follows it: live picture, words, events, and Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from niah.cli.progress import Watch
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.experiment.experiment import Experiment
from niah.records import Part, Result
from niah.runlog.log import RunLog
from niah.runner.budget import Spent
from niah.runner.observer import INTERRUPTED, Observer
from niah.runner.progress import Trouble
from niah.text.lengths import label_of

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.runner.exchange import Attempt
    from niah.runner.session import Session
    from niah.runner.sweep import Sweep


class OnScreen(Observer):
    """Tells a console about one sweep."""

    def __init__(self, experiment: Experiment, console: RunConsole, options: RunOptions) -> None:
        self._experiment = experiment
        self._console = console
        self._options = options
        self._watch: Watch | None = None
        self._trace: Callable[[HttpRequest, Attempt], None] = lambda request, attempt: None

    def extended(self, folder: Path, part: Part) -> None:
        say(self._console, f"{folder} is extended by {grid_words(part)}; what it holds is not asked again")

    def nothing_to_do(self) -> None:
        say(self._console, "Nothing to do: every trial that is asked for is finished.")

    def warned(self, text: str) -> None:
        say(self._console, text)

    def told(self, text: str) -> None:
        say(self._console, text, "dim")

    def opened(self, session: Session, log: RunLog) -> None:
        self._watch = Watch(self._experiment, log, self._console, session.concurrency)
        self._trace = self._options.trace(self._experiment, partial(say, self._console))

    @asynccontextmanager
    async def beside(self, sweep: Sweep) -> AsyncIterator[None]:
        watch = self._followed
        watch.follow(lambda: sweep.spent)
        with watch, _draining_on_interrupt(sweep, self._console):
            ticking = asyncio.create_task(watch.tick())
            try:
                yield
            finally:
                ticking.cancel()

    def landed(self, result: Result) -> None:
        self._followed.landed(result)

    def trouble(self, trouble: Trouble) -> None:
        self._followed.trouble(trouble)

    def attempt(self, request: HttpRequest, attempt: Attempt) -> None:
        self._trace(request, attempt)

    def spent(self, spent: Spent) -> None:
        self._console.event("spent", **asdict(spent))
        if spent.dollars:
            say(self._console, f"{spent.tokens:,} tokens and ${spent.dollars:,.2f} for the whole run", "dim")

    @property
    def _followed(self) -> Watch:
        """Raises AssertionError before the session is open: nothing lands before."""
        if self._watch is None:
            raise AssertionError("no session was opened")
        return self._watch


def grid_words(part: Part) -> str:
    """ "4k, 8k tokens at 5 depths, 3 epochs"."""
    lengths, depths, n = ", ".join(map(label_of, part.lengths)), len(part.depths), part.epochs
    return f"{lengths} tokens at {depths} depth{'s' * (depths > 1)}, {n} epoch{'s' * (n > 1)}"


@contextmanager
def handled(
    numbers: Sequence[signal.Signals], loop: asyncio.AbstractEventLoop, heard: Callable[[], None]
) -> Iterator[None]:
    """Call ``heard`` in the loop at each of these signals, for as long as the block runs, in the main thread.

    Python's own handlers do, on every system; loops on Windows have none.
    """
    wake = partial(loop.call_soon_threadsafe, heard)
    before = {number: signal.signal(number, lambda *_: wake()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _draining_on_interrupt(sweep: Sweep, console: RunConsole) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains, the second one stops at once; SIGHUP drains."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    pressed = 0

    def interrupted() -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            sweep.stop(INTERRUPTED)
            say(console, "Finishing what is in flight; press Ctrl-C again to stop at once.")
        elif main is not None:
            main.cancel()

    # a terminal that closes sends SIGHUP, often twice: its shell does, too
    hangup = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
    closed = partial(sweep.stop, "the terminal was closed")
    # stopped at once, as asked: what was in flight has no result and runs again
    with (
        handled((signal.SIGINT, signal.SIGTERM), loop, interrupted),
        handled(hangup, loop, closed),
        suppress(asyncio.CancelledError),
    ):
        yield
