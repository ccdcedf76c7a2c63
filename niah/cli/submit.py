"""niah submit: the shards of a run as jobs of Ray or Slurm."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from niah import cluster
from niah.cli.one_run import INCOMPLETE
from niah.cli.options import RESULTS


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[CONFIG] [FLAGS OF niah run]", nargs=-1, type=click.UNPROCESSED)
@click.option("--on", required=True, metavar="ray|slurm", help="The engine that runs the jobs.")
@click.option("--run", required=True, metavar="RUN", help="Name of the run.")
@click.option("--workers", type=int, default=4, show_default=True, help="Jobs; each sends one shard.")
@click.option("--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of the engine; may be repeated.")
@click.option("--status", is_flag=True, help="Say how the jobs stand instead.")
@click.option("--cancel", is_flag=True, help="Stop the jobs instead; what is answered stays.")
@RESULTS
def submit(
    arguments: tuple[str, ...],
    on: str,
    run: str,
    workers: int,
    options: tuple[str, ...],
    status: bool,
    cancel: bool,
    results: Path,
) -> None:
    """Run the shards of a run as jobs of Ray (waits for them) or of Slurm; the same command resumes.

    CONFIG and flags are those of niah run. Afterwards niah merge RUN makes one run of the shards. Exits 3 where trials
    are left or jobs wait.
    """
    if status or cancel:
        jobs = (cluster.cancel_jobs if cancel else cluster.look_at_jobs)(run, results)
    else:
        told = cluster.engine_options(options)
        jobs = cluster.submit(arguments, run, on=on, workers=workers, results=results, options=told)
    for line in jobs.words():
        click.echo(line)
    sys.exit(0 if set(jobs.states) == {"done"} else INCOMPLETE)
