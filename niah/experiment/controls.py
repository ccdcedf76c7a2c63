"""Controls: the same question without what it needs, or with nothing else.

They prove that a score means reading.

``absent``: the needle is left out, other needles stay; right is to say that it is not there, and
anything else is a hallucination. ``closed-book``: nothing but the question; what is right there was
guessed or known. ``oracle``: the needles alone, without a haystack; what is wrong there is not a
matter of length.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from niah import scorers
from niah.records import CONTROLS, Planting, Score
from niah.tasks import Task
from niah.tasks._frame import MAY_BE_ABSENT, closing_of
from niah.text.normalise import fold
from niah.text.wording import LANGUAGES, wording_of

ABSENT, CLOSED_BOOK, ORACLE = CONTROLS
NOT_THERE = "not-there"  # the class of an answer that says so
_OUTDATED = ("right", "stale", "earlier")  # statements about the very thing that is asked


def controlled(
    planting: Planting, control: str | None, language: str, *, may_be_absent: bool = False
) -> Planting:
    """The planting of a trial: as its control changes it, and with what every question adds."""
    if may_be_absent or control == ABSENT:
        planting = that_may_be_absent(planting, language)
    return _without_needle(planting) if control == ABSENT else planting


def that_may_be_absent(planting: Planting, language: str) -> Planting:
    """The planting with a question that allows for the answer that the text does not say."""
    question = planting.question + MAY_BE_ABSENT[language]
    closing = planting.closing.replace(
        closing_of(language, planting.question), closing_of(language, question)
    )
    return replace(planting, question=question, closing=closing)


def _without_needle(planting: Planting) -> Planting:
    if planting.passage is not None:
        return replace(planting, passage=replace(planting.passage, present=False))
    kept = [n for n in planting.needles if n.answer_class not in _OUTDATED and n.detail != "later"]
    return replace(planting, needles=tuple(kept))


def control_score(text: str, planting: Planting, task: Task, control: str | None) -> Score:
    """The task's score; of an absent needle 1 for saying so and 0 for everything else."""
    if control != ABSENT:
        return task.score(text, planting)
    answer = _without_question(scorers.said_in(text, planting.question), planting.question)
    score = task.score(answer, planting)
    if score.answer_class == NOT_THERE and not scorers.offers_anyway(answer):
        why = "said that it is not there, and it is not"
        return Score(value=1.0, answer_class=NOT_THERE, explanation=why)
    if not re.search(r"\w", answer) or _is_part_of(answer, planting.question):
        return replace(score, value=0.0, answer_class="echo", explanation="repeated the question")
    said = "wrong" if score.answer_class in ("right", NOT_THERE) else score.answer_class
    why = f"not there, but: {score.explanation}"
    return Score(value=0.0, answer_class=said, explanation=why, detail=score.detail)


def cut_score(text: str, planting: Planting, task: Task, control: str | None) -> Score | None:
    """The score of a reply that its budget cut off; None: nobody can tell what it would have said.

    A reply that goes round until its budget ends is wrong. One that has answered already, in its
    first whole sentence and no otherwise since, is judged by what is whole of it; so is one that
    has gone on to another question.
    """
    said = scorers.said_in(text, planting.question)
    if scorers.goes_on(text, planting.question):  # what follows the next "Question:" is not counted
        return control_score(said, planting, task, control)
    if scorers.is_loop(said):
        why = "repeated itself until the reply budget was spent"
        return Score(value=0.0, answer_class="loop", explanation=why)
    whole = scorers.whole_part(said)
    score = control_score(whole, planting, task, control)
    if "recall" in score.parts:
        right = score.parts["recall"] * len(planting.targets)
        given = right / score.parts["precision"] if score.value else 0.0
        return score if given >= len(planting.targets) else None
    head = scorers.head_of(whole)
    first = control_score(head, planting, task, control)
    if (first.value, first.answer_class) != (score.value, score.answer_class):
        return None
    others = {n.key for n in planting.needles if n.answer_class != "right"}
    others -= {n.value for n in planting.needles}
    vague = first.answer_class in ("off-format", "echo", "several")
    return None if vague or scorers.names_in(head, others) else score


def _without_question(answer: str, question: str) -> str:
    """An answer without the question, its tail and their labels, however they are spaced."""
    tails = [tail for tail in MAY_BE_ABSENT.values() if question.endswith(tail)]
    bare = question.removesuffix(tails[0]) if tails else question
    for phrase in (question, bare, *tails):
        answer = scorers.without_phrase(answer, phrase)
    around = rf"^(?:\W*{_labels()}\s*[:：])+|{_labels()}:\s*$"
    return re.sub(around, "", answer.strip(), flags=re.IGNORECASE)


@cache
def _labels() -> str:
    """Question|Answer|問題|答案, as prompts have them."""
    keys = ("frame.question", "frame.answer")
    labels = {w.text(key).strip(" :：") for w in map(wording_of, LANGUAGES) for key in keys}
    return rf"(?<!\w)(?:{'|'.join(sorted(labels | set(map(fold, labels))))})"


def _is_part_of(answer: str, question: str) -> bool:
    """Whether an answer is a part of the question, but not the one that its end offers."""
    end = re.sub(r"\W+", "", answer.casefold())
    spelt = re.sub(r"\W+", "", question.casefold())
    return scorers.is_echo(answer, question) and not spelt.endswith(end)
