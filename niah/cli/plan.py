"""niah plan: what a run would send, cost and take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.help import Command
from niah.cli.options import RESULTS, config_from, config_options
from niah.cli.screen import warn
from niah.experiment.config import by_model
from niah.verdict.power import Outlook


@click.command(cls=Command)
@config_options
@click.option("--speed", metavar="TOKENS|RUN", help="Prompt tokens per second, or a finished run to take it from.")
@RESULTS
@click.option("--gate", type=click.Path(path_type=Path), help="A gate.toml: warn where this run could not decide it.")
def plan(config: str | None, speed: str | None, results: Path, gate: Path | None, **flags: Any) -> None:
    """Count the cells, trials, tokens, cacheable share, price and time of CONFIG and flags. Sends nothing."""
    for number, one in enumerate(by_model(config_from(config, flags)).values()):
        planned = api.plan(one, speed=speed, results=results)
        click.echo(("\n" if number else "") + str(planned))
        for warning in planned.warnings:
            warn(warning)
        if gate is not None:
            _print_outlook(api.outlook(one, gate), gate)


def _print_outlook(outlook: Outlook, path: Path) -> None:
    """A line for every gate that even a perfect run of this size would leave open, and the chances of good models."""
    from niah.plotter.report_text import finding_words

    for finding in outlook.undecided:
        warn(f"this run cannot pass {path.name} even if it is perfect: {finding_words(finding)}")
    if not outlook.can_fail:
        warn(f"this run cannot fail {path.name} even if it finds nothing: run more trials")
    elif not outlook.undecided:
        click.echo(f"{'gate':<11} a perfect run of this size passes {path.name}")
    for chance in outlook.chances:
        open_most = "" if chance.bottleneck is None else f"; most often left open: {chance.bottleneck}"
        told = (
            f"a model that finds {100 * chance.found:.0f} % everywhere passes in {100 * chance.passes:.0f} of 100 runs"
        )
        click.echo(f"{'':<11} {told}{open_most}")
