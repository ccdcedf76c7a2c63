"""A history over time: the share found run by run, the CUSUM below it, lines at each change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from niah.errors import ConfigError
from niah.plotter.canvas import Words, canvas, save
from niah.plotter.look import LOOK
from niah.text.shares import percent
from niah.verdict.history import LEVEL, YEAR, HistoryLine, Signal
from niah.verdict.sample import wilson

_LOSS, _GAIN = "#D55E00", "#0072B2"  # Okabe and Ito 2008


def history_lines(s: Signal) -> Iterator[str]:
    """A row for each run, then what the history says."""
    reference = s.reference if len(s.runs) > s.reference else len(s.runs)
    for i, run in enumerate(s.runs):
        held = "reference"
        if i >= reference:
            held = f"{s.sums[i - reference]:.2f} of {s.threshold or 0:.2f}"
        marks = ["another model name"] if i in s.renamed else []
        marks += ["the change"] if i == s.changed else []
        marks += ["ALARM"] if i == s.alarm else []
        tokens = "" if run.tokens is None else f"  {run.tokens:,} tokens"
        found = f"{percent(run.share, 'nothing scored'):>7} (n = {run.n})"
        told = f"{_when(run)}  {found}  {held:<14}{tokens}"
        yield "  ".join([told, run.served or run.model, *marks])
    yield verdict_line(s)


def verdict_line(s: Signal) -> str:
    """What a history says, in one line."""
    if s.threshold is None:
        there = f"{len(s.runs)} of {s.reference} reference runs"
        return f"{there}, and one more to judge: nothing is said yet"
    if s.alarm is None or s.changed is None:
        return f"no change in {len(s.runs) - s.reference} runs after {s.reference} reference runs"
    what = f"a {'loss' if s.lost else 'gain'}, most likely from {_when(s.runs[s.changed])} on"
    shares = f"{percent(s.usual)} before, {percent(s.since)} since"
    return f"{what}: {shares}; seen at {_when(s.runs[s.alarm])}"


def _when(run: HistoryLine) -> str:
    return run.date[:16].replace("T", " ")


def save_history(s: Signal, path: Path) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings.

    Raises ConfigError as ``canvas.save``, and where there is no run.
    """
    if not s.runs:
        raise ConfigError(
            f"{path.name}: the history holds no run to draw; add one with: niah history add RUN"
        )
    headline = "Too few runs to say anything" if s.threshold is None else "No change"
    if s.alarm is not None:
        headline = "A loss" if s.lost else "A gain"
    first, last = s.runs[0], s.runs[-1]
    foot = [
        last.model,
        f"{len(s.runs)} runs from {first.date[:10]} to {last.date[:10]}",
        f"n = {last.n}",
        f"an unchanged model alarms in {percent(LEVEL)} of years of {YEAR} runs",
    ]
    said = verdict_line(s)
    words = Words(headline=headline, lines=[said], foot=" · ".join(foot), spoken=said)
    return save(lambda: _figure(s, words), words, path)


def _figure(s: Signal, words: Words) -> Figure:
    figure = canvas(words, LOOK)
    found, sums = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    _draw_found(s, found)
    _draw_sums(s, sums)
    places = sorted({round(i * (len(s.runs) - 1) / 7) for i in range(8)})
    sums.set_xticks(places, [s.runs[i].date[:10] for i in places])
    for ax in (found, sums):
        ax.spines[["top", "right"]].set_visible(False)
        for i in s.renamed:
            ax.axvline(i - 0.5, color=LOOK.faint, linestyle=":", linewidth=1)
        if s.changed is not None:
            ax.axvline(s.changed - 0.5, color=_LOSS if s.lost else _GAIN, linewidth=1.4)
    return figure


def _draw_found(s: Signal, ax: Axes) -> None:
    for i, run in enumerate(s.runs):
        if run.share is None:
            continue
        low, high = wilson(run.share * run.n, run.n)
        ax.plot([i, i], [low, high], color=LOOK.faint, linewidth=0.9)
        face = LOOK.paper if i < s.reference else LOOK.ink
        ax.plot(i, run.share, marker="o", markersize=4.5, color=LOOK.ink, markerfacecolor=face)
    if s.usual is not None:
        ax.axhline(s.usual, color=LOOK.faint, linewidth=0.8, linestyle="--")
    style: dict[str, Any] = {"color": LOOK.faint, "fontsize": LOOK.sheet.type * 0.8}
    style |= {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    for i in s.renamed:
        ax.annotate(s.runs[i].served or "not named", (i - 0.5, 0.02), (3, 0), **style)
    ax.set_ylabel("share found (hollow: reference)")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")


def _draw_sums(s: Signal, ax: Axes) -> None:
    ax.set_ylabel("CUSUM")
    if s.threshold is None:
        return
    across = range(s.reference, len(s.runs))
    ax.plot(across, s.sums, color=_LOSS, label="loss")
    ax.plot(across, s.gains, color=_GAIN, linestyle="--", label="gain, on the same scale")
    ax.axhline(s.threshold, color=LOOK.ink, linewidth=0.9, linestyle=":")
    ax.set_ylim(0, 1.15 * max(s.threshold, 1.0, min(3 * s.threshold, max((*s.sums, *s.gains)))))
    ax.legend(frameon=False, loc="upper left", ncols=2, fontsize=LOOK.sheet.type * 0.8)
