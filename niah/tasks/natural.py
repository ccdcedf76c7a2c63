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
from niah.generator.draw import Draw
from niah.generator.haystack import Corpus
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of, speech_opening
from niah.tasks._questions import Question, located, read_questions

SUMMARY = "answer questions about facts that are in your transcripts (--questions FILE.toml)"
VERSION = 1
REPLY_TOKENS = 64
WORDING = ()
OPTIONS = ("questions",)
FILLER = None
_HINT = {
    "en": "The question is about something that is said in it.",
    "zh-Hant": "問題問的是其中說到的一件事",
    "zh-Hans": "问题问的是其中说到的一件事",
}
_SHORT = {"en": " Answer in a few words.", "zh-Hant": "請簡短回答。", "zh-Hans": "请简短回答。"}


def plant(draw: Draw, site: Site) -> Planting:
    """No needle, but the passage of one question. Raises HaystackError where the answer is not unique."""
    if not isinstance(site.haystack, Corpus):
        raise ConfigError(f"task natural asks about transcripts, and {site.haystack.name!r} has none; name a haystack")
    questions = located(site.haystack, site.options.questions)
    place = f"{site.trial.context_length} {site.trial.depth_percent:g}"
    first = Draw(0, "natural", place).below(len(questions))
    question = questions[(first + site.trial.epoch) % len(questions)]
    asked = question.question + _SHORT[site.language]
    needle = Needle(key=question.part, value=question.answer, text=question.text)
    opening = speech_opening(site.language, _HINT[site.language])
    planting = planting_of(site.language, opening, asked, [needle], [question.answer, *question.aliases])
    return replace(planting, passage=question.passage)


def score(text: str, planting: Planting) -> Score:
    """Whether the answer, or an alias of it, is in the reply. ``parts`` holds the score under the file's name."""
    answer, *aliases = planting.targets
    expected = scorers.Expected(targets=(answer,), aliases=dict.fromkeys(aliases, answer), question=planting.question)
    score = scorers.name(text, expected, place=True)
    return replace(score, parts={planting.needles[0].key: score.value})


def solve(text: str, options: Options | None = None) -> str:
    """The answer of a reader who knows the question file and says only what the text holds."""
    asked = asked_in(text)
    if asked is None or options is None:
        return "There is no question."
    question = _known(asked.question.removesuffix(_SHORT[asked.language]), options)
    if question is None:
        return "There is no question."
    said = scorers.names_in(asked.text, [question.answer, *question.aliases])
    return question.answer if said else NOT_THERE[asked.language]


def _known(text: str, options: Options) -> Question | None:
    return next((q for q in read_questions(options.questions) if q.question == text), None)
