"""Several keys, one value each, all asked for in one question (RULER's niah_multiquery), among needles for others."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.tasks import Options, Site, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, listed, planting_of
from niah.tasks._places import places_like
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._supply import Supply

SUMMARY = "find the values of several places in one question (--needle-count 4, --needles)"
VERSION = 1
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 4
_QUESTION = {
    "en": "What are the magic numbers for {keys}? Answer with the numbers only, in this order, separated by commas.",
    "zh-Hant": "{keys}的神奇數字各是多少？只回答數字，依照順序，用逗號分開。",
    "zh-Hans": "{keys}的神奇数字各是多少？只回答数字，依照顺序，用逗号分开。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The asked needles as ``needles`` says, others at random depths."""
    language, options = site.language, site.options
    supply = Supply(draw, site.haystack, language)
    depths = depths_of(options.needles, options.needle_count or COUNT, site.trial.depth_percent, draw)
    asked = [_magic_number.needle(supply, language, "number", depth, distractor=False) for depth in depths]
    others = [
        _magic_number.needle(supply, language, "number", anywhere(draw), distractor=True)
        for _ in range(options.distractors)
    ]
    order = draw.shuffled(asked)  # the question does not follow the order of the text
    question = _QUESTION[language].format(keys=listed(language, [n.key for n in order]))
    opening = _magic_number.opening(language, "number", several=True)
    return planting_of(language, opening, question, [*asked, *others], [n.value for n in order])


def score(text: str, planting: Planting) -> Score:
    """The share of keys with their own value, by labels or by the asked order; otherwise recall, as in RULER."""
    key_of = {n.value: n.key for n in planting.needles}
    expected = scorers.expected_of(planting, places_like(planting.question))
    return scorers.number_pairs(text, replace(expected, keys=tuple(key_of.get(t, t) for t in planting.targets)))


def solve(text: str, options: Options | None = None) -> str:
    """The value stated for every key of the question, in its order."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    before, _, after = _QUESTION[asked.language].partition("{keys}")
    keys = re.split(r", | and |、|和", asked.question.removeprefix(before).removesuffix(after))
    values = [value for key in keys for value in _magic_number.stated(asked, key)]
    return ", ".join(values) or NOT_THERE[asked.language]
