"""Words on pictures: the same in the terminal, in the PNG and in the table."""

from __future__ import annotations

from niah.records import Cell, Grid


def value_label(mean: float) -> str:
    """1, 0, .67: short enough for a cell."""
    if mean in (0.0, 1.0):
        return f"{mean:.0f}"
    return f"{min(max(mean, 0.01), 0.99):.2f}".removeprefix("0")


def recall_label(grid: Grid) -> str:
    """ "83 % found (n = 30, 95 % interval 66 to 93 %)"; never a share without its n."""
    r = grid.recall
    if r.mean is None or r.low is None or r.high is None:
        return "nothing scored"
    return f"{_percent(r.mean)} found (n = {r.n:,}, 95 % interval {100 * r.low:.0f} to {_percent(r.high)})"


def percent(share: float | None) -> str:
    """A share for a table; a dash where nothing was measured."""
    return "-" if share is None else _percent(share)


def share_by_control(grid: Grid) -> dict[str, float]:
    """The mean of each kind of control over all its trials."""
    shares: dict[str, float] = {}
    for kind in {c.control for c in grid.controls}:
        found = [c for c in grid.controls if c.control == kind and c.mean is not None]
        if found:
            shares[kind] = sum((c.mean or 0.0) * c.n for c in found) / sum(c.n for c in found)
    return shares


def _percent(share: float) -> str:
    """Never rounds up to 100 or down to 0."""
    percent = 100 * share
    if 99.95 <= percent < 100:
        percent = 99.9
    return f"{percent:.3g} %"


def model_label(grid: Grid) -> str:
    """The model, named for what it is."""
    return f"simulated reader {grid.model}" if grid.simulated else grid.model


_NAMES = {"absent": "no needle", "oracle": "no haystack", "closed-book": "question alone"}


def control_name(control: str) -> str:
    """What a control's row is called."""
    return _NAMES[control]


def control_labels(grid: Grid) -> list[str]:
    """A line for each kind of control that was run, and one for the score between them."""
    lines = []
    n = sum(c.n for c in grid.controls if c.control == "absent")
    if n:
        right = share_by_control(grid)["absent"]
        lines.append(f"no needle: {_percent(right)} say so, hallucination rate {_percent(1 - right)} (n = {n})")
    for control in grid.controls:
        if control.control != "absent" and control.mean is not None:
            right_of = "right" if control.control == "oracle" else "guessed"
            lines.append(f"{control_name(control.control)}: {_percent(control.mean)} {right_of} (n = {control.n})")
    if grid.normalised is not None:
        lines.append(f"normalised by guess rate and oracle: {_percent(grid.normalised)}")
    return lines


def detail_labels(grid: Grid) -> list[str]:
    """What was scored apart, and the answers by class."""
    parts = [f"{name} {_percent(r.mean)} (n = {r.n})" for name, r in grid.parts.items() if r.mean is not None]
    classes = sorted(grid.answer_classes.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"apart: {', '.join(parts)}"] if parts else []
    return [*lines, f"answers: {', '.join(f'{n} {name}' for name, n in classes)}"] if classes else lines


def unscored_label(cell: Cell) -> str:
    """The most frequent outcome other than scored."""
    others = {k: v for k, v in cell.outcomes.items() if k != "scored"}
    return max(others, key=lambda k: others[k]) if others else ""
