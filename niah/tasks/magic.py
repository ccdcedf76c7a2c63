"""Tasks about the needle in its plainest form: a value that belongs to a place, or to a key.

The first after the original one ("the magic number is 42"), with a key so that one text can hold
several, and seven digits so that guessing is hopeless. The wording is ours; the construction is
RULER's niah tasks (arXiv:2404.06654), whose value types are numbers, words and uuids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from niah import scorers
from niah.generator.templated import pair_line, pair_values
from niah.records import Needle, Planting, Score
from niah.scorers import Expected
from niah.tasks._frame import Asked, listed, planting_of, unlisted
from niah.tasks._planter import BuiltIn, Planter, places_like, words_in
from niah.text.wording import Form

KINDS = ("number", "word", "uuid")
LATER = ("distractor", "later")
_PAIR = Form(pair_line("{key}", "{value}"))
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def planted(plan: Planter, depths: Sequence[float | None]) -> Planting:
    """One needle for each depth; the first is asked about, the others are for other keys."""
    kind = plan.options.value_kind
    needles = [needle(plan, kind, depth, distractor=i > 0) for i, depth in enumerate(depths)]
    hint = "hints" if len(needles) > 1 or plan.among_needles else "hint"
    question = plan.said(f"magic.{kind}.question", key=needles[0].key)
    return plan.planting(f"magic.{kind}.{hint}", question, needles, [needles[0].value])


def needle(plan: Planter, kind: str, depth: float | None, *, distractor: bool = False) -> Needle:
    """The magic number for Lisbon is 7421830. The key is a new one."""
    said, key = plan.wording.form(f"magic.{kind}.sentence"), plan.key()
    answer_class = "distractor" if distractor else "right"
    return plan.needle(said, depth, answer_class, key=key, value=plan.value(kind))


def expected_of(planting: Planting) -> Expected:
    """What an answer is held against; any place could be a key."""
    return scorers.expected_of(planting, places_like(planting.question))


def score(text: str, planting: Planting) -> Score:
    """The value asked for, and no others, by the scorer of its kind."""
    expected = expected_of(planting)
    if expected.target.isdecimal():
        return scorers.number(text, expected)
    if re.fullmatch(_UUID, expected.target):
        return scorers.uuid(text, expected)
    return scorers.name(text, expected, words_in(scorers.answer_in(text)))


def stated(asked: Asked, key: str) -> list[str]:
    """The values that the text states for a key, in order, in any of the needle's forms."""
    forms = (f"magic.{kind}.{form}" for kind in KINDS for form in ("sentence", "one_of"))
    return [line["value"] for line in asked.found(*forms, key=key)]


class Single(BuiltIn):
    """One needle, one question: the plain needle in a haystack.
    A smoke test; good models are all green."""

    def planted(self, plan: Planter) -> Planting:
        """One needle at the trial's depth."""
        return planted(plan, [None])

    def score(self, text: str, planting: Planting) -> Score:
        return score(text, planting)

    def answer(self, asked: Asked) -> str | None:
        """The value stated for the key in the question."""
        return next(iter(stated(asked, asked.blanks["key"])), None)


class Multikey(Single):
    """The plain needle among needles of the same form for other places: wrong answers
    (RULER's niah_multikey_1).

    With ``haystack = needles:LANGUAGE`` the whole haystack is such needles (niah_multikey_2).
    """

    def planted(self, plan: Planter) -> Planting:
        """The needle at the trial's depth, distractors at random depths away from it."""
        return planted(plan, [None, *(plan.apart() for _ in range(plan.options.distractor_count))])


class Multivalue(BuiltIn):
    """Several values for one key, all of them asked for (RULER's niah_multivalue),
    among needles for other keys."""

    def planted(self, plan: Planter) -> Planting:
        """The needles of one key as ``placement`` says, others at random depths."""
        depths = plan.depths(plan.needle_count)
        form, key = plan.wording.form("magic.number.one_of"), plan.key()
        needles = [plan.needle(form, depth, key=key, value=plan.number()) for depth in depths]
        for _ in range(plan.options.distractor_count):
            other, value = plan.key(), plan.number()
            needles.append(plan.needle(form, plan.anywhere(), "distractor", key=other, value=value))
        targets = [n.value for n in needles[: len(depths)]]
        question = plan.said("multivalue.question", key=key)
        return plan.planting("magic.number.hints", question, needles, targets)

    def score(self, text: str, planting: Planting) -> Score:
        """Recall of the values, lowered by values that were not asked for."""
        return scorers.number_set(text, expected_of(planting))

    def answer(self, asked: Asked) -> str | None:
        """All values stated for the key of the question."""
        return ", ".join(stated(asked, asked.blanks["key"]))


class Multiquery(BuiltIn):
    """Several keys, one value each, all asked for in one question (RULER's niah_multiquery),
    beside others."""

    def planted(self, plan: Planter) -> Planting:
        """The asked needles as ``placement`` says, others at random depths."""
        asked = [needle(plan, "number", depth) for depth in plan.depths(plan.needle_count)]
        others = [
            needle(plan, "number", plan.anywhere(), distractor=True)
            for _ in range(plan.options.distractor_count)
        ]
        order = plan.draw.shuffled(asked)  # the question does not follow the order of the text
        keys, targets = [n.key for n in order], [n.value for n in order]
        question = plan.said("multiquery.question", keys=listed(plan.wording, keys))
        return plan.planting("magic.number.hints", question, [*asked, *others], targets)

    def score(self, text: str, planting: Planting) -> Score:
        """The share of keys with their own value, by labels or order; else recall, as in RULER."""
        key_of = {n.value: n.key for n in planting.needles}
        keys = tuple(key_of.get(target, target) for target in planting.targets)
        return scorers.number_pairs(text, replace(expected_of(planting), keys=keys))

    def answer(self, asked: Asked) -> str | None:
        """The value stated for every key of the question, in its order."""
        keys = unlisted(asked.wording, asked.blanks["keys"])
        return ", ".join(value for key in keys for value in stated(asked, key))


class Update(BuiltIn):
    """The number of a place changes as the talk goes on;
    what holds in the end, or held at first, is asked for.

    After LongMemEval's knowledge updates and bAbI's first task. The asked statement is worded
    otherwise than the question; behind the latest one somebody recalls a number of long ago, before
    the first one somebody announces a coming one, both in the question's own words and in the place
    where a reader who goes by position looks. Depth is that of the asked statement. The other
    statements stand before it (``ask_for = latest``) or behind it (``first``), and ``placement``
    says how: next to it, one in each part of that side, or anywhere there. Numbers of other places,
    ``distractor_count`` of them, stand anywhere, the first on the far side of the asked statement.
    """

    def planted(self, plan: Planter) -> Planting:
        """The statements about the asked place in their order, then those about others."""
        latest, key = plan.options.ask_for == "latest", plan.key()
        plain = plan.wording.form("magic.number.sentence")

        def told(form: Form, of: str, depth: float, *said: str) -> Needle:
            return plan.needle(form, depth, *said, key=of, value=plan.number())

        statements = [
            told(plan.one(retold) if retold else plain, key, depth, *said)
            for retold, depth, said in _statements(plan)
        ]
        far = (plan.depth, 100.0) if latest else (0.0, plan.depth)
        aside = plan.one("update.recalled" if latest else "update.announced")
        misleading = told(aside, key, plan.anywhere(*far), *(("earlier",) if latest else LATER))
        others = []
        for i in range(plan.options.distractor_count):
            form, of = plain if i % 2 else plan.one("update.changed"), plan.key()
            depth = plan.anywhere() if i else plan.anywhere(*far)
            others.append(told(form, of, depth, "distractor"))
        needles = [*statements, misleading] if latest else [misleading, *statements]
        target = next(n.value for n in statements if n.answer_class == "right")
        question = plan.said(f"update.{plan.options.ask_for}", key=key)
        return plan.planting("update.hint", question, [*needles, *others], [target])

    def score(self, text: str, planting: Planting) -> Score:
        """The number stated last (or first), and no other."""
        return scorers.number(text, expected_of(planting))

    def answer(self, asked: Asked) -> str | None:
        """The last (or first) value stated for the key, but nothing of long ago or to come."""
        latest = asked.key == "update.latest"
        changed = "update.changed" if latest else "update.started"
        found = asked.found("magic.number.sentence", changed, key=asked.blanks["key"])
        return found[-1 if latest else 0]["value"] if found else None


def _statements(plan: Planter) -> list[tuple[str, float, tuple[str, ...]]]:
    """Key of the other words, depth and class of each statement about the asked place, in order.

    Only what is asked for is not in the words of the question, and all that was changed.
    """
    others, depth = plan.count(2, "statements") - 1, plan.depth
    if plan.options.ask_for == "first":
        behind = [("", d, LATER) for d in plan.beside(others, depth, 100.0)]
        return [("update.started", depth, ("right",)), *behind]
    retold = ["", *["update.changed"] * others]
    depths = [*plan.beside(others, 0.0, depth), depth]
    classes = [*[("earlier",)] * (others - 1), ("stale",), ("right",)]
    return list(zip(retold, depths, classes, strict=True))


class Passkey(BuiltIn):
    """A pass key between lines that say the same over and over
    (Mohtashami & Jaggi, arXiv:2305.16300). The easiest."""

    def planted(self, plan: Planter) -> Planting:
        """One needle at the trial's depth; no 0 first, so that it is one number in any writing."""
        value = str(plan.draw.between(10_000, 99_999))
        needle = plan.needle(plan.wording.form("passkey.needle"), None, key="pass key", value=value)
        opening = f"{plan.wording.text('passkey.opening')}\n\n"
        question = plan.wording.text("passkey.question")
        return planting_of(plan.language, opening, question, [needle], [value])

    def score(self, text: str, planting: Planting) -> Score:
        """The five digits, and no others."""
        return scorers.number(text, scorers.expected_of(planting))

    def answer(self, asked: Asked) -> str | None:
        """The number between the words of the needle."""
        return asked.first("value", "passkey.needle")


class Kv(BuiltIn):
    """One value out of a JSON object of uuids
    (Liu et al., Lost in the Middle, arXiv:2307.03172)."""

    def planted(self, plan: Planter) -> Planting:
        """One pair at the trial's depth, in a form that no other pair differs from."""
        needle = plan.needle(_PAIR, None, key=plan.uuid(), value=plan.uuid())
        opening = f"{plan.wording.text('kv.opening')}\n\n{{\n"
        question = plan.said("kv.question", key=needle.key)
        planting = planting_of(plan.language, opening, question, [needle], [needle.value])
        return replace(planting, closing=f"\n}}{planting.closing}")

    def score(self, text: str, planting: Planting) -> Score:
        """The uuid, whole, in either case; a distractor is the value of another pair."""
        score = scorers.uuid(text, scorers.expected_of(planting))
        answer = scorers.answer_in(text).casefold()
        if score.answer_class == "wrong" and any(value in answer for value in pair_values()):
            why = "answered the value of another pair"
            return replace(score, answer_class="distractor", explanation=why)
        return score

    def answer(self, asked: Asked) -> str | None:
        """The value on the line of the key."""
        return asked.first("value", _PAIR, key=asked.blanks["key"])
