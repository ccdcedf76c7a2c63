"""The files beside run logs: grid.json, grid.csv and heatmap.png of a run, suite.json and suite.png of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from niah.errors import RunError
from niah.plotter.colours import PALETTES
from niah.plotter.suite_table import suite_json
from niah.plotter.tables import grid_csv, grid_json
from niah.records import Grid


def write_outputs(folder: Path, grid: Grid, palette: str) -> list[str]:
    """Write all three, where they are not there already; returns warnings about the picture."""
    table, picture = folder / "grid.json", folder / "heatmap.png"
    try:
        drawn = palette == PALETTES[0] and picture.exists() and table.exists()
        if drawn and table.read_text(encoding="utf-8") == grid_json(grid):
            return []
        picture.unlink(missing_ok=True)  # of other results: if this process ends before the new one, none is there
        table.write_text(grid_json(grid), encoding="utf-8")
        (folder / "grid.csv").write_text(grid_csv(grid), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror})") from error
    from niah.plotter.heatmap import save_heatmaps  # 0.8 s of matplotlib, after the run

    return save_heatmaps([grid], picture, palette)


def write_suite(
    folder: Path, suite: str, grids: Mapping[str, Grid], searched: Mapping[str, float | None], palette: str
) -> list[str]:
    """suite.json and suite.png; returns warnings about the picture. ``searched``: scores of searching, by run."""
    from niah.plotter.suite import save_multiples  # matplotlib, after the runs

    try:
        (folder / "suite.json").write_text(suite_json(suite, grids, searched), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror})") from error
    return save_multiples(f"suite {suite}", grids, folder / "suite.png", palette)
