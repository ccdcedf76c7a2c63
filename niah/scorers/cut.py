"""Replies that the budget cut off: one that goes round in a loop, and what is whole of any other."""

from __future__ import annotations

import re
from itertools import pairwise

_TAIL_SIGNS = 3_000
_LEAST_LOOP, _ROUNDS = 24, 3  # signs that a loop fills, and how often it says the same
_LEAST_COUNT, _COUNTED_ROUNDS = 60, 8  # the same of counting up
_DIGITS = re.compile(r"\d{40}$")
_ENUMERATOR = re.compile(r"(?<!\d)\d{1,4}(?=[.)、:]\s)")
_END = re.compile(r"[.!?][\"'*)]*(?=\s|$)|[。！？]|\n")


def is_loop(text: str) -> bool:
    """Whether a text ends in the same words three times over, in counting up, or in one endless number.

    Numbers of a list do not hide a loop: "1. 42 2. 42 3. 42".
    """
    tail = _ENUMERATOR.sub("#", re.sub(r"\s+", " ", text[-_TAIL_SIGNS:])).strip()
    if _DIGITS.search(tail.replace(" ", "")):
        return True
    return _goes_round(tail, _ROUNDS, _LEAST_LOOP) or _goes_round(
        re.sub(r"\d", "0", tail), _COUNTED_ROUNDS, _LEAST_COUNT
    )


def whole_part(text: str) -> str:
    """A text up to the end of its last whole sentence or line."""
    return text[: max((m.end() for m in _END.finditer(text)), default=0)].strip()


def head_of(text: str) -> str:
    """The first whole sentence or line that says something."""
    ends = [0, *(m.end() for m in _END.finditer(f"{text}\n"))]
    pieces = (text[start:end].strip() for start, end in pairwise(ends))
    return next((piece for piece in pieces if re.search(r"\w", piece)), "")


def _goes_round(text: str, rounds: int, least: int) -> bool:
    """Whether a text ends in one piece, so many times over."""
    for period in range(1, len(text) // rounds + 1):
        piece, times = text[-period:], max(rounds, -(-least // period))
        if text.endswith(piece * times) and re.search(r"\w", piece):
            return True
    return False
