"""Effective context length: the longest length up to which every length holds.

Three rules, with one value after the colon. ``all-green:0.9``: in every cell nine of ten are found. ``absolute:0.856``:
the share found at every length (RULER's threshold, Hsieh et al. 2024). ``relative:0.85``: so much of the share at short
lengths (NoLiMa, Modarressi et al. 2025). A length with nothing measured ends the row: it may not be skipped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from niah.errors import ConfigError
from niah.records import Grid, Share
from niah.verdict.records import EffectiveLength

RULES = ("all-green:0.9", "absolute:0.856", "relative:0.85")
SHORT = 1_000  # tokens: the base of a relative rule is the best share up to here, else the shortest length's

Parts = Mapping[int, tuple[Share, ...]]  # what must hold at each length: its cells, or its share


def rule_of(text: str) -> tuple[str, float]:
    """Name and value of a rule; a name alone takes its usual value. Raises ConfigError."""
    usual = {rule.partition(":")[0]: rule.partition(":")[2] for rule in RULES}
    name, _, given = text.partition(":")
    try:
        value = float(given or usual[name])
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value < 1 and (name, value) != ("all-green", 1):
        raise ConfigError(
            f"rule {text!r}: write {', '.join(RULES)}, with a value above 0 and below 1 (all-green: or 1)"
        )
    return name, value


def effective_length(rule: str, grid: Grid, by_length: Mapping[int, Share]) -> EffectiveLength:
    """By one rule: as measured, cautious (lower ends of the intervals) and hopeful (upper ends)."""
    name, value = rule_of(rule)
    base = base_length(by_length) if name == "relative" else None
    start = by_length[base] if base is not None else None
    parts = parts_of(name, grid, by_length)

    def longest(end: Callable[[Share], float | None], of_base: float | None) -> int | None:
        limit = threshold(name, value, of_base)
        return None if limit is None else _longest(parts, lambda r: (share := end(r)) is not None and share >= limit)

    return EffectiveLength(
        rule=f"{name}:{value:g}",
        threshold=threshold(name, value, start.mean if start else None),
        base=base,
        point=longest(lambda r: r.mean, start.mean if start else None),
        cautious=longest(lambda r: r.low, start.high if start else None),
        hopeful=longest(lambda r: r.high, start.low if start else None),
    )


def threshold(name: str, value: float, of_base: float | None) -> float | None:
    """The share that every length must reach."""
    if name != "relative":
        return value
    return value * of_base if of_base else None  # where nothing is found when short, nothing is lost


def base_length(by_length: Mapping[int, Share]) -> int | None:
    """The length that a relative rule starts from."""
    measured = [length for length in sorted(by_length) if by_length[length].mean is not None]
    short = [length for length in measured if length <= SHORT] or measured[:1]
    return max(short, key=lambda length: by_length[length].mean or 0.0, default=None)


def base_lengths(lengths: Sequence[int]) -> tuple[int, ...]:
    """The lengths that a gate takes as short, all together: the best of several would be high by luck."""
    return tuple(n for n in lengths if n <= SHORT) or tuple(sorted(lengths)[:1])


def parts_of(name: str, grid: Grid, by_length: Mapping[int, Share]) -> Parts:
    """What a rule looks at, by length."""
    if name != "all-green":
        return {length: (share,) for length, share in sorted(by_length.items())}
    cells: dict[int, tuple[Share, ...]] = defaultdict(tuple)
    for c in grid.cells:
        cells[c.context_length] += (Share(mean=c.mean, n=c.n, low=c.low, high=c.high),)
    return dict(sorted(cells.items()))


def _longest(parts: Parts, holds: Callable[[Share], bool]) -> int | None:
    found = None
    for length, recalls in parts.items():
        if not all(holds(r) for r in recalls):
            break
        found = length
    return found
