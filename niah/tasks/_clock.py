"""The clock of a recording, for tasks about time: lines like (12:01) between segments, one above every needle.

The clock is niah's own, since a haystack goes round several episodes whose times would repeat. When the recording
starts is drawn for each trial (up to START_S), and so is how fast each part of it is spoken, so that neither length
and depth nor the times at both ends tell when something in between is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from niah.errors import PromptError
from niah.records import Needle, Trial
from niah.scorers import clock, seconds_in
from niah.tasks import TaskContext
from niah.tasks._placing import apart
from niah.tasks._template import ParsedQuestion, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

START_S = 3 * 3600
TOKENS_A_SECOND = (3.0, 6.0)  # slow and fast talk; an hour of Chinese talk has about 4.5
EVERY_S = 30  # seconds between two marks, give or take
FACTS_APART_S = 60  # twice the usual tolerance, where there is room: a near time is no other fact's
_PARTS = 8  # of the recording, each with a pace of its own
_TRIES = 60
_APART_S = 12  # a mark so near to a needle is left out
_APART_PERCENT = 5.0
_MARK = re.compile(r"^\((\d+(?::\d\d){1,2})\)$")


class Clock:
    """When what stands at a depth is said: seconds rise with depth, in each part at its own pace."""

    def __init__(self, draw: Draw, trial: Trial) -> None:
        slow, fast = TOKENS_A_SECOND
        paces = [slow + (fast - slow) * draw.between(0, 100) / 100 for _ in range(_PARTS)]
        self._depths = np.linspace(0, 100, _PARTS + 1)
        start = draw.between(0, START_S)
        self._seconds = np.array(list(accumulate((trial.context_length / _PARTS / p for p in paces), initial=start)))

    @property
    def first_s(self) -> int:
        return self.at(0.0)

    @property
    def last_s(self) -> int:
        return self.at(100.0)

    def at(self, depth: float) -> int:
        """The second at a depth."""
        return round(float(np.interp(depth, self._depths, self._seconds)))

    def depth_of(self, second: int) -> float:
        """The depth of a second."""
        return float(np.interp(second, self._seconds, self._depths))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line with the second at which it is said."""

    needle: Needle  # its text begins with the time
    second: int


def opening(language: str) -> str:
    return speech_opening(language, wording_of(language).text("clock.hint"))


def facts_in(times: Clock, draw: Draw, site: TaskContext, needle_of: Callable[[int, float], Needle]) -> list[Said]:
    """The asked fact at the trial's depth and ``distractors`` other lines, no two at one time.

    ``needle_of`` makes the i-th of them for a depth; the asked one is the first.
    """
    depths = [site.trial.depth_percent]
    for _ in range(site.options.distractors):
        depths.append(_further(times, draw, site.trial, depths))
    return [_said(times, needle_of(i, depth), depth) for i, depth in enumerate(depths)]


def told_or_denied(draw: Draw, site: TaskContext) -> Callable[[int, float], Needle]:
    """Needles for a question about one place: its number in other words than the question's; then, in turn, a line
    in the question's words that names a wrong one and takes it back, and the number of another place."""
    supply, wording = UnusedNames(draw, site.haystack, site.language), wording_of(site.language)
    asked = supply.key()

    def needle_of(i: int, depth: float) -> Needle:
        key, value = supply.key() if i and i % 2 == 0 else asked, supply.number()
        form = draw.choice(wording.forms("clock.denied" if i % 2 else "clock.told"))
        answer_class, detail = ("near-miss", "denied") if i % 2 else ("distractor" if i else "right", None)
        text = form.fill(key=key, value=value)
        return Needle(key=key, value=value, text=text, depth_percent=depth, answer_class=answer_class, detail=detail)

    return needle_of


def marks_of(times: Clock, draw: Draw, facts: Sequence[Said]) -> list[Needle]:
    """Lines with the time, about every EVERY_S seconds, in no step that could be counted on."""
    marks, second = [], times.first_s + draw.between(0, EVERY_S // 2)
    while second < times.last_s:
        if all(abs(second - fact.second) >= _APART_S for fact in facts):
            marks.append(Needle(key="", value="", text=mark(second), depth_percent=times.depth_of(second)))
        second += EVERY_S + draw.between(-EVERY_S // 3, EVERY_S // 3)
    return marks


def mark(second: int) -> str:
    return f"({clock(second)})"


def lines_with_times(text: str) -> Iterator[tuple[int, str]]:
    """Every line of a prompt with the time that stands above it."""
    now = None
    for line in text.split("\n"):
        if found := _MARK.match(line):
            now = seconds_in(found[1])[0]
        elif now is not None:
            yield now, line


def told_in(asked: ParsedQuestion, key: str) -> tuple[int, str] | None:
    """The second at which the number of a key is told, and the number."""
    forms: tuple[Form, ...] = asked.wording.forms("clock.told")
    for second, line in lines_with_times(asked.text):
        for form in forms:
            for _, blanks in form.found_in(line, key=key):
                return second, blanks["value"]
    return None


def _further(times: Clock, draw: Draw, trial: Trial, depths: Sequence[float]) -> float:
    """A depth whose time is FACTS_APART_S from all others; nearer where there is no room. Raises PromptError."""
    for least in (FACTS_APART_S, _APART_S, 2):
        for _ in range(_TRIES):
            depth = apart(draw, trial.depth_percent, _APART_PERCENT)
            if all(abs(times.at(depth) - times.at(d)) >= least for d in depths):
                return depth
    raise PromptError(
        f"context length {trial.context_length} lasts {times.last_s - times.first_s} s, too short for "
        f"{len(depths) + 1} facts at different times; lower distractors or ask for a longer context"
    )


def _said(times: Clock, needle: Needle, depth: float) -> Said:
    second = times.at(depth)
    return Said(needle=replace(needle, text=f"{mark(second)}\n{needle.text}"), second=second)
