"""niah score: judge stored answers again, without a network."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.options import PALETTE, RESULTS, RUN, own_run_folder
from niah.cli.outputs import write_outputs
from niah.errors import RunError
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.experiment.scoring import scored
from niah.plotter.formatting import recall_label
from niah.records import Result
from niah.runlog.log import reopen_log
from niah.verdict.grid import grid_of


@click.command()
@RUN
@RESULTS
@PALETTE
def score(run_name: str, results: Path, palette: str) -> None:
    """Score the stored answers of RUN again; changed scores are appended to its log, its picture is drawn anew."""
    folder = own_run_folder(run_name, results)
    with reopen_log(folder) as log:
        if log.header.imported is not None:
            raise RunError(f"{run_name} was imported from {log.header.imported}: its answers cannot be judged here")
        experiment = experiment_of(RunConfig(**log.header.config))
        judged = ((old, _again(old, experiment)) for old in log.stored().values())
        changed = [new for old, new in judged if new != old]  # all of them, before the first is written
        for result in changed:
            log.append(result)
    grid = grid_of(log.header, log.results.values())
    for warning in write_outputs(folder, grid, palette):
        click.echo(f"niah: {warning}", err=True)
    click.echo(f"{len(changed)} of {len(log.results)} scores changed; {recall_label(grid.recall)}")


def _again(result: Result, experiment: Experiment) -> Result:
    """The result as judged today. Raises RunError where today's needles are not the ones that were asked about."""
    planting = experiment.plant(result.trial)
    if planting.targets != result.targets:
        raise RunError(
            f"trial {result.trial.id} asked for {', '.join(result.targets)}, but its haystack or task have "
            "changed since; scores are left as they are"
        )
    return scored(result, planting, experiment.task)
