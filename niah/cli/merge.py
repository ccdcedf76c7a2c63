"""niah merge: the parts of a run, or the same run from several machines, as one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from niah import api
from niah.cli.one_run import INCOMPLETE
from niah.cli.options import PALETTE, RESULTS


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--name", metavar="NAME", help="Name of the merged run; one RUN alone takes in its own shards.")
@PALETTE
@RESULTS
def merge(names: tuple[str, ...], name: str | None, palette: str, results: Path) -> None:
    """Merge the shards of a RUN into it, or several RUNs of one config into a new one.

    Refuses other configs, and two answers to one trial that differ. Exits 3 where trials are missing yet.
    """
    merged = api.merge(names, name, results=results, palette=palette)
    for line in merged.said:
        click.echo(f"niah: {line}", err=True)
    click.echo(merged.folder / "heatmap.png")
    sys.exit(0 if merged.complete else INCOMPLETE)
