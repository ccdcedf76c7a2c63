"""Questions about what speakers say anyway, in the user's own transcripts; nothing is planted.

The haystack is turned so that the passage with the fact comes at the asked depth, in its own surroundings. Every
question is asked once in each cell where ``epochs`` is their number; which one comes first is drawn from length and
depth and not from the seed, so that every seed asks the same in the same cells. A question file is a part of its own
in the scores, so a public and a hidden half can be kept and reported apart.
"""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.errors import ConfigError
from niah.generator.haystack import Corpus
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._questions import Question, located, read_questions
from niah.tasks._template import NO_QUESTION, ParsedQuestion, planting_of, solver, speech_opening
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "answer questions about facts that are in your transcripts (--questions FILE.toml)"
VERSION = 2
REPLY_TOKENS = 64
WORDING = ()
OPTIONS = ("questions",)
FILLER = None
DEPTH_OF = "the passage"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """No needle, but the passage of one question. Raises HaystackError where the answer is not unique."""
    if not isinstance(site.haystack, Corpus):
        raise ConfigError(f"task natural asks about transcripts, and {site.haystack.name!r} has none; name a haystack")
    questions = located(site.haystack, site.options.questions)
    place = f"{site.trial.context_length} {site.trial.depth_percent:g}"
    first = Draw(0, "natural", place).below(len(questions))
    question = questions[(first + site.trial.epoch) % len(questions)]
    wording = wording_of(site.language)
    asked = question.question + wording.text("natural.short")
    needle = Needle(key=question.part, value=question.answer, text=question.text)
    opening = speech_opening(site.language, wording.text("natural.hint"))
    planting = planting_of(site.language, opening, asked, [needle], [question.answer, *question.aliases])
    return replace(planting, passage=question.passage)


def score(text: str, planting: Planting) -> Score:
    """Whether the answer, or an alias of it, is in the reply. ``parts`` holds the score under the file's name."""
    answer, *aliases = planting.targets
    expected = scorers.Expected(targets=(answer,), aliases=dict.fromkeys(aliases, answer), question=planting.question)
    score = scorers.name(text, expected, place=True)
    return replace(score, parts={planting.needles[0].key: score.value})


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The answer of a reader who knows the question file and says only what the text holds."""
    question = _known(asked.question.removesuffix(asked.wording.text("natural.short")), options) if options else None
    if question is None:
        return NO_QUESTION
    said = scorers.names_in(asked.text, [question.answer, *question.aliases])
    return question.answer if said else None


solve = solver(_answer)


def _known(text: str, options: Options) -> Question | None:
    return next((q for q in read_questions(options.questions) if q.question == text), None)
