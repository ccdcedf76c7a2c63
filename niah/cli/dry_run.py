"""niah run --dry-run: what a run would send and where it would lie. Sends and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from niah.cli.plan import plan_lines
from niah.cli.run_options import RunOptions
from niah.errors import ConfigError
from niah.experiment.checks import completed
from niah.experiment.experiment import Experiment
from niah.runlog.log import LOG_NAME, read_log


def print_dry_run(
    experiments: Mapping[str, Experiment], folders: Mapping[str, Path], results: Path, options: RunOptions
) -> None:
    """A plan for every run, with its folder, what is finished there and what is still missing for a start."""
    for number, (label, experiment) in enumerate(experiments.items()):
        if len(experiments) > 1:
            click.echo(("\n" if number else "") + f"{number + 1}/{len(experiments)}  {label}")
        for line in [*plan_lines(experiment, None, results), *_state_lines(experiment, folders[label], options)]:
            click.echo(line)
    click.echo("nothing was sent (--dry-run)", err=True)


def _state_lines(experiment: Experiment, folder: Path, options: RunOptions) -> list[str]:
    sent = options.limited(experiment).trials
    finished: set[str] = set()
    if (folder / LOG_NAME).exists():
        finished = {i for i, result in read_log(folder)[1].items() if result.outcome != "error"}
    left = [trial for trial in sent if trial.id not in finished]
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
