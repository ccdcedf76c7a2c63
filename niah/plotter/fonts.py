"""Find an installed font for Chinese: matplotlib's own font has none."""

from __future__ import annotations

import unicodedata

from matplotlib import font_manager

BASE = "DejaVu Sans"  # comes with matplotlib
_NAMES = (
    "CJK", "Noto Sans TC", "Noto Sans SC", "Source Han", "WenQuanYi", "PingFang", "Heiti", "Songti", "JhengHei",
    "YaHei", "SimHei", "Droid Sans Fallback", "AR PL",
)  # fmt: skip
NO_FONT = (
    "no installed font has these Chinese characters, so they are drawn as boxes; install one (Debian: fonts-noto-cjk)"
)


def fonts_for(text: str) -> tuple[list[str], list[str]]:
    """The font families that can draw a text, and what to tell the user where there are none."""
    wide = {c for c in text if unicodedata.east_asian_width(c) in "WF"}
    if not wide:
        return [BASE], []
    entries = [e for e in font_manager.fontManager.ttflist if any(name in e.name for name in _NAMES)]
    for entry in sorted(entries, key=lambda e: (e.weight not in (400, "normal", "regular"), e.name, e.fname)):
        if _draws(entry.fname, wide):
            return [BASE, entry.name], []
    return [BASE], [NO_FONT]


def _draws(path: str, characters: set[str]) -> bool:
    try:
        glyphs = font_manager.get_font(path).get_charmap()
    except (OSError, RuntimeError):
        return False
    return all(ord(c) in glyphs for c in characters)
