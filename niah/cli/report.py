"""niah report: the figures of one run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from niah.cli.options import RESULTS, RUN, run_folder
from niah.cli.screen import print_parts
from niah.plotter.report_text import report_parts
from niah.runlog.cost import unreported_line
from niah.runlog.log import read_rows
from niah.verdict.effective import RULES
from niah.verdict.report import report_of


@click.command()
@RUN
@click.option(
    "--rule", "rules", multiple=True, help=f"Rule of the effective length; may be repeated. [{', '.join(RULES)}]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@RESULTS
def report(run_name: str, rules: tuple[str, ...], as_json: bool, results: Path) -> None:
    """Print what RUN says in numbers: the share found, effective length, the middle, the weakest region, times."""
    folder = run_folder(run_name, results)
    header, stored = read_rows(folder)
    figures = report_of(header, stored.values(), rules or RULES)
    if as_json:
        click.echo(json.dumps(asdict(figures), ensure_ascii=False, indent=1))
        return
    print_parts(report_parts(figures))
    if unreported := unreported_line(folder, header):
        print_parts([unreported])
