"""niah run --dry-run: what a run would send and where it would lie. Sends and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from niah.errors import ConfigError
from niah.experiment.checks import completed
from niah.experiment.experiment import Experiment
from niah.experiment.planning import plan_of
from niah.runs import finished_in


def print_dry_run(experiments: Mapping[str, Experiment], folders: Mapping[str, Path], limit: int | None) -> None:
    """A plan for every run, with its folder, what is finished there and what is still missing for a start."""
    for number, (label, experiment) in enumerate(experiments.items()):
        if len(experiments) > 1:
            click.echo(("\n" if number else "") + f"{number + 1}/{len(experiments)}  {label}")
        click.echo(plan_of(experiment))
        for line in _state_lines(experiment, folders[label], limit):
            click.echo(line)
    click.echo("nothing was sent (--dry-run)", err=True)


def _state_lines(experiment: Experiment, folder: Path, limit: int | None) -> list[str]:
    finished = finished_in(folder)
    left = [trial for trial in experiment.first(limit).trials if trial.id not in finished]
    tokens = sum(map(experiment.prompt_tokens, left))
    lines = [
        f"{'folder':<11} {folder}",
        f"{'to send':<11} {len(left):,} of {len(experiment.trials):,} trials, {tokens:,} tokens in prompts",
    ]
    try:
        completed(experiment.config)
    except ConfigError as error:
        lines.append(f"{'missing':<11} {error}")
    return lines
