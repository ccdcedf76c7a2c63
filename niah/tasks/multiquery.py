"""Several keys, one value each, all asked for in one question (RULER's niah_multiquery), among needles for others."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import Options, TaskContext, _magic_number
from niah.tasks._names import places_like
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, listed, planting_of, solver, unlisted
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "find the values of several places in one question (--needle-count 4, --needles)"
VERSION = 2
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The asked needles as ``needles`` says, others at random depths."""
    language, options = site.language, site.options
    supply = UnusedNames(draw, site.haystack, language)
    depths = depths_of(options.needles, options.needle_count or COUNT, site.trial.depth_percent, draw)
    asked = [_magic_number.needle(supply, language, "number", depth, distractor=False) for depth in depths]
    others = [
        _magic_number.needle(supply, language, "number", anywhere(draw), distractor=True)
        for _ in range(options.distractors)
    ]
    order = draw.shuffled(asked)  # the question does not follow the order of the text
    wording = wording_of(language)
    question = wording.form("multiquery.question").fill(keys=listed(wording, [n.key for n in order]))
    opening = _magic_number.opening(language, "number", several=True)
    return planting_of(language, opening, question, [*asked, *others], [n.value for n in order])


def score(text: str, planting: Planting) -> Score:
    """The share of keys with their own value, by labels or by the asked order; otherwise recall, as in RULER."""
    key_of = {n.value: n.key for n in planting.needles}
    expected = scorers.expected_of(planting, places_like(planting.question))
    return scorers.number_pairs(text, replace(expected, keys=tuple(key_of.get(t, t) for t in planting.targets)))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The value stated for every key of the question, in its order."""
    blanks = asked.wording.form("multiquery.question").parse(asked.question)
    keys = unlisted(asked.wording, blanks["keys"]) if blanks else []
    return ", ".join(value for key in keys for value in _magic_number.stated(asked, key)) or None


solve = solver(_answer)
