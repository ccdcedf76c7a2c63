"""Question and needle share no content word; common knowledge joins them (NoLiMa, 2502.05167).

"Who lives in London?" is answered by "Tamsin hears Big Ben from the kitchen window". Searching for
the question's words finds nothing. All pairs are ours, one file for each language in
associations/; distractors are needles of other pairs, about other people. ``lures`` is the hard
form: sentences in the question's own words, about people who only ask.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from niah import scorers
from niah.errors import HaystackError
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._names import PEOPLE
from niah.tasks._placing import apart
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "find who is meant where question and needle share no word (--distractors, --lures)"
VERSION = 4  # people, and not one person, in the opening
OPTIONS = ("distractor_count", "lure_count")
FOLDER = Path(__file__).with_name("associations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A question and the sentences that answer it, in one language."""

    question: str
    words: tuple[str, ...]  # a haystack that holds one of these might answer by itself
    told: tuple[str, ...]  # sentences with {name} in them; one of them is the needle
    alone: str | None  # the theme of which no other pair may stand in the text

    def fits_beside(self, other: Pair) -> bool:
        """Whether neither of two pairs might answer the other's question."""
        if self.alone is not None and self.alone == other.alone:
            return False
        return not (self._is_touched_by(other) or other._is_touched_by(self))

    def _is_touched_by(self, other: Pair) -> bool:
        said = fold(" ".join([other.question, *other.told, *other.words]))
        return any(fold(word) in said for word in self.words)


@cache
def pairs(language: str) -> tuple[Pair, ...]:
    """All pairs of a language."""
    table = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return tuple(_pair(theme, *row) for theme in table["themes"] for row in theme["pairs"])


def _pair(theme: Mapping[str, Any], answer: str, words: str, *told: str) -> Pair:
    """A row of the file."""
    return Pair(
        question=theme["question"].format(answer),
        words=(answer, *words.split(", ")),
        told=told,
        alone=theme["question"] if theme.get("alone") else None,
    )


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The needle at the trial's depth, those of other pairs and lures at random depths away from it."""
    plan, options = Planter(draw, site), site.options

    def told(form: Form, *said: str) -> Needle:
        person = plan.person()
        return plan.needle(form, None, *said, key=person, value=person, name=person)

    asked, *others = _chosen(draw, site, 1 + options.distractor_count)
    needles = [told(Form(draw.choice(asked.told)))]
    needles += [told(Form(draw.choice(pair.told)), "distractor") for pair in others]
    for _ in range(options.lure_count):
        lure = draw.choice(plan.wording.texts("associative.lures")).replace("{asked}", _said(asked.question))
        needles.append(told(Form(lure), "near-miss", "only asks"))
    needles[1:] = [replace(needle, depth_percent=apart(draw, plan.depth)) for needle in needles[1:]]
    question = asked.question + plan.wording.text("associative.only")
    return plan.planting("associative.hint", question, needles, [needles[0].value])


def score(text: str, planting: Planting) -> Score:
    """The person's name, and no other."""
    everybody = [name for names in PEOPLE.values() for name in names]
    return scorers.name(text, scorers.expected_of(planting), everybody)


@solver()
def solve(asked: Asked) -> str | None:
    """The person in the needle that belongs to the question: the pairs are this reader's common knowledge."""
    question = asked.question.removesuffix(asked.wording.text("associative.only"))
    told = [Form(said) for pair in pairs(asked.wording.language) if pair.question == question for said in pair.told]
    return next((blanks["name"] for form in told for _, blanks in asked.found(form)), None)


def _said(question: str) -> str:
    """A question as a part of a sentence: who lives in London."""
    asked = question.strip("¿?？")
    return asked[0].lower() + asked[1:]


def _chosen(draw: Draw, site: TaskContext, count: int) -> list[Pair]:
    """So many pairs of which the haystack holds no word; the first one is another in every epoch of a cell."""
    trial, haystack, known = site.trial, site.haystack, pairs(site.language)
    held = haystack.leaks.held([word for pair in known for word in pair.words])
    free = [pair for pair in known if not held & set(pair.words)]
    turn = Draw(0, "associations", trial.context_length, trial.depth_percent).shuffled(free)
    chosen = [turn[trial.epoch % len(turn)]] if turn else []
    for pair in draw.shuffled(free):
        if len(chosen) < count and all(pair.fits_beside(other) for other in chosen):
            chosen.append(pair)
    if len(chosen) < count:
        raise HaystackError(
            f"haystack {haystack.name!r} leaves {len(free)} associations that it does not touch itself, of which "
            f"{len(chosen)} fit into one text, and {count} are needed; lower distractors or leave out an episode"
        )
    return chosen
