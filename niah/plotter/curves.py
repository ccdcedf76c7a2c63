"""Curves by length: the share found with its interval, and the time to the first token. Several runs on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from niah.plotter.canvas import save
from niah.plotter.formatting import model_label
from niah.text.lengths import label_of
from niah.verdict.records import RunReport

# Okabe and Ito 2008: told apart by colour-blind readers; markers tell them apart in grey print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MOST_LABELS = 12


def save_curves(runs: Sequence[RunReport], path: Path) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError for another type or an unwritable path."""
    return save(lambda: curves_figure(runs), "".join(f.model for f in runs), path)


def curves_figure(runs: Sequence[RunReport]) -> Figure:
    """Recall, and beside it time, where any run has one."""
    timed = any(t.first_token_s for f in runs for t in f.times)
    figure = Figure(figsize=(12.5 if timed else 7, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if timed else 1, squeeze=False)[0]
    recall_curves(runs, axes[0])
    if timed:
        time_curves(runs, axes[1])
    return figure


def recall_curves(runs: Sequence[RunReport], ax: Axes) -> Axes:
    """The share found by length, with 95 % intervals and the thresholds of the rules."""
    for f, colour, marker in _styled(runs):
        points = [(length, r.mean, r.low, r.high) for length, r in f.by_length.items() if r.mean is not None]
        lengths = [p[0] for p in points]
        below = [(mean or 0) - (low or 0) for _, mean, low, _ in points]
        above = [(high or 0) - (mean or 0) for _, mean, _, high in points]
        means = [p[1] for p in points]
        label = f"{model_label(f)} (n = {f.whole.n:,})"
        ax.errorbar(lengths, means, [below, above], color=colour, marker=marker, capsize=3, label=label)
    for e in runs[0].effective:
        if e.rule.startswith("absolute") and e.threshold is not None:
            ax.axhline(e.threshold, color="0.6", linewidth=1, linestyle="--")
            ax.annotate(
                e.rule, (0.01, e.threshold), xycoords=("axes fraction", "data"), ha="left", va="bottom", fontsize=8
            )
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("share found, with 95 % interval")
    return _finished(ax, runs)


def time_curves(runs: Sequence[RunReport], ax: Axes) -> Axes:
    """Median seconds to the first token by length, both on logarithmic scales: a power is a straight line."""
    for f, colour, marker in _styled(runs):
        points = [(t.context_length, t.first_token_s) for t in f.times if t.first_token_s]
        power = f", power {f.first_token_growth.exponent:.2f}" if f.first_token_growth else ""
        if points:
            ax.plot(
                [p[0] for p in points],
                [p[1] for p in points],
                color=colour,
                marker=marker,
                label=f"{model_label(f)}{power}",
            )
    ax.set_yscale("log")
    ax.set_ylabel("seconds to the first token (median)")
    return _finished(ax, runs)


def _styled(runs: Sequence[RunReport]) -> Iterator[tuple[RunReport, str, str]]:
    for i, f in enumerate(runs):
        yield f, COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]


def _finished(ax: Axes, runs: Sequence[RunReport]) -> Axes:
    lengths = sorted({length for f in runs for length in f.by_length})
    shown = lengths[:: -(-len(lengths) // MOST_LABELS)]
    ax.set_xscale("log")
    ax.set_xticks(shown, [label_of(n) for n in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("context length (tokens)")
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    legend = ax.legend(frameon=False, fontsize=9, loc="best")
    for text in legend.get_texts():
        text.set_parse_math(False)
    return ax
