"""Read context lengths and depths as people write them, and write lengths as pictures show them.

With ``--aligned`` they lie on a common lattice, so that prompts share what is behind the needle
too. With haystacks of i * (D - 1) * u tokens and D evenly spaced depths, the needle's place
i * j * u is met at several lengths. The needle there is drawn by its place, so a short prompt is,
up to its question, the beginning of every longer one with the same place. About two thirds of the
prompt tokens can then be cache hits, and "same needle, same place, only the length differs" is a
cleaner contrast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, log10
from typing import TypeVar
from unicodedata import normalize

from niah.errors import ConfigError

LEAST_LENGTH = 64
GREATEST_LENGTH = 10_000_000
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "千": 1_000, "万": 10_000, "萬": 10_000}
_LENGTH = re.compile(r"^(\d{1,12}(?:\.\d+)?)([kKmM千万萬]?)$")
_GEOMETRIC = re.compile(r"^([^.:]+(?:\.\d+\w?)?)\.\.([^:]+?)(?::(\d{1,6}))?$")

MOST_COUNT = 10**15  # of anything that is counted or measured, in a config, a log or a prompt
MOST = 1_000
_LEAST_STEP = 1e-6  # of depths, which are told to so many digits
_Number = TypeVar("_Number", int, float)
Given = str | float | Sequence[str | float]


def length_of(text: str | float, least: int = LEAST_LENGTH, most: int = GREATEST_LENGTH) -> int:
    """Tokens of "512", "8k", "32K", "1.2M", "10萬" or "100万"; k is 1,000."""
    match = _LENGTH.match(normalize("NFKC", str(text)).strip().replace("_", ""))
    tokens = float(match[1]) * _UNITS[match[2].lower()] if match else 0.5
    if abs(tokens - round(tokens)) > 1e-6 or not least <= round(tokens) <= most:
        raise ConfigError(
            f"length {text!r}: use whole tokens from {least} to {most:,}, like 512, 8k, 1.2M, 10萬"
        )
    return round(tokens)


def lengths_of(value: Given) -> tuple[int, ...]:
    """Context lengths, rising and without repeats.

    "1k,2k,4k" is a list, "10k:50k:10k" a range (start:stop:step), "1k..1M" doubles up to 1M,
    "1k..1M:7" are 7 lengths in equal ratios, rounded to two digits or as many as keep them apart.
    """
    lengths = {length for item in _items(value) for length in _lengths_in(str(item))}
    return _rising("lengths", lengths, "1k,2k,4k")


def _lengths_in(item: str) -> list[int]:
    geometric = _GEOMETRIC.match(item)
    if geometric:
        start, stop = length_of(geometric[1]), length_of(geometric[2])
        if start >= stop or geometric[3] in ("0", "1"):
            raise ConfigError(
                f"lengths {item!r}: write START..STOP or START..STOP:COUNT, rising, like 1k..1M:7"
            )
        if geometric[3]:
            return _in_ratio(start, stop, int(geometric[3]))
        return [*(start << n for n in range(stop.bit_length()) if start << n < stop), stop]
    parts = item.split(":")
    if len(parts) == 1:
        return [length_of(item)]
    if len(parts) == 3:
        start, stop, step = length_of(parts[0]), length_of(parts[1]), length_of(parts[2], least=1)
        if start <= stop:
            return list(range(start, stop + 1, step)[:MOST])
    raise ConfigError(f"lengths {item!r}: a range is start:stop:step, rising, like 10k:50k:10k")


def _in_ratio(start: int, stop: int, count: int) -> list[int]:
    asked = f"lengths {label_of(start)}..{label_of(stop)}:{count}"
    if count >= MOST:
        raise ConfigError(f"{asked}: at most {MOST - 1} make sense in one run")
    inner = [start * (stop / start) ** (i / (count - 1)) for i in range(1, count - 1)]
    for digits in range(2, 10):
        lengths = [start, *(_rounded(n, digits) for n in inner), stop]
        if len(set(lengths)) == count:
            return lengths
    raise ConfigError(
        f"{asked}: so many whole lengths in equal ratios do not fit between the two; ask for fewer"
    )


def _rounded(number: float, digits: int) -> int:
    unit: int = 10 ** max(0, floor(log10(number)) + 1 - digits)
    return round(number / unit) * unit


def depths_of(value: Given) -> tuple[float, ...]:
    """Depths in percent of "0,25,50", a list, or "0:100:25" (start:stop:step, both included)."""
    depths: set[float] = set()
    for item in _items(value):
        parts = [_percent(item, part) for part in str(item).split(":")]
        if len(parts) == 1:
            depths.add(parts[0])
        elif len(parts) == 3 and parts[2] >= _LEAST_STEP and parts[0] <= parts[1]:
            steps = min(MOST, int((parts[1] - parts[0]) / parts[2] + 1e-9))
            depths |= {round(parts[0] + i * parts[2], 6) for i in range(steps + 1)}
        else:
            raise ConfigError(
                f"depths {item!r}: a range is start:stop:step in percent, like 0:100:25"
            )
    return _rising("depths", depths, "0,50,100")


def _rising(what: str, values: set[_Number], example: str) -> tuple[_Number, ...]:
    if not values:
        raise ConfigError(f"{what} is empty; give at least one, like {example}")
    if len(values) >= MOST:
        raise ConfigError(
            f"{what}: {len(values)} or more values; at most {MOST - 1} make sense in one run"
        )
    return tuple(sorted(values))


def _items(value: Given) -> list[str | float]:
    if isinstance(value, str):
        return [item.strip() for item in normalize("NFKC", value).split(",") if item.strip()]
    return [value] if isinstance(value, int | float) else list(value)


def _percent(item: object, text: str) -> float:
    try:
        depth = float(text)
    except ValueError:
        depth = -1.0
    if not 0 <= depth <= 100:
        raise ConfigError(
            f"depth {item!r}: depths are percent from 0 (the very front) to 100 (the end)"
        )
    return depth


def label_of(context_length: int | None, missing: str = "none") -> str:
    """1000 is 1k, 1200000 is 1.2M, 8192 stays 8192; ``missing`` where there is none."""
    if context_length is None:
        return missing
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if context_length >= size and context_length * 10 % size == 0:
            return f"{context_length / size:g}{unit}"
    return str(context_length)


def aligned_lengths(
    lengths: Sequence[int], depths: Sequence[float], overhead: int
) -> tuple[int, ...]:
    """The lattice lengths nearest to the asked ones; the unit u comes from the shortest length.

    ``overhead`` is all of a prompt that is no haystack. Raises ConfigError for depths that do not
    run evenly from 0 to 100.
    """
    steps = len(depths) - 1
    if steps < 1 or any(abs(d - 100 * j / steps) > 1e-6 for j, d in enumerate(depths)):
        raise ConfigError(
            'layout "aligned" needs depths that run evenly from 0 to 100, like 0:100:10'
        )
    row = max(1, (min(lengths) - overhead) // steps) * steps
    most = (GREATEST_LENGTH - overhead) // row
    rows = {min(most, max(1, round((length - overhead) / row))) for length in lengths}
    return tuple(overhead + row * n for n in sorted(rows))


def place_of(context_length: int, depth_percent: float, overhead: int) -> int:
    """Haystack tokens before the needle, equal for all cells that share a place."""
    return round((context_length - overhead) * depth_percent / 100)
