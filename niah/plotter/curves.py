"""Curves by length: share found with its interval, time to the first token; several on one scale.

One model under several deliveries has a table in words, and a picture of what was found, by length
and by depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, pairwise
from math import log10
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from rich.cells import cell_len

from niah.plotter.canvas import Words, canvas, save
from niah.plotter.cells import Room, every_nth
from niah.plotter.heatmap import Panel, figure_of, words_of
from niah.plotter.look import LOOK, TURNS, Look
from niah.plotter.report_text import Part, change_words, table_of
from niah.plotter.summary import View, held_by, names_of
from niah.text.lengths import label_of
from niah.text.shares import digits, percent, seconds_label
from niah.verdict.deliveries import AT, Delivery, Split
from niah.verdict.records import RunReport

# Okabe and Ito 2008: told apart by colour-blind readers; markers tell them apart in grey print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808080")
COLOURS_ON_DARK = ("#56B4E9", *COLOURS[1:5], "#F0E442", "#A0A0A0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# the hatching tells them apart in grey print
_PARTS = (
    ("sent and read", "#009E73", ""),
    ("sent, not read", "#D55E00", "//"),
    ("not sent", "#BBBBBB", ".."),
)
_DODGE = 0.03  # of a decade: points of several runs at one length stand beside each other
_LINE: Mapping[str, Any] = {"markersize": 5, "linewidth": 1.6}

Styled = tuple[RunReport, str, str, str, float]  # with its name, colour, marker and dodge


def save_curves(views: Sequence[View], path: Path, look: Look = LOOK) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError as ``canvas.save``."""
    words = words_of(views, look=look)
    words = replace(words, spoken=words.spoken.replace("Heatmap of", "Curves by context length of"))
    return save(lambda: curves_figure(views, look, words), words, path, look)


def curves_figure(views: Sequence[View], look: Look = LOOK, words: Words | None = None) -> Figure:
    """The share found, and beside it time, where any run has one."""
    styled = styled_of(views, names_of(views, 34), look)
    timed = any(t.first_token_s for f, *_ in styled for t in f.times)
    figure = canvas(words or words_of(views, look=look), look)
    longest = max((cell_len(name) for _, name, *_ in styled), default=0) + 25  # figures and a line
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
        ax.errorbar(x, means, ends, color=colour, marker=marker, capsize=3, label=label, **_LINE)
    held = next((e for f, *_ in styled if (e := held_by(f))), None)
    if held is not None and held.threshold is not None:
        _threshold(held.threshold, ax, look)
    ax.set_ylim(-0.03, 1.03)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel("share found, with 95 % interval")
    _finish(ax, styled, look)


def _threshold(share: float, ax: Axes, look: Look) -> None:
    ax.axhline(share, color=look.faint, linewidth=1, linestyle="--")
    ax.annotate(
        f"{percent(share)}: counts as reliable", (0.01, share), (0, -3),
        xycoords=("axes fraction", "data"), textcoords="offset points", va="top", zorder=4,
        fontsize=look.sheet.type * 0.8, color=look.faint,
        bbox={"facecolor": look.paper, "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def time_curves(styled: Sequence[Styled], ax: Axes, look: Look) -> None:
    """Median seconds to the first token by length, on logarithmic scales: a power is straight."""
    for f, name, colour, marker, dodge in styled:
        points = [(t.context_length * dodge, t.first_token_s) for t in f.times if t.first_token_s]
        if points:
            x, y = [p[0] for p in points], [p[1] for p in points]
            ax.plot(x, y, color=colour, marker=marker, label=name, **_LINE)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda s, _: f"{s:g} s")
    ax.yaxis.set_minor_formatter(lambda s, _: f"{s:g} s" if f"{s:.0e}"[0] in "25" else "")
    low, high = ax.get_ylim()
    if high < 10 * low:  # perhaps with neither 1, 2 nor 5 in it
        ax.set_yticks([s for s in MaxNLocator(4).tick_values(low, high) if low <= s <= high])
        ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("time to the first token (median)")
    _finish(ax, styled, look)


def styled_of(views: Sequence[View], names: Sequence[str], look: Look) -> list[Styled]:
    """Every run in a colour of its own."""
    colours, middle = COLOURS_ON_DARK if look.dark else COLOURS, (len(views) - 1) / 2
    lengths = sorted({length for v in views for length in v.report.by_length})
    step = min([_DODGE, *(log10(b / a) / (2 * len(views)) for a, b in pairwise(lengths))])
    styles = zip(views, names, cycle(colours), cycle(MARKERS), strict=False)
    return [
        (v.report, name, colour, marker, 10 ** (step * (i - middle)))
        for i, (v, name, colour, marker) in enumerate(styles)
    ]


def _finish(ax: Axes, styled: Sequence[Styled], look: Look) -> None:
    lengths = sorted({length for f, *_ in styled for length in f.by_length})
    shown = [lengths[i] for i in every_nth(len(lengths), 9)]
    ax.set_xscale("log")
    ax.set_xticks(shown, [look.length_label(n) for n in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(TURNS if look.turns else "context length (tokens)")
    ax.grid(visible=True)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, which="both")
    ax.spines[["top", "right"]].set_visible(False)


def delivery_parts(deliveries: Sequence[Delivery]) -> Iterator[Part]:
    """What each sent and cost, whose misses they are, and from which length one beats the other."""
    figures = [d.figures for d in deliveries]
    calls = ("not measured" if f.calls is None else digits(f.calls) for f in figures)
    tokens = ("not measured" if f.tokens is None else f"{f.tokens:,.0f}" for f in figures)
    costs = ("not known" if d.dollars is None else f"${d.dollars:,.2f}" for d in deliveries)
    rows = [
        ("delivery", *(d.name for d in deliveries)),
        ("calls a trial", *calls),
        ("tokens a trial", *tokens),
        ("dollars", *costs),
        ("first token", *(seconds_label(f.first_token_s) for f in figures)),
        ("whole", *(seconds_label(f.total_s) for f in figures)),
        ("beside the calls", *(seconds_label(f.prepared_s) for f in figures)),
    ]
    for k in AT if any(f.recall for f in figures) else ():
        found = (percent(f.recall.get(k), "no chunks") for f in figures)
        rows.append((f"in the first {k}", *found))
    yield table_of(rows)
    for d in deliveries[1:]:
        yield ""
        rows = [(f"{d.name}, by depth", *(word for word, _, _ in _PARTS), "n")]
        for depth, s in d.figures.by_depth.items():
            rows.append((f"{depth:g} %", *(f"{n:,}" for n in (*_counts(s), s.n))))
        yield table_of(rows)
    for d in deliveries[1:]:
        yield from crossover_lines(d, deliveries[0].name)


def crossover_lines(d: Delivery, first: str) -> Iterator[str]:
    """From 8k on retrieve is better than full (95 %: from 4k to 16k)."""
    there = [c for c in d.crossovers if c.length is not None and c.low is not None]
    for c in there:
        word, often = "better" if c.better else "worse", f"in {percent(c.share)} of the resamples"
        interval = f"95 % interval {label_of(c.low)} to {label_of(c.high)}, {often}"
        yield f"from {label_of(c.length)} on {d.name} is {word} than {first} ({interval})"
    if d.crossovers and not there:
        yield f"{d.name} is neither better nor worse than {first} from any length on"


def save_deliveries(
    deliveries: Sequence[Delivery], views: Sequence[View], path: Path, look: Look = LOOK
) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError as ``canvas.save``."""
    words, first, look = words_of(views), deliveries[0].name, look_for(len(deliveries), look)
    shares = [view.grid.whole.mean for view in views]
    most = max((share for share in shares if share is not None), default=None)
    best = [d.name for d, share in zip(deliveries, shares, strict=True) if share == most]
    said = f"{' and '.join(best)} {'find' if best[1:] else 'finds'} most: {percent(most)}"
    said = "No trial has a score" if most is None else said
    compared = [(d.name, d.comparison.whole) for d in deliveries if d.comparison]
    lines = [f"{name} against {first}: {change_words(pair)}" for name, pair in compared]
    told = f"{words.spoken} {' '.join(lines)}"
    words = replace(words, headline=said, lines=lines[:3], spoken=told)
    return save(lambda: deliveries_figure(deliveries, views, words, look), words, path, look)


def look_for(count: int, look: Look) -> Look:
    """How so many deliveries look: three and more crowd a small sheet."""
    return replace(look, crowded=count > 2)


def deliveries_figure(
    deliveries: Sequence[Delivery], views: Sequence[View], words: Words, look: Look = LOOK
) -> Figure:
    """A heatmap for each, then the share found by length, then whose misses they are, by depth."""
    names = [d.name for d in deliveries]
    title = "share found by length\nwith 95 % intervals"
    more = [Panel(title=title, draw=partial(_curves, views, names))]
    for n, d in enumerate(deliveries[1:]):
        title, bars = f"{d.name}\nwhose misses, by depth", partial(_split_bars, d, named=n == 0)
        more.append(Panel(title=title, draw=bars))
    return figure_of(views, look, words, names, more)


def _curves(views: Sequence[View], names: Sequence[str], ax: Axes, room: Room) -> None:
    found_curves(styled_of(views, names, room.look), ax, room.look)
    ax.set_ylabel("share found")
    _legend_below(ax, room, columns=2)


def _split_bars(d: Delivery, ax: Axes, room: Room, *, named: bool) -> None:
    """For each depth the shares of trials sent and read, sent and not read, not sent.

    ``named``: with their legend.
    """
    depths, size = d.figures.by_depth, room.look.sheet.type * 0.8
    for row, split in enumerate(depths.values()):
        left = 0.0
        for (_, colour, hatch), count in zip(_PARTS, _counts(split), strict=True):
            width = count / split.n if split.n else 0.0
            style: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white"}
            ax.barh(row, width, left=left, height=0.86, **style)
            if width > 0.09:
                middle = left + width / 2
                ax.text(middle, row, f"{count}", ha="center", va="center", fontsize=size)
            left += width
    for word, colour, hatch in _PARTS:
        ax.barh(0, 0, color=colour, hatch=hatch, edgecolor="white", label=word)
    ax.set_yticks(range(len(depths)), [f"{depth:g} %" for depth in depths])
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.set_ylabel("depth of the needle")
    _legend_below(ax, room, columns=3 if named else 0)


def _legend_below(ax: Axes, room: Room, columns: int) -> None:
    """Under the axis, in its own place for words; it may reach under the panels to the right."""
    ax.set_xlabel("\n\n")
    if not columns:
        return
    handles, labels = ax.get_legend_handles_labels()
    names = [label.rpartition(": ")[0] if "%" in label else label for label in labels]
    legend = ax.legend(
        handles, names, loc="upper left", bbox_to_anchor=(-0.12, -0.16), ncols=columns,
        frameon=False, fontsize=room.look.sheet.type * 0.78, columnspacing=1.0,
        handlelength=1.4, handletextpad=0.4,
    )  # fmt: skip
    legend.set_in_layout(False)


def _counts(split: Split) -> tuple[int, int, int]:
    """In the order of the parts."""
    return split.read, split.not_read, split.not_sent
