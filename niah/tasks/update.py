"""The same key stated several times with different values; the latest or the first one is asked for.

No statement says that it is new or old: only the order in the text tells (after LongMemEval's knowledge updates and
bAbI's first task). Depth is the place of the statement asked for; the others stand before it (``asked = latest``) or
behind it (``first``), and ``needles`` says how: next to it, spread evenly over that side, or anywhere there.
"""

from __future__ import annotations

from niah import scorers
from niah.errors import ConfigError
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, planting_of
from niah.tasks._places import places_like
from niah.tasks._placing import anywhere
from niah.tasks._supply import Supply

SUMMARY = "find the latest (or --asked first) of several values stated for one place"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("asked", "needle_count", "needles")
FILLER = None
COUNT = 2
_QUESTION = {
    "en": {
        "latest": (
            "The magic number for {key} is given more than once, and it changes. "
            "Which one is given last? Answer with the number only."
        ),
        "first": (
            "The magic number for {key} is given more than once, and it changes. "
            "Which one is given first? Answer with the number only."
        ),
    },
    "zh-Hant": {
        "latest": "{key}的神奇數字說了不只一次，而且有變。最後一次說的是多少？只回答數字。",
        "first": "{key}的神奇數字說了不只一次，而且有變。第一次說的是多少？只回答數字。",
    },
    "zh-Hans": {
        "latest": "{key}的神奇数字说了不止一次，而且有变。最后一次说的是多少？只回答数字。",
        "first": "{key}的神奇数字说了不止一次，而且有变。第一次说的是多少？只回答数字。",
    },
}


def plant(draw: Draw, site: Site) -> Planting:
    """The statements in the order in which they stand; the one asked for comes first in ``needles``."""
    language, options = site.language, site.options
    supply = Supply(draw, site.haystack, language)
    key = supply.key()
    depths = _depths(draw, options, site.trial.depth_percent)
    needles = []
    for i, depth in enumerate(depths):
        value = supply.number()
        text = _magic_number.sentence(language, "number", key, value)
        answer_class, detail = _class_of(i, len(depths), options.asked)
        needles.append(
            Needle(key=key, value=value, text=text, depth_percent=depth, answer_class=answer_class, detail=detail)
        )
    asked = next(n for n in needles if n.answer_class == "right")
    question = _QUESTION[language][options.asked].format(key=key)
    opening = _magic_number.opening(language, "number", several=True)
    return planting_of(language, opening, question, needles, [asked.value])


def score(text: str, planting: Planting) -> Score:
    """The number stated last (or first), and no other."""
    return scorers.number(text, scorers.expected_of(planting, places_like(planting.question)))


def solve(text: str, options: Options | None = None) -> str:
    """The last (or first) value stated for the key of the question."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    for which, form in _QUESTION[asked.language].items():
        before, _, after = form.partition("{key}")
        if asked.question.startswith(before) and asked.question.endswith(after):
            values = _magic_number.stated(asked, asked.question.removeprefix(before).removesuffix(after))
            if values:
                return values[-1] if which == "latest" else values[0]
    return NOT_THERE[asked.language]


def _depths(draw: Draw, options: Options, depth: float) -> list[float]:
    """Rising depths, the asked one last (or first)."""
    others = (options.needle_count or COUNT) - 1
    if others < 1:
        raise ConfigError("needle_count = 1: task update asks for the latest of several statements; give 2 or more")
    low, high = (0.0, depth) if options.asked == "latest" else (depth, 100.0)
    if options.needles == "together":
        return [depth] * (others + 1)
    if options.needles == "random":
        return sorted([depth, *(anywhere(draw, low, high) for _ in range(others))])
    return [low + (high - low) * i / others for i in range(others + 1)]


def _class_of(i: int, count: int, asked: str) -> tuple[str, str | None]:
    """What an answer with the i-th statement is."""
    if asked == "first":
        return ("right", None) if i == 0 else ("distractor", "later")
    if i == count - 1:
        return "right", None
    return ("stale", None) if i == count - 2 else ("earlier", None)
