"""niah score: judge stored answers again, without a network."""

from __future__ import annotations

from pathlib import Path

import click

from niah import api
from niah.cli.options import PALETTE, RESULTS, RUN
from niah.cli.screen import warn
from niah.plotter.formatting import found_label
from niah.share import write_files


@click.command()
@RUN
@RESULTS
@PALETTE
def score(run_name: str, results: Path, palette: str) -> None:
    """Score the stored answers of RUN again; changed scores are appended to its log, its picture is drawn anew."""
    again = api.rescore(run_name, results=results)
    for warning in write_files(again.run, palette):
        warn(warning)
    click.echo(f"{again.changed} of {len(again.run.rows)} scores changed; {found_label(again.run.grid.whole)}")
