"""Curves by length: the share found with its interval, and the time to the first token. Several runs on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import log10
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from rich.cells import cell_len

from niah.plotter.canvas import Words, canvas, save
from niah.plotter.cells import every_nth
from niah.plotter.heatmap import words_of
from niah.plotter.look import LOOK, Look
from niah.plotter.summary import View, held_by, names_of
from niah.text.shares import percent
from niah.verdict.records import RunReport

# Okabe and Ito 2008: told apart by colour-blind readers; markers tell them apart in grey print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808080")
COLOURS_ON_DARK = ("#56B4E9", *COLOURS[1:5], "#F0E442", "#A0A0A0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DODGE = 0.03  # of a decade: points of several runs at one length stand beside each other

Styled = tuple[RunReport, str, str, str, float]  # with its name, colour, marker and dodge


def save_curves(views: Sequence[View], path: Path, look: Look = LOOK) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError for another type or an unwritable path."""
    words = words_of(views, look=look)
    words = replace(words, spoken=words.spoken.replace("Heatmap of", "Curves by context length of"))
    return save(lambda: curves_figure(views, look, words), words, path, look)


def curves_figure(views: Sequence[View], look: Look = LOOK, words: Words | None = None) -> Figure:
    """The share found, and beside it time, where any run has one."""
    styled = styled_of(views, names_of(views, 34), look)
    timed = any(t.first_token_s for f, *_ in styled for t in f.times)
    figure = canvas(words or words_of(views, look=look), look)
    longest = max((cell_len(name) for _, name, *_ in styled), default=0) + 25  # signs, with figures and a line
    columns = max(1, min(3, len(styled), int(140 * look.sheet.width / look.sheet.type / longest)))
    rows = -(-len(styled) // columns)
    axes = figure.subplot_mosaic("ft;nn" if timed else "f;n", height_ratios=[1, 0.075 * rows])
    found_curves(styled, axes["f"], look)
    if timed:
        time_curves(styled, axes["t"], look)
    axes["n"].set_axis_off()
    handles, labels = axes["f"].get_legend_handles_labels()
    if handles:
        axes["n"].legend(handles, labels, loc="center", frameon=False, ncols=columns)
    return figure


def found_curves(styled: Sequence[Styled], ax: Axes, look: Look) -> None:
    """The share found by length, with 95 % intervals and the threshold of the effective length."""
    for f, name, colour, marker, dodge in styled:
        points = [
            (length * dodge, r.mean, r.mean - (r.low or 0), (r.high or 0) - r.mean)
            for length, r in f.by_length.items()
            if r.mean is not None
        ]
        ends = None if f.bracket is not None else [[p[2] for p in points], [p[3] for p in points]]
        x, means = [p[0] for p in points], [p[1] for p in points]
        label = f"{name}: {percent(f.whole.mean)} (n = {f.whole.n:,})"
        ax.errorbar(x, means, ends, color=colour, marker=marker, markersize=5, capsize=3, linewidth=1.6, label=label)
    held = next((e for f, *_ in styled if (e := held_by(f))), None)
    if held is not None and held.threshold is not None:
        ax.axhline(held.threshold, color=look.faint, linewidth=1, linestyle="--")
        said = f"{percent(held.threshold)}: counts as reliable"
        ax.annotate(
            said, (0.01, held.threshold), (0, -3), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="top", fontsize=look.sheet.type * 0.8, color=look.faint, zorder=4,
            bbox={"facecolor": look.paper, "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip
    ax.set_ylim(-0.03, 1.03)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel("share found, with 95 % interval")
    _finish(ax, styled, look)


def time_curves(styled: Sequence[Styled], ax: Axes, look: Look) -> None:
    """Median seconds to the first token by length, both on logarithmic scales: a power is a straight line."""
    for f, name, colour, marker, dodge in styled:
        points = [(t.context_length * dodge, t.first_token_s) for t in f.times if t.first_token_s]
        if points:
            x, y = [p[0] for p in points], [p[1] for p in points]
            ax.plot(x, y, color=colour, marker=marker, markersize=5, linewidth=1.6, label=name)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s:g} s"))
    ax.yaxis.set_minor_formatter(FuncFormatter(lambda s, _: f"{s:g} s" if f"{s:.0e}"[0] in "25" else ""))
    ax.set_ylabel("time to the first token (median)")
    _finish(ax, styled, look)


def styled_of(views: Sequence[View], names: Sequence[str], look: Look) -> list[Styled]:
    """Every run that has figures, in a colour of its own."""
    colours, middle = COLOURS_ON_DARK if look.dark else COLOURS, (len(views) - 1) / 2
    lengths = sorted({length for v in views if v.report for length in v.report.by_length})
    step = min([_DODGE, *(log10(b / a) / (2 * len(views)) for a, b in pairwise(lengths))])
    return [
        (v.report, name, colours[i % len(colours)], MARKERS[i % len(MARKERS)], 10 ** (step * (i - middle)))
        for i, (v, name) in enumerate(zip(views, names, strict=True))
        if v.report is not None
    ]


def _finish(ax: Axes, styled: Sequence[Styled], look: Look) -> None:
    lengths = sorted({length for f, *_ in styled for length in f.by_length})
    shown = [lengths[i] for i in every_nth(len(lengths), 9)] if lengths else []
    ax.set_xscale("log")
    ax.set_xticks(shown, [look.length_label(n) for n in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("turns of the conversation" if look.turns else "context length (tokens)")
    ax.grid(visible=True)
    ax.set_axisbelow(True)
    ax.tick_params(length=0)
    ax.tick_params(length=0, which="minor")
    ax.spines[["top", "right"]].set_visible(False)
