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
from niah.tasks import TaskContext
from niah.tasks._placing import apart
from niah.tasks._planter import Planter, words_in
from niah.tasks._template import Asked, solver
from niah.text.language import LANGUAGES
from niah.text.seeded import Draw
from niah.text.wording import Form, Wording, wording_of

SUMMARY = "find one fact, told in other words, among near misses that break one condition each (--distractors)"
VERSION = 2  # told in other words than the question
OPTIONS = ("distractor_count",)
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
    plan = Planter(draw, site)
    fact = _Fact(
        person=plan.person(),
        season=draw.choice(_names(plan.wording, "seasons")),
        best=plan.wording.text("distractors.best"),
        shop=draw.choice(_names(plan.wording, "shops")),
    )

    def told(fact: _Fact, value: str, form: Form, depth: float | None, *said: str) -> Needle:
        return plan.needle(form, depth, *said, key=fact.person, value=value, **asdict(fact))

    def retold(fact: _Fact) -> Form:
        return draw.choice(_retellings(plan.wording, asdict(fact)))

    needles, broken = [told(fact, plan.title(), retold(fact), None)], {fact}
    for i in range(site.options.distractor_count):
        kind = KINDS[i % len(KINDS)]
        broken.add(wrong := _new(plan, fact, kind, broken))
        depth = apart(draw, plan.depth)
        in_other_words = (i + i // len(KINDS)) % 2  # every kind in both ways
        form = retold(wrong) if in_other_words else plan.wording.form("distractors.said")
        needles.append(told(wrong, plan.title(), form, depth, "near-miss", kind))
    question = plan.said("distractors.question", **asdict(fact))
    return plan.planting("distractors.hint", question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The name of the shop, and no other."""
    expected = replace(scorers.expected_of(planting), conditions=_conditions())
    return scorers.name(text, expected, words_in(scorers.answer_in(text)))


@solver("distractors.question")
def solve(asked: Asked) -> str | None:
    """The name in the sentence that meets every condition of the question."""
    said = Form(asked.wording.form("distractors.said").fill(**asked.blanks, value="{value}"))
    found = asked.found(said, *_retellings(asked.wording, asked.blanks))
    return found[0][1]["value"] if found else None


@cache
def _conditions() -> tuple[tuple[str, ...], ...]:
    """The seasons, shops and judgements of all languages."""
    wordings = [wording_of(language) for language in LANGUAGES]
    kinds = (tuple(name for w in wordings for name in _names(w, what)) for what in ("seasons", "shops"))
    return (*kinds, tuple(w.text(f"distractors.{judged}") for w in wordings for judged in ("best", "worst")))


def _names(wording: Wording, what: str) -> list[str]:
    return [row["name"] for row in wording.rows(f"distractors.{what}")]


def _new(plan: Planter, fact: _Fact, kind: str, before: Collection[_Fact]) -> _Fact:
    """The fact with one condition changed, as no needle before has it; where none is left, by another person.

    Two needles with the same conditions and different names would contradict each other.
    """
    for _ in range(_TRIES):
        if (wrong := _broken(plan, fact, kind)) not in before:
            return wrong
    return replace(_broken(plan, fact, kind), person=plan.person())


def _broken(plan: Planter, fact: _Fact, kind: str) -> _Fact:
    """The fact with one condition changed."""
    if kind == "other person":
        return replace(fact, person=plan.person())
    if kind == "opposite":
        return replace(fact, best=plan.wording.text("distractors.worst"))
    part, what = ("season", "seasons") if kind == "other season" else ("shop", "shops")
    others = [name for name in _names(plan.wording, what) if name != getattr(fact, part)]
    return replace(fact, **{part: plan.draw.choice(others)})


def _retellings(wording: Wording, conditions: Mapping[str, str]) -> tuple[Form, ...]:
    """Every sentence that means some conditions without naming season, kind and judgement."""
    when = next(r["when"] for r in wording.rows("distractors.seasons") if r["name"] == conditions["season"])
    does = next(r["does"] for r in wording.rows("distractors.shops") if r["name"] == conditions["shop"])
    judged = "praised" if conditions["best"] == wording.text("distractors.best") else "scorned"
    known = {**conditions, "when": when, "does": does, "value": "{value}"}
    return tuple(Form(form.fill(**known)) for form in wording.forms(f"distractors.{judged}"))
