"""What a person sees while a sweep runs: the live picture on a terminal, a line per trial anywhere else."""

from __future__ import annotations

import asyncio
import time

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from niah.plotter.terminal import live_view
from niah.records import Result
from niah.runner.log import RunLog
from niah.runner.recipe import Recipe
from niah.verdict.grid import grid_of

REFRESH_S = 0.5


def say(console: Console, text: str, style: str = "yellow") -> None:
    """Words for people. Never read as markup: they may be a server's."""
    console.print(Text(text, style=style), soft_wrap=True)


class Watch:
    """The live picture on a terminal, drawn twice a second; a line per trial anywhere else."""

    def __init__(self, recipe: Recipe, log: RunLog, console: Console) -> None:
        self._log = log
        self._console = console
        self._total = len(recipe.trials)
        self._tokens = {t.id: t.context_length for t in recipe.trials}
        self._landed = len(log.finished)
        self._started = time.monotonic()
        self._before = sum(self._tokens[i] for i in log.finished)
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stderr=False)

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.__enter__()

    def __exit__(self, *exception: object) -> None:
        if self._console.is_terminal:
            self._live.__exit__(None, None, None)

    async def tick(self) -> None:
        """Draw for ever; runs beside the sweep, in the same thread."""
        while self._console.is_terminal:
            grid = grid_of(self._log.header, self._log.results.values())
            done, size = len(self._log.finished), self._console.size
            view = live_view(grid, size.width, size.height, done, self._total, self._status())
            self._live.update(view, refresh=True)
            await asyncio.sleep(REFRESH_S)

    def landed(self, result: Result) -> None:
        """Called for every result."""
        self._landed += 1
        if self._console.is_terminal:
            return
        t = result.trial
        verdict = result.answer_class or result.outcome.value
        verdict += f": {result.error}" if result.error else ""
        where = f"control {t.control}" if t.control else f"depth {t.depth_percent:>5g} %"
        place = f"{t.context_length:>9,} tokens  {where:<13}"
        click.echo(f"{self._landed:>5}/{self._total}  {place}  {verdict}", err=True)

    def _status(self) -> str:
        """Tokens so far, and the time left at the speed so far (time goes with tokens, not with trials)."""
        done = sum(self._tokens[i] for i in self._log.finished)
        elapsed = time.monotonic() - self._started
        fresh = done - self._before
        left = (sum(self._tokens.values()) - done) * elapsed / fresh if fresh else None
        minutes = (
            "" if left is None else f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left"
        )
        return f"{done:,} tokens in {elapsed:.0f} s{minutes}"
