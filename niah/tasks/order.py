"""Journeys of one year, told in any order; the cities in the order of the calendar are asked for.

Every journey is told with a day that everybody can place (on Halloween, 端午節), so that neither
where it stands in the text nor a date to sort by gives its place (ordered needles after
Sequential-NIAH, arXiv:2504.04713; days, sentences and the score are ours). Of ``distractors``
every other one is a journey of somebody else, and the rest are journeys of the asked person that
came to nothing, in the question's own words.
"""

from __future__ import annotations

from niah import scorers
from niah.errors import ConfigError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._names import PLACES
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

SUMMARY = "list in the order of the calendar what is told in any order (--needle-count 4, --distractors)"
VERSION = 1
REPLY_TOKENS = 64
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The journeys as ``needles`` says, in a drawn order, and others anywhere."""
    options, wording = site.options, wording_of(site.language)
    supply, days = UnusedNames(draw, site.haystack, site.language), wording.texts("order.days")
    count = options.needle_count or COUNT
    if not 2 <= count <= len(days):
        raise ConfigError(f"needle_count = {count}: task order lists 2 to {len(days)} journeys; give one of these")
    person, told = supply.person(), wording.forms("order.told")
    dated = draw.shuffled([(day, supply.place()) for day in sorted(draw.shuffled(range(len(days)))[:count])])
    depths = depths_of(options.needles, count, site.trial.depth_percent, draw)
    needles = [
        _needle(draw.choice(told), person, place, days[day], depth)
        for (day, place), depth in zip(dated, depths, strict=True)
    ]
    for i in range(options.distractors):
        other, day, depth = i % 2, draw.choice(days), anywhere(draw)
        form = draw.choice(told if other else wording.forms("order.cancelled"))
        who, said = (supply.person(), "distractor") if other else (person, "near-miss")
        needles.append(_needle(form, who, supply.place(), day, depth, said, None if other else "cancelled"))
    question = wording.form("order.question").fill(person=person)
    opening = speech_opening(site.language, wording.text("order.hint"))
    return planting_of(site.language, opening, question, needles, [place for _, place in sorted(dated)])


def score(text: str, planting: Planting) -> Score:
    """1 for all cities in their order and no other, else 0; how many were found is scored apart."""
    cities = {city for places in PLACES.values() for city in places}
    return scorers.name_sequence(text, scorers.expected_of(planting), cities)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The cities of the asked person's journeys by the place of their days in the calendar."""
    blanks = asked.wording.form("order.question").parse(asked.question)
    days = asked.wording.texts("order.days")
    found = {
        (days.index(day), line["place"])
        for form in asked.wording.forms("order.told")
        for day in days
        for _, line in form.found_in(asked.text, when=day, **(blanks or {}))
    }
    return ", ".join(place for _, place in sorted(found)) or None


solve = solver(_answer)


def _needle(
    form: Form,
    person: str,
    place: str,
    day: str,
    depth: float,
    answer_class: str = "right",
    detail: str | None = None,
) -> Needle:
    text = form.fill(person=person, place=place, when=day)
    return Needle(key=person, value=place, text=text, depth_percent=depth, answer_class=answer_class, detail=detail)
