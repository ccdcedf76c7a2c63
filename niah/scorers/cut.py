"""Replies that the budget cut off: one that goes round in a loop, and what is whole of any other."""

from __future__ import annotations

import re

_TAIL_SIGNS = 3_000
_LEAST_LOOP = 24  # signs that a loop fills
_LEAST_COUNT = 60  # signs that counting up fills
_ROUNDS = 3
_COUNTED_ROUNDS = 8
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
    counted = re.sub(r"\d", "0", tail)
    return _goes_round(tail, _ROUNDS, _LEAST_LOOP) or _goes_round(counted, _COUNTED_ROUNDS, _LEAST_COUNT)


def whole_part(text: str) -> str:
    """A text up to the end of its last whole sentence or line."""
    ends = [m.end() for m in _END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def head_of(text: str) -> str:
    """The first whole sentence or line that says something."""
    start, text = 0, f"{text}\n"
    for end in (m.end() for m in _END.finditer(text)):
        if re.search(r"\w", text[start:end]):
            return text[start:end].strip()
        start = end
    return ""


def _goes_round(text: str, rounds: int, least: int) -> bool:
    """Whether a text ends in one piece, so many times over (by the borders of all its ends: Knuth, Morris, Pratt)."""
    backward = text[::-1]
    border = [0] * (len(backward) + 1)
    k = 0
    for i in range(1, len(backward)):
        while k and backward[i] != backward[k]:
            k = border[k]
        k += backward[i] == backward[k]
        border[i + 1] = k
        length, period = i + 1, i + 1 - k
        if length >= least and length >= rounds * period and re.search(r"\w", backward[:period]):
            return True
    return False
