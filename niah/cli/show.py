"""niah show: one trial, built again and checked against its digest."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.options import DEFAULT_RESULTS, run_folder
from niah.config import RunConfig
from niah.errors import RunError, UnknownName
from niah.records import Prompt, Result
from niah.runner.log import read_log
from niah.runner.recipe import recipe_of

AROUND = 240  # characters shown before and after the needle


@click.command()
@click.argument("run_name", metavar="RUN")
@click.argument("trial_id", metavar="[TRIAL]", required=False)
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
@click.option("--prompt", is_flag=True, help="Print the whole prompt and nothing else.")
def show(run_name: str, trial_id: str | None, results: Path, prompt: bool) -> None:
    """Show TRIAL of RUN: needle in its surroundings, question, answer, score. Without TRIAL, list the trials."""
    header, stored = read_log(run_folder(run_name, results))
    if trial_id is None:
        for result in stored.values():
            click.echo(_line(result))
        return
    matches = [r for i, r in stored.items() if i.startswith(trial_id)]
    if len(matches) != 1:
        raise UnknownName("trial", trial_id, stored)
    result = matches[0]
    if header.imported is not None:
        raise RunError(
            f"{run_name} was imported from {header.imported}: its prompts cannot be built; list it without TRIAL"
        )
    recipe = recipe_of(RunConfig(**header.config))
    built = recipe.prompt(result.trial)
    if built.digest != result.prompt_digest:
        raise RunError(
            f"trial {result.trial.id}: its prompt cannot be built again; "
            f"haystack or niah have changed since (version {header.version})"
        )
    click.echo(built.text if prompt else _page(result, built))


def _line(r: Result) -> str:
    t, verdict = r.trial, r.answer_class or r.outcome.value
    answer = "" if r.response is None else " ".join(r.response.text.split())[:50]
    place = f"{t.context_length:>9,}  {t.depth_percent:>5g} %  epoch {t.epoch}"
    return f"{t.id}  {place}  {verdict:<10}  {answer}"


def _page(r: Result, prompt: Prompt) -> str:
    needle = prompt.planting.needles[0].text
    text = prompt.text
    at = text.index(needle)
    before, after = text[max(0, at - AROUND) : at], text[at + len(needle) : at + len(needle) + AROUND]
    place = r.placements[0]
    answer = "(none)" if r.response is None else r.response.text.strip()
    verdict = f"none ({r.outcome.value}: {r.error or '-'})"
    if r.score is not None:
        verdict = f"{r.score:g} ({r.answer_class}: {r.explanation})"
    seconds = "not measured" if r.total_s is None else f"{r.total_s:g} s"
    before_it = f"{place.tokens_before:,} of {prompt.haystack_tokens:,} tokens before"
    return (
        f"trial     {r.trial.id}, epoch {r.trial.epoch}, digest checked\n"
        f"length    {r.trial.context_length:,} tokens: prompt {prompt.tokens:,} + reply {prompt.reply_tokens}\n"
        f"depth     asked {place.depth_percent:g} %, actual {place.actual_depth_percent:.3f} % ({before_it})\n"
        f"\n… {before}>>> {needle} <<<{after} …\n\n"
        f"question  {prompt.planting.question}\n"
        f"expected  {', '.join(r.targets)}\n"
        f"answer    {answer}\n"
        f"score     {verdict}\n"
        f"time      {seconds}, {r.attempts} attempt(s)"
    )
