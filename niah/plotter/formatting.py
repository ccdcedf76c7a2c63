"""Words on pictures: the same in the terminal, in the PNG and in the table."""

from __future__ import annotations

from collections.abc import Mapping

from niah.records import Cell, Grid, Share
from niah.text.shares import percent
from niah.verdict.grid import MISSING, counts_of


def value_label(mean: float) -> str:
    """1, 0, .67: short enough for a cell."""
    if mean in (0.0, 1.0):
        return f"{mean:.0f}"
    return f"{min(max(mean, 0.01), 0.99):.2f}".removeprefix("0")


def found_label(r: Share) -> str:
    """ "83 % found (n = 30, 95 % interval 66 to 93 %)"; never a share without its n."""
    return "nothing scored" if r.mean is None else f"{percent(r.mean)} found {counted_label(r)}"


def counted_label(r: Share, *, rest: bool = False) -> str:
    """ "(n = 30, 95 % interval 66 to 93 %)", of the share or of what is left of it."""
    if r.low is None or r.high is None:
        return f"(n = {r.n:,})"
    low, high = (1 - r.high, 1 - r.low) if rest else (r.low, r.high)
    return f"(n = {r.n:,}, 95 % interval {interval_label(low, high)})"


def brief_label(r: Share) -> str:
    """ "83 % (66 to 93 %, n = 30)", where several shares stand in one line; the interval is of 95
    %."""
    if r.mean is None or r.low is None or r.high is None:
        return "not measured"
    return f"{percent(r.mean)} ({interval_label(r.low, r.high)}, n = {r.n:,})"


def interval_label(low: float, high: float, to: str = " to ") -> str:
    """ "66 to 93 %": both ends in whole percent; a low end below 1 is not called 100, a high end
    above 0 not 0."""
    first, last = round(100 * low), round(100 * high)
    first = min(first, 99) if low < 1 else first
    last = max(last, 1) if high > 0 else last
    return f"{first}{to}{last} %"


def headline_label(grid: Grid) -> str:
    """The share found with its n and interval, and in the same breath the trials that have no
    score."""
    found = found_label(grid.whole) if grid.adaptive is None else grid.adaptive
    return " · ".join([found, *unscored_labels(grid)])


def unscored_labels(grid: Grid) -> list[str]:
    """ "3 of 38 trials without a score (2 overflow, 1 refused)", and how many have not run; nothing
    where all have."""
    counts = counts_of(grid)
    every, not_run = sum(counts.values()), counts.pop(MISSING, 0)
    counts.pop("scored", None)
    labels = []
    if counts:
        why = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(counts.items()))
        labels.append(
            f"{sum(counts.values()):,} of {plural(every, 'trial')} without a score ({why})"
        )
    if not_run:
        labels.append(f"{not_run:,} of {plural(every, 'trial')} not run")
    return labels


def points_label(difference: float) -> str:
    """ "+23 points"; no sign where it rounds to none."""
    points = round(100 * difference)
    return f"{points:+d} points" if points else "0 points"


def plural(n: int, what: str) -> str:
    """ "1 trial", "1,200 trials"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def trials_label(grid: Grid) -> str:
    """ "5 trials per cell"; imported cells may hold more of them than others."""
    if grid.adaptive is not None:
        return f"adaptive, {plural(grid.whole.n, 'trial')}"
    most = max((sum(c.outcomes.values()) for c in grid.cells), default=grid.epochs)
    if most > grid.epochs:
        return f"{grid.epochs} to {most} trials per cell"
    return f"{plural(grid.epochs, 'trial')} per cell"


_WITHOUT = {"absent": "no needle", "oracle": "no haystack", "closed-book": "question alone"}


def control_labels(by_control: Mapping[str, Share]) -> list[str]:
    """A line for each kind of control that was run; of absent needles the share that was answered
    all the same."""
    lines = []
    for control, r in by_control.items():
        name = f"{control} ({_WITHOUT[control]})"
        if r.mean is None:
            lines.append(f"{name}: nothing scored")
        elif control == "absent":
            rate = f"hallucination rate {percent(1 - r.mean)} {counted_label(r, rest=True)}"
            lines.append(f"{name}: {rate}")
        else:
            what = "found" if control == "oracle" else "guessed"
            lines.append(f"{name}: {percent(r.mean)} {what} {counted_label(r)}")
    return lines


def normalised_label(grid: Grid) -> list[str]:
    """A line with the score between guess rate and oracle, where both were run."""
    return (
        [] if grid.normalised is None else [f"normalised by controls: {percent(grid.normalised)}"]
    )


def detail_labels(grid: Grid) -> list[str]:
    """What was scored apart, and the answers by class."""
    parts = [
        f"{name} {percent(r.mean)} (n = {r.n:,})"
        for name, r in grid.parts.items()
        if r.mean is not None
    ]
    classes = sorted(grid.answer_classes.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"apart: {', '.join(parts)}"] if parts else []
    if set(grid.answer_classes) <= {"right"}:
        return lines
    return [*lines, f"answers: {', '.join(f'{n:,} {name}' for name, n in classes)}"]


def unscored_label(cell: Cell) -> str:
    """The most frequent outcome other than scored."""
    others = {k: v for k, v in cell.outcomes.items() if k != "scored"}
    return max(others, key=lambda k: others[k]) if others else ""
