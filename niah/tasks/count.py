"""How many different people somebody ran into: some of them more than once, others only nearly.

No line says the number, and the number of lines is not the answer (counting as in RULER's
aggregation tasks, arXiv:2404.06654; people, sentences and the draw are ours). From 2 to
``needle_count`` people are met, as drawn for every trial, so a fixed answer is right in 1 of
``needle_count`` - 1. Every other one of ``distractors`` is somebody whom the asked person missed,
in the question's own words; the rest are meetings of others.
"""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "count the different people whom somebody meets, some of them again (--needle-count 9, --distractors)"
VERSION = 2
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 9  # at most, so that the answer is one digit
MOST_AGAIN = 3


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The meetings as ``needles`` says, in a drawn order; what misleads anywhere."""
    plan = Planter(draw, site)
    person, different = plan.person(), draw.between(2, plan.count(COUNT, 2, "people", COUNT))

    def met(form: Form, who: str, other: str, depth: float, answer_class: str = "right") -> Needle:
        place = plan.place()
        return plan.needle(form, depth, answer_class, key=other, value=place, person=who, other=other, place=place)

    people = [plan.person() for _ in range(different)]
    people = draw.shuffled([*people, *draw.shuffled(people)[: draw.between(1, MOST_AGAIN)]])
    depths = depths_of(site.options.placement, len(people), plan.depth, draw)
    needles = [met(plan.one("count.met"), person, other, depth) for other, depth in zip(people, depths, strict=True)]
    for i in range(site.options.distractor_count):
        form = plan.one("count.met" if i % 2 else "count.missed")
        who, said = (plan.person(), "distractor") if i % 2 else (person, "near-miss")
        needles.append(met(form, who, plan.person(), anywhere(draw), said))
    return plan.planting("count.hint", plan.said("count.question", person=person), needles, [str(different)])


def score(text: str, planting: Planting) -> Score:
    """The number, and no other. That there was nobody is said of an absent needle."""
    return scorers.count(text, scorers.expected_of(planting))


@solver("count.question")
def solve(asked: Asked) -> str | None:
    """The number of names in the sentences that tell of a meeting of the asked person."""
    people = {line["other"] for _, line in asked.found("count.met", **asked.blanks)}
    return str(len(people)) if people else None
