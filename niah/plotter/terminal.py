"""The heatmap in the terminal, live and whole, and the table of several runs.

With colours a cell is a coloured block with its value where there is room. Without them (a pipe,
NO_COLOR, a dumb terminal) a cell without room for a value is a sign. What does not fit is folded
into its neighbours, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from niah.plotter.formatting import (
    CONTROL_WORDS,
    commonest,
    control_labels,
    detail_labels,
    found_label,
    headline_label,
    interval_label,
    lost_trials,
    normalised_label,
    plural,
    value_label,
)
from niah.plotter.look import DARK, luminance, red_green
from niah.plotter.wrapping import Words, words_for
from niah.text.lengths import label_of
from niah.text.shares import depth_label, percent
from niah.verdict.grid import MISSING
from niah.verdict.records import Cell, Control, Grid, model_label

_T = TypeVar("_T")

NAMES = 19  # columns of a table that a name gets at least, where it is that long
WIDEST = 7
LEAST_DEPTHS = 5  # rows of cells that are worth more than details
LOW = 20  # rows of a screen on which the words about a run have a line each
LEAST_WITH_TEXT = 3  # a narrower cell is a block of colour, or a sign
_MARGIN = 8  # for the depths
_SHORT = {"overflow": "over", "truncated": "cut", "refused": "refus", "mismatch": "mism"}
FOUND, PARTLY, LOST, UNSCORED, NOT_RUN = "found", "partly", "not found", "no score", "not run"
SIGNS: Mapping[str, str] = {FOUND: "█", PARTLY: "▒", LOST: "░", UNSCORED: "x", NOT_RUN: "·"}
ASCII_SIGNS: Mapping[str, str] = {FOUND: "#", PARTLY: "+", LOST: "-", UNSCORED: "x", NOT_RUN: "."}


@dataclass(frozen=True, slots=True)
class LiveView:
    """Progress bar, status, further lines, and the heatmap in what is left of the screen."""

    grid: Grid
    columns: int
    rows: int
    done: int
    total: int
    status: str
    below: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        count = f"{self.done:,}/{self.total:,} trials"
        width = min(40, self.columns - len(count) - cell_len(self.status) - 3)
        if width >= 10:
            row = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=self.total, completed=self.done, width=width)
            row.add_row(bar, count, self.status)
            yield row
        else:
            yield _one_line(options, f"{count}  {self.status}")
        if self.rows < LOW:
            below = [_one_line(options, text, "dim") for text in self.below]
            below = below[: max(0, self.rows - 2)]
        else:
            words = [Words(text, "dim") for text in self.below]
            below = [line for w in words for line in w.lines(console, options, self.columns)]
        yield from below
        yield TerminalHeatmap(self.grid, self.columns, max(0, self.rows - len(below) - 2))


def _one_line(options: ConsoleOptions, text: str, style: str = "") -> Text:
    return Text(words_for(options, text), style, no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True, slots=True)
class TerminalHeatmap:
    """The grid in so many columns and, if told, at most so many rows, with the totals below.

    Laid out when it is drawn: only then colours and encoding are known.
    """

    grid: Grid
    columns: int = 100
    rows: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.update_width(min(self.columns, options.max_width))
        grid, depths = self.grid, len(self.grid.depths)
        details = [*control_labels(grid.by_control), *normalised_label(grid), *detail_labels(grid)]
        said = [headline_label(grid), *details]
        if self.rows is None:
            yield from self._lines(console, options, depths, said)
            return
        lines: list[Text] = []
        for kept in range(len(said), 0, -1):  # details go first, then depths are folded further
            lines = self._fitting(console, options, said[:kept], LEAST_DEPTHS if kept > 1 else 1)
            if len(lines) <= self.rows:
                break
        yield from lines[: self.rows]

    def _fitting(
        self, console: Console, options: ConsoleOptions, said: Sequence[str], least: int
    ) -> list[Text]:
        """As many depths as the rows hold, but no fewer than the least."""
        room = len(self.grid.depths)
        lines = self._lines(console, options, room, said)
        while self.rows is not None and len(lines) > self.rows and room > least:
            room = max(least, room - (len(lines) - self.rows))
            lines = self._lines(console, options, room, said)
        return lines

    def _lines(
        self, console: Console, options: ConsoleOptions, depths: int, said: Sequence[str]
    ) -> list[Text]:
        """All lines, with so many rows of cells at most."""
        grid, columns = self.grid, options.max_width
        folded = fold(grid, max(1, columns - _MARGIN), depths)
        painter = _Painter(
            step=min(WIDEST + 1, max(1, (columns - _MARGIN) // len(folded.columns))),
            signs=ASCII_SIGNS if options.ascii_only else SIGNS,
            coloured=console.color_system is not None and not console.no_color,
        )
        rows = [painter.line(*row) for row in zip(folded.rows, folded.cells, strict=True)]
        rows += [Text(""), painter.line("absent", folded.absent)] if folded.absent else []
        rows.append(_axis(folded.columns, painter.step))
        rows += [_axis(folded.media, painter.step)] if folded.media else []
        about = f"{model_label(grid)} · {grid.task} · haystack {grid.haystack} · {grid.tokenizer}"
        below = [Words(line, "dim") for line in (*folded.said, *painter.legend())]
        below += map(Words, said)
        after = [line for words in below for line in words.lines(console, options, columns)]
        return [*Words(about, "bold").lines(console, options, columns), *rows, *after]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A grid in as many rows and columns as there is room for."""

    columns: tuple[str, ...]  # labels: of several lengths the longest
    rows: tuple[str, ...]  # labels: of several depths the first and the last
    cells: tuple[tuple[Cell, ...], ...]  # by row, then column
    absent: tuple[Cell, ...]  # the control by column, where it was run
    media: tuple[str, ...]  # pages or minutes by column, where it was sent so
    said: tuple[str, ...]  # what was folded, in words


def fold(grid: Grid, most_columns: int, most_rows: int) -> Folded:
    """Neighbouring lengths and depths as one cell each where there are too many: none left out."""
    lengths, depths = grid.context_lengths, grid.depths
    across, down = _groups(lengths, most_columns), _groups(depths, most_rows)
    cells = {(c.context_length, c.depth_percent): c for c in grid.cells}
    absent = {c.context_length: c for c in grid.controls if c.control == "absent"}
    said = []
    if len(across) < len(lengths):
        columns = plural(len(across), "column")
        said.append(f"{len(lengths)} lengths in {columns}, labelled by the longest of each")
    if len(down) < len(depths):
        said.append(f"{len(depths)} depths in {plural(len(down), 'row')}")
    media = [grid.media.get(group[-1]) for group in across]
    said += [f"below each length its {size.kind}" for size in media[-1:] if size]

    def together(ns: Sequence[int], ds: Sequence[float]) -> Cell:
        return _together([cells[n, d] for n in ns for d in ds if (n, d) in cells])

    by_length = tuple(_together([absent[n] for n in ns if n in absent]) for ns in across)
    return Folded(
        columns=tuple(label_of(group[-1]) for group in across),
        rows=tuple(_span(group) for group in down),
        cells=tuple(tuple(together(ns, ds) for ns in across) for ds in down),
        absent=by_length if absent else (),
        media=tuple(size.label if size else "-" for size in media) if any(media) else (),
        said=("; ".join(said),) if said else (),
    )


def _groups(values: Sequence[_T], most: int) -> list[Sequence[_T]]:
    """Neighbours together, in at most so many groups of nearly one size."""
    count = min(len(values), max(1, most))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    return [values[a:b] for a, b in pairwise(edges)]


def _span(depths: Sequence[float]) -> str:
    if len(depths) == 1:
        return depth_label(depths[0])
    return f"{depths[0]:.0f}-{depths[-1]:.0f}%"


def _together(places: Sequence[Cell | Control]) -> Cell:
    """Some cells, or controls of some lengths, as one: the mean over all their scored trials."""
    outcomes = dict(sum((Counter(p.outcomes) for p in places), Counter[str]()))
    n = sum(p.n for p in places)
    mean = sum(p.n * (p.mean or 0.0) for p in places) / n if n else None
    return Cell(
        context_length=0, depth_percent=0, n=n, mean=mean, low=None, high=None, outcomes=outcomes
    )


class _Painter:
    """Draws cells of one width, and remembers which signs a legend must explain."""

    def __init__(self, *, step: int, signs: Mapping[str, str], coloured: bool) -> None:
        self.step, self._signs, self._coloured = step, signs, coloured
        self._width = step - 1 if step > 1 else 1  # the last column is a gap
        self._seen: set[str] = set()
        self._starred = False

    def line(self, label: str, cells: Iterable[Cell]) -> Text:
        line = Text(f"{label} ".rjust(_MARGIN), no_wrap=True, overflow="crop")
        for cell in cells:
            text, style = self._cell(cell)
            line.append(text.center(self._width), style)
            line.append(" " * (self.step - self._width))
        if not self._coloured:
            line.rstrip()
        return line

    def legend(self) -> list[str]:
        """What the signs mean, where any stand in the picture."""
        meant = [f"{sign} {what}" for what, sign in self._signs.items() if what in self._seen]
        meant += ["* some trials without a score"] if self._starred else []
        return ["   ".join(meant)] if meant else []

    def _cell(self, cell: Cell) -> tuple[str, Style | None]:
        if cell.mean is None and not cell.outcomes:
            return "", None  # no trial was asked for
        kind = _kind(cell)
        if cell.mean is None:
            return self._unscored(cell, kind), Style(color="bright_black")
        text = self._value(cell)
        if not self._coloured:
            return text or self._sign(kind) * self._width, None
        colour = red_green(cell.mean)
        red, green, blue = (round(255 * c) for c in colour)
        ink = "white" if luminance(colour) < DARK else "black"
        return text or " " * self._width, Style(color=ink, bgcolor=f"rgb({red},{green},{blue})")

    def _value(self, cell: Cell) -> str:
        """The value where there is room, with a star where some trials have no score."""
        if self._width < LEAST_WITH_TEXT:
            return ""
        label = value_label(cell.mean or 0.0)
        if not lost_trials(cell) or self._width == LEAST_WITH_TEXT:
            return label
        self._starred = True
        return f"{label}*"

    def _unscored(self, cell: Cell, kind: str) -> str:
        if self._width < LEAST_WITH_TEXT or kind == NOT_RUN:
            return self._sign(kind)
        outcome = commonest(cell.outcomes, MISSING)
        return _SHORT.get(outcome, outcome)[: self._width]

    def _sign(self, kind: str) -> str:
        scored = {FOUND, PARTLY, LOST}  # each says what the others are not
        self._seen |= scored if kind in scored else {kind}
        return self._signs[kind]


def _kind(cell: Cell) -> str:
    if cell.mean is None:
        return UNSCORED if lost_trials(cell) else NOT_RUN
    if cell.mean == 1:
        return FOUND
    return PARTLY if cell.mean else LOST


def _axis(labels: Sequence[str], step: int) -> Text:
    """Labels under the columns: the last one always, of the others as many as there is room for."""
    width = len(labels) * step
    starts = [i * step + max(0, step - 1 - len(label)) // 2 for i, label in enumerate(labels)]
    last = max(0, min(starts[-1], width - len(labels[-1])))
    signs = [" "] * last + list(labels[-1])
    free = 0
    for start, label in zip(starts[:-1], labels[:-1], strict=True):
        if start >= free and start + len(label) < last:
            signs[start : start + len(label)] = list(label)
            free = start + len(label) + 1
    return Text(" " * _MARGIN + "".join(signs).rstrip(), no_wrap=True, overflow="crop")


def summary_view(
    title: str,
    grids: Mapping[str, Grid],
    columns: int,
    rows: str = "run",
    searched: Mapping[str, float | None] | None = None,
) -> RenderableType:
    """The table, or a line per run where so few columns cannot hold it."""
    table = summary_table(title, grids, rows, searched)
    if Console(width=1_000).measure(table).minimum <= columns:
        return table
    lines = [Words(title, "bold")]
    for name, grid in grids.items():
        parts = [found_label(grid.whole), *normalised_label(grid)]
        parts += [f"{control} {percent(r.mean)}" for control, r in grid.by_control.items()]
        parts += [f"search {percent(searched.get(name))}"] if searched is not None else []
        parts += filter(None, [_commonest(grid)])
        lines.append(Words(f"{name}: {', '.join(parts)}"))
    return Group(*lines)


def summary_table(
    title: str,
    grids: Mapping[str, Grid],
    rows: str = "run",
    searched: Mapping[str, float | None] | None = None,
) -> Table:
    """One line per run: share found, normalised, controls, and the commonest wrong answer.

    Before that answer stands what searching scores on the same prompts, where it is known.
    """
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column(rows, overflow="fold", min_width=min(NAMES, max(map(len, grids))))
    columns = ["found", "95 %", "n", "norm.", "halluc.", "oracle", "guess"]
    columns += ["search"] if searched else []
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True, min_width=4 if column == "n" else 6)
    table.add_column("other answers", min_width=len("answers"))
    counts: set[str] = set()
    for name, grid in grids.items():
        r, interval = grid.whole, "-"
        if r.low is not None and r.high is not None:
            interval = interval_label(r.low, r.high, "-").removesuffix(" %")
        means = {control: share.mean for control, share in grid.by_control.items()}
        absent, oracle, guess = map(means.get, CONTROL_WORDS)
        shares = [grid.normalised, None if absent is None else 1 - absent, oracle, guess]
        shares += [searched.get(name)] if searched else []
        counts |= {f"{c.control} {c.n}" for c in grid.controls if c.control != "absent"}
        cells = [name, percent(r.mean), interval, str(r.n), *map(percent, shares), _commonest(grid)]
        table.add_row(*map(Text, cells))  # names of models and classes are no markup
    if counts:
        few = ", ".join(sorted(counts)).replace("closed-book", "guess")
        table.caption = f"norm. rests on few trials a run: n of {few}"
        table.caption_justify = "left"
    return table


def _commonest(grid: Grid) -> str:
    name = commonest(grid.answer_classes, "right")
    return f"{grid.answer_classes[name]:,} {name}" if name else ""
