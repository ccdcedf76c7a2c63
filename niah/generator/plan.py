"""Lengths, depths and epochs in; the trials of a sweep out, each with an id that leaves the model out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from niah.errors import ConfigError
from niah.records import Trial

LEAST_LENGTH = 64
GREATEST_LENGTH = 10_000_000
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "千": 1_000, "万": 10_000, "萬": 10_000}
_LENGTH = re.compile(r"^(\d+(?:\.\d+)?)([kKmM千万萬]?)$")


def length_of(text: str | float, least: int = LEAST_LENGTH) -> int:
    """Tokens of "512", "8k", "32K", "1.2M", "10萬" or "100万"; k is 1,000."""
    match = _LENGTH.match(str(text).strip().replace("_", ""))
    tokens = float(match[1]) * _UNITS[match[2].lower()] if match else 0.5
    if tokens != int(tokens) or not least <= tokens <= GREATEST_LENGTH:
        raise ConfigError(
            f"length {text!r}: use whole tokens from {least} to {GREATEST_LENGTH:,}, like 512, 8k, 1.2M, 10萬"
        )
    return int(tokens)


def lengths_of(value: str | float | Sequence[str | float]) -> tuple[int, ...]:
    """Context lengths from "1k,2k,4k" or a list, rising and without repeats."""
    items = _items(value)
    if not items:
        raise ConfigError("lengths is empty; give at least one, like 1k,2k,4k")
    return tuple(sorted({length_of(item) for item in items}))


def depths_of(value: str | float | Sequence[str | float]) -> tuple[float, ...]:
    """Depths in percent from "0,25,50", a range "0:100:25" (start:stop:step, stop included) or a list."""
    depths: set[float] = set()
    for item in _items(value):
        parts = [_percent(item, part) for part in str(item).split(":")]
        if len(parts) == 1:
            depths.add(parts[0])
        elif len(parts) == 3 and parts[2] > 0 and parts[0] <= parts[1]:
            steps = int((parts[1] - parts[0]) / parts[2] + 1e-9)
            depths |= {round(parts[0] + i * parts[2], 6) for i in range(steps + 1)}
        else:
            raise ConfigError(f"depths {item!r}: a range is start:stop:step in percent, like 0:100:25")
    if not depths:
        raise ConfigError("depths is empty; give at least one, like 0,50,100")
    return tuple(sorted(depths))


def _items(value: str | float | Sequence[str | float]) -> list[str | float]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return [value] if isinstance(value, int | float) else list(value)


def _percent(item: object, text: str) -> float:
    try:
        depth = float(text)
    except ValueError:
        depth = -1.0
    if not 0 <= depth <= 100:
        raise ConfigError(f"depth {item!r}: depths are percent from 0 (before everything) to 100 (after everything)")
    return depth


def label_of(context_length: int) -> str:
    """1000 is 1k, 1200000 is 1.2M, 8192 stays 8192."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if context_length >= size and context_length * 10 % size == 0:
            return f"{context_length / size:g}{unit}"
    return str(context_length)


def recipe_digest(recipe: Mapping[str, object]) -> str:
    """A digest of what decides the bytes of a prompt, and nothing else."""
    canonical = json.dumps(recipe, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def trials_of(
    task: str, recipe: str, lengths: Sequence[int], depths: Sequence[float], epochs: int
) -> tuple[Trial, ...]:
    """All trials in the order they are sent: the cheapest first, then per epoch by rising place of the needle.

    Rising places let every request find the longest possible prefix of itself in a server's cache.
    """
    cells = [(epoch, length, depth) for epoch in range(epochs) for length in lengths for depth in depths]
    cheapest = min(cells, key=lambda c: (c[1], c[0], c[2]))
    cells.sort(key=lambda c: (c != cheapest, c[0], c[1] * c[2], c[1]))
    return tuple(_trial(task, recipe, *cell) for cell in cells)


def _trial(task: str, recipe: str, epoch: int, length: int, depth: float) -> Trial:
    coordinates = f"{recipe}/{length}/{depth:g}/{epoch}"
    trial_id = hashlib.sha256(coordinates.encode()).hexdigest()[:16]
    return Trial(id=trial_id, task=task, context_length=length, depth_percent=depth, epoch=epoch)
