"""Several values for one key, all of them asked for (RULER's niah_multivalue), among needles for other keys."""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext, _magic_number
from niah.tasks._names import places_like
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "find all values of one place (--needle-count 4, --needles together, spread or random)"
VERSION = 2
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 4


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The needles of one key as ``needles`` says, others at random depths."""
    language, options = site.language, site.options
    supply, key = UnusedNames(draw, site.haystack, language), None
    needles = []
    for depth in depths_of(options.needles, options.needle_count or COUNT, site.trial.depth_percent, draw):
        key = key or supply.key()
        value = supply.number()
        text = _magic_number.one_of_several(language, "number", key, value)
        needles.append(Needle(key=key, value=value, text=text, depth_percent=depth))
    targets = [n.value for n in needles]
    for _ in range(options.distractors):
        other, value = supply.key(), supply.number()
        text = _magic_number.one_of_several(language, "number", other, value)
        depth = anywhere(draw)
        needles.append(Needle(key=other, value=value, text=text, depth_percent=depth, answer_class="distractor"))
    opening = _magic_number.opening(language, "number", several=True)
    question = wording_of(language).form("multivalue.question").fill(key=needles[0].key)
    return planting_of(language, opening, question, needles, targets)


def score(text: str, planting: Planting) -> Score:
    """Recall of the values, lowered by values that were not asked for."""
    return scorers.number_set(text, scorers.expected_of(planting, places_like(planting.question)))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """All values stated for the key of the question."""
    blanks = asked.wording.form("multivalue.question").parse(asked.question)
    return ", ".join(_magic_number.stated(asked, blanks["key"])) or None if blanks else None


solve = solver(_answer)
