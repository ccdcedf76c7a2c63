"""How probable the right answer was, by length and depth: nats on a sequential scale of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from niah.errors import ConfigError
from niah.plotter.canvas import Words, canvas, colour_map, save
from niah.plotter.cells import Box, Room, axes_of, fill, row_edges
from niah.plotter.headline import View, recipe_line
from niah.plotter.look import LOOK, Look
from niah.records import Row
from niah.text.lengths import label_of

DARKEST = 5.0  # nats at least: one answer in 150 would be right
PALETTE = "cividis_r"  # Nunez, Anderton and Renslow 2018: its lightness rises evenly, also for colour-blind readers


def save_nats(view: View, rows: Iterable[Row], path: Path, look: Look = LOOK) -> list[str]:
    """Draw one run into a PNG, SVG or PDF; returns warnings. Raises ConfigError where no server told a probability."""
    told: dict[tuple[int, float], list[float]] = defaultdict(list)
    for r in rows:
        if r.target_nats is not None and r.trial.control is None:
            told[r.trial.context_length, r.trial.depth_percent].append(r.target_nats)
    if not told:
        raise ConfigError(
            "no trial of the run has a log-probability; sweep with --target-logprob, where a server tells it"
        )
    means = {place: fmean(nats) for place, nats in told.items()}
    every = [n for nats in told.values() for n in nats]
    worst = max(means, key=lambda place: means[place])
    rarest = f"rarest at {label_of(worst[0])}, depth {worst[1]:g} %: {means[worst]:.2f} nats"
    line = f"{view.model} · n = {len(every)} · {rarest}"
    words = Words(
        headline=f"The right answer costs {fmean(every):.2f} nats",
        lines=[line, "minus its log-probability, teacher-forced; 0 is sure"],
        foot=recipe_line(view),
        spoken=f"Heatmap of log-probabilities: {line}",
    )
    return save(lambda: _figure(view, means, words, look), words, path, look)


def _figure(view: View, means: dict[tuple[int, float], float], words: Words, look: Look) -> Figure:
    grid, most = view.grid, max(DARKEST, max(means.values()))
    figure = canvas(words, look)
    ax = figure.subplots()
    edges, columns = row_edges(grid), {n: i for i, n in enumerate(grid.context_lengths)}
    rows = {d: i for i, d in enumerate(grid.depths)}
    boxes = []
    for c in grid.cells:
        nats, row = means.get((c.context_length, c.depth_percent)), rows[c.depth_percent]
        label = "" if nats is None else f"{nats:.1f}"
        left, height = columns[c.context_length] - 0.5, edges[row + 1] - edges[row]
        value = None if nats is None else nats / most
        boxes.append(Box(x=left, y=edges[row], width=1, height=height, value=value, label=label))
    room = Room(look=look, width=look.sheet.width * 0.88, height=look.sheet.height * 0.68)
    fill(ax, boxes, room, colour_map(PALETTE), digits=True)
    axes_of(ax, grid, edges, room)
    return figure
