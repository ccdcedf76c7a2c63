"""The provider ``ocr``: no model, but an instrument that proves what was sent. It looks at the pages of a request.

The body is decoded as it would go over the wire, every picture is read by tesseract, and one of the simulated readers
answers from the text that was seen. Wrong order, lost pages and illegible type all show.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError
from niah.generator.tokenizers import Tokenizer
from niah.providers.media import gemini_tokens
from niah.providers.simulated import NOTHING, Messages, in_process, reader_of

if TYPE_CHECKING:
    import httpx

NAME = "ocr"
DATA = {"en": "eng", "zh-Hant": "chi_tra", "zh-Hans": "chi_sim", "es": "spa"}  # tesseract's names of languages
_KEPT_PAGES = 1_024
_WIDE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_SPACED = re.compile(f"(?<=[{_WIDE}]) +|(?<=[0-9]) +(?=[{_WIDE}])| +(?=[{_WIDE}])")
image_tokens = gemini_tokens  # what it counts for a picture


def check_ocr() -> None:
    """Raises ConfigError where tesseract is missing."""
    if shutil.which("tesseract") is None:
        raise ConfigError(
            "provider 'ocr' needs tesseract; install it (Debian: tesseract-ocr, for Chinese with -chi-tra)"
        )


def transport(model: str, solve: Callable[[str], str], tokenizer: Tokenizer, language: str) -> httpx.MockTransport:
    """An in-process server that reads pages. Raises ConfigError, or UnknownName for a reader that is not there."""
    check_ocr()
    reads, data = reader_of(model, solve, tokenizer), DATA.get(language, "eng")

    def answer(seen: list[tuple[str, int | None]]) -> tuple[str, int]:
        text = "\n\n".join(text for text, _ in seen)
        return reads(text) or NOTHING, sum(
            tokenizer.count(text) if counted is None else counted for text, counted in seen
        )

    return in_process(model, answer, lambda messages: [_seen(part, data) for part in _parts(messages)])


def _parts(messages: Messages) -> list[Mapping[str, Any]]:
    contents = [message["content"] for message in messages]
    return [p for c in contents for p in ([{"type": "text", "text": c}] if isinstance(c, str) else c)]


def _seen(part: Mapping[str, Any], data: str) -> tuple[str, int | None]:
    """What a part says, and the tokens it counts for a picture."""
    if part["type"] == "text":
        return str(part["text"]), None
    from PIL import Image

    png = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return _read(png, data), image_tokens(*Image.open(io.BytesIO(png)).size)


@lru_cache(maxsize=_KEPT_PAGES)
def _read(png: bytes, data: str) -> str:
    """The lines of one page; spaces between wide signs are not the text's."""
    command = ["tesseract", "-", "-", "-l", data, "--psm", "6"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # more threads only take time from each other
    done = subprocess.run(command, input=png, capture_output=True, check=False, env=environment)  # noqa: S603
    return _SPACED.sub("", done.stdout.decode(errors="replace")).strip()
