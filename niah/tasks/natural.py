"""A task that plants nothing: questions about what speakers say anyway, in own transcripts."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from niah import scorers
from niah.errors import ConfigError
from niah.generator.haystack import Corpus
from niah.records import Needle, Planting, Score
from niah.tasks._episodes import squash
from niah.tasks._frame import NO_QUESTION, Asked
from niah.tasks._planter import BuiltIn, Planter
from niah.tasks._questions import located, read_questions
from niah.tasks.recording import lines_with_times
from niah.text.normalise import fold
from niah.text.numerals import located_numbers
from niah.text.seeded import Draw


class Natural(BuiltIn):
    """Questions about what speakers say anyway, in the user's own transcripts; nothing is planted.

    The haystack is turned so that the passage with the fact comes at the asked depth, in its own
    surroundings. Every question is asked once in each cell where ``epochs`` is their number; which
    one comes first is drawn from length and depth and not from the seed, so that every seed asks
    the same in the same cells. A question file is a part of its own in the scores, so a public and
    a hidden half can be kept and reported apart.

    A question may ask when something is said. Then the haystack is the one episode, with the
    transcript's own times in it; right is any time from the minute of the mark above the passage up
    to the next mark behind it.
    """

    def planted(self, plan: Planter) -> Planting:
        """One question's passage as the needle. Raises HaystackError where it is not unique."""
        trial, haystack = plan.trial, plan.haystack
        if not isinstance(haystack, Corpus):
            raise ConfigError(
                f"task natural asks about transcripts, and {haystack.name!r} has none; "
                "name a haystack"
            )
        questions = located(haystack, plan.options.questions)
        draw = Draw(0, "natural", f"{trial.context_length} {trial.depth_percent:g}")
        question = questions[(draw.below(len(questions)) + trial.epoch) % len(questions)]
        timed = question.asks == "time"
        short, hint = ("timed_short", "timed_hint") if timed else ("short", "hint")
        asked = question.question + plan.wording.text(f"natural.{short}")
        needle = Needle(key=question.part, value=question.answer, text=question.text)
        planting = plan.planting(f"natural.{hint}", asked, [needle], question.answers)
        return replace(planting, passage=question.passage, tolerance_s=float(question.window_s))

    def score(self, text: str, planting: Planting) -> Score:
        """Whether the answer, or an alias, is given. ``parts`` is the score by the file's name."""
        asks_for_time = planting.passage is not None and planting.passage.marks
        score = (_time_score if asks_for_time else _fact_score)(text, planting)
        return replace(score, parts={planting.needles[0].key: score.value})

    def answer(self, asked: Asked) -> str | None:
        """The answer of a reader who knows the question file and says only what the text holds."""
        endings = [asked.wording.text(f"natural.{key}") for key in ("short", "timed_short")]
        texts = [asked.question.removesuffix(ending) for ending in endings]
        known = read_questions(asked.options.questions) if asked.options else []
        question = next((q for q in known if q.question in texts), None)
        if question is None:
            return NO_QUESTION
        if question.asks == "time":
            return _time_above(question.quote or "", asked.text)
        return question.answer if scorers.names_in(asked.text, question.answers) else None


def _fact_score(text: str, planting: Planting) -> Score:
    """The answer by name, or else with numbers as digits and without the marks inside phrases."""
    score = _named(text, planting.targets, planting.question)
    if score.answer_class not in ("wrong", "off-format"):
        return score
    plain = _named(_plain(text), [_plain(t) for t in planting.targets], planting.question)
    return plain if plain.value == 1 else score


def _named(text: str, targets: Sequence[str], question: str) -> Score:
    answer, *others = targets
    aliases = dict.fromkeys(others, answer)
    expected = scorers.Expected(targets=(answer,), aliases=aliases, question=question)
    return scorers.name(text, expected, place=True)


def _plain(text: str) -> str:
    """八十七階 and "eighty-seven" as 87階 and "87", "mind your step, Tom" without its comma."""
    folded = fold(text)
    for value, start, stop in sorted(located_numbers(folded), key=lambda number: -number[1]):
        folded = f"{folded[:start]}{value}{folded[stop:]}"
    return re.sub(r"(?<!\d)[,;:、]|[,;:、](?!\d)", " ", folded)


def _time_score(text: str, planting: Planting) -> Score:
    """Right from the minute of the mark above up to the next mark: "minute 12" is, for 12:16."""
    expected = scorers.Expected(targets=planting.targets, question=planting.question)
    score = scorers.time_of_day(text, expected, planting.tolerance_s)
    if score.value == 1:
        return score
    start = scorers.seconds_in(planting.targets[0])[0]
    first, last = start - start % 60, start + int(planting.tolerance_s)
    middle = replace(expected, targets=(scorers.clock((first + last) // 2),))
    inside = scorers.time_of_day(text, middle, (last - first + 1) // 2)
    given = scorers.seconds_in(scorers.answer_in(text, planting.question))
    spans = score.answer_class == "several" and all(first <= at <= last for at in given)
    if spans or inside.answer_class in ("right", "near-miss"):  # 12:16 to 13:16, or one of these
        why = f"gave a time from {scorers.clock(first)} to {scorers.clock(last)}"
        return Score(value=1.0, answer_class="right", explanation=why)
    return score


def _time_above(quote: str, text: str) -> str | None:
    """The time above the line in which a quote begins."""
    lines = [(second, squash(line)) for second, line in lines_with_times(text)]
    place = "".join(line for _, line in lines).find(squash(quote))
    if place < 0:
        return None
    ends = list(accumulate(len(line) for _, line in lines))
    return scorers.clock(lines[bisect_right(ends, place)][0])
