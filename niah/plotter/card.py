"""A model card: one wide picture with claimed and effective length, the heatmap, up to three tasks, cost and date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from niah.plotter.canvas import Words, canvas, colour_map, colours_of, save
from niah.plotter.cells import Room, draw_grid
from niah.plotter.look import LOOK, Look
from niah.plotter.summary import View, headline, held_by, made_parts, names_of, spoken, sure_label
from niah.plotter.wrapping import middle_cut
from niah.text.lengths import label_of
from niah.text.shares import percent
from niah.verdict.grid import MISSING, counts_of

MOST_TASKS = 3


def save_card(views: Sequence[View], dollars: float | None, path: Path, look: Look = LOOK) -> list[str]:
    """Draw runs of one model, the first with its heatmap; ``dollars`` of all of them, None where that is not known.

    Returns warnings. Raises ConfigError for another type or an unwritable path.
    """
    words = card_words(views, dollars)
    return save(lambda: card_figure(views, words, look), words, path, look)


def card_words(views: Sequence[View], dollars: float | None) -> Words:
    first = views[0]
    cost = "cost not known" if dollars is None else "no cost" if dollars == 0 else f"${dollars:,.2f}"
    trials = sum(n for v in views for outcome, n in counts_of(v.grid).items() if outcome != MISSING)
    made = [f"{trials:,} trials", f"haystack {first.grid.haystack}", f"tokenizer {first.grid.tokenizer}", cost]
    foot, told = " · ".join([*made, *made_parts(views)]), f"Model card. {' '.join(map(spoken, views))}"
    return Words(headline=first.model, lines=[headline(first)], foot=foot, spoken=told)


def card_figure(views: Sequence[View], words: Words, look: Look = LOOK) -> Figure:
    """Figures to the left, tasks below them, the heatmap of the first run to the right."""
    figure, unit = canvas(words, look), look.sheet.type
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.75])
    draw_grid(views[0], right, Room(look=look, width=look.sheet.width * 0.56, height=look.sheet.height * 0.66))
    left.set_axis_off()
    left.set(xlim=(-0.025, 1), ylim=(1, 0))
    f, r = views[0].report, views[0].grid.whole
    held = None if f is None else held_by(f)
    claimed = label_of(f.claimed if f else None, "not stated")
    effective = "not measured" if held is None else label_of(held.point)
    for x, name, value in ((0.0, "claimed", claimed), (0.5, "effective", effective)):
        left.text(x, 0.02, name, va="top", size=unit, color=look.faint)
        left.text(x, 0.09, value, va="top", size=unit * (2.7 if len(value) < 6 else 1.3), weight="bold")
    if held is not None:
        left.text(0.5, 0.27, fill(sure_label(held), 22), va="top", size=unit * 0.85, color=look.faint)
    found = f"found, of {r.n:,} trials with a score" if len(views) == 1 else "found, by task"
    left.text(0.0, 0.4, found, va="top", color=look.faint)
    tasks = [v.grid.task for v in views]
    names = tasks if len(set(tasks)) == len(tasks) else names_of(views, 30)
    for i, (view, name) in enumerate(zip(views[:MOST_TASKS], names, strict=False)):
        _bar(view, name, left, 0.5 + 0.17 * i, look)
    return figure


def _bar(view: View, name: str, ax: Axes, y: float, look: Look) -> None:
    """A task with its share as a bar, its n and its interval."""
    r, unit = view.grid.whole, look.sheet.type
    low, high = r.low or 0.0, r.high or 0.0
    said = percent(r.mean, "not measured")
    ax.text(0, y, middle_cut(name, 30), va="top", size=unit * 0.95)
    ax.text(0.92, y, said, va="top", ha="right", size=unit * 1.1, weight="bold")
    ax.barh(y + 0.085, 0.92, 0.03, color=look.missing)
    if r.mean is not None:
        ax.barh(y + 0.085, 0.92 * r.mean, 0.03, color=colours_of([r.mean], colour_map(look.palette)))
        ax.plot([0.92 * low, 0.92 * high], [y + 0.085] * 2, color=look.ink, linewidth=1.2)
