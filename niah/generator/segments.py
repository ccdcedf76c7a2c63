"""Cut speech into segments: at line ends, then at sentence ends, then where recognition paused.

A segment weighs at most 24, where a wide character counts 1 and any other 0.3: about 18 tokens of
o200k_base and 27 of cl100k_base, rarely over 40. It never ends inside a word or a number, and never
starts with white space or a slash, so that "\\n" between two segments is always a token boundary
for tiktoken's encodings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from niah.records import Segment

MAX_WEIGHT = 24.0
_SENTENCE_END = re.compile(
    r"(?<=[。！？!?…])(?![。！？!?…」』”’)）])|(?<=[.!?][\"')\]])\s+|(?<=[.!?;])\s+"
)
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_COMMA = re.compile(r"(?<=[，、；：])|(?<=[,;:])(?=\D)\s*|(?<=[,;:])\s+")


def weight(text: str) -> float:
    """Length of a text in wide characters: a tokenizer-free stand-in for its tokens."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    return wide + 0.3 * (len(text) - wide)


def segments_of(
    text: str, start_s: float | None = None, end_s: float | None = None
) -> list[Segment]:
    """Cut one cue or line into segments; times are shared out by the length of the text."""
    clean = " ".join(text.replace("\ufeff", "").split())
    clean = clean.lstrip("/ ")  # o200k_base glues a slash to the newline before
    if clean and weight(clean) <= MAX_WEIGHT:
        return [Segment(text=clean, start_s=start_s, end_s=end_s)]
    pieces = [p for p in _packed(_pieces(clean)) if p]
    if start_s is None or end_s is None:
        return [Segment(text=p, begins=i == 0) for i, p in enumerate(pieces)]
    total = sum(map(len, pieces))
    segments, position = [], start_s
    for i, piece in enumerate(pieces):
        stop = position + (end_s - start_s) * len(piece) / total
        times = {"start_s": round(position, 3), "end_s": round(stop, 3)}
        segments.append(Segment(text=piece, begins=i == 0, **times))
        position = stop
    return segments


def _pieces(text: str) -> Iterator[str]:
    """Cut a text, and its parts, at the strongest break until all are light. Joined they are it."""
    if weight(text) <= MAX_WEIGHT:
        yield text
        return
    for ends in _breaks(text):
        parts = [text[a:b] for a, b in pairwise([0, *ends, len(text)]) if text[a:b]]
        if len(parts) > 1:
            for part in parts:
                yield from _pieces(part)
            return
    yield from _hard_cut(text)


def _breaks(text: str) -> Iterator[list[int]]:
    """Sentence ends; then spaces, in Chinese those of speech recognition; then commas."""
    yield [m.end() for m in _SENTENCE_END.finditer(text)]
    spaces = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text)]
    breaks = [i for i in spaces if _WIDE.match(text[i - 1]) or _WIDE.match(text[i + 1])]
    yield [i + 1 for i in breaks or spaces]
    yield [m.end() for m in _COMMA.finditer(text)]


def _hard_cut(text: str) -> Iterator[str]:
    """Cut running text without any break, but not inside a word or a number."""
    start = 0
    for i in range(1, len(text)):
        if not _glued(text[i - 1], text[i]) and weight(text[start : i + 1]) > MAX_WEIGHT:
            yield text[start:i]
            start = i
    yield text[start:]


def _glued(left: str, right: str) -> bool:
    """Whether a cut between the two would fall inside a word or a number."""
    if _WIDE.match(left) or _WIDE.match(right):
        return False
    return all(c.isalnum() or c in ".,'" for c in (left, right))


def _packed(pieces: Iterator[str]) -> Iterator[str]:
    """Put small pieces together, up to the limit: a sentence of three words is no segment."""
    held = ""
    for piece in pieces:
        if held and weight(held + piece) > MAX_WEIGHT and not piece.lstrip().startswith("/"):
            yield held.strip()
            held = ""
        held += piece
    yield held.strip()
