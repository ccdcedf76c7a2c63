"""One needle, one question: the plain needle in a haystack. A smoke and regression test; good models are all green."""

from __future__ import annotations

from niah.generator.draw import Draw
from niah.records import Planting
from niah.tasks import Site, _magic_number

SUMMARY = "find one planted value: the magic number of a place (--values number, word or uuid)"
VERSION = _magic_number.VERSION
REPLY_TOKENS = _magic_number.REPLY_TOKENS
WORDING = _magic_number.SAID
OPTIONS = ("values",)
FILLER = None
score = _magic_number.score
solve = _magic_number.solve


def plant(draw: Draw, site: Site) -> Planting:
    """One needle at the trial's depth."""
    return _magic_number.plant(draw, site, [None])
