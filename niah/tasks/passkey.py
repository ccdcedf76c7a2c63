"""A pass key between lines that say the same over and over (Mohtashami & Jaggi, arXiv:2305.16300). The easiest test."""

from __future__ import annotations

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import TaskContext
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, planting_of, solver
from niah.text.seeded import Draw

SUMMARY = "find a pass key of five digits between lines of noise; needs no reading"
VERSION = 2
OPTIONS = ()
FILLER = "noise"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """One needle at the trial's depth. Its first digit is not 0, so that it is one number however it is written."""
    plan, value = Planter(draw, site), str(draw.between(10_000, 99_999))
    needle = plan.needle(plan.wording.form("passkey.needle"), None, key="pass key", value=value)
    opening = f"{plan.wording.text('passkey.opening')}\n\n"
    return planting_of(site.language, opening, plan.wording.text("passkey.question"), [needle], [value])


def score(text: str, planting: Planting) -> Score:
    """The five digits, and no others."""
    return scorers.number(text, scorers.expected_of(planting))


@solver()
def solve(asked: Asked) -> str | None:
    """The number between the words of the needle."""
    return next((blanks["value"] for _, blanks in asked.found("passkey.needle")), None)
