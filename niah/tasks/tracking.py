"""A chain of variables, each set to the value of the one before (RULER's variable tracking), beside other chains."""

from __future__ import annotations

from collections.abc import Sequence

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "name all variables that hold a value, through a chain of assignments (--needle-count 5)"
VERSION = 2
REPLY_TOKENS = 128
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 5
SHAPE = r"(?<![A-Za-z])[B-DF-HJ-NP-TV-XZ]{5}(?![A-Za-z])"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The asked chain as ``needles`` says, other chains anywhere; the lines of each in order."""
    plan, options = Planter(draw, site), site.options
    count = options.needle_count or COUNT
    needles = _chain(plan, depths_of(options.placement, count, plan.depth, draw, ordered=True), "right")
    for _ in range(options.distractor_count):
        needles += _chain(plan, sorted(anywhere(draw) for _ in range(count)), "distractor")
    question = plan.said("tracking.question", value=needles[0].key)
    return plan.planting("tracking.hint", question, needles, [n.value for n in needles[:count]])


def score(text: str, planting: Planting) -> Score:
    """Recall of the names, lowered by names that do not hold the value."""
    return scorers.name_set(text, scorers.expected_of(planting), SHAPE)


@solver("tracking.question")
def solve(asked: Asked) -> str | None:
    """Follow the assignments in the order of the text."""
    holding: list[str] = []
    for _, line in asked.found("tracking.first", "tracking.next", value=asked.blanks["value"]):
        if "before" not in line or line["before"] in holding:
            holding.append(line["name"])
    return ", ".join(holding)


def _chain(plan: Planter, depths: Sequence[float], answer_class: str) -> list[Needle]:
    """One line per depth; the key of each is the chain's value, which only the first one names."""
    number, needles = plan.number(), list[Needle]()
    for depth in depths:
        before = needles[-1].value if needles else ""
        form, name = plan.wording.form("tracking.next" if before else "tracking.first"), plan.variable()
        text = form.fill(name=name, before=before, value=number)
        needles.append(Needle(key=number, value=name, text=text, depth_percent=depth, answer_class=answer_class))
    return needles
