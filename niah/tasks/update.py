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
from niah.tasks._frame import Asked, planting_of, solver
from niah.tasks._placing import anywhere
from niah.tasks._supply import Supply
from niah.wording import wording_of

SUMMARY = "find the latest (or --asked first) of several values stated for one place"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("asked", "needle_count", "needles")
FILLER = None
COUNT = 2


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
    question = wording_of(language).form(f"update.{options.asked}").fill(key=key)
    opening = _magic_number.opening(language, "number", several=True)
    return planting_of(language, opening, question, needles, [asked.value])


def score(text: str, planting: Planting) -> Score:
    """The number stated last (or first), and no other."""
    return scorers.number(text, scorers.expected_of(planting))


def _answer(asked: Asked, options: Options | None) -> str | None:
    """The last (or first) value stated for the key of the question."""
    for which in ("latest", "first"):
        if blanks := asked.wording.form(f"update.{which}").parse(asked.question):
            values = _magic_number.stated(asked, blanks["key"])
            return values[-1 if which == "latest" else 0] if values else None
    return None


solve = solver(_answer)


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
