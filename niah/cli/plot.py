"""niah plot: the heatmap of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.options import DEFAULT_RESULTS, PALETTE, run_folder
from niah.plotter.heatmap import save_heatmaps
from niah.runner.log import read_log
from niah.verdict.grid import grid_of


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG, SVG or PDF; by default heatmap.png in the first run's folder."
)
@PALETTE
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
def plot(runs: tuple[str, ...], out: Path | None, palette: str, results: Path) -> None:
    """Draw the heatmap of every RUN, side by side on one scale."""
    folders = [run_folder(r, results) for r in runs]
    grids = []
    for folder in folders:
        header, stored = read_log(folder)
        grids.append(grid_of(header, stored.values()))
    path = out or folders[0] / "heatmap.png"
    for warning in save_heatmaps(grids, path, palette):
        click.echo(f"niah: {warning}", err=True)
    click.echo(path)
