"""The files beside run logs: grid.json, grid.csv and heatmap.png of a run, suite.json and suite.png
of a suite.

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

GRID_SCHEMA = SUITE_SCHEMA = 1


def grid_json(grid: Grid) -> str:
    """The grid as JSON; mean is null where nothing was scored."""
    named = {
        "recall" if key == "whole" else key: value for key, value in asdict(grid).items()
    }  # a promise
    if not grid.media:
        del named["media"]
    return json.dumps({"schema": GRID_SCHEMA, **named}, ensure_ascii=False, indent=1) + "\n"


def grid_csv(grid: Grid) -> str:
    """One line per cell, with a column per outcome that occurs; an empty field is "not
    measured"."""
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
        drawn = (
            picture.exists()
            and table.exists()
            and f"Look\0{palette}".encode() in picture.read_bytes()
        )
        if drawn and table.read_bytes() == written:
            return []
        picture.unlink(
            missing_ok=True
        )  # of other results: if this process ends before the new one, none is there
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
    """suite.json and suite.png; returns warnings about the picture. ``searched``: scores of
    searching, by run.
    """
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    with writing(folder, "choose another --results"):
        text = suite_json(suite, {name: v.grid for name, v in views.items()}, searched)
        (folder / "suite.json").write_text(text, encoding="utf-8")
    title = f"{next(iter(views.values())).model}: suite {suite}"
    return save_heatmaps(
        list(views.values()), folder / "suite.png", Look(palette=palette), title, list(views)
    )


def suite_json(suite: str, grids: Mapping[str, Grid], searched: Mapping[str, float | None]) -> str:
    """suite.json: the figures of every run. ``searched``: scores of searching, by run."""
    means = [g.whole.mean for g in grids.values() if g.whole.mean is not None]
    runs = [
        {
            "name": name,
            "task": grid.task,
            "haystack": grid.haystack,
            "recall": asdict(grid.whole),
            "normalised": grid.normalised,
            "search": searched.get(name),
            "parts": {part: asdict(share) for part, share in grid.parts.items()},
            "answer_classes": dict(grid.answer_classes),
            "controls": [asdict(c) for c in grid.controls],
        }
        for name, grid in grids.items()
    ]
    model = next(iter(grids.values())).model
    mean = sum(means) / len(means) if means else None  # every run weighs the same
    table = {"schema": SUITE_SCHEMA, "suite": suite, "model": model, "mean": mean, "runs": runs}
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"
