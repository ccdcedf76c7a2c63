"""niah page: runs as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.completion import RUNS
from niah.cli.options import RESULTS
from niah.share import page as write


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=RUNS)
@click.option("--out", type=click.Path(path_type=Path), help="By default page.html in the first run's folder.")
@RESULTS
def page(runs: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Write every RUN into one HTML file: each cell, needle and answer, without a network.

    Several runs stand side by side, each compared with the first. A folder of runs (a suite, or a month of them)
    stands for all that are in it.
    """
    click.echo(write(runs, out, results=results))
