"""One needle, one question: the plain needle in a haystack. A smoke and regression test; good models are all green."""

from __future__ import annotations

from niah.generator.draw import Draw
from niah.generator.haystack import Haystack
from niah.records import Planting, Trial
from niah.tasks import _magic_number

SUMMARY = "find one planted number (the magic number of a place)"
VERSION = _magic_number.VERSION
REPLY_TOKENS = _magic_number.REPLY_TOKENS
WORDING = _magic_number.SAID
OPTIONS = ()
score = _magic_number.score
solve = _magic_number.solve


def plant(draw: Draw, trial: Trial, haystack: Haystack, language: str, distractors: int) -> Planting:
    """One needle at the trial's depth."""
    return _magic_number.plant(draw, haystack, language, [None])
