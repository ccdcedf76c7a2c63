"""niah collect: answers from files become results of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from niah import api
from niah.cli.one_run import INCOMPLETE
from niah.cli.options import RESULTS
from niah.cli.screen import warn


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--run", "name", required=True, metavar="RUN", help="The run that the prompts were built for.")
@RESULTS
def collect(files: tuple[Path, ...], name: str, results: Path) -> None:
    """Take the answers in FILEs into a run: result files of a batch service or of vllm run-batch, or lines
    {"id", "text"} of any harness.

    Exits 3 where trials have no answer yet, or failed; collect again when there are more.
    """
    collection = api.collect(files, name, results=results)
    for line in (*collection.found.words(), *collection.run.warnings):
        warn(line)
    if collection.run.rows:
        click.echo(collection.run.folder / "heatmap.png")
    sys.exit(INCOMPLETE if collection.found.missing else 0)
