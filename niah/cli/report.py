"""niah report: the figures of one run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from niah.api import open_run
from niah.cli.options import RESULTS, RUN
from niah.cli.screen import print_parts
from niah.plotter.report_text import report_parts
from niah.runlog.attempts import unreported_line
from niah.verdict.effective import RULES


@click.command()
@RUN
@click.option(
    "--rule", "rules", multiple=True, help=f"Rule of the effective length; may be repeated. [{', '.join(RULES)}]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@RESULTS
def report(run_name: str, rules: tuple[str, ...], as_json: bool, results: Path) -> None:
    """Print what RUN says in numbers: the share found, effective length, the middle, the weakest region, times."""
    run = open_run(run_name, results)
    figures = run.report(rules or RULES)
    if as_json:
        click.echo(json.dumps(asdict(figures), ensure_ascii=False, indent=1))
        return
    print_parts(report_parts(figures))
    print_parts(f"{who} and the score: {both.words()}" for who, both in run.opinions)
    if unreported := unreported_line(run.folder, run.header):
        print_parts([unreported])
