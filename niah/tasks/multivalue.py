"""Several values for one key, all of them asked for (RULER's niah_multivalue), among needles for other keys."""

from __future__ import annotations

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, planting_of
from niah.tasks._places import places_like
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._supply import Supply

SUMMARY = "find all values of one place (--needle-count 4, --needles together, spread or random)"
VERSION = 1
REPLY_TOKENS = 96
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 4
_QUESTION = {
    "en": "What are all the magic numbers for {key}? Answer with the numbers only, separated by commas.",
    "zh-Hant": "{key}的神奇數字有哪些？只回答數字，全部列出，用逗號分開。",
    "zh-Hans": "{key}的神奇数字有哪些？只回答数字，全部列出，用逗号分开。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The needles of one key as ``needles`` says, others at random depths."""
    language, options = site.language, site.options
    supply, key = Supply(draw, site.haystack, language), None
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
    return planting_of(language, opening, _QUESTION[language].format(key=key), needles, targets)


def score(text: str, planting: Planting) -> Score:
    """Recall of the values, lowered by values that were not asked for."""
    return scorers.number_set(text, scorers.expected_of(planting, places_like(planting.question)))


def solve(text: str, options: Options | None = None) -> str:
    """All values stated for the key of the question."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    before, _, after = _QUESTION[asked.language].partition("{key}")
    key = asked.question.removeprefix(before).removesuffix(after)
    return ", ".join(_magic_number.stated(asked, key)) or NOT_THERE[asked.language]
