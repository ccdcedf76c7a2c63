"""A chain of facts across depths: a thing is in a trunk, the trunk in a boathouse, the boathouse in a city.

The question names the thing and asks for the city, so that no single line answers it (as in NeedleBench's and
BABILong's chains of facts). Other chains, for other things, end in other cities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.scorers import WrongValue
from niah.tasks import TaskContext
from niah.tasks._names import PLACES, names_of_city
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "follow a chain of facts to its end (--needle-count 3), beside chains that end elsewhere"
VERSION = 2
OPTIONS = ("distractor_count", "needle_count", "placement")
COUNT = 3
ON_THE_WAY = "a link on the way"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The links of the asked chain as ``needles`` says, in order; links of other chains anywhere."""
    plan, options = Planter(draw, site), site.options
    count = options.needle_count or COUNT
    needles = _chain(plan, depths_of(options.placement, count, plan.depth, draw), "right")
    for _ in range(options.distractor_count):
        needles += _chain(plan, [anywhere(draw) for _ in range(count)], "distractor")
    question = plan.said("hops.question", a=needles[0].key)
    return plan.planting("hops.hint", question, needles, [needles[count - 1].value])


def score(text: str, planting: Planting) -> Score:
    """The city at the end of the chain. A link on the way to it is a near miss; other cities are distractors."""
    expected = scorers.expected_of(planting)
    mine = [n for n in planting.needles if n.answer_class == "right"]
    links = {n.value: WrongValue(answer_class="near-miss", detail=ON_THE_WAY) for n in mine}
    cities = {v for places in PLACES.values() for v in places}
    wrong = {v: k for v, k in {**links, **expected.wrong}.items() if v in cities and v not in planting.targets}
    asked, foreign = _keys(planting)
    aliases = {name: target for target in planting.targets for name in names_of_city(target) if name != target}
    held = replace(expected, wrong=wrong, keys=asked, other_keys=foreign, aliases=aliases)
    score = scorers.name(text, held, sorted(cities), place=True, row=True)
    if score.value or score.answer_class in ("distractor", "several", "not-there"):
        return score
    nodes = {name for n in planting.needles for name in (n.key, n.value)} - cities - {n.key for n in mine[:1]}
    named = scorers.names_in(scorers.answer_in(text), nodes)
    if named - set(links):
        return Score(value=0.0, answer_class="distractor", explanation="named a thing of another chain")
    if named:
        why = f"answered {', '.join(sorted(named))}, {ON_THE_WAY} to {expected.target}"
        return Score(value=0.0, answer_class="near-miss", explanation=why, detail=ON_THE_WAY)
    return score


@solver("hops.question")
def solve(asked: Asked) -> str | None:
    """Go from the thing of the question to the end of what the text says of it."""
    here, seen = asked.blanks["a"], set[str]()
    while here not in seen:
        seen.add(here)
        here = next((line["b"] for _, line in asked.found("hops.inside", "hops.where", a=here)), here)
    return here if here in PLACES[asked.wording.language] else None


def _keys(planting: Planting) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The things of the asked chain, and of others; each also by its noun where no other has it."""
    mine = [n.key for n in planting.needles if n.answer_class == "right"]
    others = [n.key for n in planting.needles if n.answer_class != "right"]
    nouns = Counter(map(_noun, [*mine, *others]))
    asked, foreign = (
        tuple(form for key in keys for form in (key, _noun(key)) if form == key or nouns[form] == 1)
        for keys in (mine, others)
    )
    return asked, foreign


def _noun(thing: str) -> str:
    """A thing without its colour: amulet, 王冠."""
    return thing.rpartition(" ")[2] if thing.isascii() else thing.rpartition("色")[2]


def _chain(plan: Planter, depths: Sequence[float], answer_class: str) -> list[Needle]:
    """One line per depth: thing, containers, building, city."""
    count = len(depths)
    kinds = ["things", *["containers"] * (count - 2), *["buildings"] * (count > 1)]
    nodes = [*map(plan.coloured, kinds), plan.place()]
    forms = [*[plan.wording.form("hops.inside")] * (count - 1), plan.wording.form("hops.where")]
    links = zip(forms, depths, nodes, nodes[1:], strict=False)
    return [plan.needle(form, depth, answer_class, key=a, value=b, a=a, b=b) for form, depth, a, b in links]
