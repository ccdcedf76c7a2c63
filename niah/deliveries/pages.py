"""The haystack as page images: every line of the text, wrapped, in one type, black on white.

Opening and question stay text. A needle stands on a line of a page that is known exactly; its depth
is that of the text, so that text and pages pair. Equal lines in an equal look are equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from niah.deliveries import Body, body_of, needle_line
from niah.errors import ConfigError
from niah.installation import install_hint
from niah.messages import Delivered, MediaPart
from niah.records import Prompt

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MARGIN_SHARE = 1 / 18  # of the width, on every side
LINE_HEIGHT = 1.45  # of the size of type
_KEPT_PAGES = 256  # pages that several trials show are drawn once
_MIME = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a page looks, in pixels."""

    width: int
    height: int
    type_size: int
    font: str | None = None  # a file; None: one that is found for the text

    @property
    def margin(self) -> int:
        return round(self.width * MARGIN_SHARE)

    @property
    def step(self) -> int:
        return round(self.type_size * LINE_HEIGHT)

    @property
    def rows(self) -> int:
        """Lines on a page."""
        return max(1, (self.height - 2 * self.margin) // self.step)


def look_of(pixels: str, type_size: int, font: str | None = None) -> Look:
    """A look by its page size in pixels, like 1024x1448. Raises ConfigError."""
    sides = pixels.casefold().split("x")
    if len(sides) != 2 or not all(s.isdecimal() and 64 <= int(s) <= 8_000 for s in sides):
        raise ConfigError(
            f"page_px {pixels!r}: write WIDTHxHEIGHT, 64 to 8000 pixels each, like 1024x1448"
        )
    width, height = map(int, sides)
    largest = min(width // 8, height // 4)
    if type_size > largest:
        raise ConfigError(
            f"page_type_px {type_size} is too large for a page of {pixels}; lower it to {largest}"
        )
    return Look(width=width, height=height, type_size=type_size, font=font)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Pages of one look."""

    look: Look
    share: float = 100  # percent of the haystack, from its end
    image_tokens: Callable[[int, int], int] | None = None  # counted for a width and height
    count: Callable[[str], int] = field(default=len)  # tokens of a text

    def present(self, prompt: Prompt) -> Prompt:
        """Raises ConfigError where Pillow or a font for the text is missing."""
        body = body_of(prompt, self.share)
        if body is None:
            return prompt
        type_, rows, starts = self._laid_out(body)
        size = (self.look.width, self.look.height)
        pages = []
        for shown in self._paged(rows):
            png, digest = _drawn(shown, type_, self.look)
            load = partial(bytes, png)
            pages.append(MediaPart(mime=_MIME, digest=digest, load=load, pixels=size))
        told = self._told(prompt, body, len(rows), starts)
        return replace(prompt, messages=body.around(pages), splits=(), delivered=told)

    def measured(self, prompt: Prompt) -> Delivered | None:
        """What is to be known of a prompt's pages, none of them drawn; None where it has none."""
        body = body_of(prompt, self.share)
        if body is None:
            return None
        _, rows, starts = self._laid_out(body)
        return self._told(prompt, body, len(rows), starts)

    def _told(self, prompt: Prompt, body: Body, rows: int, starts: Sequence[int]) -> Delivered:
        needle, per, look = needle_line(prompt, body), self.look.rows, self.look
        at = None if needle is None else starts[needle]
        pages = math.ceil(rows / per)
        counted = self.image_tokens and pages * self.image_tokens(look.width, look.height)
        return replace(
            prompt.delivered or Delivered(tokens=prompt.tokens),
            pages=pages,
            page=None if at is None else at // per + 1,
            page_line=None if at is None else at % per + 1,
            text_tokens=sum(map(self.count, body.beside)),
            media_tokens=counted,
        )

    def bytes_of(self, prompt: Prompt, pages: int) -> int:
        """About how large they are in a request, in base64, by three of them."""
        body = body_of(prompt, self.share)
        if body is None or not pages:
            return 0
        type_, rows, _ = self._laid_out(body)
        first = islice(self._paged(rows), min(3, pages))
        drawn = [len(_drawn(shown, type_, self.look)[0]) for shown in first]
        return len(prompt.utf8) + pages * sum(drawn) // len(drawn) * 4 // 3

    def _paged(self, rows: Sequence[str]) -> Iterator[tuple[str, ...]]:
        for at in range(0, len(rows), self.look.rows):
            yield tuple(rows[at : at + self.look.rows])

    def _laid_out(self, body: Body) -> tuple[_Type, list[str], list[int]]:
        """The type, the rows of all lines, and the row where each line begins."""
        from niah.text.fonts import font_file  # 0.4 s of matplotlib

        type_ = _type(font_file("".join(body.lines), self.look.font), self.look.type_size)
        rows, starts = list[str](), list[int]()
        for line in body.lines:
            starts.append(len(rows))
            rows += type_.wrapped(line, self.look.width - 2 * self.look.margin)
        return type_, rows, starts


@dataclass(frozen=True)
class _Type:
    """A font at a size, with the widths of the signs that were met."""

    path: str
    size: int

    @cached_property
    def font(self) -> FreeTypeFont:
        from PIL import ImageFont

        return ImageFont.truetype(self.path, self.size, layout_engine=ImageFont.Layout.BASIC)

    @cached_property
    def _width(self) -> Callable[[str], float]:
        return cache(self.font.getlength)

    def wrapped(self, line: str, width: float) -> Iterator[str]:
        """The rows of a line: broken at a space or behind a wide sign; too long a word is cut."""
        start, broken, used = 0, 0, 0.0
        for at, sign in enumerate(line):
            if used + self._width(sign) > width and at > start:
                end = broken if broken > start else at
                yield line[start:end].rstrip(" ")
                start, used = end, sum(map(self._width, line[end:at]))
            used += self._width(sign)
            if sign == " " or unicodedata.east_asian_width(sign) in "WF":
                broken = at + 1
        yield line[start:]


@lru_cache(maxsize=8)
def _type(path: str, size: int) -> _Type:
    try:
        import PIL.ImageFont  # noqa: F401
    except ImportError:
        raise ConfigError(f"--as pages needs Pillow: {install_hint('pages')}") from None
    return _Type(path, size)


@lru_cache(maxsize=_KEPT_PAGES)
def _drawn(rows: Sequence[str], type_: _Type, look: Look) -> tuple[bytes, str]:
    """One page as PNG, and its digest."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (look.width, look.height), 255)
    draw: Any = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        draw.text((look.margin, look.margin + number * look.step), row, fill=0, font=type_.font)
    held = io.BytesIO()
    image.save(held, "PNG", compress_level=6)
    return held.getvalue(), hashlib.sha256(held.getvalue()).hexdigest()
