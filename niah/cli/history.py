"""niah history: is the model behind this name still the one of last month?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from niah import studies
from niah.cli.options import RESULTS, RUN
from niah.plotter.history import history_lines, save_history, verdict_line
from niah.verdict.history import REFERENCE

FILE = click.argument("file", required=False, type=click.Path(path_type=Path))
_REFERENCE = click.option(
    "--reference", type=int, default=REFERENCE, show_default=True, metavar="COUNT", help="First runs that are usual."
)


@click.group()
def history() -> None:
    """Keep runs of one recipe as lines of a file, and find out whether the model has changed."""


@history.command()
@RUN
@click.option(
    "--file", type=click.Path(path_type=Path), help="The file; by default one for its recipe in the folder history."
)
@RESULTS
def add(run_name: str, file: Path | None, results: Path) -> None:
    """Append RUN to the history of its recipe; a run that is there already is not added again."""
    path, added = studies.history_add(run_name, file, results=results)
    click.echo(path)
    if not added:
        click.echo("niah: this run is there already; nothing was added", err=True)


@history.command()
@FILE
@_REFERENCE
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Also draw it into a PNG, SVG or PDF.")
def show(file: Path | None, reference: int, out: Path | None) -> None:
    """Print the runs of a history by date, and what they say together."""
    signal = studies.history_of(file, reference=reference)
    click.echo("\n".join(history_lines(signal)))
    if out is not None:
        for line in save_history(signal, out):
            click.echo(f"niah: {line}", err=True)
        click.echo(out)


@history.command()
@FILE
@_REFERENCE
def check(file: Path | None, reference: int) -> None:
    """Judge a history: exit 1 for a loss, 3 while there are too few runs, else 0.

    The first runs are the reference. An unchanged model alarms in 5 of 100 years of weekly runs; a gain is said, and
    exits 0.
    """
    signal = studies.history_of(file, reference=reference)
    click.echo(verdict_line(signal))
    sys.exit(signal.exit_code)
