"""niah show: one trial, built again and checked against its digest, or an example prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.cells import cell_len, chop_cells

from niah.cli.flags import HAYSTACKS, OFFERED_RUNS, RESULTS, TASKS, flag, option
from niah.cli.screen import columns
from niah.cli.settings import pairs
from niah.errors import ConfigError
from niah.experiment.checks import check_used
from niah.experiment.config import read_config
from niah.experiment.experiment import experiment_of, prompt_again
from niah.plotter.formatting import plural
from niah.plotter.page import expected_label, surroundings_of
from niah.records import CONTROLS, Prompt, Result, Trial
from niah.runlog.log import read_log
from niah.runlog.selection import addressed, by_cell, chosen, differences
from niah.runs import run_folder
from niah.text.lengths import label_of
from niah.text.outside import visible
from niah.text.renamed import class_name
from niah.text.shares import seconds_label

START, END = ">>> ", " <<<"  # around a needle
SHORT = 8  # signs of an id that tell it from the others of its run
SHOWN = 50  # characters of an answer in a list


@click.command()
@click.argument(
    "words", metavar="[RUN [TRIAL | LENGTH [DEPTH]]]", nargs=-1, shell_complete=OFFERED_RUNS
)
@RESULTS
@flag("--wrong", "List only the trials that were scored below 1.")
@option("--outcome outcomes", "OUTCOME", "List only this outcome; may be repeated.", multiple=True)
@option(
    "--class classes", "CLASS", "List only this class of answer; may be repeated.", multiple=True
)
@flag("--diff", "Take two runs, OLD and NEW, and list the trials with another score.")
@flag("--prompt", "Print the whole prompt of a trial and nothing else.")
@option(
    "--task",
    "TASK",
    "Print an example prompt of this task, its needles marked.",
    shell_complete=TASKS,
)
@option("--length", "LENGTH", "Context length of the example.", default="2k")
@option("--depth", "PERCENT", "Depth of the example.", default="50")
@option("--haystack", "NAME", "Haystack of the example.", default="en", shell_complete=HAYSTACKS)
@option("--language", "LANGUAGE", "Language of its needle and question.", default="auto")
@click.option("--control", type=click.Choice(CONTROLS), help="Show the example as this control.")
@option("--set settings", "KEY=VALUE", "Another config key of the example.", multiple=True)
def show(
    words: tuple[str, ...],
    results: Path,
    wrong: bool,
    outcomes: tuple[str, ...],
    classes: tuple[str, ...],
    diff: bool,
    prompt: bool,
    task: str | None,
    **example_flags: Any,
) -> None:
    """Show one trial of RUN: the needle in its surroundings, question, answer, score.

    TRIAL is the beginning of its id; LENGTH and DEPTH name a cell. Where they name several trials,
    or nothing is named, the trials are listed by length, depth and epoch,
    with the first eight signs of their ids.

    With --diff OLD NEW, list the trials that two runs scored differently, with both answers.
    With --task and without RUN, print an example prompt of a task; that needs no model.
    """
    if (wrong or outcomes or classes) and (diff or not words):
        raise ConfigError(
            "--wrong, --outcome and --class choose among the trials of one RUN; leave them out here"
        )
    source = click.get_current_context().get_parameter_source
    named = [key for key in example_flags if source(key) is ParameterSource.COMMANDLINE]
    if named and (words or task is None):
        given = named[0].replace("settings", "set")
        raise ConfigError(
            f"--{given} is for the example of a --task; for a cell: niah show RUN LENGTH DEPTH"
        )
    called = [class_name(name) for name in classes]
    chosen_by = {"wrong": wrong, "outcomes": outcomes, "classes": called}
    if task is not None and not words:
        click.echo(_example(task, **example_flags))
    elif diff:
        _show_differences(words, results)
    elif words and task is None:
        _show_run(words[0], words[1:], results, prompt, chosen_by)
    else:
        raise ConfigError(
            "name a run, or a task with --task (niah show --task single --length 2k --depth 50)"
        )


def _show_run(
    name: str, address: tuple[str, ...], results: Path, prompt: bool, chosen_by: dict[str, Any]
) -> None:
    """One trial, its prompt built again, or a list. Raises RunError for another prompt."""
    if len(address) > 2:
        said = " ".join(address)
        raise ConfigError(f"{said}: name one trial, or a cell by length and depth, like 8k 50")
    header, stored = read_log(run_folder(name, results))
    found = addressed(stored, address) if address else by_cell(stored.values())
    filtered = chosen(found, **chosen_by)
    if address and len(found) == 1 and filtered:
        built = prompt_again(header, found[0])
        click.echo(built.text if prompt else visible(_page(found[0], built)))
    elif prompt:
        raise ConfigError(f"--prompt: that is {len(filtered)} trials; name one of them")
    else:
        _list(filtered)


def _list(results: list[Result]) -> None:
    width = columns()
    title = f"{'trial':<8}  {'length':>9}  {'depth':<11}  epoch  {'verdict':<14}  answer"
    click.echo(title, err=True)
    for result in results:
        line = visible(_line(result))
        if width is not None and cell_len(line) > width:
            line = f"{chop_cells(line, width - 1)[0]}…"
        click.echo(line)
    if not results:
        click.echo("no such trial", err=True)


def _show_differences(words: tuple[str, ...], results: Path) -> None:
    """Trials with another score, and what both runs answered."""
    if len(words) != 2:
        raise ConfigError("--diff: name two runs, the older one first (niah show --diff OLD NEW)")
    (_, old), (_, new) = (read_log(run_folder(name, results)) for name in words)
    common, found = differences(old, new)
    for d in found:
        t = d.new.trial
        place = t.control or f"depth {t.depth_percent:g} %"
        where = f"{t.context_length:,} tokens, {place}, epoch {t.epoch}"
        click.echo(f"{t.id[:SHORT]}  {where}; expected {expected_label(t, d.new.targets)}")
        for name, r in (("old", d.old), ("new", d.new)):
            click.echo(visible(f"    {name}  {r.score:<4.2g}  {_verdict(r):<14}  {_answer(r)}"))
    lost = sum((d.new.score or 0) < (d.old.score or 0) for d in found)
    counts = f"{lost} lost, {len(found) - lost} gained"
    click.echo(f"{counts}, of {common} trials that both runs scored", err=True)


def _line(r: Result) -> str:
    t, verdict = r.trial, _verdict(r)
    depth = t.control or f"{t.depth_percent:>5g} %"
    where = f"{t.context_length:>9,}  {depth:<11}  {t.epoch:>5}"
    return f"{t.id[:SHORT]}  {where}  {verdict:<14}  {_answer(r)}"


def _verdict(r: Result) -> str:
    """The class of an answer, or the outcome of a trial without one, for people."""
    return r.answer_class or r.outcome.value


def _answer(r: Result) -> str:
    """The beginning of an answer, on one line."""
    return "" if r.response is None else " ".join(r.response.text.split())[:SHOWN]


def _page(r: Result, prompt: Prompt) -> str:
    answer = "(none)" if r.response is None else r.response.text.strip()
    verdict = f"none ({r.outcome.value}: {r.error or '-'})"
    if r.score is not None:
        verdict = f"{r.score:g} ({_verdict(r)}: {r.explanation})"
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
        f"time      {seconds_label(r.total_s)}, {plural(r.attempts, 'attempt')}"
    )


def _needle_in_its_surroundings(r: Result, prompt: Prompt) -> str:
    """Depths of the first needle, and the text around it where that is known; of a control none."""
    if not r.placements:
        return ""
    place, around = r.placements[0], surroundings_of(prompt)
    before_it = f"{place.tokens_before:,} of {prompt.haystack_tokens:,} tokens before"
    depths = f"asked {place.depth_percent:g} %, actual {place.actual_depth_percent:.3f} %"
    shown = f"\n… {around.before}{START}{around.needle}{END}{around.after} …\n\n"
    return f"depth     {depths} ({before_it})\n{shown if around.needle else ''}"


def _example(
    task: str, length: str, depth: str, control: str | None, settings: tuple[str, ...], **keys: str
) -> str:
    """The prompt of the first trial (of that control), and below it what is expected."""
    keys |= {"task": task, "lengths": length, "depths": depth}
    further = pairs("set", settings, "distractor_count=4")
    config = read_config(None, {**further, **keys, "controls": control is not None})
    check_used(config)
    experiment = experiment_of(config)
    trial = next(t for t in experiment.trials if t.control == control)
    prompt = experiment.prompt(trial)
    return f"{_marked(prompt)}\n\n{_legend(trial, prompt)}"


def _marked(prompt: Prompt) -> str:
    """The prompt with every line of a needle between marks."""
    text = prompt.text
    head = prompt.planting.opening if text.startswith(prompt.planting.opening) else ""
    body = text[len(head) :]
    for needle in prompt.planting.needles:
        shown = "\n".join(f"{START}{line}{END}" for line in needle.text.split("\n"))
        body = f"\n{body}".replace(f"\n{needle.text}\n", f"\n{shown}\n", 1)[1:]
    return head + body


def _legend(trial: Trial, prompt: Prompt) -> str:
    total = prompt.tokens + prompt.reply_tokens
    parts = f"prompt {prompt.tokens:,} + reply {prompt.reply_tokens}"
    lines = [f"length    {total:,} tokens ({label_of(total)}): {parts}"]
    for needle, place in zip(prompt.planting.needles, prompt.placements, strict=False):
        depths = f"asked {place.depth_percent:.4g} %, actual {place.actual_depth_percent:.3f} %"
        kind = f"{needle.answer_class} ({needle.detail})" if needle.detail else needle.answer_class
        text = needle.text.replace("\n", " / ")
        lines.append(f"needle    {depths}: {kind}: {text}")
    return "\n".join([*lines, f"expected  {expected_label(trial, prompt.planting.targets)}"])
