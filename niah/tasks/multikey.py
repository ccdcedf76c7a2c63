"""The plain needle among needles of the same form for other places: wrong answers (RULER's niah_multikey_1).

With ``haystack = needles:LANGUAGE`` the whole haystack is such needles (niah_multikey_2).
"""

from __future__ import annotations

from niah.records import Planting
from niah.tasks import TaskContext, _magic_number
from niah.tasks._placing import apart
from niah.text.seeded import Draw

SUMMARY = "find one planted value among others of the same form for other places (--distractors)"
VERSION = _magic_number.VERSION
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count", "value_kind")
score, solve = _magic_number.score, _magic_number.solve


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The needle at the trial's depth, distractors at random depths away from it."""
    others = [apart(draw, site.trial.depth_percent) for _ in range(site.options.distractor_count)]
    return _magic_number.plant(draw, site, [None, *others])
