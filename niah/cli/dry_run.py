"""niah run --dry-run: what a run would send and where it would lie. Sends and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from niah.cli.plan import plan_lines
from niah.cli.way import Way
from niah.errors import ConfigError
from niah.runner.log import LOG_NAME, read_log
from niah.runner.recipe import Recipe
from niah.runner.settings import completed


def print_dry_run(recipes: Mapping[str, Recipe], folders: Mapping[str, Path], results: Path, way: Way) -> None:
    """A plan for every run, with its folder, what is finished there and what is still missing for a start."""
    for number, (label, recipe) in enumerate(recipes.items()):
        if len(recipes) > 1:
            click.echo(("\n" if number else "") + f"{number + 1}/{len(recipes)}  {label}")
        for line in [*plan_lines(recipe, None, results), *_state_lines(recipe, folders[label], way)]:
            click.echo(line)
    click.echo("nothing was sent (--dry-run)", err=True)


def _state_lines(recipe: Recipe, folder: Path, way: Way) -> list[str]:
    sent = way.limited(recipe).trials
    finished: set[str] = set()
    if (folder / LOG_NAME).exists():
        finished = {i for i, result in read_log(folder)[1].items() if result.outcome != "error"}
    left = [trial for trial in sent if trial.id not in finished]
    tokens = sum(map(recipe.prompt_tokens, left))
    lines = [
        f"{'folder':<11} {folder}",
        f"{'to send':<11} {len(left):,} of {len(recipe.trials):,} trials, {tokens:,} tokens in prompts",
    ]
    try:
        completed(recipe.config)
    except ConfigError as error:
        lines.append(f"{'missing':<11} {error}")
    return lines
