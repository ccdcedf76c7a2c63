"""Journeys of one year, told in any order; the cities in the order of the calendar are asked for.

Every journey is told with a day that everybody can place (on Halloween, 端午節), so that neither
where it stands in the text nor a date to sort by gives its place (ordered needles after
Sequential-NIAH, arXiv:2504.04713; days, sentences and the score are ours). Of ``distractors``
every other one is a journey of somebody else, and the rest are journeys of the asked person that
came to nothing, in the question's own words.
"""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._names import PLACES
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "list in the order of the calendar what is told in any order (--needle-count 4, --distractors)"
VERSION = 1
REPLY_TOKENS = 64
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The journeys as ``needles`` says, in a drawn order, and others anywhere."""
    plan, options = Planter(draw, site), site.options
    days = plan.wording.texts("order.days")
    count = plan.count(COUNT, 2, "journeys", len(days))
    person = plan.person()

    def went(form: Form, who: str, place: str, day: str, depth: float, *said: str) -> Needle:
        return plan.needle(form, depth, *said, key=who, value=place, person=who, place=place, when=day)

    dated = draw.shuffled([(day, plan.place()) for day in sorted(draw.shuffled(range(len(days)))[:count])])
    depths = depths_of(options.placement, count, plan.depth, draw)
    needles = [
        went(plan.one("order.told"), person, place, days[day], depth)
        for (day, place), depth in zip(dated, depths, strict=True)
    ]
    for i in range(options.distractor_count):
        day, depth = draw.choice(days), anywhere(draw)
        form = plan.one("order.told" if i % 2 else "order.cancelled")
        who, said = (plan.person(), ["distractor"]) if i % 2 else (person, ["near-miss", "cancelled"])
        needles.append(went(form, who, plan.place(), day, depth, *said))
    question = plan.said("order.question", person=person)
    return plan.planting("order.hint", question, needles, [place for _, place in sorted(dated)])


def score(text: str, planting: Planting) -> Score:
    """1 for all cities in their order and no other, else 0; how many were found is scored apart."""
    cities = {city for places in PLACES.values() for city in places}
    return scorers.name_sequence(text, scorers.expected_of(planting), cities)


@solver("order.question")
def solve(asked: Asked) -> str | None:
    """The cities of the asked person's journeys by the place of their days in the calendar."""
    days = enumerate(asked.wording.texts("order.days"))
    found = [(at, line["place"]) for at, day in days for _, line in asked.found("order.told", when=day, **asked.blanks)]
    return ", ".join(dict.fromkeys(place for _, place in found))
