"""A sweep as it is seen: a live picture, a line per trial in a log, events for programs; Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
from rich.live import Live

from niah.cli.screen import EVENT_SCHEMA, RunConsole, say
from niah.experiment.experiment import Experiment
from niah.plotter.formatting import plural
from niah.plotter.terminal import LiveView
from niah.plotter.wrapping import middle_cut
from niah.records import Part, Result, Row
from niah.runlog.log import RunLog
from niah.runner.budget import Spent
from niah.runner.progress import INTERRUPTED, Meter, Observer, Progress, Trouble
from niah.text.lengths import label_of
from niah.text.outside import visible, without_secrets
from niah.text.shares import digits, duration
from niah.verdict.grid import grid_of
from niah.verdict.records import Grid

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.runner.exchange import Attempt
    from niah.runner.session import Session
    from niah.runner.sweep import Sweep

    Trace: TypeAlias = Callable[[HttpRequest, Attempt], None]

REFRESH_S = 0.5
STATUS_S = 30.0  # between two lines of status in a log
MOST_REASON = 90  # columns of a server's words in the live picture
TROUBLE_S = 30.0  # between two lines on one kind of trouble


class Watch:
    """One sweep as it goes on. The clock is monotonic, in seconds."""

    def __init__(
        self,
        experiment: Experiment,
        log: RunLog,
        console: RunConsole,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._console = console
        self._clock = clock
        tokens = {t.id: experiment.prompt_tokens(t) for t in experiment.trials}
        self._meter = Meter(tokens, log.finished, concurrency, clock)
        self._landed = self._meter.done
        self._said: dict[str, float] = {}  # when, by kind of trouble
        self._spent: Callable[[], Spent] = Spent
        self._drawn: tuple[int, Grid] | None = None
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stderr=False
        )
        console.event(
            "started",
            schema=EVENT_SCHEMA,
            run=log.path.parent.name,
            model=log.header.design.model,
            task=log.header.config["task"],
            trials=len(tokens),
            finished=self._meter.done,
            tokens=sum(tokens.values()),
        )

    def __enter__(self) -> None:
        if self._console.draws:
            self._live.__enter__()

    def __exit__(self, *exception: object) -> None:
        if self._console.draws:
            with suppress(OSError):  # the terminal may be gone
                self._live.__exit__(None, None, None)

    def follow(self, spent: Callable[[], Spent]) -> None:
        """Ask there what the run has cost."""
        self._spent = spent

    async def tick(self) -> None:
        """Draw, or say now and then how far it is, for ever; runs in the thread of the sweep."""
        while self._console.draws:
            results = [*self._log.results.values()]  # a thread must not walk through what grows
            grid = await asyncio.to_thread(self._grid, results)
            self._draw(grid)
            await asyncio.sleep(REFRESH_S)
        while not self._console.as_json:
            await asyncio.sleep(STATUS_S)
            say(self._console, status_line(self.progress()), "dim")

    def progress(self) -> Progress:
        """Where the sweep stands now."""
        spent = self._spent()
        return self._meter.progress(spent.tokens, spent.dollars)

    def trouble(self, trouble: Trouble) -> None:
        """An attempt will be made again. The first of a kind is said at once, more now and then."""
        self._meter.met(trouble)
        self._console.event("trouble", label=trouble.label, **asdict(trouble))
        now = self._clock()
        if now - self._said.get(trouble.label, -inf) >= TROUBLE_S:
            self._said[trouble.label] = now
            if not self._console.as_json:
                say(self._console, str(trouble), "dim")

    def landed(self, result: Result) -> None:
        """A trial has ended."""
        self._landed += 1
        self._meter.landed(result)
        self._tell(result)
        if not self._console.draws and not self._console.as_json:
            line = f"{self._landed:>5}/{self._meter.total}  {_line(result)}"
            with suppress(OSError):  # a terminal that is gone stops no sweep that is paid for
                click.echo(visible(line), err=True)

    def _grid(self, results: list[Row]) -> Grid:
        """The grid of some results; that of the last look where nothing has landed since."""
        if self._drawn is None or self._drawn[0] != self._landed:
            self._drawn = (self._landed, grid_of(self._log.header, results))
        return self._drawn[1]

    def _draw(self, grid: Grid) -> None:
        size, p = self._console.size, self.progress()
        lines = [speed_words(p), *troubles_words(p)]
        view = LiveView(grid, size.width, size.height, p.done, p.total, left_words(p), lines)
        self._live.update(view, refresh=True)

    def _tell(self, result: Result) -> None:
        if self._console.events is None:
            return
        t, p = result.trial, self._meter.progress()
        self._console.event(
            "trial",
            id=t.id,
            context_length=t.context_length,
            depth_percent=t.depth_percent,
            epoch=t.epoch,
            control=t.control,
            outcome=result.outcome.value,
            score=result.score,
            answer_class=result.answer_class,
            error=result.error,
            total_s=result.total_s,
            attempts=result.attempts,
            done=p.done,
            total=p.total,
            left_s=None if p.left_s is None else round(p.left_s, 1),
        )


def status_line(p: Progress) -> str:
    """All of it in one line, for a log."""
    done = f"{p.done:,} of {plural(p.total, 'trial')}"
    return "; ".join([done, left_words(p), speed_words(p), *troubles_words(p)])


def left_words(p: Progress) -> str:
    """ "about 6 min left", called a first guess where it rests on little."""
    if p.left_s is None:
        return "waiting for the first answer"
    guess = " (first guess)" if p.left_is_rough else ""
    return f"about {duration(p.left_s)} left{guess}"


def speed_words(p: Progress) -> str:
    """Tokens and time since the command began, both rates, and the cost of the run."""
    words = f"{p.tokens:,} tokens in {duration(p.elapsed_s)}"
    if p.tokens_per_s is not None and p.trials_per_min is not None:
        words += f" ({p.tokens_per_s:,.0f}/s, {digits(p.trials_per_min)} trials/min)"
    if p.spent_tokens:
        dollars = "" if p.dollars is None else f", ${p.dollars:,.2f}"
        words += f" · spent {p.spent_tokens:,} tokens{dollars}"
    return words


def troubles_words(p: Progress) -> list[str]:
    """ "429 x 12 · waiting 8 s: why · 2 trials ended in an error (why)", if anything went wrong."""
    counts = ", ".join(f"{label} x {n:,}" for label, n in p.retries.items())
    words = [counts] if counts else []
    if p.trouble is not None:
        reason = middle_cut(p.trouble.reason, MOST_REASON)
        words.append(f"waiting {duration(p.trouble.wait_s)}: {reason}")
    if p.errors:
        last = middle_cut(p.last_error or "no reason given", MOST_REASON)
        words.append(f"{plural(p.errors, 'trial')} ended in an error ({last})")
    return [" · ".join(words)] if words else []


def _line(result: Result) -> str:
    t = result.trial
    verdict = result.answer_class or result.outcome.value
    verdict += f": {result.error}" if result.error else ""
    where = f"control {t.control}" if t.control else f"depth {t.depth_percent:>5g} %"
    return f"{t.context_length:>9,} tokens  {where:<13}  {verdict}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the flags of ``niah run`` say that is no config key."""

    palette: str
    environment: Mapping[str, str]  # by config key: the variable that gave it
    limit: int | None = None  # trials that are sent, from the first on
    log_requests: Path | None = None  # file for requests and replies
    log_prompts: bool = False  # whole ones in it
    verbose: bool = False

    def trace(self, experiment: Experiment, say: Callable[[str], None]) -> Trace:
        """What takes in every attempt. Raises ConfigError for a file that cannot be written."""
        from niah.runner.request_log import RequestLog, told  # these bring the network

        log = None
        if self.log_requests is not None:
            headers = without_secrets({"headers": experiment.config.headers})["headers"]
            log = RequestLog(self.log_requests, prompts=self.log_prompts, headers=headers, say=say)

        def attempt(request: HttpRequest, attempt: Attempt) -> None:
            if log is not None:
                log.take(request, attempt)
            if self.verbose and (line := told(request, attempt)):
                say(line)

        return attempt


class OnScreen(Observer):
    """Tells a console about one sweep."""

    _watch: Watch  # these two once the session is open: nothing is sent before
    _trace: Trace

    def __init__(self, experiment: Experiment, console: RunConsole, options: RunOptions) -> None:
        self._experiment = experiment
        self._console = console
        self._options = options

    def extended(self, folder: Path, part: Part) -> None:
        kept = "what it holds is not asked again"
        say(self._console, f"{folder} is extended by {grid_words(part)}; {kept}")

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
        watch = self._watch
        watch.follow(lambda: sweep.spent)
        with watch, _draining_on_interrupt(sweep, self._console):
            ticking = asyncio.create_task(watch.tick())
            try:
                yield
            finally:
                ticking.cancel()

    def landed(self, result: Result) -> None:
        self._watch.landed(result)

    def trouble(self, trouble: Trouble) -> None:
        self._watch.trouble(trouble)

    def attempt(self, request: HttpRequest, attempt: Attempt) -> None:
        self._trace(request, attempt)

    def spent(self, spent: Spent) -> None:
        self._console.event("spent", **asdict(spent))
        if spent.dollars:
            cost = f"{spent.tokens:,} tokens and ${spent.dollars:,.2f}"
            say(self._console, f"{cost} for the whole run", "dim")


def grid_words(part: Part) -> str:
    """ "4k, 8k tokens at 5 depths, 3 epochs"."""
    lengths = ", ".join(map(label_of, part.lengths))
    depths, n = len(part.depths), part.epochs
    return f"{lengths} tokens at {depths} depth{'s' * (depths > 1)}, {n} epoch{'s' * (n > 1)}"


@contextmanager
def handled(
    numbers: Sequence[signal.Signals], loop: asyncio.AbstractEventLoop, heard: Callable[[], None]
) -> Iterator[None]:
    """Call ``heard`` in the loop at each of these signals while the block runs, in the main thread.

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

    # a terminal that closes sends SIGHUP, as does its shell; under nohup it stays ignored
    heeded = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    hangup = (signal.SIGHUP,) if heeded else ()
    closed = partial(sweep.stop, "the terminal was closed")
    # stopped at once, as asked: what was in flight has no result and runs again
    with (
        handled((signal.SIGINT, signal.SIGTERM), loop, interrupted),
        handled(hangup, loop, closed),
        suppress(asyncio.CancelledError),
    ):
        yield
