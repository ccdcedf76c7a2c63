"""Find an installed font for Chinese: matplotlib's own font has none."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from matplotlib import font_manager

from niah.errors import ConfigError

BASE = "DejaVu Sans"  # comes with matplotlib
_NAMES = (
    "CJK", "Noto Sans TC", "Noto Sans SC", "Source Han", "WenQuanYi", "PingFang", "Heiti", "Songti",
    "JhengHei", "YaHei", "SimHei", "Droid Sans Fallback", "AR PL",
)  # fmt: skip
NO_FONT = (
    "no installed font has these Chinese characters, so they are drawn as boxes;"
    " install one (Debian: fonts-noto-cjk)"
)


def fonts_for(text: str) -> tuple[list[str], list[str]]:
    """The font families that can draw a text, and what to tell the user where there are none."""
    wide = _wide(text)
    if not wide:
        return [BASE], []
    for name, _ in _drawing(wide):
        # such fonts come in one weight, and matplotlib says so for every text that asks for another
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        return [BASE, name], []
    return [BASE], [NO_FONT]


def font_file(text: str, named: str | None = None) -> str:
    """The file of a font, of the named one if any, that has a text's signs. Raises ConfigError."""
    wide = _wide(text)
    if named is not None:
        is_file = Path(named).is_file()
        if is_file and _draws(named, wide):
            return named
        missing = "has not all signs of the text" if is_file else "is no file"
        raise ConfigError(f"font {named!r} {missing}; name a .ttf, .otf or .ttc, or leave it out")
    if not wide:
        return font_manager.findfont(BASE)
    for _, path in _drawing(wide):
        return path
    raise ConfigError(
        "no installed font has the Chinese signs of the text;"
        " install one (Debian: fonts-noto-cjk) or name a file"
    )


def _wide(text: str) -> set[str]:
    return {c for c in text if unicodedata.east_asian_width(c) in "WF"}


def _drawing(wide: set[str]) -> Iterator[tuple[str, str]]:
    """Name and path of the installed fonts that have all of these characters."""
    return (font for font in chain(_known(), _newly_installed()) if _draws(font[1], wide))


def _known() -> Iterator[tuple[str, str]]:
    """Name and path of the fonts in matplotlib's own list, regular weights first."""
    known = font_manager.fontManager.ttflist
    entries = [e for e in known if any(name in e.name for name in _NAMES)]
    entries.sort(key=lambda e: (e.weight not in (400, "normal", "regular"), e.name, e.fname))
    return ((e.name, e.fname) for e in entries)


def _newly_installed() -> Iterator[tuple[str, str]]:
    """Fonts installed after matplotlib made its list: found by file name, and added to the list."""
    known = {e.fname for e in font_manager.fontManager.ttflist}
    patterns = [name.replace(" ", "").casefold() for name in _NAMES]
    fonts = (p for p in font_manager.findSystemFonts() if p not in known)
    found = [p for p in fonts if any(n in _file(p) for n in patterns)]
    for path in found:  # all weights first, so that none is missed when a title is bold
        font_manager.fontManager.addfont(path)
    for path in sorted(found, key=lambda p: ("regular" not in _file(p), p)):
        yield font_manager.get_font(path).family_name, path


def _file(path: str) -> str:
    return Path(path).name.replace("-", "").casefold()


def _draws(path: str, characters: set[str]) -> bool:
    try:
        glyphs = font_manager.get_font(path).get_charmap()
    except (OSError, RuntimeError):
        return False
    return all(ord(c) in glyphs for c in characters)
