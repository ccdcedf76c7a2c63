"""niah plot: the heatmap of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.completion import RUNS
from niah.cli.options import PALETTE, RESULTS, beside, run_folder
from niah.plotter.curves import save_curves
from niah.plotter.heatmap import save_heatmaps
from niah.runlog.log import read_rows
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of


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
    folders = [run_folder(r, results) for r in runs]
    read = [read_rows(folder) for folder in folders]
    path = out or beside(folders[0], results, "curves.png" if curves else "heatmap.png")
    if curves:
        warnings = save_curves([report_of(header, stored.values()) for header, stored in read], path)
    else:
        warnings = save_heatmaps([grid_of(header, stored.values()) for header, stored in read], path, palette)
    for warning in warnings:
        click.echo(f"niah: {warning}", err=True)
    click.echo(path)
