"""One fact among near misses: sentences of the same form that each break exactly one condition of the question.

Another person, another season, the worst instead of the best, another kind of shop (the idea of graded distractors is
Chroma's context-rot report; conditions and sentences are ours). Each near miss has an answer of its own, so a wrong
answer says which condition was not read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of, speech_opening
from niah.tasks._placing import apart
from niah.tasks._supply import Supply, words_in

SUMMARY = "find one fact among near misses that break one condition each (--distractors)"
VERSION = 1
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors",)
FILLER = None
APART_PERCENT = 5.0
_TRIES = 30
KINDS = ("other person", "other season", "opposite", "other kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    hint: str
    said: str
    question: str
    best: str
    worst: str
    seasons: tuple[str, ...]
    shops: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """All conditions of a sentence."""

    person: str
    season: str
    best: str
    shop: str


_WORDING: Mapping[str, _Wording] = {
    "en": _Wording(
        hint="Here and there in it somebody talks about shops in town.",
        said="Last {season}, {person} called the {value} the {best} {shop} in town.",
        question="Which {shop} did {person} call the {best} in town last {season}? Answer with its name only.",
        best="best",
        worst="worst",
        seasons=("spring", "summer", "autumn", "winter"),
        shops=("florist", "bookshop", "tea house", "barber", "tailor", "pawnshop", "cobbler"),
    ),
    "zh-Hant": _Wording(
        hint="其中幾處有人談到城裡的店家",
        said="去年{season} {person}說城裡{best}的{shop}是{value}",
        question="去年{season}，{person}說城裡{best}的{shop}是哪一家？只回答店名。",
        best="最好",
        worst="最差",
        seasons=("春天", "夏天", "秋天", "冬天"),
        shops=("花店", "書店", "茶館", "理髮店", "裁縫店", "當舖", "鞋店"),
    ),
    "zh-Hans": _Wording(
        hint="其中几处有人谈到城里的店家",
        said="去年{season} {person}说城里{best}的{shop}是{value}",
        question="去年{season}，{person}说城里{best}的{shop}是哪一家？只回答店名。",
        best="最好",
        worst="最差",
        seasons=("春天", "夏天", "秋天", "冬天"),
        shops=("花店", "书店", "茶馆", "理发店", "裁缝店", "当铺", "鞋店"),
    ),
}


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, near misses at random depths away from it."""
    supply, wording = Supply(draw, site.haystack, site.language), _WORDING[site.language]
    fact = _Fact(
        person=supply.person(), season=draw.choice(wording.seasons), best=wording.best, shop=draw.choice(wording.shops)
    )
    needles = [_needle(wording, fact, supply.title(), None, None)]
    broken = {fact}
    for i in range(site.options.distractors):
        kind = KINDS[i % len(KINDS)]
        broken.add(wrong := _new(supply, wording, fact, kind, broken))
        depth = apart(draw, site.trial.depth_percent, APART_PERCENT)
        needles.append(_needle(wording, wrong, supply.title(), depth, kind))
    question = wording.question.format(**_fields(fact))
    opening = speech_opening(site.language, wording.hint)
    return planting_of(site.language, opening, question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The name of the shop, and no other."""
    return scorers.name(text, scorers.expected_of(planting), words_in(scorers.answer_in(text)))


def solve(text: str, options: Options | None = None) -> str:
    """The name in the sentence that meets every condition of the question."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    wording = _WORDING[asked.language]
    pattern = re.escape(wording.question).replace(r"\{", "{").replace(r"\}", "}")
    names = {k: f"(?P<{k}>.+?)" for k in ("shop", "person", "best", "season")}
    fields = re.fullmatch(pattern.format(**names), asked.question)
    if fields is None:
        return "There is no question."
    before, _, after = wording.said.format(**fields.groupdict(), value="\0").partition("\0")
    stated = re.search(f"^{re.escape(before)}(.+?){re.escape(after)}$", asked.text, re.MULTILINE)
    return stated[1] if stated else NOT_THERE[asked.language]


def _needle(wording: _Wording, fact: _Fact, value: str, depth: float | None, kind: str | None) -> Needle:
    return Needle(
        key=fact.person,
        value=value,
        text=wording.said.format(**_fields(fact), value=value),
        depth_percent=depth,
        answer_class="near-miss" if kind else "right",
        detail=kind,
    )


def _new(supply: Supply, wording: _Wording, fact: _Fact, kind: str, before: Collection[_Fact]) -> _Fact:
    """The fact with one condition changed, as no needle before has it; where none is left, by another person.

    Two needles with the same conditions and different names would contradict each other.
    """
    for _ in range(_TRIES):
        if (wrong := _broken(supply, wording, fact, kind)) not in before:
            return wrong
    return replace(_broken(supply, wording, fact, kind), person=supply.person())


def _broken(supply: Supply, wording: _Wording, fact: _Fact, kind: str) -> _Fact:
    """The fact with one condition changed."""
    if kind == "other person":
        return replace(fact, person=supply.person())
    if kind == "other season":
        return replace(fact, season=supply.draw.choice([s for s in wording.seasons if s != fact.season]))
    if kind == "opposite":
        return replace(fact, best=wording.worst)
    return replace(fact, shop=supply.draw.choice([s for s in wording.shops if s != fact.shop]))


def _fields(fact: _Fact) -> dict[str, str]:
    return {"person": fact.person, "season": fact.season, "best": fact.best, "shop": fact.shop}
