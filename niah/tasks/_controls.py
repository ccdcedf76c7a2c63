"""Controls: the same question without what it needs, or with nothing else. They prove that a score means reading.

``absent``: the needle is left out, other needles stay; right is to say that it is not there, and anything else is a
hallucination. ``closed-book``: nothing but the question; what is right there was guessed or known. ``oracle``: the
needles alone, without a haystack; what is wrong there is not a matter of length.
"""

from __future__ import annotations

from dataclasses import replace

from niah.records import Planting, Score
from niah.scorers import repeats
from niah.tasks import CONTROLS, Task
from niah.tasks._frame import MAY_BE_ABSENT, closing_of

ABSENT, CLOSED_BOOK, ORACLE = CONTROLS
_OUTDATED = ("right", "stale", "earlier")  # statements about the very thing that is asked


def controlled(planting: Planting, control: str, language: str) -> Planting:
    """The planting of a control trial."""
    if control != ABSENT:
        return planting
    question = planting.question + MAY_BE_ABSENT[language]
    passage = None if planting.passage is None else replace(planting.passage, present=False)
    kept = [n for n in planting.needles if n.answer_class not in _OUTDATED and n.detail != "later"]
    return replace(
        planting,
        question=question,
        closing=planting.closing.replace(closing_of(language, planting.question), closing_of(language, question)),
        needles=planting.needles if passage else tuple(kept),
        passage=passage,
    )


def control_score(text: str, planting: Planting, task: Task, control: str | None) -> Score:
    """The task's score; of an absent needle 1 for saying so and 0 for everything else."""
    score = task.score(text, planting)
    if control != ABSENT:
        return score
    if repeats(text, planting.question):
        return replace(score, value=0.0, answer_class="echo", explanation="repeated the question")
    if score.answer_class == "absent":
        return Score(value=1.0, answer_class="absent", explanation="said that it is not there, and it is not")
    said = "wrong" if score.answer_class == "right" else score.answer_class
    return Score(value=0.0, answer_class=said, explanation=f"not there, but: {score.explanation}", detail=score.detail)
