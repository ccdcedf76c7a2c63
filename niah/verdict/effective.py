"""How long a context a model reads: the longest length up to which all hold, by a rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import takewhile

from niah.errors import ConfigError
from niah.verdict.records import EffectiveLength
from niah.verdict.sample import Z_95, Sample

# in every cell nine of ten are found; the share found at every length (RULER's threshold, Hsieh et
# al. 2024); so much of the share at short lengths (NoLiMa, Modarressi et al. 2025)
RULES = ("all-green:0.9", "absolute:0.856", "relative:0.85")
# tokens: the base of a relative rule is the best share up to here, else the shortest length's
SHORT = 1_000


def rule_of(text: str) -> tuple[str, float]:
    """Name and value of a rule; a name alone takes its usual value. Raises ConfigError."""
    usual = dict(rule.split(":") for rule in RULES)
    name, _, given = text.partition(":")
    try:
        value = float(given or usual[name])
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value < 1 and (name, value) != ("all-green", 1):
        raise ConfigError(
            f"rule {text!r}: write {', '.join(RULES)}, "
            "with a value above 0 and below 1 (all-green: or 1)"
        )
    return name, value


def effective_length(
    rule: str, by_length: Mapping[int, Sample], by_cell: Mapping[int, Sequence[Sample]]
) -> EffectiveLength:
    """The longest length up to which every length holds, by one rule.

    Three times: as measured, cautious (lower ends of the intervals) and hopeful (upper ends). A
    length with nothing measured ends the row: it may not be skipped.

    One length among many that is surely lost ends the hopeful one, so that its ends are of
    intervals that are right all together; the cautious one takes every length to be surely held,
    which asks no more of each.
    """
    name, value = rule_of(rule)
    base = _best_short(by_length) if name == "relative" else None
    parts = by_cell
    if name != "all-green":
        parts = {length: (sample,) for length, sample in by_length.items()}
    comparisons = max(1, sum(s.n > 0 for samples in parts.values() for s in samples))

    def threshold(base_end: Callable[[Sample], float]) -> float | None:
        if name != "relative":
            return value
        # where nothing is found when short, nothing is lost
        return None if base is None else value * base_end(by_length[base]) or None

    def longest(end: Callable[[Sample], float], base_end: Callable[[Sample], float]) -> int | None:
        if (limit := threshold(base_end)) is None:
            return None
        held = takewhile(
            lambda n: all(s.n > 0 and end(s) >= limit for s in parts[n]), sorted(parts)
        )
        return max(held, default=None)

    return EffectiveLength(
        rule=f"{name}:{value:g}",
        threshold=threshold(lambda s: s.mean),
        base=base,
        point=longest(lambda s: s.mean, lambda s: s.mean),
        cautious=longest(lambda s: s.interval()[0], lambda s: s.interval()[1]),
        hopeful=longest(lambda s: s.interval(comparisons)[1], lambda s: s.interval()[0]),
    )


def _best_short(by_length: Mapping[int, Sample]) -> int | None:
    measured = {n: sample.mean for n, sample in by_length.items() if sample.n}
    return max(base_lengths(measured), key=measured.__getitem__, default=None)


def base_lengths(lengths: Collection[int]) -> tuple[int, ...]:
    """The short lengths. A gate takes them all together: the best one would be high by luck."""
    return tuple(n for n in sorted(lengths) if n <= SHORT) or tuple(sorted(lengths)[:1])


def least_trials(threshold: float) -> int:
    """Trials at one length, all of them found, whose interval (Wilson) lies above a threshold."""
    n = 1
    while n / (n + Z_95**2) < threshold:
        n += 1
    return n
