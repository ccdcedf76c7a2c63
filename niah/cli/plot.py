"""niah plot: the heatmap of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from niah.api import open_run
from niah.cli.completion import RUNS
from niah.cli.options import PALETTE, RESULTS
from niah.plotter.curves import save_curves
from niah.plotter.heatmap import save_heatmaps
from niah.runs import beside


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=RUNS)
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG, SVG or PDF; by default heatmap.png in the first run's folder."
)
@click.option("--curves", is_flag=True, help="Draw share found and time by length instead; by default into curves.png.")
@PALETTE
@RESULTS
def plot(runs: tuple[str, ...], out: Path | None, curves: bool, palette: str, results: Path) -> None:
    """Draw the heatmap of every RUN, side by side on one scale."""
    read = [open_run(run, results) for run in runs]
    path = out or beside(read[0].folder, results, "curves.png" if curves else "heatmap.png")
    if curves:
        warnings = save_curves([run.report() for run in read], path)
    else:
        warnings = save_heatmaps([run.grid for run in read], path, palette)
    for warning in warnings:
        click.echo(f"niah: {warning}", err=True)
    click.echo(path)
