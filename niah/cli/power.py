"""niah power: how many trials see a loss, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from niah.cli.help import Command
from niah.cli.options import config_from, config_options
from niah.errors import ConfigError
from niah.experiment.config import RunConfig
from niah.installation import install_hint
from niah.providers import known_provider
from niah.providers.prices import Pricing, pricing_of
from niah.records import Usage
from niah.tasks import task_of
from niah.verdict.power import chance_to_fail, chance_to_pass, epochs_needed, pairs_needed

EPOCHS = (1, 2, 5, 10, 20, 50)


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
def power(
    config: str | None, drop: float, flips: float, margin: float, confidence: float, chance: float, **flags: Any
) -> None:
    """Count the trials that a comparison with a baseline needs, for the grid of CONFIG and flags. Sends nothing.

    Holds for independent trials (--haystack-per trial). Trials that share haystacks are judged by epochs: at least
    five, and how many more depends on how much the haystacks differ.
    """
    _check({"drop": drop, "flips": flips, "margin": margin, "confidence": confidence, "chance": chance})
    c, level = config_from(config, flags), 1 - confidence / 100
    cells, gained, lost = len(c.lengths) * len(c.depths), flips / 100, (drop + flips) / 100

    def sees(n: int) -> float:
        return chance_to_fail(n, lost, gained, level, margin / 100)

    def passes(n: int) -> float:
        return chance_to_pass(n, gained, gained, margin / 100, level)

    seen = f"to see a loss of {drop:g} points ({100 * lost:g} % of trials lost, {flips:g} % gained)"
    if drop < margin:
        click.echo(f"a loss of {drop:g} points is inside the margin of {margin:g}: such a loss passes; lower --margin")
    else:
        _say_needed(seen, pairs_needed(sees, chance / 100), chance, cells)
    same = f"to pass a run that is no worse (margin {margin:g} points, {flips:g} % flip each way)"
    _say_needed(same, pairs_needed(passes, chance / 100), chance, cells)
    click.echo(f"\n{cells} cells, confidence {confidence:g} %, independent trials (--haystack-per trial):")
    click.echo(
        f"{'epochs':>8} {'pairs':>8} {'loss seen':>10} {'no change passes':>17} {'prompt tokens':>15}   price of a run"
    )
    for epochs in EPOCHS:
        n = cells * epochs
        tokens, price = _cost(c, epochs)
        click.echo(f"{epochs:>8} {n:>8,} {100 * sees(n):>8.0f} % {100 * passes(n):>15.0f} % {tokens:>15,}   {price}")


def _check(percents: Mapping[str, float]) -> None:
    """Raises ConfigError for what is no percentage."""
    for name, value in percents.items():
        least = 50 if name == "confidence" else 0
        if not least <= value < 100 or (value == 0 and name != "flips"):
            raise ConfigError(f"--{name} {value:g}: give percent above {least} and below 100")
    if percents["drop"] + 2 * percents["flips"] > 100:
        raise ConfigError(
            f"--drop {percents['drop']:g} --flips {percents['flips']:g}: more trials change than there are"
        )


def _say_needed(what: str, pairs: int | None, chance: float, cells: int) -> None:
    if pairs is None:
        click.echo(f"{what} in {chance:g} of 100 cases: more than 100,000 pairs; widen the margin or the loss")
        return
    click.echo(
        f"{what} in {chance:g} of 100 cases: {pairs:,} pairs, --epochs {epochs_needed(pairs, cells)} of this grid"
    )


def _cost(c: RunConfig, epochs: int) -> tuple[int, str]:
    """Prompt tokens of a run, and its price without any cache."""
    reply = c.reply_tokens or task_of(c.task).REPLY_TOKENS
    sizes = [max(0, length - reply) for length in c.lengths]
    each = len(c.depths) * epochs
    pricing = _pricing(c)
    if known_provider(c.provider).free:
        price = "nothing: it runs on this machine"
    elif pricing is None:
        price = f"unknown (set --model and --price, or {install_hint('prices')})"
    else:
        price = f"${each * sum(pricing.dollars(Usage(input_tokens=n, output_tokens=reply)) for n in sizes):,.2f}"
    return each * sum(sizes), price


def _pricing(c: RunConfig) -> Pricing | None:
    return pricing_of(c.model or "", c.base_url, c.price) if c.model or c.price else None
