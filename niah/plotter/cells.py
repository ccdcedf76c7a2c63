"""One grid on one axes: a heatmap, or bars where it has a single length or depth. Hatched where
nothing was scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from niah.plotter.canvas import colour_map, colours_of
from niah.plotter.formatting import unscored_label, value_label
from niah.plotter.look import Look, luminance
from niah.plotter.summary import View, held_by
from niah.records import Cell, Grid
from niah.text.lengths import label_of
from niah.text.shares import depth_label, percent
from niah.verdict.records import CellChange

GAP = 0.35  # between the heatmap and the rows of controls, in rows
DARK = 0.3  # luminance below which ink is white
_MOST_DIGITS = 12  # columns, and rows beside, whose cells hold a value
_MOST_LINES = 40  # columns or rows with white lines between them
_Cell = TypeVar("_Cell", Cell, CellChange)
_CONTROLS = ("absent", "oracle", "closed-book")


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
    """The grid in the form that suits it, with axes, controls, and marks at effective and claimed
    length."""
    grid = view.grid
    if is_bars(grid):
        draw_bars(view, ax, room)
        return
    edges = row_edges(grid, true_depths=room.look.true_depths)
    asked = [
        c for c in grid.cells if not (c.by_rule and not c.outcomes)
    ]  # what an adaptive run spared stays blank
    cells = boxes_of(grid, edges, asked, _shown)
    boxes = [*cells, *_control_boxes(grid, edges)]
    digits = grid.adaptive is not None or any(b.value not in (None, 0.0, 1.0) for b in boxes)
    fill(ax, boxes, room, colour_map(room.look.palette), digits=digits)
    _corners(
        ax,
        [b for c, b in zip(asked, cells, strict=True) if c.mean is not None and unscored(c)],
        room.look,
    )
    if grid.adaptive is not None:
        _stopped(ax, cells, room.look)
    names = [(edges[-1] + GAP + i + 0.5, name) for i, name in enumerate(control_rows(grid))]
    axes_of(ax, grid, edges, room, names)
    _marks(view, ax, room)


def is_bars(grid: Grid) -> bool:
    """Whether bars say it better than a heatmap."""
    return (
        min(len(grid.context_lengths), len(grid.depths)) == 1
        and not grid.controls
        and grid.adaptive is None
    )


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
    return [c for c in _CONTROLS if c in {found.control for found in grid.controls}]


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
    down, middles = _rows_named(edges), [(a + b) / 2 for a, b in pairwise(edges)]
    ax.set_yticks(
        [*(middles[i] for i in down), *(y for y, _ in names)],
        [*(depth_label(depths[i]) for i in down), *(n for _, n in names)],
    )
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
    """What the axes mean; briefly where there are several."""
    length = length or ("turns of the conversation" if room.look.turns else None)
    beside = next((f", below it {size.kind}" for size in grid.media.values()), "")
    tokens = (
        "tokens, as the tool counted"
        if grid.imported
        else f"tokens of {grid.tokenizer}, reply included"
    )
    across = (
        f"context length ({tokens})"
        if room.width > (6 if beside else 3.4)
        else "context length (tokens)"
    )
    ax.set_xlabel(length or across + beside)
    ax.set_ylabel(
        depth or (f"depth of {grid.depth_of} (0 % is the start)" if room.height > 2.5 else "depth")
    )


def every_nth(count: int, most: int) -> list[int]:
    """At most about so many of a row's places, evenly; the last among them where a step allows
    it."""
    step = -(-count // most)
    even = next((s for s in range(step, 2 * step) if (count - 1) % s == 0), step) if step > 1 else 1
    return list(range(0, count, even))


def _rows_named(edges: Sequence[float]) -> list[int]:
    """Rows whose label has room above the next one."""
    count = len(edges) - 1
    if count > 15:
        return every_nth(count, 11)
    named: list[int] = []
    for i in range(count):
        middle = (edges[i] + edges[i + 1]) / 2
        if not named or middle - (edges[named[-1]] + edges[named[-1] + 1]) / 2 >= 0.045 * count:
            named.append(i)
    return named


def fill(
    ax: Axes,
    boxes: Sequence[Box],
    room: Room,
    colours: Colormap,
    *,
    digits: bool,
    ends: tuple[int, int] = (0, 1),
) -> None:
    """Paint boxes: one collection for all that have a value, one with hatches for all that have
    none."""
    look, columns = room.look, max(b.x + b.width for b in boxes) + 0.5
    rows = max(b.y + b.height for b in boxes) + 0.5
    line: dict[str, Any] = {
        "edgecolor": look.paper,
        "linewidth": 1.2 if max(columns, rows) <= _MOST_LINES else 0.0,
    }
    scored = [b for b in boxes if b.value is not None]
    faces = colours_of([b.value or 0.0 for b in scored], colours, ends)
    many = (
        len(boxes) > 1_500
    )  # as pixels where a drawing would be of megabytes; lines would show between the cells
    quiet: dict[str, Any] = {"antialiased": not many, "rasterized": many}
    ax.add_collection(PolyCollection(_corners_of(scored), facecolors=faces, **line, **quiet))
    missing = [b for b in boxes if b.value is None]
    ax.add_collection(
        PolyCollection(_corners_of(missing), facecolors=[look.missing], **line, **quiet)
    )
    hatch = _hatched(look, facecolors="none", alpha=0.55, rasterized=many)
    ax.add_collection(PolyCollection(_corners_of(missing), **hatch))
    if columns > _MOST_DIGITS or rows > 1.4 * _MOST_DIGITS:
        return
    shown = [(b, f) for b, f in zip(scored, faces, strict=True) if digits and b.label]
    size = room.type_for(
        columns, rows, max((len(b.label) for b, _ in shown if b.width <= 1), default=2)
    )
    for b, face in shown:
        _label(ax, b, b.label, size, "white" if luminance(face) < DARK else "#16191d")
    for b in missing:
        if b.label:
            _label(
                ax,
                b,
                b.label,
                min(size, room.type_for(columns, rows, len(b.label) + 1)),
                look.ink,
                look.paper,
            )


def _hatched(look: Look, **style: Any) -> dict[str, Any]:
    return {"edgecolors": look.faint, "hatch": "////", "linewidth": 0.0, **style}


def _label(ax: Axes, box: Box, text: str, size: float, ink: str, paper: str | None = None) -> None:
    behind = (
        None
        if paper is None
        else {"facecolor": paper, "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    )
    x, y = box.x + box.width / 2, box.y + box.height / 2
    ax.text(x, y, text, ha="center", va="center", fontsize=size, color=ink, bbox=behind)


def _corners_of(boxes: Sequence[Box]) -> list[NDArray[np.float64]]:
    sides = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes]).reshape(-1, 4)
    return list(sides[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])


def boxes_of(
    grid: Grid,
    edges: Sequence[float],
    cells: Sequence[_Cell],
    shown: Callable[[_Cell], tuple[float | None, str]],
) -> list[Box]:
    """A box for each of some cells, with the value and the label that it is to have."""
    columns = {n: i - 0.5 for i, n in enumerate(grid.context_lengths)}
    rows = dict(zip(grid.depths, pairwise(edges), strict=True))
    boxes = []
    for c in cells:
        (top, bottom), (value, label) = rows[c.depth_percent], shown(c)
        boxes.append(
            Box(
                x=columns[c.context_length],
                y=top,
                width=1,
                height=bottom - top,
                value=value,
                label=label,
            )
        )
    return boxes


def _shown(c: Cell) -> tuple[float | None, str]:
    return c.mean, (
        unscored_label(c) if c.mean is None else value_label(c.mean) + f"/{c.n}" * c.by_rule
    )


def _control_boxes(grid: Grid, edges: Sequence[float]) -> list[Box]:
    """A row for every control. A closed book has no colour: a high value there is no success."""
    rows, lengths = control_rows(grid), grid.context_lengths
    boxes = []
    for c in grid.controls:
        if c.context_length is not None and c.context_length not in lengths:
            continue
        x, width = (
            (-0.5, len(lengths))
            if c.context_length is None
            else (lengths.index(c.context_length) - 0.5, 1)
        )
        label = (
            max(c.outcomes, key=lambda o: c.outcomes[o], default="")
            if c.mean is None
            else value_label(c.mean)
        )
        label += f" (n = {c.n})" if width > 1 and c.mean is not None else ""
        y, value = (
            edges[-1] + GAP + rows.index(c.control),
            None if c.control == "closed-book" else c.mean,
        )
        boxes.append(Box(x=x, y=y, width=width, height=1, value=value, label=label))
    return boxes


def _corners(ax: Axes, partly: Sequence[Box], look: Look) -> None:
    """A hatched corner on cells of which some trials have no score."""
    points = [
        [
            (b.x + 0.74, b.y),
            (b.x + 0.98, b.y),
            (b.x + 0.98, b.y + 0.34 * b.height),
            (b.x + 0.86, b.y + 0.34 * b.height),
        ]
        for b in partly
    ]
    ax.add_collection(
        PolyCollection(points, **_hatched(look, facecolors=[look.missing], hatch="//////"))
    )


def _stopped(ax: Axes, boxes: Sequence[Box], look: Look) -> None:
    """A dashed frame in cells whose trials a rule stopped: theirs is no share of a fixed n."""
    frames = [
        replace(b, x=b.x + 0.06, y=b.y + 0.06 * b.height, width=0.88, height=0.88 * b.height)
        for b in boxes
    ]
    style: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": [look.ink],
        "linestyles": "--",
        "linewidth": 0.7,
    }
    ax.add_collection(PolyCollection(_corners_of(frames), **style))


def unscored(cell: Cell) -> int:
    """Trials of a cell that have no score."""
    return sum(n for outcome, n in cell.outcomes.items() if outcome != "scored")


def _marks(view: View, ax: Axes, room: Room) -> None:
    """A line behind the effective length and one behind the claimed; with words where there is
    room."""
    f, lengths = view.report, view.grid.context_lengths
    held = None if f is None else held_by(f)
    point = (
        held.point
        if held
        else f.bracket.holds.context_length
        if f and f.bracket and f.bracket.holds
        else None
    )
    marks = [("effective", point, "-"), ("claimed", f and f.claimed, (0, (4, 2)))]
    last: float | None = None
    for what, tokens, dashes in marks:
        if not tokens:
            continue
        at = sum(n <= tokens for n in lengths) - 0.5
        for colour, width in ((room.look.paper, 4.2), (room.look.ink, 1.6)):
            style: dict[str, Any] = {
                "color": colour,
                "linewidth": width,
                "linestyle": dashes,
                "clip_on": False,
            }
            ax.plot([at, at], [-0.5, len(view.grid.depths) - 0.5], **style)
        if room.alone:
            said, size = (
                f"{what} {label_of(tokens)}{' →' * (tokens > lengths[-1])}",
                room.look.sheet.type * 0.85,
            )
            lifted = last is not None and abs(at - last) < 0.4 * len(
                lengths
            )  # where another label is near
            side = "right" if at > 0.6 * ax.get_xlim()[1] else "left"
            style = {
                "color": room.look.ink,
                "ha": side,
                "fontsize": size,
                "textcoords": "offset points",
            }
            ax.annotate(
                said,
                (at, 1.012),
                (0, 2 + lifted * 1.4 * size),
                xycoords=("data", "axes fraction"),
                **style,
            )
        last = at


def draw_bars(view: View, ax: Axes, room: Room) -> None:
    """One length or one depth: a bar per cell with its interval, its share and its n."""
    grid, look, colours = view.grid, room.look, colour_map(room.look.palette)
    lying = len(grid.context_lengths) == 1  # depths go down
    bar, size = (ax.barh, "height") if lying else (ax.bar, "width")
    scored = [(i, c, c.mean) for i, c in enumerate(grid.cells) if c.mean is not None]
    ends = [(max(0.0, m - (c.low or 0)), max(0.0, (c.high or 0) - m)) for _, c, m in scored]
    style: dict[str, Any] = {"ecolor": look.faint, "capsize": 3, size: 0.72}
    style |= {"xerr" if lying else "yerr": np.array(ends).T} if ends else {}
    bar(
        [i for i, *_ in scored],
        [m for *_, m in scored],
        color=colours_of([m for *_, m in scored], colours),
        **style,
    )
    missing = [i for i, c in enumerate(grid.cells) if c.mean is None]
    hatch: dict[str, Any] = {
        "color": [look.missing],
        "edgecolor": look.faint,
        "hatch": "////",
        "linewidth": 0,
    }
    hatch[size] = 0.72
    bar(missing, [1.0] * len(missing), **hatch)
    for i, c in enumerate(grid.cells) if len(grid.cells) <= 2 * _MOST_DIGITS else ():
        text = (
            unscored_label(c)
            if c.mean is None
            else f"{percent(c.mean)}{'  ' if lying else chr(10)}n = {c.n}"
        )
        x, y = (1.02, i) if lying else (i, 1.02)
        ax.text(
            x,
            y,
            text,
            ha="left" if lying else "center",
            va="center" if lying else "bottom",
            color=look.ink,
        )
    _bar_axes(grid, ax, room, lying=lying)


def _bar_axes(grid: Grid, ax: Axes, room: Room, *, lying: bool) -> None:
    lengths = [_length_label(grid, n, room) for n in grid.context_lengths]
    names = [depth_label(d) for d in grid.depths] if lying else lengths
    places, ends = every_nth(len(names), 12), (-0.6, len(names) - 0.4)
    (ax.set_yticks if lying else ax.set_xticks)(places, [names[i] for i in places])
    (ax.set_xticks if lying else ax.set_yticks)([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    (ax.set_xlim if lying else ax.set_ylim)(0, 1.0)
    (ax.set_ylim if lying else ax.set_xlim)(*(ends[::-1] if lying else ends))
    ax.tick_params(length=0)
    ax.spines[["top", "right"]].set_visible(False)
    found = "share found, with 95 % interval"
    _name_axes(ax, grid, room, length=found if lying else None, depth=None if lying else found)
