"""niah list: the runs that there are, the newest first."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.cells import cell_len

from niah.cli.options import results_folder
from niah.cli.screen import warn
from niah.errors import RunError
from niah.runs import RunSummary, runs_in
from niah.text.shares import percent

TITLES = ("date (UTC)", "found", "95 %", "n", "run", "model", "task")
RIGHT = (1, 3)  # columns of figures
WORDS = 4  # the first column of words: the name that other commands take


@click.command(name="list")
@click.argument("results", type=click.Path(path_type=Path), default=lambda: results_folder())
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line, in the same order.")
def list_(results: Path, as_json: bool) -> None:
    """List the runs under RESULTS (by default the folder results), the newest first.

    Each with date, share found and its 95 % interval, scored trials of those planned, model, task, and the name by
    which other commands know it. A log that cannot be read is named, and hides no other.
    """
    runs: list[RunSummary] = []
    for run in runs_in(results):
        if isinstance(run, RunError):
            warn(str(run))
        else:
            runs.append(run)
    runs.sort(key=lambda r: (r.created, r.name), reverse=True)
    if as_json:
        for run in runs:
            click.echo(_as_json(run))
    elif not runs:
        click.echo(f"no runs in {results}; a first one: niah run demo", err=True)
    else:
        _print(runs)


def _as_json(run: RunSummary) -> str:
    table = asdict(run)
    found = table.pop("found")
    return json.dumps({**table, **found}, ensure_ascii=False)


def _print(runs: list[RunSummary]) -> None:
    """A line a run where all of them fit the terminal, else two, so that no name is cut or broken."""
    rows = [_cells(run) for run in runs]
    wide = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=True)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    broken = width is not None and sum(wide) + 2 * (len(wide) - 1) > width
    for number, row in enumerate((TITLES, *rows)):
        cells = [_padded(cell, size, right=k in RIGHT) for k, (cell, size) in enumerate(zip(row, wide, strict=True))]
        figures, words = cells[:WORDS], cells[WORDS:]
        line = "  ".join([*figures, *([row[WORDS]] if broken else words)]).rstrip()
        click.echo(line, err=number == 0)
        if broken and number:
            indent = " " * (sum(wide[:WORDS]) + 2 * WORDS)
            click.echo(f"{indent}{', '.join(row[WORDS + 1 :])}")


def _padded(text: str, size: int, *, right: bool) -> str:
    blank = " " * (size - cell_len(text))
    return blank + text if right else text + blank


def _cells(run: RunSummary) -> tuple[str, ...]:
    f = run.found
    interval = "" if f.low is None or f.high is None else f"{100 * f.low:.0f}-{100 * f.high:.0f}"
    kind = f" (imported, {run.imported})" if run.imported else " (simulated)" if run.provider == "simulated" else ""
    date = run.created[:16].replace("T", " ")
    return date, percent(f.mean), interval, f"{f.n}/{run.planned}", run.name, run.model + kind, run.task
