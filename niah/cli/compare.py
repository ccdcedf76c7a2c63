"""niah compare: two or more runs of the same trials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from niah.api import open_run
from niah.cli.completion import RUNS
from niah.cli.options import RESULTS
from niah.cli.pictures import look_of, look_options
from niah.cli.screen import print_parts, warn
from niah.errors import ConfigError, RunError
from niah.plotter.report_text import comparison_lines, side_by_side
from niah.run import Run
from niah.runs import beside
from niah.verdict.records import Comparison


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, shell_complete=RUNS)
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG, SVG or PDF; by default compare.png in the last run's folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons as JSON.")
@click.option(
    "--haystacks",
    type=click.Choice(["any", "these"]),
    default="any",
    show_default=True,
    help="Whether the tests ask about any stretch of haystack, or about those of the runs only.",
)
@look_options
@RESULTS
def compare(runs: tuple[str, ...], out: Path | None, as_json: bool, haystacks: str, results: Path, **look: Any) -> None:
    """Compare every RUN with the first one: figures, cells that differ, a paired test, the difference as a picture."""
    if len(runs) < 2:
        raise ConfigError("compare needs two runs or more; for one, use: niah report RUN")
    read = [open_run(run, results) for run in runs]
    compared = [_compared(read[0], run, these_only=haystacks == "these") for run in read[1:]]
    if as_json:
        said = [asdict(c) if isinstance(c, Comparison) else {"error": c} for c in compared]
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
    else:
        print_parts(side_by_side([run.folder.name for run in read], [run.report() for run in read]))
        for c in compared:
            print_parts(["", *(comparison_lines(c) if isinstance(c, Comparison) else [f"no test: {c}"])])
    if (
        not as_json
        and all(isinstance(c, Comparison) for c in compared)
        and any(r.header.config.get("delivery") or r.header.config.get("sent_as") for r in read)
    ):
        _deliveries(read, beside(read[-1].folder, results, "deliveries.png"), look)
    from niah.plotter.compare import save_comparison  # 0.8 s of matplotlib

    path = out or beside(read[-1].folder, results, "compare.png")
    only = compared[0] if len(compared) == 1 and isinstance(compared[0], Comparison) else None
    for warning in save_comparison([run.view for run in read], only, path, look_of(look)):
        warn(warning)
    click.echo(path, err=True)


def _deliveries(runs: Sequence[Run], path: Path, look: dict[str, Any]) -> None:
    """One model under several deliveries: a table, and a picture of its own."""
    from niah.plotter.deliveries import delivery_parts, save_deliveries  # 0.8 s of matplotlib

    told = [runs[0].delivery(), *(run.delivery(runs[0]) for run in runs[1:])]
    print_parts(["", *delivery_parts(told)])
    for warning in save_deliveries(told, [run.view for run in runs], path, look_of(look)):
        click.echo(f"niah: {warning}", err=True)
    click.echo(path, err=True)


def _compared(older: Run, newer: Run, *, these_only: bool) -> Comparison | str:
    """The comparison, or why there is none: runs of another recipe still stand side by side."""
    try:
        return newer.compare(older, these_only=these_only)
    except RunError as error:
        return str(error)
