"""A chain of facts across depths: a thing is in a trunk, the trunk in a boathouse, the boathouse in a city.

The question names the thing and asks for the city, so that no single line answers it (as in NeedleBench's and
BABILong's chains of facts). Other chains, for other things, end in other cities.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.scorers import WrongValue
from niah.tasks import Options, TaskContext
from niah.tasks._names import PLACES, names_of_city
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "follow a chain of facts to its end (--needle-count 3), beside chains that end elsewhere"
VERSION = 2
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 3


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The links of the asked chain as ``needles`` says, in order; links of other chains anywhere."""
    supply, options, language = UnusedNames(draw, site.haystack, site.language), site.options, site.language
    count = options.needle_count or COUNT
    depths = depths_of(options.needles, count, site.trial.depth_percent, draw)
    needles = _chain(supply, language, depths, "right")
    target = needles[-1].value
    for _ in range(options.distractors):
        needles += _chain(supply, language, [anywhere(draw) for _ in range(count)], "distractor")
    wording = wording_of(language)
    question = wording.form("hops.question").fill(a=needles[0].key)
    return planting_of(language, speech_opening(language, wording.text("hops.hint")), question, needles, [target])


def score(text: str, planting: Planting) -> Score:
    """The city at the end of the chain. A link on the way to it is a near miss; other cities are distractors."""
    expected = scorers.expected_of(planting)
    mine = [n for n in planting.needles if n.answer_class == "right"]
    links = {n.value: WrongValue(answer_class="near-miss", detail="a link on the way") for n in mine}
    cities = {v for places in PLACES.values() for v in places}
    wrong = {v: k for v, k in {**links, **expected.wrong}.items() if v in cities and v not in planting.targets}
    asked, foreign = _keys(planting)
    aliases = {name: target for target in planting.targets for name in names_of_city(target) if name != target}
    held = replace(expected, wrong=wrong, keys=asked, other_keys=foreign, aliases=aliases)
    score = scorers.name(text, held, sorted(cities), place=True, row=True)
    if score.value or score.answer_class in ("distractor", "several", "absent"):
        return score
    nodes = {name for n in planting.needles for name in (n.key, n.value)} - cities
    named = scorers.names_in(scorers.answer_in(text), nodes) - {mine[0].key if mine else ""}
    on_the_way = named & set(links)
    if named - on_the_way:
        return Score(value=0.0, answer_class="distractor", explanation="named a thing of another chain")
    if on_the_way:
        why = f"answered {', '.join(sorted(on_the_way))}, a link on the way to {planting.targets[0]}"
        return Score(value=0.0, answer_class="near-miss", explanation=why, detail="a link on the way")
    return score


def _keys(planting: Planting) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The things of the asked chain, and of others; each also by its noun where no other has it."""
    mine = [n for n in planting.needles if n.answer_class == "right"]
    others = [n.key for n in planting.needles if n.answer_class != "right"]
    nodes = [*(n.key for n in mine), *others]
    nouns = Counter(map(_noun, nodes))
    asked, foreign = (
        tuple(form for key in keys for form in (key, _noun(key)) if form == key or nouns[form] == 1)
        for keys in ([n.key for n in mine], others)
    )
    return asked, foreign


def _noun(thing: str) -> str:
    """A thing without its colour: amulet, 王冠."""
    return thing.rpartition(" ")[2] if thing.isascii() else thing.rpartition("色")[2]


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """Go from the thing of the question to the end of what the text says of it."""
    forms = [asked.wording.form(f"hops.{key}") for key in ("inside", "where")]
    start = asked.wording.form("hops.question").parse(asked.question)
    here, seen = start["a"] if start else "", set[str]()
    while here and here not in seen:
        seen.add(here)
        here = next((blanks["b"] for form in forms for _, blanks in form.found_in(asked.text, a=here)), here)
    return here if here in PLACES[asked.wording.language] else None


solve = solver(_answer)


def _chain(supply: UnusedNames, language: str, depths: list[float], answer_class: str) -> list[Needle]:
    """One line per depth: thing, containers, building, city."""
    count, forms = len(depths), [wording_of(language).form(f"hops.{key}") for key in ("inside", "where")]
    kinds = ["things", *["containers"] * (count - 2), *["buildings"] * (count > 1)]
    nodes = [*(_new(supply, language, kind) for kind in kinds), supply.place()]
    needles = []
    for i, depth in enumerate(depths):
        text = forms[i == count - 1].fill(a=nodes[i], b=nodes[i + 1])
        needles.append(
            Needle(key=nodes[i], value=nodes[i + 1], text=text, depth_percent=depth, answer_class=answer_class)
        )
    return needles


def _new(supply: UnusedNames, language: str, kind: str) -> str:
    """A thing with a colour: the teal amulet."""
    wording = wording_of(language)
    form, colours, nouns = wording.form("hops.thing"), wording.texts("hops.colours"), wording.texts(f"hops.{kind}")
    return supply.one_of([form.fill(colour=c, noun=n) for c in colours for n in nouns], "things")
