"""The plain needle among needles of the same form for other places: wrong answers (RULER's niah_multikey_1)."""

from __future__ import annotations

from niah.generator.draw import Draw
from niah.generator.haystack import Haystack
from niah.records import Planting, Trial
from niah.tasks import _magic_number

SUMMARY = "find one planted number among others of the same form (--distractors)"
VERSION = _magic_number.VERSION
REPLY_TOKENS = _magic_number.REPLY_TOKENS
WORDING = _magic_number.SAID
OPTIONS = ("distractors",)
APART_PERCENT = 5.0  # distractors keep so far from the needle, in depth
score = _magic_number.score
solve = _magic_number.solve


def plant(draw: Draw, trial: Trial, haystack: Haystack, language: str, distractors: int) -> Planting:
    """The needle at the trial's depth, distractors at random depths away from it."""
    depths: list[float | None] = [None]
    while len(depths) <= distractors:
        depth = draw.between(0, 1000) / 10
        if abs(depth - trial.depth_percent) >= APART_PERCENT:
            depths.append(depth)
    return _magic_number.plant(draw, haystack, language, depths)
