"""Long names made short. Two names that differ still differ afterwards, and what was left out has a sign."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich.cells import cell_len

CUT = "…"


def shortened(names: Sequence[str], columns: int) -> list[str]:
    """Names of at most so many columns (a Chinese sign takes two), with a sign where something is left out.

    Each is cut in its middle. Where that makes two alike, the part in which they differ stays; where nothing so short
    tells them apart, they stay whole.
    """
    short = {name: middle_cut(name, columns) for name in names}
    for alike in _alike(short):
        head = _common(alike)
        short |= {name: _kept_at(name, head, columns) for name in alike}
    for alike in _alike(short):
        short |= {name: name for name in alike}
    return [short[name] for name in names]


def middle_cut(text: str, columns: int) -> str:
    """The text, or its beginning and its end around a sign."""
    if cell_len(text) <= columns:
        return text
    room = max(2, columns - 1)
    return _first(text, room - room // 2) + CUT + _last(text, room // 2)


def _alike(short: dict[str, str]) -> list[list[str]]:
    """Names that have become one."""
    groups: dict[str, list[str]] = {}
    for name, label in short.items():
        groups.setdefault(label, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _common(names: Sequence[str]) -> int:
    """How many signs all of them begin with."""
    return sum(1 for _ in takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False)))


def _kept_at(name: str, place: int, columns: int) -> str:
    """The name's beginning, what stands around a place, and its end."""
    behind = middle_cut(name[max(0, place - 4) :], 2 * columns // 3)
    return _first(name, columns - 1 - cell_len(behind)) + CUT + behind


def _first(text: str, columns: int) -> str:
    used = 0
    for i, sign in enumerate(text):
        used += cell_len(sign)
        if used > columns:
            return text[:i]
    return text


def _last(text: str, columns: int) -> str:
    return _first(text[::-1], columns)[::-1]
