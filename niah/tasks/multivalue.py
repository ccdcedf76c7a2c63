"""Several values for one key, all of them asked for (RULER's niah_multivalue), among needles for other keys."""

from __future__ import annotations

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import TaskContext, _magic_number
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "find all values of one place (--needle-count 4, --needles together, spread or random)"
VERSION = 2
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The needles of one key as ``needles`` says, others at random depths."""
    plan, options = Planter(draw, site), site.options
    depths = depths_of(options.placement, options.needle_count or COUNT, plan.depth, draw)
    form, key = plan.wording.form("magic.number.one_of"), plan.key()
    needles = [plan.needle(form, depth, key=key, value=plan.number()) for depth in depths]
    for _ in range(options.distractor_count):
        other, value = plan.key(), plan.number()
        needles.append(plan.needle(form, anywhere(draw), "distractor", key=other, value=value))
    question = plan.said("multivalue.question", key=key)
    return plan.planting("magic.number.hints", question, needles, [n.value for n in needles[: len(depths)]])


def score(text: str, planting: Planting) -> Score:
    """Recall of the values, lowered by values that were not asked for."""
    return scorers.number_set(text, _magic_number.expected_of(planting))


@solver("multivalue.question")
def solve(asked: Asked) -> str | None:
    """All values stated for the key of the question."""
    return ", ".join(_magic_number.stated(asked, asked.blanks["key"]))
