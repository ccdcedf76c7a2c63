"""The clock of a recording, for tasks about time: lines like (12:01) between segments, one above every needle.

The clock is niah's own, since a haystack goes round several episodes whose times would repeat: it runs evenly with
the text, TOKENS_A_SECOND tokens a second (as in an hour of Chinese talk). So a needle's time follows from its depth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from niah.errors import PromptError
from niah.generator.draw import Draw
from niah.records import Needle, Trial
from niah.scorers import clock, seconds_in
from niah.tasks import Site, _magic_number
from niah.tasks._frame import speech_opening
from niah.tasks._placing import apart
from niah.tasks._supply import Supply
from niah.wording import wording_of

TOKENS_A_SECOND = 4.5
EVERY_S = 30  # seconds between two marks, give or take
FACTS_APART_S = 60  # twice the usual tolerance, where there is room: a near time is no other fact's
_TRIES = 60
_APART_S = 12  # a mark so near to a needle is left out
_APART_PERCENT = 5.0
_MARK = re.compile(r"^\((\d+(?::\d\d){1,2})\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One fact with the second at which it is said."""

    needle: Needle
    second: int


def opening(language: str) -> str:
    return speech_opening(language, wording_of(language).text("clock.hint"))


def said_facts(draw: Draw, site: Site) -> list[Said]:
    """The asked fact at the trial's depth and ``distractors`` others, no two at one time."""
    supply = Supply(draw, site.haystack, site.language)
    depths = [site.trial.depth_percent]
    for _ in range(site.options.distractors):
        depths.append(_further(draw, site.trial, depths))
    return [_said(supply, site, depth, distractor=i > 0) for i, depth in enumerate(depths)]


def marks_of(draw: Draw, trial: Trial, facts: Sequence[Said]) -> list[Needle]:
    """Lines with the time, about every EVERY_S seconds, in no step that could be counted on."""
    end, marks, second = _second(trial, 100.0), [], draw.between(0, EVERY_S // 2)
    while second < end:
        if all(abs(second - fact.second) >= _APART_S for fact in facts):
            marks.append(Needle(key="", value="", text=mark(second), depth_percent=100 * second / end))
        second += EVERY_S + draw.between(-EVERY_S // 3, EVERY_S // 3)
    return marks


def mark(second: int) -> str:
    return f"({clock(second)})"


def lines_with_times(text: str) -> list[tuple[int, str]]:
    """Every line of a prompt with the time that stands above it."""
    now, lines = -1, []
    for line in text.split("\n"):
        if found := _MARK.match(line):
            now = seconds_in(found[1])[0]
        elif now >= 0:
            lines.append((now, line))
    return lines


def _further(draw: Draw, trial: Trial, depths: Sequence[float]) -> float:
    """A depth whose time is FACTS_APART_S from all others; nearer where there is no room. Raises PromptError."""
    for least in (FACTS_APART_S, _APART_S, 2):
        for _ in range(_TRIES):
            depth = apart(draw, trial.depth_percent, _APART_PERCENT)
            if all(abs(_second(trial, depth) - _second(trial, d)) >= least for d in depths):
                return depth
    raise PromptError(
        f"context length {trial.context_length} lasts {_second(trial, 100.0)} s, too short for {len(depths) + 1} facts "
        "at different times; lower distractors or ask for a longer context"
    )


def _said(supply: Supply, site: Site, depth: float, *, distractor: bool) -> Said:
    needle = _magic_number.needle(supply, site.language, "number", depth, distractor=distractor)
    second = _second(site.trial, depth)
    return Said(needle=replace(needle, text=f"{mark(second)}\n{needle.text}"), second=second)


def _second(trial: Trial, depth: float) -> int:
    return round(trial.context_length / TOKENS_A_SECOND * depth / 100)
