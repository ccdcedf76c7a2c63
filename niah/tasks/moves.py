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
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._names import PLACES
from niah.tasks._placing import anywhere, beside
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "follow a thing from hand to hand: where is it in the end, or was it before (--needle-count 4)"
VERSION = 2
OPTIONS = ("distractor_count", "needle_count", "placement")
DEPTH_OF = "the last journey"
COUNT = 4  # journeys of the thing


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The way of the thing in its order, the last journey at the trial's depth; then what misleads."""
    plan = Planter(draw, site)
    thing, giver, taker = plan.coloured("things"), plan.person(), plan.person()
    way, handed = _way(plan, thing, giver, taker)
    asked, places = draw.choice(("now", "before")), [n.value for n in way if n.value != taker]
    target = places[-1 if asked == "now" else -2]
    beside_way = (anywhere(draw, handed, plan.depth), anywhere(draw, plan.depth, 100.0))
    aside = [_went(plan, giver, thing, depth) for depth in beside_way]
    for _ in range(site.options.distractor_count):
        who, (first, then) = plan.person(), sorted((anywhere(draw), anywhere(draw)))
        carried = plan.coloured("things")
        aside += [_took(plan, who, carried, first), _went(plan, who, carried, then)]
    needles = [_classed(n, target, places[-1]) for n in way] + [replace(n, answer_class="distractor") for n in aside]
    question = plan.said(f"moves.{asked}", thing=thing, place=places[-1])
    return plan.planting("moves.hint", question, needles, [target])


def score(text: str, planting: Planting) -> Score:
    """The name of the city, and no other; the city that the question names is none.

    All lines are told alike: the words of a line do not show which city is given as the answer.
    """
    everywhere = {city for places in PLACES.values() for city in places}
    cities = {city for city in everywhere if fold(city) not in fold(planting.question)}
    expected = scorers.expected_of(planting).told_alike()
    wrong = {value: known for value, known in expected.wrong.items() if value in cities}
    return scorers.name(text, replace(expected, wrong=wrong, words=frozenset()), sorted(cities), place=True)


@solver("moves.now", "moves.before")
def solve(asked: Asked) -> str | None:
    """Go through the text in its order and note where the thing is."""
    thing = asked.blanks["thing"]
    lines = [(at, key, line) for key in ("took", "handed") for at, line in asked.found(f"moves.{key}", thing=thing)]
    lines += [(at, "went", line) for at, line in asked.found("moves.went")]
    holder, way = "", list[str]()
    for _, key, line in sorted(lines, key=lambda found: found[0]):
        if key == "handed":
            holder = line["other"]
        elif key == "took" or line["person"] == holder:
            holder = line["person"]
            way.append(line["place"])
    back = 1 if asked.key == "moves.now" else 2
    return way[-back] if len(way) >= back else None


def _took(plan: Planter, who: str, thing: str, depth: float) -> Needle:
    return _journey(plan, plan.wording.form("moves.took"), who, thing, depth)


def _went(plan: Planter, who: str, thing: str, depth: float) -> Needle:
    """A journey of somebody who has, or had, the thing."""
    return _journey(plan, plan.one("moves.went"), who, thing, depth)


def _journey(plan: Planter, form: Form, who: str, thing: str, depth: float) -> Needle:
    place = plan.place()
    return plan.needle(form, depth, key=thing, value=place, person=who, thing=thing, place=place)


def _way(plan: Planter, thing: str, giver: str, taker: str) -> tuple[list[Needle], float]:
    """What happens to the thing, in order, and the depth at which it changes hands."""
    count = plan.count(COUNT, 3, "journeys")
    own = plan.draw.between(1, count - 2)  # journeys before it changes hands; two or more follow
    before = beside(plan.options.placement, count + 1, plan.depth, (0.0, plan.depth), plan.draw)
    first, *depths = [*before, plan.depth]
    way = [_took(plan, giver, thing, first), *(_went(plan, giver, thing, d) for d in depths[:own])]
    handed = plan.wording.form("moves.handed")
    way.append(plan.needle(handed, depths[own], key=thing, value=taker, person=giver, thing=thing, other=taker))
    return [*way, *(_went(plan, taker, thing, d) for d in depths[own + 1 :])], depths[own]


def _classed(needle: Needle, target: str, last: str) -> Needle:
    """What an answer with this is."""
    if needle.value == target:
        return needle
    if needle.value == last:
        return replace(needle, answer_class="distractor", detail="later")
    return replace(needle, answer_class="earlier")
