"""One fact among near misses: sentences of the same form that each break exactly one condition of the question.

Another person, another season, the worst instead of the best, another kind of shop (the idea of graded distractors is
Chroma's context-rot report; conditions and sentences are ours). Each near miss has an answer of its own, so a wrong
answer says which condition was not read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import Asked, planting_of, solver, speech_opening
from niah.tasks._placing import apart
from niah.tasks._supply import Supply, words_in
from niah.wording import Wording, wording_of

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
class _Fact:
    """All conditions of a sentence."""

    person: str
    season: str
    best: str
    shop: str


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, near misses at random depths away from it."""
    supply, wording = Supply(draw, site.haystack, site.language), wording_of(site.language)
    fact = _Fact(
        person=supply.person(),
        season=draw.choice(wording.texts("distractors.seasons")),
        best=wording.text("distractors.best"),
        shop=draw.choice(wording.texts("distractors.shops")),
    )
    needles = [_needle(wording, fact, supply.title(), None, None)]
    broken = {fact}
    for i in range(site.options.distractors):
        kind = KINDS[i % len(KINDS)]
        broken.add(wrong := _new(supply, wording, fact, kind, broken))
        depth = apart(draw, site.trial.depth_percent, APART_PERCENT)
        needles.append(_needle(wording, wrong, supply.title(), depth, kind))
    question = wording.form("distractors.question").fill(**asdict(fact))
    opening = speech_opening(site.language, wording.text("distractors.hint"))
    return planting_of(site.language, opening, question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The name of the shop, and no other."""
    return scorers.name(text, scorers.expected_of(planting), words_in(scorers.answer_in(text)))


def _answer(asked: Asked, options: Options | None) -> str | None:
    """The name in the sentence that meets every condition of the question."""
    conditions = asked.wording.form("distractors.question").parse(asked.question)
    if conditions is None:
        return None
    stated = asked.wording.form("distractors.said").found_in(asked.text, **conditions)
    return next((blanks["value"] for _, blanks in stated), None)


solve = solver(_answer)


def _needle(wording: Wording, fact: _Fact, value: str, depth: float | None, kind: str | None) -> Needle:
    return Needle(
        key=fact.person,
        value=value,
        text=wording.form("distractors.said").fill(**asdict(fact), value=value),
        depth_percent=depth,
        answer_class="near-miss" if kind else "right",
        detail=kind,
    )


def _new(supply: Supply, wording: Wording, fact: _Fact, kind: str, before: Collection[_Fact]) -> _Fact:
    """The fact with one condition changed, as no needle before has it; where none is left, by another person.

    Two needles with the same conditions and different names would contradict each other.
    """
    for _ in range(_TRIES):
        if (wrong := _broken(supply, wording, fact, kind)) not in before:
            return wrong
    return replace(_broken(supply, wording, fact, kind), person=supply.person())


def _broken(supply: Supply, wording: Wording, fact: _Fact, kind: str) -> _Fact:
    """The fact with one condition changed."""
    if kind == "other person":
        return replace(fact, person=supply.person())
    if kind == "other season":
        return replace(fact, season=_other(supply, wording.texts("distractors.seasons"), fact.season))
    if kind == "opposite":
        return replace(fact, best=wording.text("distractors.worst"))
    return replace(fact, shop=_other(supply, wording.texts("distractors.shops"), fact.shop))


def _other(supply: Supply, all_: Sequence[str], one: str) -> str:
    return supply.draw.choice([item for item in all_ if item != one])
