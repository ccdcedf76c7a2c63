"""The haystack as page images: every line of the prompt's text, wrapped, in one type, black on
white.

Opening and question stay text. A needle stands on a line of a page that is known exactly; its depth
is that of the text, so that text and pages pair. The same lines in the same look are the same
bytes.
"""

from __future__ import annotations

import hashlib
import io
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

from niah.deliveries import Body, body_of, lines_of_needles
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
    width, _, height = pixels.casefold().partition("x")
    if not (
        width.isdecimal()
        and height.isdecimal()
        and 64 <= int(width) <= 8_000
        and 64 <= int(height) <= 8_000
    ):
        raise ConfigError(
            f"page_px {pixels!r}: write WIDTHxHEIGHT, 64 to 8000 pixels each, like 1024x1448"
        )
    if int(width) < 8 * type_size or int(height) < 4 * type_size:
        raise ConfigError(
            f"page_type_px {type_size} is too large for a page of {pixels}; "
            f"lower it to {min(int(width) // 8, int(height) // 4)}"
        )
    return Look(width=int(width), height=int(height), type_size=type_size, font=font)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Pages of one look. ``image_tokens`` is what the service counts for a picture of a width and
    height, if known."""

    look: Look
    share: float = 100  # percent of the haystack, from its end
    image_tokens: Callable[[int, int], int] | None = None
    count: Callable[[str], int] = field(default=len)  # tokens of a text

    def present(self, prompt: Prompt) -> Prompt:
        """Raises ConfigError where Pillow or a font for the text is missing."""
        body = body_of(prompt, self.share)
        if body is None:
            return prompt
        type_, rows, starts = self._laid_out(body)
        per = self.look.rows
        size = (self.look.width, self.look.height)
        pages = []
        for at in range(0, len(rows), per):
            png, digest = _drawn(tuple(rows[at : at + per]), type_, self.look)
            pages.append(
                MediaPart(mime=_MIME, digest=digest, load=partial(bytes, png), pixels=size)
            )
        told = self._told(prompt, body, len(rows), starts)
        return replace(prompt, messages=body.around(pages), splits=(), delivered=told)

    def measured(self, prompt: Prompt) -> Delivered | None:
        """What is to be known of a prompt's pages, without a page being drawn; None where it has
        none."""
        body = body_of(prompt, self.share)
        if body is None:
            return None
        _, rows, starts = self._laid_out(body)
        return self._told(prompt, body, len(rows), starts)

    def _told(self, prompt: Prompt, body: Body, rows: int, starts: Sequence[int]) -> Delivered:
        at = next((starts[first] for first, _ in lines_of_needles(prompt, body)), None)
        per = self.look.rows
        pages = math.ceil(rows / per)
        return replace(
            prompt.delivered or Delivered(tokens=prompt.tokens),
            pages=pages,
            page=None if at is None else at // per + 1,
            page_line=None if at is None else at % per + 1,
            text_tokens=sum(map(self.count, body.beside)),
            media_tokens=self.image_tokens
            and pages * self.image_tokens(self.look.width, self.look.height),
        )

    def bytes_of(self, prompt: Prompt, pages: int) -> int:
        """About how large they are in a request, in base64, by three of them."""
        body = body_of(prompt, self.share)
        if body is None or not pages:
            return 0
        type_, rows, _ = self._laid_out(body)
        per = self.look.rows
        drawn = [
            _drawn(tuple(rows[n * per : (n + 1) * per]), type_, self.look)[0]
            for n in range(min(3, pages))
        ]
        return len(prompt.utf8) + pages * sum(map(len, drawn)) // len(drawn) * 4 // 3

    def _laid_out(self, body: Body) -> tuple[_Type, list[str], list[int]]:
        """The type, the rows of all lines, and the row where each line begins."""
        from niah.text.fonts import font_file  # 0.4 s of matplotlib

        type_ = _type(font_file("".join(body.lines), self.look.font), self.look.type_size)
        rows: list[str] = []
        starts: list[int] = []
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
        """The rows of a line: broken at a space, or behind any wide sign; a word that is too long
        is cut."""
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
