"""One run of niah run: follow it on the console, write its files, say what it found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from niah import api
from niah.cli.following import OnScreen
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.experiment.experiment import Experiment
from niah.plotter.formatting import plural
from niah.plotter.report_text import incomplete_lines
from niah.plotter.summary import summary_lines
from niah.plotter.terminal import terminal_heatmap
from niah.records import Outcome
from niah.run import Run
from niah.runlog.attempts import unreported_line
from niah.share import write_files

INCOMPLETE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one run ended."""

    complete: bool
    run: Run
    stopped: str | None  # why it stopped early


def run_one(experiment: Experiment, folder: Path, options: RunOptions, console: RunConsole) -> Ended:
    """One run in its folder."""
    observer = OnScreen(experiment, console, options)
    run = api.run_in(folder, experiment, observer, limit=options.limit, environment=options.environment)
    if not run.rows:
        why = run.stopped or "no trial was sent"
        left = "keeps what was paid" if folder.exists() else "was not made"
        say(console, f"stopped early ({why}): nothing was measured, {folder} {left}")
        return Ended(complete=False, run=run, stopped=run.stopped)
    try:
        for line in write_files(run, options.palette, experiment):
            say(console, line)
    finally:  # where they cannot be written, too
        _report(console, run)
    unfinished = [t.id for t in experiment.trials if t.id not in run.rows or run.rows[t.id].outcome is Outcome.ERROR]
    if run.complete:  # an adaptive run is, though it has not sent all that it might
        unfinished = []
    if unfinished and options.limit is not None and run.stopped is None:
        left = f"{len(unfinished)} of {plural(len(experiment.trials), 'trial')}"
        say(console, f"--limit {options.limit}: {left} are left; go on without it")
    found = asdict(run.grid.whole)
    console.event("finished", folder=str(folder), complete=not unfinished, stopped=run.stopped, **found)
    return Ended(complete=not unfinished, run=run, stopped=run.stopped)


def _report(console: RunConsole, run: Run) -> None:
    """What a run found, under its picture, and what is to be known about it."""
    with suppress(OSError):  # the terminal may be gone, and the picture is written
        console.print(terminal_heatmap(run.grid, console.width))
    figures = run.report()
    for line in incomplete_lines(figures):
        say(console, line)
    for line in summary_lines(figures):
        say(console, line, style="")
    for warning in run.warnings:
        say(console, warning, "bold red")
    if unreported := unreported_line(run.folder, run.header):
        say(console, unreported)
    errors = [r.error for r in run.rows.values() if r.outcome is Outcome.ERROR]
    if errors:
        say(console, f"last error: {errors[-1]}")
    if run.stopped:
        say(console, f"stopped early ({run.stopped}); type the same command to go on")
    if (run.folder / "heatmap.png").exists():
        click.echo(run.folder / "heatmap.png")
