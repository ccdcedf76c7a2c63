"""The number of a place changes as the talk goes on; what holds in the end, or held at first, is asked for.

After LongMemEval's knowledge updates and bAbI's first task. The asked statement is worded otherwise than the question;
behind the latest one somebody recalls a number of long ago, before the first one somebody announces a coming one, both
in the question's own words and in the place where a reader who goes by position looks. Depth is that of the asked
statement. The other statements stand before it (``asked = latest``) or behind it (``first``), and ``needles`` says how:
next to it, one in each part of that side, or anywhere there. Numbers of ``distractors`` other places stand anywhere,
the first of them on the far side of the asked statement.
"""

from __future__ import annotations

from niah import scorers
from niah.errors import ConfigError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext, _magic_number
from niah.tasks._names import places_like
from niah.tasks._placing import anywhere, beside
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, Wording, wording_of

SUMMARY = "find what holds in the end (or --asked first) of several values stated for one place (--distractors)"
VERSION = 2  # other places, other words, and a statement where position misleads
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("asked", "distractors", "needle_count", "needles")
FILLER = None
COUNT = 3


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The statements about the asked place in the order in which they stand, then those about others."""
    options, wording = site.options, wording_of(site.language)
    supply, latest = UnusedNames(draw, site.haystack, site.language), options.asked == "latest"
    key, depth = supply.key(), site.trial.depth_percent
    statements = _statements(draw, supply, wording, options, key, depth)
    far = (depth, 100.0) if latest else (0.0, depth)
    aside = draw.choice(wording.forms("update.recalled" if latest else "update.announced"))
    classed = ("earlier", None) if latest else ("distractor", "later")
    misleading = [_needle(supply, aside, key, anywhere(draw, *far), *classed)]
    others = []
    for i in range(options.distractors):
        form = wording.form("magic.number.sentence") if i % 2 else draw.choice(wording.forms("update.changed"))
        others.append(_needle(supply, form, supply.key(), anywhere(draw) if i else anywhere(draw, *far), "distractor"))
    needles = [*statements, *misleading] if latest else [*misleading, *statements]
    question = wording.form(f"update.{options.asked}").fill(key=key)
    opening = speech_opening(site.language, wording.text("update.hint"))
    target = next(n.value for n in statements if n.answer_class == "right")
    return planting_of(site.language, opening, question, [*needles, *others], [target])


def score(text: str, planting: Planting) -> Score:
    """The number stated last (or first), and no other."""
    return scorers.number(text, scorers.expected_of(planting, places_like(planting.question)))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The last (or first) value stated for the key of the question; neither what was long ago nor what is to come."""
    for which, other in (("latest", "changed"), ("first", "started")):
        if blanks := asked.wording.form(f"update.{which}").parse(asked.question):
            forms = [asked.wording.form("magic.number.sentence"), *asked.wording.forms(f"update.{other}")]
            found = sorted((at, b["value"]) for form in forms for at, b in form.found_in(asked.text, key=blanks["key"]))
            return found[-1 if which == "latest" else 0][1] if found else None
    return None


solve = solver(_answer)


def _statements(
    draw: Draw, supply: UnusedNames, wording: Wording, options: Options, key: str, depth: float
) -> list[Needle]:
    """What is said of the asked place, in order: only the asked statement is not in the words of the question."""
    latest, depths = options.asked == "latest", _depths(draw, options, depth)
    needles = []
    for i, place in enumerate(depths):
        plain = i == 0 if latest else i > 0
        retold = wording.forms("update.changed" if latest else "update.started")
        form = wording.form("magic.number.sentence") if plain else draw.choice(retold)
        needles.append(_needle(supply, form, key, place, *_class_of(i, len(depths), options.asked)))
    return needles


def _needle(
    supply: UnusedNames, form: Form, key: str, depth: float, answer_class: str, detail: str | None = None
) -> Needle:
    value = supply.number()
    text = form.fill(key=key, value=value)
    return Needle(key=key, value=value, text=text, depth_percent=depth, answer_class=answer_class, detail=detail)


def _depths(draw: Draw, options: Options, depth: float) -> list[float]:
    """Rising depths, the asked one last (or first)."""
    others = (options.needle_count or COUNT) - 1
    if others < 1:
        raise ConfigError("needle_count = 1: task update asks for one of several statements; give 2 or more")
    latest = options.asked == "latest"
    places = beside(options.needles, others, depth, (0.0, depth) if latest else (depth, 100.0), draw)
    return [*places, depth] if latest else [depth, *places]


def _class_of(i: int, count: int, asked: str) -> tuple[str, str | None]:
    """What an answer with the i-th statement is."""
    if asked == "first":
        return ("right", None) if i == 0 else ("distractor", "later")
    if i == count - 1:
        return "right", None
    return ("stale", None) if i == count - 2 else ("earlier", None)
