"""niah power: how many trials see a loss, and what they cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.help import Command
from niah.cli.options import RESULTS, config_from, config_options
from niah.experiment.config import RunConfig
from niah.experiment.planning import FREE
from niah.installation import install_hint
from niah.providers import known_provider
from niah.verdict.power import Aim, Power


@click.command(cls=Command)
@config_options
@click.option(
    "--drop", type=float, metavar="POINTS", default=5.0, help="Loss to see, of the share found.  [default: 5]"
)
@click.option(
    "--flips", type=float, metavar="PERCENT", default=1.0, help="Trials that turn right by chance.  [default: 1]"
)
@click.option("--margin", type=float, metavar="POINTS", default=5.0, help="drop_margin of the gate.  [default: 5]")
@click.option("--confidence", type=float, metavar="PERCENT", default=95.0, help="Of the gate.  [default: 95]")
@click.option(
    "--chance", type=float, metavar="PERCENT", default=90.0, help="Wanted chance of seeing the loss.  [default: 90]"
)
@click.option("--from", "repeats", nargs=2, metavar="RUN RUN", help="Two runs of one model: measures the flips.")
@RESULTS
def power(
    config: str | None,
    drop: float,
    flips: float,
    margin: float,
    confidence: float,
    chance: float,
    repeats: tuple[str, str] | None,
    results: Path,
    **flags: Any,
) -> None:
    """Count the trials that a comparison with a baseline needs, for the grid of CONFIG and flags. Sends nothing.

    Holds for independent trials (--haystack-per trial). Trials that share haystacks are judged by epochs: at least
    five, and how many more depends on how much the haystacks differ.
    """
    resolved = config_from(config, flags)
    aim = {"drop": drop, "flips": flips, "margin": margin, "confidence": confidence, "chance": chance}
    runs = None if repeats is None else tuple(api.open_run(run, results) for run in repeats)
    _print(api.power(resolved, **aim, repeats=runs), resolved)


def _print(found: Power, config: RunConfig) -> None:
    aim = found.aim
    click.echo(_condition(aim))
    if found.inside_margin:
        click.echo(
            f"a loss of {aim.drop:g} points is inside the margin of {aim.margin:g}: such a loss passes; lower --margin"
        )
    else:
        seen = f"to see a loss of {aim.drop:g} points"
        changes = f"({aim.drop + aim.flips:.3g} % of trials lost, {aim.flips:.3g} % gained)"
        click.echo(_needed(f"{seen} {changes}", found.pairs_to_fail, found.epochs_to_fail, aim))
    same = f"to pass a run that is no worse (margin {aim.margin:g} points, {aim.flips:.3g} % flip each way)"
    click.echo(_needed(same, found.pairs_to_pass, found.epochs_to_pass, aim))
    click.echo(
        f"\n{found.cells} cells, confidence {aim.confidence:g} %, independent trials (--haystack-per trial):\n"
        f"{'epochs':>8} {'pairs':>8} {'loss seen':>10} {'no change passes':>17} {'prompt tokens':>15}   price of a run"
    )
    free = known_provider(config.provider).free
    unknown = f"unknown (set --model and --price, or {install_hint('prices')})"
    for row in found.rows:
        price = FREE if free else unknown if row.dollars is None else f"${row.dollars:,.2f}"
        chances = f"{100 * row.loss_seen:>8.0f} % {100 * row.no_change_passes:>15.0f} %"
        click.echo(f"{row.epochs:>8} {row.pairs:>8,} {chances} {row.prompt_tokens:>15,}   {price}")


def _condition(aim: Aim) -> str:
    """What every figure depends on."""
    if aim.pairs is not None:
        return f"where {aim.flips:.3g} % of trials flip each way by chance, as in {aim.pairs:,} pairs of the two runs"
    return (
        f"where {aim.flips:g} % of trials flip each way by chance, which is a guess: repeats of published runs flip "
        "up to 9 %, and answers drawn anew 5 % (measure it: --from RUN RUN, two runs of one model)"
    )


def _needed(what: str, pairs: int | None, epochs: int | None, aim: Aim) -> str:
    often = f"{what} in {aim.chance:g} of 100 cases"
    if pairs is None:
        return f"{often}: more than 100,000 pairs; widen the margin or the loss"
    return f"{often}: {pairs:,} pairs, --epochs {epochs} of this grid"
