"""Where several needles of one question go. Depth is the trial's; what it means is stated for each way.

``together``: all at the depth, line after line. ``spread``: evenly over a span with the depth as its centre, 40 points
wide and cut at both ends of the text. ``random``: one of them at the depth (of unordered ones the first), the others
anywhere. Ordered needles keep their order.
"""

from __future__ import annotations

from niah.text.seeded import Draw

SPAN_PERCENT = 40.0
APART_PERCENT = 5.0  # distractors of one fact keep so far from it


def depths_of(policy: str, count: int, depth: float, draw: Draw, *, ordered: bool = False) -> list[float]:
    """The depth of each of ``count`` needles, in percent."""
    if policy == "together" or count == 1:
        return [depth] * count
    if policy == "spread":
        low, high = max(0.0, depth - SPAN_PERCENT / 2), min(100.0, depth + SPAN_PERCENT / 2)
        return [low + (high - low) * i / (count - 1) for i in range(count)]
    depths = [depth, *(anywhere(draw) for _ in range(count - 1))]
    return sorted(depths) if ordered else depths


def anywhere(draw: Draw, low: float = 0.0, high: float = 100.0) -> float:
    """A random depth, in tenths of a percent of the stretch from low to high."""
    return low + (high - low) * draw.between(0, 1000) / 1000


def beside(policy: str, count: int, depth: float, side: tuple[float, float], draw: Draw) -> list[float]:
    """Rising depths of ``count`` further needles on one ``side`` of the asked one, which stands at ``depth``.

    ``together``: at the depth. ``random``: anywhere on that side. ``spread``: one in each equal part of it.
    """
    low, high = side
    if policy == "together":
        return [depth] * count
    if policy == "random":
        return sorted(anywhere(draw, low, high) for _ in range(count))
    part = (high - low) / max(1, count)
    return [anywhere(draw, low + part * i, low + part * (i + 1)) for i in range(count)]


def apart(draw: Draw, depth: float) -> float:
    """A random depth at least APART_PERCENT away from another."""
    while True:
        drawn = draw.between(0, 1000) / 10
        if abs(drawn - depth) >= APART_PERCENT:
            return drawn
