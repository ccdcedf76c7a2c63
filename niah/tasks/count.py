"""How many different people somebody ran into: some of them more than once, others only nearly.

No line says the number, and the number of lines is not the answer (counting as in RULER's
aggregation tasks, arXiv:2404.06654; people, sentences and the draw are ours). From 2 to
``needle_count`` people are met, as drawn for every trial, so a fixed answer is right in 1 of
``needle_count`` - 1. Every other one of ``distractors`` is somebody whom the asked person missed,
in the question's own words; the rest are meetings of others.
"""

from __future__ import annotations

from niah import scorers
from niah.errors import ConfigError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

SUMMARY = "count the different people whom somebody meets, some of them again (--needle-count 9, --distractors)"
VERSION = 2
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 9  # at most, so that the answer is one digit
MOST_AGAIN = 3


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The meetings as ``needles`` says, in a drawn order; what misleads anywhere."""
    options, wording = site.options, wording_of(site.language)
    supply, most = UnusedNames(draw, site.haystack, site.language), options.needle_count or COUNT
    if not 2 <= most <= COUNT:
        raise ConfigError(f"needle_count = {most}: task count plants 2 to {COUNT} people; give one of these")
    person, different = supply.person(), draw.between(2, most)
    people = [supply.person() for _ in range(different)]
    people = draw.shuffled([*people, *draw.shuffled(people)[: draw.between(1, MOST_AGAIN)]])
    depths = depths_of(options.needles, len(people), site.trial.depth_percent, draw)
    met = wording.forms("count.met")
    needles = [
        _needle(supply, draw.choice(met), person, other, depth) for other, depth in zip(people, depths, strict=True)
    ]
    for i in range(options.distractors):
        form = draw.choice(met if i % 2 else wording.forms("count.missed"))
        who, said = (supply.person(), "distractor") if i % 2 else (person, "near-miss")
        needles.append(_needle(supply, form, who, supply.person(), anywhere(draw), said))
    question = wording.form("count.question").fill(person=person)
    opening = speech_opening(site.language, wording.text("count.hint"))
    return planting_of(site.language, opening, question, needles, [str(different)])


def score(text: str, planting: Planting) -> Score:
    """The number, and no other. That there was nobody is said of an absent needle."""
    return scorers.count(text, scorers.expected_of(planting))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The number of names in the sentences that tell of a meeting of the asked person."""
    blanks = asked.wording.form("count.question").parse(asked.question) or {}
    forms = asked.wording.forms("count.met")
    people = {line["other"] for form in forms for _, line in form.found_in(asked.text, **blanks)}
    return str(len(people)) if people else None


solve = solver(_answer)


def _needle(
    supply: UnusedNames, form: Form, person: str, other: str, depth: float, answer_class: str = "right"
) -> Needle:
    place = supply.place()
    text = form.fill(person=person, other=other, place=place)
    return Needle(key=other, value=place, text=text, depth_percent=depth, answer_class=answer_class)
