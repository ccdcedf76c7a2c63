"""Effective context length: the longest length up to which every length holds.

Three rules, with one value after the colon. ``all-green:0.9``: in every cell nine of ten are found. ``absolute:0.856``:
the share found at every length (RULER's threshold, Hsieh et al. 2024). ``relative:0.85``: so much of the share at short
lengths (NoLiMa, Modarressi et al. 2025). A length with nothing measured ends the row: it may not be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from niah.errors import ConfigError
from niah.verdict.records import EffectiveLength
from niah.verdict.sample import Sample

RULES = ("all-green:0.9", "absolute:0.856", "relative:0.85")
SHORT = 1_000  # tokens: the base of a relative rule is the best share up to here, else the shortest length's


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


def effective_length(
    rule: str, by_length: Mapping[int, Sample], by_cell: Mapping[int, Sequence[Sample]]
) -> EffectiveLength:
    """By one rule: as measured, cautious (lower ends of the intervals) and hopeful (upper ends).

    One length among many that is surely lost ends the hopeful one, so that its ends are of intervals that are right all
    together; the cautious one takes every length to be surely held, which asks no more of each.
    """
    name, value = rule_of(rule)
    base = base_length(by_length) if name == "relative" else None
    parts = by_cell if name == "all-green" else {length: (sample,) for length, sample in by_length.items()}
    comparisons = max(1, sum(s.n > 0 for samples in parts.values() for s in samples))

    def longest(end: Callable[[Sample], float], base_end: Callable[[Sample], float]) -> int | None:
        limit = threshold(name, value, None if base is None else base_end(by_length[base]))
        return None if limit is None else _longest(parts, lambda s: s.n > 0 and end(s) >= limit)

    return EffectiveLength(
        rule=f"{name}:{value:g}",
        threshold=threshold(name, value, None if base is None else by_length[base].mean),
        base=base,
        point=longest(lambda s: s.mean, lambda s: s.mean),
        cautious=longest(lambda s: s.interval()[0], lambda s: s.interval()[1]),
        hopeful=longest(lambda s: s.interval(comparisons)[1], lambda s: s.interval()[0]),
    )


def threshold(name: str, value: float, of_base: float | None) -> float | None:
    """The share that every length must reach."""
    if name != "relative":
        return value
    return value * of_base if of_base else None  # where nothing is found when short, nothing is lost


def base_length(by_length: Mapping[int, Sample]) -> int | None:
    """The length that a relative rule starts from."""
    measured = [length for length in sorted(by_length) if by_length[length].n]
    short = [length for length in measured if length <= SHORT] or measured[:1]
    return max(short, key=lambda length: by_length[length].mean, default=None)


def base_lengths(lengths: Sequence[int]) -> tuple[int, ...]:
    """The lengths that a gate takes as short, all together: the best of several would be high by luck."""
    return tuple(n for n in lengths if n <= SHORT) or tuple(sorted(lengths)[:1])


def _longest(parts: Mapping[int, Sequence[Sample]], holds: Callable[[Sample], bool]) -> int | None:
    found = None
    for length, samples in sorted(parts.items()):
        if not all(map(holds, samples)):
            break
        found = length
    return found
