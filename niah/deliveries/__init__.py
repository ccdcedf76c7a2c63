"""Deliveries: what is done to a context before the model sees it; generators without I/O.

A trial's prompt is built once and is the same under every delivery, so runs pair trial by trial.
``deliver`` yields what to ask (a Prompt, or texts to Embed) and is sent what came back: the
answer's text, or the vectors. The answer to the last prompt counts. Whoever drives it
(``niah.runner``) alone knows a network. How a prompt is put into messages (turns, tool results,
pages, speech) is a second question, answered by a Presenter.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from niah.errors import ConfigError, UnknownName
from niah.messages import Delivered, MediaPart, Message, TextPart
from niah.records import Needle, Prompt
from niah.text.lengths import length_of
from niah.text.normalise import fold

if TYPE_CHECKING:
    from niah.generator.tokenizers import Tokenizer

RETRIEVERS = ("bm25", "dense", "rrf")
_HOW = ("", *(f":{retriever}" for retriever in RETRIEVERS))
_RETRIEVING = (f"{way}{how}" for way in ("retrieve", "hybrid") for how in _HOW)
DELIVERIES = ("full", "window:TOKENS", *_RETRIEVING, "summarise")


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

    With a share of less than 100 % only the end of the haystack is the body, and what stands before
    it is of the opening; no needle is parted.
    """
    text, opening, closing = prompt.text, prompt.planting.opening, prompt.planting.closing
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    lines = tuple(text[len(opening) : len(text) - len(closing)].split("\n"))
    if share < 100:
        ends = list(accumulate(len(line.encode()) + 1 for line in lines))
        first = bisect_left(ends, ends[-1] * (100 - share) / 100)
        parted = [a for a, b in _places(prompt.planting.needles, lines) if a < first < b]
        first = min(parted, default=first)
        opening += "".join(f"{line}\n" for line in lines[:first])
        lines = lines[first:]
    return Body(opening=opening, lines=lines, closing=closing)


def asked_needles(prompt: Prompt) -> list[Needle]:
    """The needles that a right answer needs."""
    return [needle for needle in prompt.planting.needles if needle.answer_class == "right"]


def share_of_needles(prompt: Prompt, text: str) -> float | None:
    """Share of the asked needles whose text stands in a text; None where the prompt holds none."""
    told = [needle.text for needle in asked_needles(prompt) if needle.text in prompt.text]
    return sum(line in text for line in told) / len(told) if told else None


def share_of_values(prompt: Prompt, summaries: Sequence[str]) -> float | None:
    """Share of the asked needles whose values some summary says, in whatever words."""
    values = [fold(needle.value) for needle in asked_needles(prompt) if needle.text in prompt.text]
    said = fold("\n".join(summaries))
    return sum(value in said for value in values) / len(values) if values else None


def lines_of_needles(prompt: Prompt, body: Body) -> Iterator[tuple[int, int]]:
    """First line and line behind the last of every asked needle that stands in the haystack."""
    return _places(asked_needles(prompt), body.lines)


def needle_line(prompt: Prompt, body: Body) -> int | None:
    """The first line of the first of them."""
    return next((first for first, _ in lines_of_needles(prompt, body)), None)


def _places(needles: Iterable[Needle], lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    text = "\n".join(lines)
    for needle in needles:
        at = text.find(needle.text)
        if at >= 0:
            first = text.count("\n", 0, at)
            yield first, first + needle.text.count("\n") + 1


@dataclass(frozen=True, slots=True)
class Embed:
    """Texts whose vectors are wanted, one for each, in order; the last one is the question."""

    texts: tuple[str, ...]


Steps = Generator[Prompt | Embed, Any, None]


class Delivery(Protocol):
    """How a prompt reaches the model."""

    def deliver(self, prompt: Prompt) -> Steps:
        """Yield what to ask, one after the other; the answer to the last prompt is the trial's."""
        ...

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        """Prompt tokens of the most calls that a prompt of so many tokens takes.

        ``frame`` is how many of them stand around the haystack.
        """
        ...


class Presenter(Protocol):
    """How one prompt is put into messages."""

    def present(self, prompt: Prompt) -> Prompt:
        """The same prompt with its messages, and what is to be known of them in ``delivered``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunking:
    """How a haystack is cut into chunks of whole lines, in tokens, and how many are sent."""

    tokens: int
    overlap: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What deliveries are made from."""

    tokenizer: Tokenizer
    chunking: Chunking
    embeds: bool  # dense vectors come by Embed steps, not from the token table
    language: str
    says_not_there: Callable[[str, Prompt], bool]
    may_be_absent: Callable[[Prompt], Prompt]  # the prompt whose question allows for it


def delivery_of(name: str, parts: Parts) -> Delivery:
    """The delivery of a name that ``check_delivery`` takes."""
    kind, _, how = name.partition(":")
    if name == "full":
        return Full()
    if kind == "window":
        return Window(length_of(how, least=1), parts.tokenizer)
    # numpy, which a config does not need
    from niah.deliveries.retrieve import Hybrid, Retrieve, Summarise

    if kind == "summarise":
        return Summarise(parts)
    return (Retrieve if kind == "retrieve" else Hybrid)(how or RETRIEVERS[0], parts)


def check_delivery(name: str) -> None:
    """Raises UnknownName or ConfigError for a delivery that is not there."""
    kind, colon, how = name.partition(":")
    if kind == "window" and colon:
        length_of(how, least=1)
    elif kind == "window":
        raise ConfigError("delivery 'window' needs a number of tokens, like window:8k")
    elif name not in DELIVERIES:
        raise UnknownName("delivery", name, DELIVERIES)


class Full:
    """All of the prompt, as it is."""

    def deliver(self, prompt: Prompt) -> Steps:
        yield prompt

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        return (tokens,)


@dataclass(frozen=True, slots=True)
class Window:
    """The last tokens of the prompt, as of a server that drops the front of what does not fit."""

    tokens: int
    tokenizer: Tokenizer

    def deliver(self, prompt: Prompt) -> Steps:
        text = prompt.text
        if self.tokens < prompt.tokens:
            text = self.tokenizer.last(text, self.tokens)
        yield shortened(prompt, text, self.tokenizer)

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        return (min(tokens, self.tokens),)


def shortened(prompt: Prompt, text: str, tokenizer: Tokenizer, **told: Any) -> Prompt:
    """A prompt of another text for the same trial; ``told`` is known of its delivery."""
    told = {"needles": share_of_needles(prompt, text), **told}
    sent = prompt if text == prompt.text else with_text(prompt, text, tokenizer)
    return replace(sent, delivered=Delivered(tokens=sent.tokens, **told))


def with_text(prompt: Prompt, text: str, tokenizer: Tokenizer, **more: Any) -> Prompt:
    """A prompt with another text."""
    utf8 = text.encode()
    return replace(
        prompt,
        utf8=utf8,
        tokens=tokenizer.count(text),
        digest=hashlib.sha256(utf8).hexdigest(),
        splits=(),
        shared_bytes=0,
        **more,
    )
