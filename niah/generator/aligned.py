"""Lengths and depths on a common lattice (``layout = "aligned"``), so that prompts share what is behind the needle too.

With haystacks of i * (D - 1) * u tokens and D evenly spaced depths, the needle's place i * j * u is met at several
lengths. The needle there is drawn by its place, so a short prompt is, up to its question, the beginning of every longer
one with the same place. About two thirds of the prompt tokens can then be cache hits, and "same needle, same place,
only the length differs" is a cleaner contrast.
"""

from __future__ import annotations

from collections.abc import Sequence

from niah.errors import ConfigError
from niah.text.lengths import GREATEST_LENGTH


def aligned_lengths(lengths: Sequence[int], depths: Sequence[float], overhead: int) -> tuple[int, ...]:
    """The lattice lengths nearest to the asked ones; ``overhead`` is all of a prompt that is no haystack.

    The unit u comes from the shortest length. Raises ConfigError where the depths do not run evenly from 0 to 100.
    """
    steps = len(depths) - 1
    if steps < 1 or any(abs(d - 100 * j / steps) > 1e-6 for j, d in enumerate(depths)):
        raise ConfigError('layout "aligned" needs depths that run evenly from 0 to 100, like 0:100:10')
    row = max(1, (min(lengths) - overhead) // steps) * steps
    most = (GREATEST_LENGTH - overhead) // row
    rows = {min(most, max(1, round((length - overhead) / row))) for length in lengths}
    return tuple(overhead + row * n for n in sorted(rows))


def place_of(context_length: int, depth_percent: float, overhead: int) -> int:
    """Haystack tokens before the needle, equal for all cells that share a place."""
    return round((context_length - overhead) * depth_percent / 100)
