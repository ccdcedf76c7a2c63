"""A question that shares no content word with its needle: common knowledge joins them (after NoLiMa, arXiv:2502.05167).

"Who lives in London?" is answered by "Tamsin hears Big Ben from the kitchen window". Searching for the question's words
finds nothing. All pairs are ours, in associations.toml; distractors are needles of other pairs, about other people.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from niah import scorers
from niah.errors import HaystackError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._names import PEOPLE
from niah.tasks._placing import apart
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

SUMMARY = "find who is meant where question and needle share no word (--distractors)"
VERSION = 2
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors",)
FILLER = None
APART_PERCENT = 5.0
_AMBIGUOUS = ("diet",)  # "has not touched milk for years" might be an allergy: no two of them in one text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A needle and its question in one language."""

    category: str
    words: tuple[str, ...]  # a haystack that holds one of these might answer by itself
    needle: str
    inverted: str
    question: str


@cache
def pairs(language: str) -> tuple[Pair, ...]:
    """All pairs of a language."""
    path = Path(__file__).with_name("associations.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = [(row["category"], row[language]) for row in table["pairs"]]
    return tuple(Pair(**{**row, "words": tuple(row["words"]), "category": category}) for category, row in rows)


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The needle at the trial's depth, those of other pairs at random depths away from it."""
    language, supply = site.language, UnusedNames(draw, site.haystack, site.language)
    chosen = _chosen(draw, site, 1 + site.options.distractors)
    needles = []
    for i, pair in enumerate(chosen):
        person = supply.person()
        text = draw.choice((pair.needle, pair.inverted)).format(name=person)
        depth = apart(draw, site.trial.depth_percent, APART_PERCENT) if i else None
        answer_class = "distractor" if i else "right"
        needles.append(Needle(key=person, value=person, text=text, depth_percent=depth, answer_class=answer_class))
    wording = wording_of(language)
    question = chosen[0].question + wording.text("associative.only")
    opening = speech_opening(language, wording.text("associative.hint"))
    return planting_of(language, opening, question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The person's name, and no other."""
    everybody = [name for names in PEOPLE.values() for name in names]
    return scorers.name(text, scorers.expected_of(planting), everybody)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The person in the needle that belongs to the question: the pairs are this reader's common knowledge."""
    question = asked.question.removesuffix(asked.wording.text("associative.only"))
    for pair in pairs(asked.wording.language):
        if pair.question == question:
            for form in map(Form, (pair.needle, pair.inverted)):
                for _, blanks in form.found_in(asked.text):
                    return blanks["name"]
    return None


solve = solver(_answer)


def _chosen(draw: Draw, site: TaskContext, count: int) -> list[Pair]:
    """So many pairs of which the haystack holds no word; the first one is another in every epoch of a cell."""
    trial, haystack = site.trial, site.haystack
    known = pairs(site.language)
    held = haystack.leaks.held([word for pair in known for word in pair.words])
    free = [pair for pair in known if not held & set(pair.words)]
    first = Draw(0, "associations", trial.context_length, trial.depth_percent).below(len(free)) if free else 0
    turned = [free[(first + trial.epoch + i) % len(free)] for i in range(len(free))]
    chosen: list[Pair] = turned[:1]
    for pair in draw.shuffled(turned[1:]):
        if pair.category not in _AMBIGUOUS or pair.category not in {p.category for p in chosen}:
            chosen.append(pair)
    if len(chosen) < count:
        raise HaystackError(
            f"haystack {haystack.name!r} leaves {len(free)} associations that it does not touch itself, "
            f"and {count} are needed; lower distractors or leave out an episode"
        )
    return chosen[:count]
