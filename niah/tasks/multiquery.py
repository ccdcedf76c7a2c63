"""Several keys, one value each, all asked for in one question (RULER's niah_multiquery), among needles for others."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import TaskContext, _magic_number
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, listed, solver, unlisted
from niah.text.seeded import Draw

SUMMARY = "find the values of several places in one question (--needle-count 4, --needles)"
VERSION = 2
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The asked needles as ``needles`` says, others at random depths."""
    plan, options = Planter(draw, site), site.options
    depths = depths_of(options.placement, options.needle_count or COUNT, plan.depth, draw)
    asked = [_magic_number.needle(plan, "number", depth) for depth in depths]
    others = [
        _magic_number.needle(plan, "number", anywhere(draw), distractor=True) for _ in range(options.distractor_count)
    ]
    order = draw.shuffled(asked)  # the question does not follow the order of the text
    question = plan.said("multiquery.question", keys=listed(plan.wording, [n.key for n in order]))
    return plan.planting("magic.number.hints", question, [*asked, *others], [n.value for n in order])


def score(text: str, planting: Planting) -> Score:
    """The share of keys with their own value, by labels or by the asked order; otherwise recall, as in RULER."""
    key_of = {n.value: n.key for n in planting.needles}
    expected = _magic_number.expected_of(planting)
    return scorers.number_pairs(text, replace(expected, keys=tuple(key_of.get(t, t) for t in planting.targets)))


@solver("multiquery.question")
def solve(asked: Asked) -> str | None:
    """The value stated for every key of the question, in its order."""
    keys = unlisted(asked.wording, asked.blanks["keys"])
    return ", ".join(value for key in keys for value in _magic_number.stated(asked, key))
