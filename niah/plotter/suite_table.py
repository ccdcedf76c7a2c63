"""The summary of several runs of one model: a table for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from niah.plotter.formatting import found_label, interval_label, normalised_label
from niah.plotter.wrapping import Words
from niah.records import Grid
from niah.text.shares import percent

CONTROL_COLUMNS = ("absent", "oracle", "closed-book")
NAMES = 19  # columns that a name gets at least, where it is that long


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
        shares = {c: percent(r.mean) for c, r in grid.by_control.items()}
        if searched is not None:
            shares["search"] = percent(searched.get(name))
        parts = [found_label(grid.whole), *normalised_label(grid), *(f"{c} {share}" for c, share in shares.items())]
        parts += [other] if (other := _commonest(grid)) else []
        lines.append(Words(f"{name}: {', '.join(parts)}"))
    return Group(*lines)


def summary_table(
    title: str, grids: Mapping[str, Grid], rows: str = "run", searched: Mapping[str, float | None] | None = None
) -> Table:
    """One line per run: share found with interval, normalised, controls, what searching scores on the same prompts
    (where that is known), the commonest answer that was not right."""
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column(rows, overflow="fold", min_width=min(NAMES, max(map(len, grids))))
    for column in ("found", "95 %", "n", "norm.", "halluc.", "oracle", "guess", *(["search"] if searched else [])):
        table.add_column(column, justify="right", no_wrap=True, min_width=4 if column == "n" else 6)
    table.add_column("other answers", min_width=len("answers"))
    counts: set[str] = set()
    for name, grid in grids.items():
        r, controls = grid.whole, grid.by_control
        interval = "-" if r.low is None or r.high is None else interval_label(r.low, r.high, "-").removesuffix(" %")
        absent, oracle, guess = (controls[c].mean if c in controls else None for c in CONTROL_COLUMNS)
        said = [percent(None if absent is None else 1 - absent), percent(oracle), percent(guess)]
        said += [percent(searched.get(name))] if searched else []
        counts |= {f"{c.control} {c.n}" for c in grid.controls if c.control != "absent"}
        cells = (name, percent(r.mean), interval, str(r.n), percent(grid.normalised), *said, _commonest(grid))
        table.add_row(*map(Text, cells))  # names of models and classes are no markup
    if counts:
        table.caption = f"norm. rests on few trials a run: n of {', '.join(sorted(counts))}".replace(
            "closed-book", "guess"
        )
        table.caption_justify = "left"
    return table


def _commonest(grid: Grid) -> str:
    others = {k: n for k, n in grid.answer_classes.items() if k != "right"}
    if not others:
        return ""
    name = max(others, key=lambda k: others[k])
    return f"{others[name]:,} {name}"
