"""The nouns of a request and of what reached the model: messages with their parts, tools, chunks.

Frozen records, as all nouns. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A stretch of text in a message."""

    utf8: bytes
    marked: bool = False  # whether a cache mark belongs at its end


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPart:
    """A picture or a stretch of sound in a message; its bytes are fetched for a request."""

    mime: str  # image/png, audio/wav
    digest: str  # SHA-256 of the bytes, hex
    load: Callable[[], bytes] = field(repr=False, compare=False)
    pixels: tuple[int, int] | None = None  # width and height, of a picture
    seconds: float | None = None  # of sound
    reference: str | None = None  # by which the service knows it, where it was uploaded before


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that a request declares; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a declared function, as an assistant's message holds it."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn. An assistant's may call a tool; a tool's is the result of a call."""

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[TextPart | MediaPart, ...] = ()
    call: ToolCall | None = None  # that an assistant makes, or that a tool's result answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some lines of a haystack, and how well they fit a question."""

    first: int  # line of the haystack, counted from 0
    stop: int  # the line behind its last
    tokens: int
    rank: int  # 1 is the best
    score: float
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What of a prompt reached the model in the call that was answered; None: no such thing."""

    tokens: int  # of the text that was sent, in the run's tokenizer
    needles: float | None = None  # share of the needles that are asked about whose text was in it
    chunks: tuple[Chunk, ...] = ()  # by rank: those that were sent, and those that hold a needle
    needle_rank: int | None = None  # with so many chunks all needles that are asked about are there
    turns: int | None = None  # of the haystack
    needle_turn: int | None = None  # counted from 1
    needle_role: str | None = None  # whose turn that is: user, assistant or tool
    pages: int | None = None  # of the haystack
    page: int | None = None  # of the needle, counted from 1
    page_line: int | None = None  # of the needle on its page, counted from 1
    seconds: float | None = None  # of the haystack, spoken
    start_s: float | None = None  # where the needle begins
    text_tokens: int | None = None  # of what stays text beside pages and sound
    media_tokens: int | None = None  # of pages and sound, by the service's published formula
    overhead_tokens: int | None = None  # of turns beside their text, as the server counts, if known
    embed_calls: int | None = None  # to the server of vectors; a text is sent once in a run
    embed_tokens: int | None = None  # of these, as that server counts, else in the run's tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSize:
    """What a context length is as pages or as sound."""

    pages: int | None = None
    seconds: float | None = None
    text_tokens: int  # of the text that they show or say, in the run's tokenizer
    media_tokens: int | None  # that the service counts for them; None: not known

    @property
    def kind(self) -> str:
        """What ``label`` counts."""
        return "minutes of speech" if self.pages is None else "pages"

    @property
    def label(self) -> str:
        """For an axis: 27, or 12:40."""
        seconds = round(self.seconds or 0)
        return f"{seconds // 60:,}:{seconds % 60:02}" if self.pages is None else f"{self.pages:,}"

    @property
    def words(self) -> str:
        """The size, and how much text one token of it holds: what legibility costs."""
        if self.pages is None:
            kind, size = "audio", f"{self.label} min of speech"
        else:
            kind, size = "image", f"{self.label} page{'s' * (self.pages != 1)}"
        if not self.media_tokens:
            return f"{size}, whose tokens are not known"
        share = f"{self.text_tokens / self.media_tokens:.2f} text tokens per {kind} token"
        return f"{size}, {self.media_tokens:,} {kind} tokens, {share}"


def media_size(tokens: int, told: Delivered | None) -> MediaSize | None:
    """The size of a prompt of so many text tokens; None where it was not sent as pages or sound."""
    if told is None or not (told.pages or told.seconds):
        return None
    shown = tokens - (told.text_tokens or 0)
    return MediaSize(
        pages=told.pages, seconds=told.seconds, text_tokens=shown, media_tokens=told.media_tokens
    )
