"""niah show: one trial, built again and checked against its digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from niah.cli.example import example, expected_label
from niah.cli.options import DEFAULT_RESULTS, run_folder
from niah.config import RunConfig, read_config
from niah.errors import ConfigError, RunError, UnknownName
from niah.plotter.labels import plural
from niah.records import Prompt, Result
from niah.runner.log import read_log
from niah.runner.recipe import Recipe, recipe_of
from niah.runner.settings import check_used
from niah.tasks import CONTROLS

AROUND = 240  # characters shown before and after the needle


@click.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@click.argument("trial_id", metavar="[TRIAL]", required=False)
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
@click.option("--prompt", is_flag=True, help="Print the whole prompt and nothing else.")
@click.option("--task", help="Print an example prompt of this task instead, with its needles marked.")
@click.option("--length", default="2k", show_default=True, help="Context length of the example.")
@click.option("--depth", default="50", show_default=True, help="Depth of the example in percent.")
@click.option("--haystack", default="en", show_default=True, help="Haystack of the example.")
@click.option("--language", default="auto", show_default=True, help="Language of the example's needle and question.")
@click.option("--control", type=click.Choice(CONTROLS), help="Show the example as this control.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another config key of the example.")
def show(
    run_name: str | None, trial_id: str | None, results: Path, prompt: bool, task: str | None, **example_flags: Any
) -> None:
    """Show TRIAL of RUN: needle in its surroundings, question, answer, score. Without TRIAL, list the trials.

    With --task and without RUN, print an example prompt of a task. Needs no model.
    """
    if task is not None and run_name is None:
        click.echo(example(_example_recipe(task, **example_flags), example_flags["control"]))
    elif run_name is not None and task is None:
        _show_run(run_name, trial_id, results, prompt)
    else:
        raise ConfigError("name a run, or a task with --task (niah show --task single --length 2k --depth 50)")


def _example_recipe(
    task: str,
    length: str,
    depth: str,
    haystack: str,
    language: str,
    control: str | None,
    settings: tuple[str, ...],
) -> Recipe:
    keys: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting!r}: write KEY=VALUE, like distractors=4")
        keys[key] = value
    keys |= {"task": task, "lengths": length, "depths": depth, "haystack": haystack, "language": language}
    config = read_config(None, {**keys, "controls": control is not None})
    check_used(config)
    return recipe_of(config)


def _show_run(run_name: str, trial_id: str | None, results: Path, prompt: bool) -> None:
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
    where = t.control or f"{t.depth_percent:>5g} %"
    return f"{t.id}  {t.context_length:>9,}  {where:<11}  epoch {t.epoch}  {verdict:<10}  {answer}"


def _page(r: Result, prompt: Prompt) -> str:
    answer = "(none)" if r.response is None else r.response.text.strip()
    verdict = f"none ({r.outcome.value}: {r.error or '-'})"
    if r.score is not None:
        verdict = f"{r.score:g} ({r.answer_class}: {r.explanation})"
    seconds = "not measured" if r.total_s is None else f"{r.total_s:.3g} s"
    control = f", control {r.trial.control}" if r.trial.control else ""
    length = prompt.tokens + prompt.reply_tokens
    return (
        f"trial     {r.trial.id}, epoch {r.trial.epoch}{control}, digest checked\n"
        f"length    {length:,} tokens: prompt {prompt.tokens:,} + reply {prompt.reply_tokens}\n"
        f"{_needle_in_its_surroundings(r, prompt)}"
        f"question  {prompt.planting.question}\n"
        f"expected  {expected_label(r.trial, r.targets)}\n"
        f"answer    {answer}\n"
        f"score     {verdict}\n"
        f"time      {seconds}, {plural(r.attempts, 'attempt')}"
    )


def _needle_in_its_surroundings(r: Result, prompt: Prompt) -> str:
    """Asked and actual depth of the first needle, and the text around it; of a control without needles nothing."""
    if not r.placements:
        return ""
    needle, place, text = prompt.planting.needles[0].text, r.placements[0], prompt.text
    at = text.index(needle)
    before, after = text[max(0, at - AROUND) : at], text[at + len(needle) : at + len(needle) + AROUND]
    before_it = f"{place.tokens_before:,} of {prompt.haystack_tokens:,} tokens before"
    return (
        f"depth     asked {place.depth_percent:g} %, actual {place.actual_depth_percent:.3f} % ({before_it})\n"
        f"\n… {before}>>> {needle} <<<{after} …\n\n"
    )
