"""Before anything is sent: niah plan, power and build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.flags import PATH, RESULTS, choice, file_option, flag, option
from niah.cli.help import Command
from niah.cli.screen import warn
from niah.cli.settings import config_from, config_options
from niah.experiment.checks import by_model
from niah.experiment.config import RunConfig
from niah.experiment.export import FORMS, as_line, write_lines
from niah.experiment.planning import FREE, is_free, unknown_price
from niah.plotter.formatting import plural
from niah.plotter.report_text import finding_words
from niah.run import open_run
from niah.verdict.power import Aim, Outlook, Power

AIM: dict[str, tuple[str, str]] = {
    "drop": ("POINTS", "Loss to see, of the share found."),
    "flips": ("PERCENT", "Trials that turn right by chance."),
    "margin": ("POINTS", "drop_margin of the gate."),
    "confidence": ("PERCENT", "Of the gate."),
    "chance": ("PERCENT", "Wanted chance of seeing the loss."),
}


@click.command(cls=Command)
@config_options
@option("--speed", "TOKENS|RUN", "Prompt tokens per second, or a finished run to take it from.")
@RESULTS
@option("--gate", "PATH", "A gate.toml: warn where this run could not decide it.", type=PATH)
def plan(
    config: str | None, speed: str | None, results: Path, gate: Path | None, **flags: Any
) -> None:
    """Count the cells, trials, tokens, cacheable share, price and time of CONFIG and flags.
    Sends nothing.
    """
    for number, one in enumerate(by_model(config_from(config, flags)).values()):
        planned = api.plan(one, speed=speed, results=results)
        click.echo(("\n" if number else "") + str(planned))
        warn(*planned.warnings)
        if gate is not None:
            _print_outlook(api.outlook(one, gate), gate)


def _print_outlook(outlook: Outlook, path: Path) -> None:
    """The gates that a perfect run of this size leaves open, and the chances of good models."""
    for finding in outlook.undecided:
        warn(f"this run cannot pass {path.name} even if it is perfect: {finding_words(finding)}")
    if not outlook.can_fail:
        warn(f"this run cannot fail {path.name} even if it finds nothing: run more trials")
    elif not outlook.undecided:
        click.echo(f"{'gate':<11} a perfect run of this size passes {path.name}")
    for chance in outlook.chances:
        often = f"passes in {100 * chance.passes:.0f} of 100 runs"
        if chance.bottleneck is not None:
            often += f"; most often left open: {chance.bottleneck}"
        click.echo(f"{'':<11} a model that finds {100 * chance.found:.0f} % everywhere {often}")


def _aim_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, (form, text) in reversed(AIM.items()):
        told = f"{text}  [default: {getattr(Aim(), name):g}]"
        command = option(f"--{name}", form, told, type=float)(command)
    return command


@click.command(cls=Command)
@config_options
@_aim_options
@option("--from repeats", "RUN RUN", "Two runs of one model: measures the flips.", nargs=2)
@RESULTS
def power(config: str | None, repeats: tuple[str, str] | None, results: Path, **flags: Any) -> None:
    """Count the trials that a comparison with a baseline needs, for the grid of CONFIG and flags.
    Sends nothing.

    Holds for independent trials (--haystack-per trial). Trials that share haystacks are judged
    by epochs: at least five, and how many more depends on how much the haystacks differ.
    """
    aim = {name: value for name in AIM if (value := flags.pop(name)) is not None}
    resolved = config_from(config, flags)
    runs = None if repeats is None else tuple(open_run(run, results) for run in repeats)
    _print(api.power(resolved, **aim, repeats=runs), resolved)


def _print(found: Power, config: RunConfig) -> None:
    aim = found.aim
    click.echo(_condition(aim))
    if found.inside_margin:
        inside = f"a loss of {aim.drop:g} points is inside the margin of {aim.margin:g}"
        click.echo(f"{inside}: such a loss passes; lower --margin")
    else:
        seen = f"to see a loss of {aim.drop:g} points"
        changes = f"({aim.drop + aim.flips:.3g} % of trials lost, {aim.flips:.3g} % gained)"
        click.echo(_needed(f"{seen} {changes}", found.pairs_to_fail, found.epochs_to_fail, aim))
    same = f"margin {aim.margin:g} points, {aim.flips:.3g} % flip each way"
    passes = f"to pass a run that is no worse ({same})"
    click.echo(_needed(passes, found.pairs_to_pass, found.epochs_to_pass, aim))
    click.echo(
        f"\n{found.cells} cells, confidence {aim.confidence:g} %, independent trials"
        f" (--haystack-per trial):\n{'epochs':>8} {'pairs':>8} {'loss seen':>10}"
        f" {'no change passes':>17} {'prompt tokens':>15}   price of a run"
    )
    free, unknown = is_free(config), unknown_price("--model and --price")
    for row in found.rows:
        paid = unknown if row.dollars is None else f"${row.dollars:,.2f}"
        price = FREE if free else paid
        chances = f"{100 * row.loss_seen:>8.0f} % {100 * row.no_change_passes:>15.0f} %"
        click.echo(f"{row.epochs:>8} {row.pairs:>8,} {chances} {row.prompt_tokens:>15,}   {price}")


def _condition(aim: Aim) -> str:
    """What every figure depends on."""
    if aim.pairs is not None:
        where = f"where {aim.flips:.3g} % of trials flip each way by chance"
        return f"{where}, as in {aim.pairs:,} pairs of the two runs"
    return (
        f"where {aim.flips:g} % of trials flip each way by chance, which is a guess:"
        " repeats of published runs flip up to 9 %, and answers drawn anew 5 %"
        " (measure it: --from RUN RUN, two runs of one model)"
    )


def _needed(what: str, pairs: int | None, epochs: int | None, aim: Aim) -> str:
    often = f"{what} in {aim.chance:g} of 100 cases"
    if pairs is None:
        return f"{often}: more than 100,000 pairs; widen the margin or the loss"
    return f"{often}: {pairs:,} pairs, --epochs {epochs} of this grid"


@click.command(cls=Command)
@config_options
@file_option("--out", "File to write; by default standard output.")
@choice("--format form", FORMS, "Form of a line.")
@option(
    "--run", "RUN", "Also plan a run of this name for the answers, which niah collect takes in."
)
@RESULTS
@flag("--verify", "Count every prompt again as one piece.")
def build(
    config: str | None,
    out: Path | None,
    form: str,
    verify: bool,
    run: str | None,
    results: Path,
    **flags: Any,
) -> None:
    """Write the prompts of CONFIG and flags, one JSON object a line, as they are built.
    Needs no key.

    With --run, answers to them become that run: niah collect FILE --run RUN.
    A service's file that grows beyond its limits goes on in further ones.
    """
    resolved = config_from(config, flags)
    lines = map(as_line, api.build(resolved, form=form, verify=verify, run=run, results=results))
    count = 0
    if out is None:
        for line in lines:
            click.echo(line, nl=False)
            count += 1
    else:
        files, count = write_lines(out, lines, form)
        for file in files if len(files) > 1 else ():
            click.echo(file, err=True)
        others = {out.with_name(f"{out.stem}-{n}{out.suffix}") for n in (1, len(files) + 1)}
        for file in sorted({out, *others} - {*files}):
            if file.exists():
                warn(f"{file} is none of these: another build left it there")
    click.echo(f"{plural(count, 'prompt')}{' verified' if verify else ''}", err=True)
