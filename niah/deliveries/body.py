"""The haystack inside a finished prompt, as lines, and the needles in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def body_of(prompt: Prompt) -> Body | None:
    """The parts of a prompt; None where it has no haystack, but is a question alone."""
    text, opening, closing = prompt.text, prompt.planting.opening, prompt.planting.closing
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    return Body(
        opening=opening, lines=tuple(text[len(opening) : len(text) - len(closing)].split("\n")), closing=closing
    )


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
    text = "\n".join(body.lines)
    for needle in asked_needles(prompt):
        at = text.find(needle.text)
        if at >= 0:
            first = text.count("\n", 0, at)
            yield first, first + needle.text.count("\n") + 1


def digest_of(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
