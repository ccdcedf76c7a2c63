"""grid.json and grid.csv: the grid for other programs. Their field names are a promise."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

from niah.records import Grid

GRID_SCHEMA = 1


def grid_json(grid: Grid) -> str:
    """The grid as JSON; mean is null where nothing was scored."""
    named = {"recall" if key == "whole" else key: value for key, value in asdict(grid).items()}  # a promise
    return json.dumps({"schema": GRID_SCHEMA, **named}, ensure_ascii=False, indent=1) + "\n"


def grid_csv(grid: Grid) -> str:
    """One line per cell, with a column per outcome that occurs; an empty field is "not measured"."""
    outcomes = sorted({o for c in grid.cells for o in c.outcomes})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["context_length", "depth_percent", "n", "mean", "low", "high", *outcomes])
    for c in grid.cells:
        counts = [c.outcomes.get(o, 0) for o in outcomes]
        writer.writerow(
            [c.context_length, f"{c.depth_percent:g}", c.n, _plain(c.mean), _plain(c.low), _plain(c.high), *counts]
        )
    return text.getvalue()


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
