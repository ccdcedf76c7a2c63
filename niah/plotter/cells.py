"""One grid on one axes: a heatmap, or bars where it has a single length or depth.

Hatched is where nothing was scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from niah.plotter.canvas import Ends, colour_map, colours_of
from niah.plotter.formatting import CONTROL_WORDS, commonest, unscored_label, value_label
from niah.plotter.look import DARK, LOOK, TURNS, Look, luminance
from niah.plotter.summary import View, held_by
from niah.text.lengths import label_of
from niah.text.shares import depth_label, percent
from niah.verdict.records import Cell, Grid

GAP = 0.35  # between the heatmap and the rows of controls, in rows
_MOST_DIGITS = 12  # columns, and rows beside, whose cells hold a value
_MOST_LINES = 40  # columns or rows with white lines between them

Valued = tuple[int, float, float | None, str]  # length, depth, value, label


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A cell to be filled: its place in columns and rows, its value, and what is written in it."""

    x: float  # left edge
    y: float  # upper edge
    width: float
    height: float
    value: float | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a panel may take of the sheet, in inches."""

    look: Look
    width: float
    height: float
    alone: bool = True

    def type_for(self, columns: float, rows: float, signs: int) -> float:
        """Points of a label of so many signs that fits into a cell."""
        across, down = 72 * 0.82 * self.width / columns, 72 * 0.8 * self.height / rows
        return min(self.look.sheet.type * 1.35, across / (0.7 * max(2, signs)), down * 0.62)


def draw_grid(view: View, ax: Axes, room: Room) -> None:
    """The grid in the form that suits it, with axes, controls, and effective and claimed length."""
    grid, look = view.grid, room.look
    if is_bars(grid):
        _draw_bars(grid, ax, room)
        return
    edges = row_edges(grid, true_depths=look.true_depths)
    asked = [c for c in grid.cells if c.outcomes or not c.by_rule]  # what a rule spared stays blank
    shown = [(c.context_length, c.depth_percent, c.mean, _label_of(c)) for c in asked]
    cells = boxes_of(grid, edges, shown)
    boxes = [*cells, *_control_boxes(grid, edges)]
    digits = grid.adaptive is not None or any(b.value not in (None, 0.0, 1.0) for b in boxes)
    fill(ax, boxes, room, colour_map(look.palette), digits=digits)
    partly = [c.mean is not None and unscored_label(c) != "" for c in asked]
    _corners(ax, [box for box, some in zip(cells, partly, strict=True) if some], look)
    if grid.adaptive is not None:
        _stopped(ax, cells, look)
    names = [(edges[-1] + GAP + i + 0.5, name) for i, name in enumerate(control_rows(grid))]
    axes_of(ax, grid, edges, room, names)
    _marks(view, ax, room)


def is_bars(grid: Grid) -> bool:
    """Whether bars say it better than a heatmap."""
    plain = not grid.controls and grid.adaptive is None
    return plain and 1 in (len(grid.context_lengths), len(grid.depths))


def row_edges(grid: Grid, *, true_depths: bool = False) -> list[float]:
    """Upper edges of the rows and the lowest one, in rows; the first is -0.5."""
    depths = grid.depths
    if not true_depths or len(depths) < 2:
        return [i - 0.5 for i in range(len(depths) + 1)]
    inner = [(a + b) / 2 for a, b in pairwise(depths)]
    ends = [depths[0] - (inner[0] - depths[0]), *inner, depths[-1] + (depths[-1] - inner[-1])]
    scale = len(depths) / (ends[-1] - ends[0])
    return [(e - ends[0]) * scale - 0.5 for e in ends]


def control_rows(grid: Grid) -> list[str]:
    """The controls that a grid has, from the top."""
    there = {found.control for found in grid.controls}
    return [control for control in CONTROL_WORDS if control in there]


def rows_height(grid: Grid) -> float:
    """What controls add below the heatmap, in rows."""
    return GAP + len(control_rows(grid)) if grid.controls else 0.0


def axes_of(
    ax: Axes,
    grid: Grid,
    edges: Sequence[float],
    room: Room,
    names: Sequence[tuple[float, str]] = (),
) -> None:
    """Length across, depth down with 0 on top; every nth label where there are many."""
    lengths, depths = grid.context_lengths, grid.depths
    ax.set_xlim(-0.5, len(lengths) - 0.5)
    ax.set_ylim(edges[-1] + rows_height(grid), edges[0])
    across = every_nth(len(lengths), 12)
    ax.set_xticks(across, [_length_label(grid, lengths[i], room) for i in across])
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    rows = [(middles[i], depth_label(depths[i])) for i in _rows_named(middles)]
    places, labels = zip(*rows, *names, strict=True)
    ax.set_yticks(places, labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    _name_axes(ax, grid, room)


def _length_label(grid: Grid, length: int, room: Room) -> str:
    """A length, and below it what it is as pages or sound."""
    size = grid.media.get(length)
    return room.look.length_label(length) + (f"\n{size.label}" if size else "")


def _name_axes(
    ax: Axes, grid: Grid, room: Room, length: str | None = None, depth: str | None = None
) -> None:
    """What the axes mean, where that is not told; briefly where there are several."""
    beside = next((f", below it {size.kind}" for size in grid.media.values()), "")
    tokens = "tokens"
    if room.width > (6 if beside else 3.4):
        own = f"tokens of {grid.tokenizer}, reply included"
        tokens = "tokens, as the tool counted" if grid.imported else own
    across = f"context length ({tokens}){beside}"
    down = f"depth of {grid.depth_of} (0 % is the start)" if room.height > 2.5 else "depth"
    ax.set_xlabel(length or (TURNS if room.look.turns else across))
    ax.set_ylabel(depth or down)


def every_nth(count: int, most: int) -> list[int]:
    """At most about so many of a row's places, evenly; the last too where a step allows it."""
    step = max(1, -(-count // most))
    even = next((s for s in range(step, 2 * step) if (count - 1) % s == 0), step)
    return list(range(0, count, even))


def _rows_named(middles: Sequence[float]) -> list[int]:
    """Rows whose label has room above the next one."""
    count = len(middles)
    if count > 15:
        return every_nth(count, 11)
    named: list[int] = []
    for i, middle in enumerate(middles):
        if not named or middle - middles[named[-1]] >= 0.045 * count:
            named.append(i)
    return named


def fill(
    ax: Axes,
    boxes: Sequence[Box],
    room: Room,
    colours: Colormap,
    *,
    digits: bool,
    ends: Ends = (0, 1),
) -> None:
    """Paint boxes: one collection for those with a value, one with hatches for those without."""
    look, columns = room.look, max(b.x + b.width for b in boxes) + 0.5
    rows = max(b.y + b.height for b in boxes) + 0.5
    scored = [b for b in boxes if b.value is not None]
    missing = [b for b in boxes if b.value is None]
    faces = colours_of([b.value or 0.0 for b in scored], colours, ends)
    many = len(boxes) > 1_500  # as pixels: a drawing would be of megabytes
    style: dict[str, Any] = {"edgecolor": look.paper, "rasterized": many}
    style["linewidth"] = 1.2 if max(columns, rows) <= _MOST_LINES else 0.0
    style["antialiased"] = not many  # or lines would show between the cells
    ax.add_collection(PolyCollection(_polygons(scored), facecolors=faces, **style))
    ax.add_collection(PolyCollection(_polygons(missing), facecolors=[look.missing], **style))
    hatch = _hatched(look, facecolors="none", alpha=0.55, rasterized=many)
    ax.add_collection(PolyCollection(_polygons(missing), **hatch))
    if columns > _MOST_DIGITS or rows > 1.4 * _MOST_DIGITS:
        return
    shown = [(b, f) for b, f in zip(scored, faces, strict=True) if digits and b.label]
    longest = max((len(b.label) for b, _ in shown if b.width <= 1), default=2)
    size = room.type_for(columns, rows, longest)
    for box, face in shown:
        _write(ax, box, size, "white" if luminance(face) < DARK else LOOK.ink)
    behind = {"facecolor": look.paper, "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    for box in missing:
        if box.label:
            smaller = min(size, room.type_for(columns, rows, len(box.label) + 1))
            _write(ax, box, smaller, look.ink, bbox=behind)


def _hatched(look: Look, **style: Any) -> dict[str, Any]:
    return {"edgecolors": look.faint, "hatch": "////", "linewidth": 0.0, **style}


def _write(ax: Axes, box: Box, size: float, ink: str, **style: Any) -> None:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    ax.text(x, y, box.label, ha="center", va="center", fontsize=size, color=ink, **style)


def _polygons(boxes: Sequence[Box]) -> list[NDArray[np.float64]]:
    sides = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes]).reshape(-1, 4)
    return list(sides[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])


def boxes_of(grid: Grid, edges: Sequence[float], cells: Iterable[Valued]) -> list[Box]:
    """A box for each of some cells, with the value and the label that it is to have."""
    columns = {n: i - 0.5 for i, n in enumerate(grid.context_lengths)}
    rows = dict(zip(grid.depths, pairwise(edges), strict=True))
    boxes = []
    for length, depth, value, label in cells:
        top, bottom = rows[depth]
        boxes.append(
            Box(x=columns[length], y=top, width=1, height=bottom - top, value=value, label=label)
        )
    return boxes


def _label_of(c: Cell) -> str:
    if c.mean is None:
        return unscored_label(c)
    return value_label(c.mean) + (f"/{c.n}" if c.by_rule else "")


def _control_boxes(grid: Grid, edges: Sequence[float]) -> list[Box]:
    """A row for every control. A closed book has no colour: a high value there is no success."""
    rows, lengths = control_rows(grid), grid.context_lengths
    boxes = []
    for c in grid.controls:
        x, width = -0.5, len(lengths)
        if c.context_length is not None:
            if c.context_length not in lengths:
                continue
            x, width = lengths.index(c.context_length) - 0.5, 1
        if c.mean is None:
            label = commonest(c.outcomes)
        else:
            label = value_label(c.mean) + (f" (n = {c.n})" if width > 1 else "")
        y = edges[-1] + GAP + rows.index(c.control)
        value = None if c.control == "closed-book" else c.mean
        boxes.append(Box(x=x, y=y, width=width, height=1, value=value, label=label))
    return boxes


def _corners(ax: Axes, partly: Sequence[Box], look: Look) -> None:
    """A hatched corner on cells of which some trials have no score."""
    corner = ((0.74, 0), (0.98, 0), (0.98, 0.34), (0.86, 0.34))  # in parts of a cell
    points = [[(b.x + x, b.y + y * b.height) for x, y in corner] for b in partly]
    style = _hatched(look, facecolors=[look.missing], hatch="//////")
    ax.add_collection(PolyCollection(points, **style))


def _stopped(ax: Axes, boxes: Sequence[Box], look: Look) -> None:
    """A dashed frame in cells whose trials a rule stopped: theirs is no share of a fixed n."""
    frames = [
        replace(b, x=b.x + 0.06, y=b.y + 0.06 * b.height, width=0.88, height=0.88 * b.height)
        for b in boxes
    ]
    style: dict[str, Any] = {"facecolors": "none", "edgecolors": [look.ink], "linewidth": 0.7}
    ax.add_collection(PolyCollection(_polygons(frames), linestyles="--", **style))


def _marks(view: View, ax: Axes, room: Room) -> None:
    """Lines behind effective and claimed length; with words where there is room."""
    f, look, lengths = view.report, room.look, view.grid.context_lengths
    held, ends = held_by(f), [-0.5, len(view.grid.depths) - 0.5]
    effective = None if held is None else held.point
    if f.bracket is not None and f.bracket.holds is not None:
        effective = f.bracket.holds.context_length
    last: float | None = None
    dashes: Any = (0, (4, 2))
    for what, tokens, line in (("effective", effective, "-"), ("claimed", f.claimed, dashes)):
        if not tokens:
            continue
        at = sum(n <= tokens for n in lengths) - 0.5
        for colour, width in ((look.paper, 4.2), (look.ink, 1.6)):
            ax.plot([at, at], ends, color=colour, linewidth=width, linestyle=line, clip_on=False)
        if room.alone:
            said = f"{what} {label_of(tokens)}{' →' if tokens > lengths[-1] else ''}"
            near = last is not None and abs(at - last) < 0.4 * len(lengths)
            _over(ax, at, said, look, lifted=near)
        last = at


def _over(ax: Axes, at: float, said: str, look: Look, *, lifted: bool) -> None:
    """Words over the line at a place, higher where others stand near."""
    size = look.sheet.type * 0.85
    side = "right" if at > 0.6 * ax.get_xlim()[1] else "left"
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": size, "color": look.ink}
    rise = 2 + (1.4 * size if lifted else 0)
    ax.annotate(said, (at, 1.012), (0, rise), xycoords=("data", "axes fraction"), ha=side, **style)


def _draw_bars(grid: Grid, ax: Axes, room: Room) -> None:
    """One length or one depth: a bar per cell with its interval, its share and its n."""
    look, colours = room.look, colour_map(room.look.palette)
    lying = len(grid.context_lengths) == 1  # depths go down
    bar, size = (ax.barh, "height") if lying else (ax.bar, "width")
    scored = [(i, c, c.mean) for i, c in enumerate(grid.cells) if c.mean is not None]
    means = [mean for *_, mean in scored]
    ends = [(max(0.0, m - (c.low or 0)), max(0.0, (c.high or 0) - m)) for _, c, m in scored]
    style: dict[str, Any] = {"ecolor": look.faint, "capsize": 3, size: 0.72}
    style |= {"xerr" if lying else "yerr": np.array(ends).T} if ends else {}
    bar([i for i, *_ in scored], means, color=colours_of(means, colours), **style)
    missing = [i for i, c in enumerate(grid.cells) if c.mean is None]
    hatch: dict[str, Any] = {"color": [look.missing], "edgecolor": look.faint, size: 0.72}
    bar(missing, [1.0] * len(missing), hatch="////", linewidth=0, **hatch)
    gap, across, up = ("  ", "left", "center") if lying else ("\n", "center", "bottom")
    for i, c in enumerate(grid.cells) if len(grid.cells) <= 2 * _MOST_DIGITS else ():
        text = unscored_label(c) if c.mean is None else f"{percent(c.mean)}{gap}n = {c.n}"
        x, y = (1.02, i) if lying else (i, 1.02)
        ax.text(x, y, text, ha=across, va=up, color=look.ink)
    _bar_axes(grid, ax, room, lying=lying)


def _bar_axes(grid: Grid, ax: Axes, room: Room, *, lying: bool) -> None:
    found = "share found, with 95 % interval"
    along, across = (ax.yaxis, ax.xaxis) if lying else (ax.xaxis, ax.yaxis)
    if lying:
        names = [depth_label(d) for d in grid.depths]
        ax.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6))
        _name_axes(ax, grid, room, length=found)
    else:
        names = [_length_label(grid, n, room) for n in grid.context_lengths]
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 1))
        _name_axes(ax, grid, room, depth=found)
    places = every_nth(len(names), 12)
    along.set_ticks(places, [names[i] for i in places])
    across.set_ticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.tick_params(length=0)
    ax.spines[["top", "right"]].set_visible(False)
