"""A pass key between lines that say the same over and over (Mohtashami & Jaggi, arXiv:2305.16300). The easiest test."""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "find a pass key of five digits between lines of noise; needs no reading"
VERSION = 2
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ()
FILLER = "noise"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """One needle at the trial's depth. Its first digit is not 0, so that it is one number however it is written."""
    language, value = site.language, str(draw.between(10_000, 99_999))
    wording = wording_of(language)
    needle = Needle(key="pass key", value=value, text=wording.form("passkey.needle").fill(value=value))
    opening = f"{wording.text('passkey.opening')}\n\n"
    return planting_of(language, opening, wording.text("passkey.question"), [needle], [value])


def score(text: str, planting: Planting) -> Score:
    """The five digits, and no others."""
    return scorers.number(text, scorers.expected_of(planting))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The number between the words of the needle."""
    return next((blanks["value"] for _, blanks in asked.wording.form("passkey.needle").found_in(asked.text)), None)


solve = solver(_answer)
