"""niah report: the figures of one run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from niah.cli.options import DEFAULT_RESULTS, run_folder
from niah.cli.screen import print_parts
from niah.plotter.words import report_parts
from niah.runner.log import read_log
from niah.verdict.effective import RULES
from niah.verdict.report import figures_of


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--rule", "rules", multiple=True, help=f"Rule of the effective length; may be repeated. [{', '.join(RULES)}]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
def report(run_name: str, rules: tuple[str, ...], as_json: bool, results: Path) -> None:
    """Print what RUN says in numbers: the share found, effective length, the middle, the weakest region, times."""
    header, stored = read_log(run_folder(run_name, results))
    figures = figures_of(header, stored.values(), rules or RULES)
    if as_json:
        click.echo(json.dumps(asdict(figures), ensure_ascii=False, indent=1))
    else:
        print_parts(report_parts(figures))
