"""A thing goes from hand to hand and from city to city; where is it in the end, or was before?

After the second and third task of bAbI and BABILong (arXiv:2406.10149): somebody picks the thing
up, travels, gives it to somebody else, who travels on. The line that says where it is does not
name it. Whoever gave it away travels on as well, before and behind that line. Half of the trials
ask where it was before that city. Depth is that of the last journey of the thing; all others of it
come before it, as ``needles`` says (see ``beside``). ``distractors`` are other things, each with a
journey of its own, anywhere.
"""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.errors import ConfigError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._names import PLACES
from niah.tasks._placing import anywhere, beside
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

SUMMARY = "follow a thing from hand to hand: where is it in the end, or was it before (--needle-count 4)"
VERSION = 2
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
DEPTH_OF = "the last journey"
COUNT = 4  # journeys of the thing


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The way of the thing in its order, the last journey at the trial's depth; then what misleads."""
    told, depth, wording = _Told(draw, site), site.trial.depth_percent, wording_of(site.language)
    thing, giver, taker = told.thing(), told.supply.person(), told.supply.person()
    way, handed = _way(told, thing, giver, taker, site)
    asked, places = draw.choice(("now", "before")), [n.value for n in way if n.value != taker]
    target = places[-1 if asked == "now" else -2]
    needles = [_classed(n, target, places[-1]) for n in way]
    aside = (anywhere(draw, handed, depth), anywhere(draw, depth, 100.0))
    astray = [told.went(giver, thing, place) for place in aside]
    for _ in range(site.options.distractors):
        who, (first, then) = told.supply.person(), sorted((anywhere(draw), anywhere(draw)))
        carried = told.thing()
        astray += [told.took(who, carried, first), told.went(who, carried, then)]
    needles += [replace(n, answer_class="distractor") for n in astray]
    question = wording.form(f"moves.{asked}").fill(thing=thing, place=places[-1])
    opening = speech_opening(site.language, wording.text("moves.hint"))
    return planting_of(site.language, opening, question, needles, [target])


def score(text: str, planting: Planting) -> Score:
    """The name of the city, and no other; the city that the question names is none.

    All lines are told alike: the words of a line do not show which city is given as the answer.
    """
    named = {city for places in PLACES.values() for city in places if city in planting.question}
    cities = {city for places in PLACES.values() for city in places} - named
    expected = scorers.expected_of(planting)
    wrong = {v: replace(known, words=frozenset()) for v, known in expected.wrong.items() if v in cities}
    return scorers.name(text, replace(expected, wrong=wrong, words=frozenset()), sorted(cities), place=True)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """Go through the text in its order and note where the thing is."""
    which = {key: asked.wording.form(f"moves.{key}").parse(asked.question) for key in ("now", "before")}
    blanks = which["now"] or which["before"]
    way = _followed(asked, blanks["thing"]) if blanks else []
    back = 1 if which["now"] else 2
    return way[-back] if len(way) >= back else None


solve = solver(_answer)


def _followed(asked: ParsedQuestion, thing: str) -> list[str]:
    """Every city that a thing came to, in order."""
    lines: list[tuple[int, str, dict[str, str]]] = []
    for key in ("took", "handed"):
        found = asked.wording.form(f"moves.{key}").found_in(asked.text, thing=thing)
        lines += [(at, key, line) for at, line in found]
    for form in asked.wording.forms("moves.went"):
        lines += [(at, "went", line) for at, line in form.found_in(asked.text)]
    holder, way = "", list[str]()
    for _, key, line in sorted(lines, key=lambda found: found[0]):
        if key == "handed":
            holder = line["other"]
        elif key == "took" or line["person"] == holder:
            holder = line["person"]
            way.append(line["place"])
    return way


class _Told:
    """The sentences of one trial, as needles."""

    def __init__(self, draw: Draw, site: TaskContext) -> None:
        self.supply = UnusedNames(draw, site.haystack, site.language)
        self._wording = wording_of(site.language)
        form, colours, nouns = (
            self._wording.form("hops.thing"), self._wording.texts("hops.colours"), self._wording.texts("hops.things")
        )  # fmt: skip
        self._things = [form.fill(colour=colour, noun=noun) for colour in colours for noun in nouns]

    def thing(self) -> str:
        return self.supply.one_of(self._things, "things")

    def took(self, person: str, thing: str, depth: float) -> Needle:
        return self._needle(self._wording.form("moves.took"), depth, person, thing)

    def went(self, person: str, thing: str, depth: float) -> Needle:
        """A journey of somebody who has, or had, the thing."""
        form = self.supply.draw.choice(self._wording.forms("moves.went"))
        return self._needle(form, depth, person, thing)

    def handed(self, person: str, thing: str, other: str, depth: float) -> Needle:
        text = self._wording.form("moves.handed").fill(person=person, thing=thing, other=other)
        return Needle(key=thing, value=other, text=text, depth_percent=depth)

    def _needle(self, form: Form, depth: float, person: str, thing: str) -> Needle:
        place = self.supply.place()
        text = form.fill(place=place, person=person, thing=thing)
        return Needle(key=thing, value=place, text=text, depth_percent=depth)


def _way(told: _Told, thing: str, giver: str, taker: str, site: TaskContext) -> tuple[list[Needle], float]:
    """What happens to the thing, in order, and the depth at which it changes hands."""
    options, depth, draw = site.options, site.trial.depth_percent, told.supply.draw
    count = options.needle_count or COUNT
    if count < 3:
        raise ConfigError(f"needle_count = {count}: task moves tells of several journeys; give 3 or more")
    own = draw.between(1, count - 2)  # journeys before it changes hands; two or more follow
    first, *depths = [*beside(options.needles, count + 1, depth, (0.0, depth), draw), depth]
    way = [told.took(giver, thing, first), *(told.went(giver, thing, d) for d in depths[:own])]
    way.append(told.handed(giver, thing, taker, depths[own]))
    return [*way, *(told.went(taker, thing, d) for d in depths[own + 1 :])], depths[own]


def _classed(needle: Needle, target: str, last: str) -> Needle:
    """What an answer with this is."""
    if needle.value == target:
        return needle
    if needle.value == last:
        return replace(needle, answer_class="distractor", detail="later")
    return replace(needle, answer_class="earlier")
