"""One needle, one question: the plain needle in a haystack. A smoke and regression test; good models are all green."""

from __future__ import annotations

from niah.records import Planting
from niah.tasks import TaskContext, _magic_number
from niah.text.seeded import Draw

SUMMARY = "find one planted value: the magic number of a place (--values number, word or uuid)"
VERSION = _magic_number.VERSION
WORDING = _magic_number.SAID
OPTIONS = ("value_kind",)
score, solve = _magic_number.score, _magic_number.solve


def plant(draw: Draw, site: TaskContext) -> Planting:
    """One needle at the trial's depth."""
    return _magic_number.plant(draw, site, [None])
