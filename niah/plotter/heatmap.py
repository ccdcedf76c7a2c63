"""The heatmap: length across, depth down, green where the needle was found. Several runs stand side by side.

The scale is fixed from 0 to 1. Every picture says its finding first, then n and interval, and at its foot what was
measured with what. How probable the right answers were is drawn in the same way, in nats on a scale of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from niah.errors import ConfigError
from niah.plotter.canvas import Words, canvas, colour_map, fit, png, save, scale_beside
from niah.plotter.cells import Room, axes_of, boxes_of, draw_grid, fill, is_bars, row_edges
from niah.plotter.formatting import plural
from niah.plotter.look import LOOK, Look
from niah.plotter.summary import (
    View,
    doubts_line,
    found_line,
    hatched_part,
    headline,
    held_by,
    lengths_line,
    made_parts,
    names_of,
    recipe_line,
    several_headline,
    spoken,
)
from niah.records import Grid, Row
from niah.text.lengths import label_of
from niah.text.shares import percent

FOUND = "share of trials found"
DARKEST = 5.0  # nats at least: one answer in 150 would be right
NATS_PALETTE = "cividis_r"  # Nunez, Anderton and Renslow 2018: its lightness rises evenly, for all readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of several axes of a picture."""

    title: str
    draw: Callable[[Axes, Room], None]
    grid: Grid


def save_heatmaps(
    views: Sequence[View], path: Path, look: Look = LOOK, title: str | None = None, names: Sequence[str] = ()
) -> list[str]:
    """Draw runs side by side into a PNG, SVG or PDF; returns warnings (a missing font).

    ``title`` and ``names`` take the place of the finding and the models over several. Raises ConfigError for another
    file type or an unwritable path, UnknownName for a palette that is not there.
    """
    words = words_of(views, title, look)
    return save(lambda: figure_of(views, look, words, names), words, path, look)


def heatmap_png(view: View) -> bytes:
    """The heatmap as a PNG in memory, of a size for a notebook."""
    look = Look(size="post")
    return png(lambda: figure_of([view], look), words_of([view]), look)


def words_of(views: Sequence[View], title: str | None = None, look: Look = LOOK) -> Words:
    """The finding of one run, or what several found."""
    if len(views) == 1 and title is None:
        (view,) = views
        by_turns = _by_turns(view, look)
        said = (found_line(view), None if by_turns else lengths_line(view), doubts_line(view))
        lines = [line for line in said if line]
        return Words(headline=by_turns or headline(view), lines=lines, foot=recipe_line(view), spoken=spoken(view))
    tasks = [name for name in ("task", "haystack", "tokenizer") if len({getattr(v.grid, name) for v in views}) == 1]
    shared = [f"{name} {getattr(views[0].grid, name)}" for name in tasks]
    trials = plural(sum(v.grid.whole.n for v in views), "scored trial")
    foot = " · ".join([*shared, trials, *made_parts(views), *hatched_part(views)])
    told = " ".join(spoken(v) for v in views)
    return Words(headline=title or several_headline(views), lines=[], foot=foot, spoken=told)


def _by_turns(view: View, look: Look) -> str | None:
    """What is found at the fewest and at the most turns; None where no turns are on the axis."""
    found = view.report.by_length if view.report else {}
    shares = [(look.turns[n], share.mean) for n, share in found.items() if n in look.turns and share.mean is not None]
    if len(shares) < 2:
        return None
    (few, first), (many, last) = shares[0], shares[-1]
    return f"{percent(first)} found over {plural(few, 'turn')}, {percent(last)} over {many:,}"


def figure_of(
    views: Sequence[View], look: Look = LOOK, words: Words | None = None, names: Sequence[str] = ()
) -> Figure:
    """A picture with a panel per run and a common scale."""
    words = words or words_of(views)
    names = names or names_of(views, 108 // columns_for(len(views)))
    panels = [panel_of(v, name) for v, name in zip(views, names, strict=True)]
    figure, axes = panels_figure(panels, words, look)
    if not all(is_bars(v.grid) for v in views):
        scale_beside(figure, axes, colour_map(look.palette), FOUND, look)
    return figure


def panel_of(view: View, name: str) -> Panel:
    """A run with its name over it, and in the next line its figures."""
    r = view.grid.whole
    said = [f"{percent(r.mean)} found (n = {r.n:,})" if r.mean is not None else "nothing scored"]
    lost = sum(n for c in view.grid.cells for o, n in c.outcomes.items() if o not in ("scored", "missing"))
    said += [f"{lost:,} unscored"] if lost else []
    held = None if view.report is None else held_by(view.report)
    said += [f"effective {label_of(held.point)}"] if held else []
    said += [f"claimed {label_of(view.report.claimed)}"] if view.report and view.report.claimed else []
    return Panel(title=f"{name}\n{' · '.join(said)}", draw=lambda ax, room: draw_grid(view, ax, room), grid=view.grid)


def columns_for(panels: int) -> int:
    """How many stand side by side on a wide sheet."""
    return panels if panels <= 3 else ceil(panels / 2) if panels <= 8 else 4


def panels_figure(panels: Sequence[Panel], words: Words, look: Look) -> tuple[Figure, list[Axes]]:
    """Panels on one sheet, from left to right and from top to bottom; what their axes mean is said once."""
    figure, columns = canvas(words, look), columns_for(len(panels))
    rows = ceil(len(panels) / columns)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    room = Room(
        look=look,
        width=look.sheet.width * 0.88 / columns,
        height=look.sheet.height * 0.68 / rows,
        alone=len(panels) == 1,
    )
    for i, (panel, ax) in enumerate(zip(panels, axes, strict=False)):
        panel.draw(ax, room)
        if not room.alone:
            title = ax.set_title(panel.title, loc="left", fontsize=look.sheet.type * (0.95 if columns < 4 else 0.8))
            title.set(linespacing=1.35)
            fit(title, room.width * 0.9)
        if i + columns < len(panels):
            ax.set_xlabel("")
        if i % columns:
            ax.set_ylabel("")
    return figure, axes[: len(panels)]


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
    return save(lambda: _nats_figure(view, means, words, look), words, path, look)


def _nats_figure(view: View, means: dict[tuple[int, float], float], words: Words, look: Look) -> Figure:
    grid, most = view.grid, max(DARKEST, max(means.values()))
    figure = canvas(words, look)
    ax = figure.subplots()
    edges = row_edges(grid)
    told = {place: (nats / most, f"{nats:.1f}") for place, nats in means.items()}
    boxes = boxes_of(grid, edges, grid.cells, lambda c: told.get((c.context_length, c.depth_percent), (None, "")))
    room = Room(look=look, width=look.sheet.width * 0.88, height=look.sheet.height * 0.68)
    fill(ax, boxes, room, colour_map(NATS_PALETTE), digits=True)
    axes_of(ax, grid, edges, room)
    return figure
