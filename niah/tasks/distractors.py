"""One fact among near misses: sentences that each break exactly one condition of the question.

Another person, another season, the worst instead of the best, another kind of shop (the idea of graded distractors is
Chroma's context-rot report; conditions and sentences are ours). The fact is told in other words than the question,
and every other near miss in the question's own: what shares most words with the question is never the answer. Each
near miss has an answer of its own, so a wrong answer says which condition was not read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._placing import apart
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames, words_in
from niah.text.language import LANGUAGES
from niah.text.seeded import Draw
from niah.text.wording import Form, Wording, wording_of

SUMMARY = "find one fact, told in other words, among near misses that break one condition each (--distractors)"
VERSION = 2  # told in other words than the question
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


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, near misses at random depths away from it."""
    supply, wording = UnusedNames(draw, site.haystack, site.language), wording_of(site.language)
    fact = _Fact(
        person=supply.person(),
        season=draw.choice(wording.rows("distractors.seasons"))["name"],
        best=wording.text("distractors.best"),
        shop=draw.choice(wording.rows("distractors.shops"))["name"],
    )
    needles = [_needle(fact, supply.title(), _retold(draw, wording, fact), None, None)]
    broken = {fact}
    for i in range(site.options.distractors):
        kind = KINDS[i % len(KINDS)]
        broken.add(wrong := _new(supply, wording, fact, kind, broken))
        depth = apart(draw, site.trial.depth_percent, APART_PERCENT)
        retold = (i + i // len(KINDS)) % 2  # every kind in both ways
        form = _retold(draw, wording, wrong) if retold else wording.form("distractors.said")
        needles.append(_needle(wrong, supply.title(), form, depth, kind))
    question = wording.form("distractors.question").fill(**asdict(fact))
    opening = speech_opening(site.language, wording.text("distractors.hint"))
    return planting_of(site.language, opening, question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The name of the shop, and no other."""
    expected = replace(scorers.expected_of(planting), conditions=_conditions())
    return scorers.name(text, expected, words_in(scorers.answer_in(text)))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The name in the sentence that meets every condition of the question."""
    conditions = asked.wording.form("distractors.question").parse(asked.question)
    if conditions is None:
        return None
    forms = [Form(asked.wording.form("distractors.said").fill(**conditions, value="{value}"))]
    forms += _retellings(asked.wording, conditions)
    return next((blanks["value"] for form in forms for _, blanks in form.found_in(asked.text)), None)


solve = solver(_answer)


def _needle(fact: _Fact, value: str, form: Form, depth: float | None, kind: str | None) -> Needle:
    return Needle(
        key=fact.person,
        value=value,
        text=form.fill(**asdict(fact), value=value),
        depth_percent=depth,
        answer_class="near-miss" if kind else "right",
        detail=kind,
    )


@cache
def _conditions() -> tuple[tuple[str, ...], ...]:
    """The seasons, shops and judgements of all languages."""
    wordings = [wording_of(language) for language in LANGUAGES]
    judgements = [w.text(f"distractors.{judged}") for w in wordings for judged in ("best", "worst")]
    kinds = ([r["name"] for w in wordings for r in w.rows(f"distractors.{k}")] for k in ("seasons", "shops"))
    return (*map(tuple, kinds), tuple(judgements))


def _new(supply: UnusedNames, wording: Wording, fact: _Fact, kind: str, before: Collection[_Fact]) -> _Fact:
    """The fact with one condition changed, as no needle before has it; where none is left, by another person.

    Two needles with the same conditions and different names would contradict each other.
    """
    for _ in range(_TRIES):
        if (wrong := _broken(supply, wording, fact, kind)) not in before:
            return wrong
    return replace(_broken(supply, wording, fact, kind), person=supply.person())


def _broken(supply: UnusedNames, wording: Wording, fact: _Fact, kind: str) -> _Fact:
    """The fact with one condition changed."""
    if kind == "other person":
        return replace(fact, person=supply.person())
    if kind == "other season":
        return replace(fact, season=_other(supply, wording, "seasons", fact.season))
    if kind == "opposite":
        return replace(fact, best=wording.text("distractors.worst"))
    return replace(fact, shop=_other(supply, wording, "shops", fact.shop))


def _other(supply: UnusedNames, wording: Wording, what: str, one: str) -> str:
    return supply.draw.choice([row["name"] for row in wording.rows(f"distractors.{what}") if row["name"] != one])


def _retold(draw: Draw, wording: Wording, fact: _Fact) -> Form:
    """One of the sentences that tell a fact in other words than the question does; its blank is the shop's name."""
    return draw.choice(_retellings(wording, asdict(fact)))


def _retellings(wording: Wording, conditions: Mapping[str, str]) -> tuple[Form, ...]:
    """Every sentence that means some conditions without naming season, kind and judgement."""
    when = next(r["when"] for r in wording.rows("distractors.seasons") if r["name"] == conditions["season"])
    does = next(r["does"] for r in wording.rows("distractors.shops") if r["name"] == conditions["shop"])
    judged = "praised" if conditions["best"] == wording.text("distractors.best") else "scorned"
    known = {**conditions, "when": when, "does": does, "value": "{value}"}
    return tuple(Form(form.fill(**known)) for form in wording.forms(f"distractors.{judged}"))
