"""niah score: judge stored answers again, without a network."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.options import DEFAULT_RESULTS, run_folder
from niah.cli.outputs import write_outputs
from niah.config import RunConfig
from niah.plotter.labels import recall_label
from niah.runner.log import read_log, reopen_log
from niah.runner.recipe import recipe_of
from niah.runner.score import scored
from niah.verdict.grid import grid_of


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
@click.option("--palette", default="red-green", show_default=True, help="Colours of the picture.")
def score(run_name: str, results: Path, palette: str) -> None:
    """Score the stored answers of RUN again; changed scores are appended to its log, its picture is drawn anew."""
    folder = run_folder(run_name, results)
    header, stored = read_log(folder)
    recipe = recipe_of(RunConfig(**header.config))
    log = reopen_log(folder)
    changed = 0
    for result in stored.values():
        again = scored(result, recipe.plant(result.trial), recipe.task)
        if again != result:
            log.append(again)
            changed += 1
    grid = grid_of(header, log.results.values())
    for warning in write_outputs(folder, grid, palette):
        click.echo(f"niah: {warning}", err=True)
    click.echo(f"{changed} of {len(stored)} scores changed; {recall_label(grid)}")
