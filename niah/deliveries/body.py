"""The haystack inside a finished prompt, as lines, and the needles in it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from niah.messages import MediaPart, Message, TextPart
from niah.records import Needle, Prompt
from niah.text.normalise import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The three parts of a prompt's text: before, in and behind the haystack."""

    opening: str
    lines: tuple[str, ...]
    closing: str

    @property
    def text(self) -> str:
        return self.opening + "\n".join(self.lines) + self.closing

    @property
    def beside(self) -> tuple[str, str]:
        """What stays text where the lines are sent in another form."""
        return self.opening.strip("\n"), self.closing.strip("\n")

    def around(self, media: Sequence[MediaPart]) -> tuple[Message, ...]:
        """One message with media in the place of the lines."""
        before, behind = (TextPart(utf8=text.encode()) for text in self.beside)
        return (Message(role="user", parts=(before, *media, behind)),)


def body_of(prompt: Prompt, share: float = 100) -> Body | None:
    """The parts of a prompt; None where it has no haystack, but is a question alone.

    With a share of less than 100 % only the end of the haystack is the body, and what stands before it is of the
    opening; no needle is parted.
    """
    text, opening, closing = prompt.text, prompt.planting.opening, prompt.planting.closing
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    whole = Body(
        opening=opening, lines=tuple(text[len(opening) : len(text) - len(closing)].split("\n")), closing=closing
    )
    if share >= 100:
        return whole
    ends = list(accumulate(len(line.encode()) + 1 for line in whole.lines))
    first = bisect_left(ends, ends[-1] * (100 - share) / 100)
    first = min((a for a, b in _places(prompt.planting.needles, whole) if a < first < b), default=first)
    before = "".join(f"{line}\n" for line in whole.lines[:first])
    return Body(opening=opening + before, lines=whole.lines[first:], closing=closing)


def asked_needles(prompt: Prompt) -> list[Needle]:
    """The needles that a right answer needs."""
    return [needle for needle in prompt.planting.needles if needle.answer_class == "right"]


def share_of_needles(prompt: Prompt, text: str) -> float | None:
    """Share of the needles that are asked about whose text stands in a text; None where the prompt holds none."""
    told = [needle.text for needle in asked_needles(prompt) if needle.text in prompt.text]
    return sum(line in text for line in told) / len(told) if told else None


def share_of_values(prompt: Prompt, summaries: Sequence[str]) -> float | None:
    """Share of the needles that are asked about whose values some summary says, in whatever words."""
    values = [fold(needle.value) for needle in asked_needles(prompt) if needle.text in prompt.text]
    said = fold("\n".join(summaries))
    return sum(value in said for value in values) / len(values) if values else None


def lines_of_needles(prompt: Prompt, body: Body) -> Iterator[tuple[int, int]]:
    """First line and the line behind the last of every needle that is asked about and stands in the haystack."""
    return _places(asked_needles(prompt), body)


def _places(needles: Iterable[Needle], body: Body) -> Iterator[tuple[int, int]]:
    text = "\n".join(body.lines)
    for needle in needles:
        at = text.find(needle.text)
        if at >= 0:
            first = text.count("\n", 0, at)
            yield first, first + needle.text.count("\n") + 1


def digest_of(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
