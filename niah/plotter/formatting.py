"""Words on pictures: the same in the terminal, in the PNG and in the table."""

from __future__ import annotations

from collections.abc import Mapping

from niah.text.shares import percent
from niah.verdict.grid import MISSING, counts_of
from niah.verdict.records import Cell, Grid, Share


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
    """ "83 % (66 to 93 %, n = 30)" with its 95 % interval, where several stand in one line."""
    if r.mean is None or r.low is None or r.high is None:
        return "not measured"
    return f"{percent(r.mean)} ({interval_label(r.low, r.high)}, n = {r.n:,})"


def interval_label(low: float, high: float, to: str = " to ") -> str:
    """ "66 to 93 %"; a low end below 1 is not called 100, nor a high one above 0 called 0."""
    first = min(round(100 * low), 99) if low < 1 else 100
    last = max(round(100 * high), 1) if high > 0 else 0
    return f"{first}{to}{last} %"


def headline_label(grid: Grid) -> str:
    """The share found with n and interval, and in the same breath the trials without a score."""
    found = found_label(grid.whole) if grid.adaptive is None else grid.adaptive
    return " · ".join([found, *unscored_labels(grid)])


def unscored_labels(grid: Grid) -> list[str]:
    """ "3 of 38 trials without a score (2 overflow, 1 refused)"; and how many have not run."""
    counts = counts_of(grid)
    every, not_run = plural(counts.total(), "trial"), counts.pop(MISSING, 0)
    counts.pop("scored", None)
    labels = []
    if counts:
        why = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(counts.items()))
        labels.append(f"{counts.total():,} of {every} without a score ({why})")
    if not_run:
        labels.append(f"{not_run:,} of {every} not run")
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


CONTROL_WORDS = {"absent": "no needle", "oracle": "no haystack", "closed-book": "question alone"}


def control_labels(by_control: Mapping[str, Share]) -> list[str]:
    """A line for each kind of control that was run; of absent needles the share answered anyhow."""
    lines = []
    for control, r in by_control.items():
        if r.mean is None:
            said = "nothing scored"
        elif control == "absent":
            said = f"hallucination rate {percent(1 - r.mean)} {counted_label(r, rest=True)}"
        else:
            what = "found" if control == "oracle" else "guessed"
            said = f"{percent(r.mean)} {what} {counted_label(r)}"
        lines.append(f"{control} ({CONTROL_WORDS[control]}): {said}")
    return lines


def normalised_label(grid: Grid) -> list[str]:
    """A line with the score between guess rate and oracle, where both were run."""
    if grid.normalised is None:
        return []
    return [f"normalised by controls: {percent(grid.normalised)}"]


def detail_labels(grid: Grid) -> list[str]:
    """What was scored apart, and the answers by class."""
    scored = {name: r for name, r in grid.parts.items() if r.mean is not None}
    parts = [f"{name} {percent(r.mean)} (n = {r.n:,})" for name, r in scored.items()]
    classes = sorted(grid.answer_classes.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"apart: {', '.join(parts)}"] if parts else []
    if set(grid.answer_classes) <= {"right"}:
        return lines
    return [*lines, f"answers: {', '.join(f'{n:,} {name}' for name, n in classes)}"]


def unscored_label(cell: Cell) -> str:
    """The most frequent outcome other than scored."""
    return commonest(cell.outcomes, "scored")


def commonest(counts: Mapping[str, int], but: str = "") -> str:
    """What was counted most, one thing left out; nothing where there is no other."""
    others = {name: n for name, n in counts.items() if name != but}
    return max(others, key=others.__getitem__, default="")


def lost_trials(cell: Cell) -> int:
    """Trials of a cell that ended without a score."""
    return sum(n for outcome, n in cell.outcomes.items() if outcome not in ("scored", MISSING))
