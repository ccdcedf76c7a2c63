"""The files beside run logs: grid.json, grid.csv, heatmap.png, and suite.json and suite.png.

The field names of the first are a promise: other programs read them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from niah.errors import writing
from niah.plotter.look import Look
from niah.plotter.summary import View
from niah.verdict.records import Grid

SCHEMA = 1  # of both


def grid_json(grid: Grid) -> str:
    """The grid as JSON; mean is null where nothing was scored."""
    named = {"recall" if key == "whole" else key: value for key, value in asdict(grid).items()}
    if not grid.media:
        del named["media"]
    return json.dumps({"schema": SCHEMA, **named}, ensure_ascii=False, indent=1) + "\n"


def grid_csv(grid: Grid) -> str:
    """One line per cell, a column per outcome that occurs; an empty field is "not measured"."""
    outcomes = sorted({o for c in grid.cells for o in c.outcomes})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["context_length", "depth_percent", "n", "mean", "low", "high", *outcomes])
    for c in grid.cells:
        counts = [c.outcomes.get(o, 0) for o in outcomes]
        share = ["" if value is None else f"{value:.6g}" for value in (c.mean, c.low, c.high)]
        writer.writerow([c.context_length, f"{c.depth_percent:g}", c.n, *share, *counts])
    return text.getvalue()


def write_outputs(folder: Path, view: View, palette: str) -> list[str]:
    """Write all three, where they are not there already; returns warnings about the picture."""
    grid, table, picture = view.grid, folder / "grid.json", folder / "heatmap.png"
    with writing(folder, "choose another --results"):
        written = grid_json(grid).encode()
        same = picture.exists() and table.exists() and table.read_bytes() == written
        if same and f"Look\0{palette}".encode() in picture.read_bytes():
            return []
        # of other results: if this process ends before the new one, none is there
        picture.unlink(missing_ok=True)
        table.write_bytes(written)
        (folder / "grid.csv").write_text(grid_csv(grid), encoding="utf-8")
    from niah.plotter.heatmap import save_heatmaps  # 0.8 s of matplotlib, after the run

    return save_heatmaps([view], picture, Look(palette=palette))


def write_suite(
    folder: Path,
    suite: str,
    views: Mapping[str, View],
    searched: Mapping[str, float | None],
    palette: str,
) -> list[str]:
    """suite.json and suite.png; returns warnings about the picture.

    ``searched``: scores of searching, by run.
    """
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    shown = list(views.values())
    with writing(folder, "choose another --results"):
        grids = {name: v.grid for name, v in views.items()}
        text = _suite_json(suite, grids, searched)
        (folder / "suite.json").write_text(text, encoding="utf-8")
    path, title = folder / "suite.png", f"{shown[0].model}: suite {suite}"
    return save_heatmaps(shown, path, Look(palette=palette), title, list(views))


def _suite_json(suite: str, grids: Mapping[str, Grid], searched: Mapping[str, float | None]) -> str:
    means = [g.whole.mean for g in grids.values() if g.whole.mean is not None]
    runs = []
    for name, grid in grids.items():
        told = asdict(grid)
        about = {"name": name, "task": grid.task, "haystack": grid.haystack}
        scores = {"recall": told["whole"], "normalised": grid.normalised}
        apart = {key: told[key] for key in ("parts", "answer_classes", "controls")}
        runs.append({**about, **scores, "search": searched.get(name), **apart})
    model = next(iter(grids.values())).model
    mean = sum(means) / len(means) if means else None  # every run weighs the same
    table = {"schema": SCHEMA, "suite": suite, "model": model, "mean": mean, "runs": runs}
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"
