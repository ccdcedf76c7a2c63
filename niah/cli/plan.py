"""niah plan: what a run would send."""

from __future__ import annotations

from typing import Any

import click

from niah.cli.options import config_from, config_options
from niah.generator.plan import label_of
from niah.runner.recipe import recipe_of
from niah.runner.session import completed


@click.command()
@config_options
def plan(config: str | None, **flags: Any) -> None:
    """Count the cells, trials and tokens of CONFIG and flags. Sends nothing."""
    resolved = completed(config_from(config, flags))
    recipe = recipe_of(resolved)
    recipe.check_lengths()
    lengths = resolved.lengths
    tokens = sum(t.context_length for t in recipe.trials)
    click.echo(f"model       {resolved.model} ({resolved.provider})")
    click.echo(f"task        {resolved.task}, needle in {recipe.language}, reply budget {recipe.reply_tokens} tokens")
    click.echo(
        f"haystack    {recipe.haystack.name}: {recipe.haystack.tokens:,} tokens, drawn per {resolved.haystack_per}"
    )
    click.echo(f"tokenizer   {recipe.tokenizer.name}")
    click.echo(
        f"cells       {len(lengths)} lengths x {len(resolved.depths)} depths = {len(lengths) * len(resolved.depths)}"
    )
    click.echo(f"trials      {len(recipe.trials)} ({resolved.epochs} per cell)")
    click.echo(f"tokens      {tokens:,} in all, {max(lengths):,} in the largest")
    for length in lengths:
        trials = sum(t.context_length == length for t in recipe.trials)
        unique = 100 * min(1.0, recipe.haystack.tokens / length)
        counts = f"{trials:>5} trials  {trials * length:>13,} tokens"
        click.echo(f"  {label_of(length):>7}   {counts}   {unique:.0f} % unique text")
