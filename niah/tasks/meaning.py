"""Tasks whose needle is told in other words than the question: what shares most is no answer."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from niah import scorers
from niah.errors import HaystackError
from niah.records import Needle, Planting, Score
from niah.tasks._frame import Asked
from niah.tasks._planter import PEOPLE, BuiltIn, Planter, words_in
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES, Form, Wording, wording_of

ASSOCIATIONS = Path(__file__).with_name("associations")
KINDS = ("other person", "other season", "opposite", "other kind")
_TRIES = 30
_Fact = Mapping[str, str]  # all conditions of a sentence: person, season, best and shop


class Distractors(BuiltIn):
    """One fact among near misses: sentences that each break exactly one condition of the question.

    Another person, another season, the worst instead of the best, another kind of shop (the idea of
    graded distractors is Chroma's context-rot report; conditions and sentences are ours). The fact
    is told in other words than the question, and every other near miss in the question's own: what
    shares most words with the question is never the answer. Each near miss has an answer of its
    own, so a wrong answer says which condition was not read.
    """

    def planted(self, plan: Planter) -> Planting:
        """The fact at the trial's depth, near misses at random depths away from it."""
        fact: _Fact = {
            "person": plan.person(),
            "season": plan.draw.choice(_names(plan.wording, "seasons")),
            "best": plan.wording.text("distractors.best"),
            "shop": plan.draw.choice(_names(plan.wording, "shops")),
        }

        def told(fact: _Fact, value: str, form: Form, depth: float | None, *said: str) -> Needle:
            return plan.needle(form, depth, *said, key=fact["person"], value=value, **fact)

        def retold(fact: _Fact) -> Form:
            return plan.draw.choice(_retellings(plan.wording, fact))

        needles, facts = [told(fact, plan.title(), retold(fact), None)], [fact]
        for i in range(plan.options.distractor_count):
            kind = KINDS[i % len(KINDS)]
            facts.append(wrong := _new(plan, fact, kind, facts))
            depth = plan.apart()
            in_other_words = (i + i // len(KINDS)) % 2  # every kind in both ways
            form = retold(wrong) if in_other_words else plan.wording.form("distractors.said")
            needles.append(told(wrong, plan.title(), form, depth, "near-miss", kind))
        question = plan.said("distractors.question", **fact)
        return plan.planting("distractors.hint", question, needles, [needles[0].value])

    def score(self, text: str, planting: Planting) -> Score:
        """The name of the shop, and no other."""
        expected = replace(scorers.expected_of(planting), conditions=_conditions())
        return scorers.name(text, expected, words_in(scorers.answer_in(text)))

    def answer(self, asked: Asked) -> str | None:
        """The name in the sentence that meets every condition of the question."""
        said = Form(asked.wording.form("distractors.said").fill(**asked.blanks, value="{value}"))
        return asked.first("value", said, *_retellings(asked.wording, asked.blanks))


@cache
def _conditions() -> tuple[tuple[str, ...], ...]:
    """The seasons, shops and judgements of all languages."""
    wordings = [wording_of(language) for language in LANGUAGES]
    seasons = [name for w in wordings for name in _names(w, "seasons")]
    shops = [name for w in wordings for name in _names(w, "shops")]
    judged = [w.text(f"distractors.{how}") for w in wordings for how in ("best", "worst")]
    return tuple(seasons), tuple(shops), tuple(judged)


def _names(wording: Wording, what: str) -> list[str]:
    return [row["name"] for row in wording.rows(f"distractors.{what}")]


def _new(plan: Planter, fact: _Fact, kind: str, before: Collection[_Fact]) -> _Fact:
    """The fact with one condition changed, as no needle before has it; else by another person.

    Two needles with the same conditions and different names would contradict each other.
    """
    for _ in range(_TRIES):
        if (wrong := _broken(plan, fact, kind)) not in before:
            return wrong
    return {**_broken(plan, fact, kind), "person": plan.person()}


def _broken(plan: Planter, fact: _Fact, kind: str) -> _Fact:
    """The fact with one condition changed."""
    if kind == "other person":
        return {**fact, "person": plan.person()}
    if kind == "opposite":
        return {**fact, "best": plan.wording.text("distractors.worst")}
    part, what = ("season", "seasons") if kind == "other season" else ("shop", "shops")
    others = [name for name in _names(plan.wording, what) if name != fact[part]]
    return {**fact, part: plan.draw.choice(others)}


def _retellings(wording: Wording, fact: _Fact) -> tuple[Form, ...]:
    """Every sentence that means a fact without naming season, kind and judgement."""
    when = {row["name"]: row["when"] for row in wording.rows("distractors.seasons")}
    does = {row["name"]: row["does"] for row in wording.rows("distractors.shops")}
    known = {"when": when[fact["season"]], "does": does[fact["shop"]]}
    judged = "praised" if fact["best"] == wording.text("distractors.best") else "scorned"
    forms = wording.forms(f"distractors.{judged}")
    return tuple(Form(form.fill(**fact, **known, value="{value}")) for form in forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question and the sentences that answer it, in one language."""

    question: str
    words: tuple[str, ...]  # a haystack that holds one of these might answer by itself
    told: tuple[str, ...]  # sentences with {name} in them; one of them is the needle
    alone: str | None  # the theme of which no other pair may stand in the text

    def fits_beside(self, other: Pair) -> bool:
        """Whether neither of two pairs might answer the other's question."""
        rivals = self.alone is not None and self.alone == other.alone
        return not (rivals or self._is_touched_by(other) or other._is_touched_by(self))

    def _is_touched_by(self, other: Pair) -> bool:
        said = fold(" ".join([other.question, *other.told, *other.words]))
        return any(fold(word) in said for word in self.words)


@cache
def pairs(language: str) -> tuple[Pair, ...]:
    """All pairs of a language."""
    table = tomllib.loads((ASSOCIATIONS / f"{language}.toml").read_text(encoding="utf-8"))
    return tuple(
        Pair(
            question=theme["question"].format(answer),
            words=(answer, *words.split(", ")),
            told=tuple(told),
            alone=theme["question"] if theme.get("alone") else None,
        )
        for theme in table["themes"]
        for answer, words, *told in theme["pairs"]
    )


class Associative(BuiltIn):
    """Question and needle share no content word; common knowledge joins them (NoLiMa, 2502.05167).

    "Who lives in London?" is answered by "Tamsin hears Big Ben from the kitchen window". Searching
    for the question's words finds nothing. All pairs are ours, one file for each language in
    associations/; distractors are needles of other pairs, about other people. ``lure_count`` is the
    hard form: sentences in the question's own words, about people who only ask.
    """

    def planted(self, plan: Planter) -> Planting:
        """The needle at the trial's depth; other pairs' and lures at random depths away from it."""
        draw = plan.draw

        def told(form: Form, *said: str) -> Needle:
            person = plan.person()
            return plan.needle(form, None, *said, key=person, value=person, name=person)

        asked, *others = _chosen(plan, 1 + plan.options.distractor_count)
        needles = [told(Form(draw.choice(asked.told)))]
        needles += [told(Form(draw.choice(pair.told)), "distractor") for pair in others]
        for _ in range(plan.options.lure_count):
            lure = draw.choice(plan.wording.texts("associative.lures"))
            form = Form(lure.replace("{asked}", _said(asked.question)))
            needles.append(told(form, "near-miss", "only asks"))
        needles[1:] = [replace(needle, depth_percent=plan.apart()) for needle in needles[1:]]
        question = asked.question + plan.wording.text("associative.only")
        return plan.planting("associative.hint", question, needles, [needles[0].value])

    def score(self, text: str, planting: Planting) -> Score:
        """The person's name, and no other."""
        everybody = [name for names in PEOPLE.values() for name in names]
        return scorers.name(text, scorers.expected_of(planting), everybody)

    def answer(self, asked: Asked) -> str | None:
        """The person in the question's needle: the pairs are this reader's common knowledge."""
        question = asked.question.removesuffix(asked.wording.text("associative.only"))
        known = [pair for pair in pairs(asked.wording.language) if pair.question == question]
        return asked.first("name", *(Form(said) for pair in known for said in pair.told))


def _said(question: str) -> str:
    """A question as a part of a sentence: who lives in London."""
    asked = question.strip("¿?？")
    return asked[0].lower() + asked[1:]


def _chosen(plan: Planter, count: int) -> list[Pair]:
    """Pairs of which the haystack holds no word; the first is another in every epoch of a cell."""
    trial, haystack, known = plan.trial, plan.haystack, pairs(plan.language)
    held = haystack.leaks.held([word for pair in known for word in pair.words])
    free = [pair for pair in known if not held & set(pair.words)]
    turn = Draw(0, "associations", trial.context_length, trial.depth_percent).shuffled(free)
    chosen = [turn[trial.epoch % len(turn)]] if turn else []
    for pair in plan.draw.shuffled(free):
        if len(chosen) < count and all(pair.fits_beside(other) for other in chosen):
            chosen.append(pair)
    if len(chosen) < count:
        raise HaystackError(
            f"haystack {haystack.name!r} leaves {len(free)} associations that it does not touch "
            f"itself, of which {len(chosen)} fit into one text, and {count} are needed; "
            "lower distractor_count or leave out an episode"
        )
    return chosen
