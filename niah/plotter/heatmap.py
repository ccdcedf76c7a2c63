"""The heatmap: length across, depth down, green where the needle was found; several side by side.

The scale is fixed from 0 to 1. Every picture says its finding first, then n and interval, and at
its foot what was measured with what. How probable the right answers were is drawn in the same way,
in nats on a scale of its own.

Of two runs the difference is drawn, too, on a fixed scale from -1 to +1: blue where needles were
gained and red where they were lost (ColorBrewer's RdBu, told apart by colour-blind readers), with a
frame around cells whose change is more than chance. A model card is one wide picture with claimed
and effective length, a heatmap, tasks, cost and date.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from niah.errors import ConfigError
from niah.plotter.canvas import (
    Words,
    canvas,
    colour_map,
    colours_of,
    drawn,
    fit,
    save,
    scale_beside,
)
from niah.plotter.cells import Room, Valued, axes_of, boxes_of, draw_grid, fill, is_bars, row_edges
from niah.plotter.formatting import lost_trials, plural
from niah.plotter.look import LOOK, Look
from niah.plotter.report_text import change_words
from niah.plotter.summary import (
    View,
    claimed_part,
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
    sure_label,
)
from niah.plotter.wrapping import middle_cut
from niah.records import Row
from niah.text.lengths import label_of
from niah.text.shares import percent
from niah.verdict.grid import MISSING, counts_of
from niah.verdict.records import Comparison, Grid

FOUND = "share of trials found"
LEVEL = 0.05
FRAMED = "framed: more than chance would do, at 5 % over all cells"
MOST_TASKS = 3
DARKEST = 5.0  # nats at least: one answer in 150 would be right
# Nunez, Anderton and Renslow 2018: its lightness rises evenly, for all readers
NATS_PALETTE = "cividis_r"
CHANGES = "RdBu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of several axes of a picture."""

    title: str
    draw: Callable[[Axes, Room], None]


def save_heatmaps(
    views: Sequence[View],
    path: Path,
    look: Look = LOOK,
    title: str | None = None,
    names: Sequence[str] = (),
) -> list[str]:
    """Draw runs side by side into a PNG, SVG or PDF; returns warnings (a missing font).

    ``title`` and ``names`` take the place of the finding and the models over several. Raises
    ConfigError for another file type or an unwritable path, UnknownName for an unknown palette.
    """
    words = words_of(views, title, look)
    return save(lambda: figure_of(views, look, words, names), words, path, look)


def heatmap_png(view: View) -> bytes:
    """The heatmap as a PNG in memory, of a size for a notebook."""
    look = Look(size="post")
    return drawn(lambda: figure_of([view], look), words_of([view]), look, "png")[0]


def words_of(views: Sequence[View], title: str | None = None, look: Look = LOOK) -> Words:
    """The finding of one run, or what several found."""
    told = " ".join(map(spoken, views))
    if len(views) == 1 and title is None:
        (view,) = views
        by_turns = _by_turns(view, look)
        said = (found_line(view), "" if by_turns else lengths_line(view), doubts_line(view))
        lines, title = [line for line in said if line], by_turns or headline(view)
        return Words(headline=title, lines=lines, foot=recipe_line(view), spoken=told)
    shared = []
    for name in ("task", "haystack", "tokenizer"):
        values = {getattr(v.grid, name) for v in views}
        shared += [f"{name} {values.pop()}"] if len(values) == 1 else []
    trials = plural(sum(v.grid.whole.n for v in views), "scored trial")
    foot = " · ".join([*shared, trials, *made_parts(views), *hatched_part(views)])
    return Words(headline=title or several_headline(views), lines=[], foot=foot, spoken=told)


def _by_turns(view: View, look: Look) -> str | None:
    """What is found at the fewest and at the most turns; None where no turns are on the axis."""
    found = view.report.by_length.items()
    shares = [(look.turns[n], r.mean) for n, r in found if n in look.turns and r.mean is not None]
    if len(shares) < 2:
        return None
    (few, first), (many, last) = shares[0], shares[-1]
    return f"{percent(first)} found over {plural(few, 'turn')}, {percent(last)} over {many:,}"


def figure_of(
    views: Sequence[View],
    look: Look = LOOK,
    words: Words | None = None,
    names: Sequence[str] = (),
    more: Sequence[Panel] = (),
) -> Figure:
    """A picture with a panel per run and a common scale, and more panels behind them."""
    words = words or words_of(views)
    names = names or names_of(views, 108 // columns_for(len(views)))
    panels = [panel_of(v, name) for v, name in zip(views, names, strict=True)]
    figure, axes = panels_figure([*panels, *more], words, look)
    if not all(is_bars(v.grid) for v in views):
        scale_beside(axes[: len(views)], colour_map(look.palette), FOUND, look)
    return figure


def panel_of(view: View, name: str) -> Panel:
    """A run with its name over it, and in the next line its figures."""
    r, held = view.grid.whole, held_by(view.report)
    said = [f"{percent(r.mean)} found (n = {r.n:,})" if r.mean is not None else "nothing scored"]
    lost = sum(map(lost_trials, view.grid.cells))
    said += [f"{lost:,} unscored"] if lost else []
    said += [f"effective {label_of(held.point)}"] if held else []
    said += claimed_part(view.report)
    return Panel(title=f"{name}\n{' · '.join(said)}", draw=partial(draw_grid, view))


def columns_for(panels: int) -> int:
    """How many stand side by side on a wide sheet."""
    return panels if panels <= 3 else min(4, ceil(panels / 2))


def panels_figure(panels: Sequence[Panel], words: Words, look: Look) -> tuple[Figure, list[Axes]]:
    """Panels on one sheet, row by row; what their axes mean is said once."""
    figure, columns = canvas(words, look), columns_for(len(panels))
    rows = ceil(len(panels) / columns)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    width, height = look.sheet.width * 0.88 / columns, look.sheet.height * 0.68 / rows
    room = Room(look=look, width=width, height=height, alone=len(panels) == 1)
    size = look.sheet.type * (0.95 if columns < 4 else 0.8)
    for i, (panel, ax) in enumerate(zip(panels, axes, strict=False)):
        panel.draw(ax, room)
        if not room.alone:
            title = ax.set_title(panel.title, loc="left", fontsize=size, linespacing=1.35)
            fit(title, room.width * 0.9)
        if i + columns < len(panels):
            ax.set_xlabel("")
        if i % columns:
            ax.set_ylabel("")
    return figure, axes[: len(panels)]


def save_nats(view: View, rows: Iterable[Row], path: Path, look: Look = LOOK) -> list[str]:
    """Draw one run into a PNG, SVG or PDF; returns warnings.

    Raises ConfigError where no server told a probability.
    """
    told: dict[tuple[int, float], list[float]] = defaultdict(list)
    for r in rows:
        if r.target_nats is not None and r.trial.control is None:
            told[r.trial.context_length, r.trial.depth_percent].append(r.target_nats)
    if not told:
        raise ConfigError(
            "no trial of the run has a log-probability; "
            "sweep with --target-logprob, where a server tells it"
        )
    means = {place: fmean(nats) for place, nats in told.items()}
    every = [n for nats in told.values() for n in nats]
    worst = max(means, key=means.__getitem__)
    rarest = f"rarest at {label_of(worst[0])}, depth {worst[1]:g} %: {means[worst]:.2f} nats"
    line = f"{view.model} · n = {len(every)} · {rarest}"
    words = Words(
        headline=f"The right answer costs {fmean(every):.2f} nats",
        lines=[line, "minus its log-probability, teacher-forced; 0 is sure"],
        foot=recipe_line(view),
        spoken=f"Heatmap of log-probabilities: {line}",
    )
    panel = Panel(title="", draw=partial(_nats, view.grid, means))
    return save(lambda: panels_figure([panel], words, look)[0], words, path, look)


def _nats(grid: Grid, means: Mapping[tuple[int, float], float], ax: Axes, room: Room) -> None:
    edges = row_edges(grid, true_depths=room.look.true_depths)
    most = max(DARKEST, *means.values())
    shown: list[Valued] = []
    for c in grid.cells:
        nats = means.get((c.context_length, c.depth_percent))
        value, label = (None, "") if nats is None else (nats / most, f"{nats:.1f}")
        shown.append((c.context_length, c.depth_percent, value, label))
    fill(ax, boxes_of(grid, edges, shown), room, colour_map(NATS_PALETTE), digits=True)
    axes_of(ax, grid, edges, room)


def save_comparison(
    views: Sequence[View], comparison: Comparison | None, path: Path, look: Look = LOOK
) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError as ``canvas.save``."""
    words = comparison_words(views, comparison)
    return save(lambda: comparison_figure(views, comparison, look, words), words, path, look)


def comparison_words(views: Sequence[View], comparison: Comparison | None) -> Words:
    """What has changed, in a sentence and in figures."""
    words = words_of(views)
    if comparison is None or comparison.whole.drop is None:
        return words
    whole, drop = comparison.whole, comparison.whole.drop
    before, after = names_of(views, 26)
    if drop == 0:
        said = f"{after} finds as much as {before}"
    else:
        sure = whole.p_change is not None and whole.p_change <= LEVEL
        said = f"{after} finds {'less' if drop > 0 else 'more'} than {before}"
        said += "" if sure else "; it may be chance"
    lines = [change_words(whole), FRAMED]
    told = f"{words.spoken} {after} minus {before}: {lines[0]}."
    return replace(words, headline=said, lines=lines, spoken=told)


def comparison_figure(
    views: Sequence[View],
    comparison: Comparison | None,
    look: Look = LOOK,
    words: Words | None = None,
) -> Figure:
    """Small multiples; the difference is the last one."""
    words, names = words or comparison_words(views, comparison), names_of(views)
    if comparison is None:
        return figure_of(views, look, words, names)
    draw = partial(difference, comparison, views[-1].grid)
    changed = Panel(title=f"{names[-1]}\nminus {names[0]}", draw=draw)
    figure = figure_of(views, look, words, names, [changed])
    last = [figure.axes[len(views)]]
    scale_beside(last, colour_map(CHANGES), "change in the share", look, (-1, 1))
    return figure


def difference(comparison: Comparison, grid: Grid, ax: Axes, room: Room) -> None:
    """Draw the change of every cell on the axes; labels are those of the grid of the later run."""
    cells, edges = comparison.cells, row_edges(grid, true_depths=room.look.true_depths)
    shown = [(c.context_length, c.depth_percent, c.change, change_label(c.change)) for c in cells]
    boxes = boxes_of(grid, edges, shown)
    digits = any(b.value for b in boxes)
    fill(ax, boxes, room, colour_map(CHANGES), digits=digits, ends=(-1, 1))
    for cell, box in zip(cells, boxes, strict=True):
        if cell.p is None or cell.p > LEVEL:
            continue
        corner, height = (box.x + 0.07, box.y + 0.09 * box.height), 0.82 * box.height
        for colour, line in (("white", 4.0), ("black", 1.8)):  # seen on light and on dark cells
            frame = Rectangle(corner, 0.86, height, fill=False, edgecolor=colour, linewidth=line)
            ax.add_patch(frame)
    axes_of(ax, replace(grid, controls=()), edges, room)


def change_label(change: float | None) -> str:
    """+.40, -.10, 0: short enough for a cell."""
    if not change:
        return "" if change is None else "0"
    return f"{change:+.0f}" if abs(change) == 1 else f"{change:+.2f}".replace("0.", ".")


def save_card(
    views: Sequence[View], dollars: float | None, path: Path, look: Look = LOOK
) -> list[str]:
    """Draw runs of one model, the first with its heatmap; ``dollars`` of all, None where not known.

    Returns warnings. Raises ConfigError for another type or an unwritable path.
    """
    words = card_words(views, dollars)
    return save(lambda: card_figure(views, words, look), words, path, look)


def card_words(views: Sequence[View], dollars: float | None) -> Words:
    first, cost = views[0], "cost not known"
    if dollars is not None:
        cost = f"${dollars:,.2f}" if dollars else "no cost"
    trials = sum(c.total() - c[MISSING] for c in (counts_of(v.grid) for v in views))
    texts = [f"haystack {first.grid.haystack}", f"tokenizer {first.grid.tokenizer}"]
    foot = " · ".join([plural(trials, "trial"), *texts, cost, *made_parts(views)])
    told = f"Model card. {' '.join(map(spoken, views))}"
    return Words(headline=first.model, lines=[headline(first)], foot=foot, spoken=told)


def card_figure(views: Sequence[View], words: Words, look: Look = LOOK) -> Figure:
    """Figures to the left, tasks below them, the heatmap of the first run to the right."""
    figure, unit = canvas(words, look), look.sheet.type
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.75])
    room = Room(look=look, width=look.sheet.width * 0.56, height=look.sheet.height * 0.66)
    draw_grid(views[0], right, room)
    left.set_axis_off()
    left.set(xlim=(-0.025, 1), ylim=(1, 0))
    f, r = views[0].report, views[0].grid.whole
    held = held_by(f)
    claimed = label_of(f.claimed, "not stated")
    effective = "not measured" if held is None else label_of(held.point)
    for x, name, value in ((0.0, "claimed", claimed), (0.5, "effective", effective)):
        left.text(x, 0.02, name, va="top", size=unit, color=look.faint)
        size = unit * (2.7 if len(value) < 6 else 1.3)
        left.text(x, 0.09, value, va="top", size=size, weight="bold")
    if held is not None:
        sure = textwrap.fill(sure_label(held), 22)
        left.text(0.5, 0.27, sure, va="top", size=unit * 0.85, color=look.faint)
    found = f"found, of {r.n:,} trials with a score" if len(views) == 1 else "found, by task"
    left.text(0.0, 0.4, found, va="top", color=look.faint)
    tasks = [v.grid.task for v in views]
    names = tasks if len(set(tasks)) == len(tasks) else names_of(views, 30)
    for i, (view, name) in enumerate(zip(views[:MOST_TASKS], names, strict=False)):
        _bar(view, name, left, 0.5 + 0.17 * i, look)
    return figure


def _bar(view: View, name: str, ax: Axes, y: float, look: Look) -> None:
    r, unit = view.grid.whole, look.sheet.type
    said = percent(r.mean, "not measured")
    ax.text(0, y, middle_cut(name, 30), va="top", size=unit * 0.95)
    ax.text(0.92, y, said, va="top", ha="right", size=unit * 1.1, weight="bold")
    y += 0.085
    ax.barh(y, 0.92, 0.03, color=look.missing)
    if r.mean is not None:
        colour = colours_of([r.mean], colour_map(look.palette))
        ends = [0.92 * (r.low or 0.0), 0.92 * (r.high or 0.0)]
        ax.barh(y, 0.92 * r.mean, 0.03, color=colour)
        ax.plot(ends, [y, y], color=look.ink, linewidth=1.2)
