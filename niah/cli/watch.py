"""What a person sees while a sweep runs: the live picture on a terminal, a line per trial anywhere else."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from niah.outside import visible
from niah.plotter.terminal import live_view
from niah.records import Result, Row
from niah.runner.log import RunLog
from niah.runner.progress import Trouble
from niah.runner.recipe import Recipe
from niah.verdict.grid import grid_of

REFRESH_S = 0.5
TROUBLE_S = 30.0


def say(console: Console, text: str, style: str = "yellow") -> None:
    """Words for people, as ``visible`` shows them. Never read as markup: they may be a server's."""
    with suppress(OSError):  # a terminal that is gone does not stop a sweep that is paid for
        console.print(Text(visible(text), style=style), soft_wrap=True)


class Watch:
    """The live picture on a terminal, drawn twice a second; a line per trial anywhere else."""

    def __init__(self, recipe: Recipe, log: RunLog, console: Console) -> None:
        self._log = log
        self._console = console
        self._total = len(recipe.trials)
        self._said_trouble = -TROUBLE_S
        self._tokens = {t.id: t.context_length for t in recipe.trials}
        self._landed = len(log.finished)
        self._started = time.monotonic()
        self._before = self._done_tokens()
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stderr=False)

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.__enter__()

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            with suppress(OSError):  # the terminal may be gone
                self._live.__exit__(None, None, None)

    async def tick(self) -> None:
        """Draw for ever; runs beside the sweep, in the same thread."""
        while self._console.is_terminal:
            results = list(self._log.results.values())  # here: a thread must not walk through what grows
            view = await asyncio.to_thread(self._view, results, len(self._log.finished), self._status())
            self._live.update(view, refresh=True)
            await asyncio.sleep(REFRESH_S)

    def _view(self, results: list[Row], done: int, status: str) -> RenderableType:
        size = self._console.size
        return live_view(grid_of(self._log.header, results), size.width, size.height, done, self._total, status)

    def trouble(self, trouble: Trouble) -> None:
        """Called when the sweep waits for the server; said now and then."""
        now = time.monotonic()
        if now - self._said_trouble >= TROUBLE_S:
            self._said_trouble = now
            with suppress(OSError):
                say(self._console, str(trouble), "dim")

    def landed(self, result: Result) -> None:
        """Called for every result. A terminal that is gone does not stop a sweep that is paid for."""
        self._landed += 1
        if not self._console.is_terminal:
            with suppress(OSError):
                self._line(result)

    def _line(self, result: Result) -> None:
        t = result.trial
        verdict = result.answer_class or result.outcome.value
        verdict += f": {result.error}" if result.error else ""
        where = f"control {t.control}" if t.control else f"depth {t.depth_percent:>5g} %"
        place = f"{t.context_length:>9,} tokens  {where:<13}"
        click.echo(visible(f"{self._landed:>5}/{self._total}  {place}  {verdict}"), err=True)

    def _done_tokens(self) -> int:
        return sum(self._tokens.get(i, 0) for i in self._log.finished)

    def _status(self) -> str:
        """Tokens so far, and the time left at the speed so far (time goes with tokens, not with trials)."""
        done = self._done_tokens()
        elapsed = time.monotonic() - self._started
        fresh = done - self._before
        left = (sum(self._tokens.values()) - done) * elapsed / fresh if fresh else None
        minutes = (
            "" if left is None else f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left"
        )
        return f"{done:,} tokens in {elapsed:.0f} s{minutes}"
