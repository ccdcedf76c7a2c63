"""Times of a recording: what a prompt asks about times is asked about the seconds at which its lines are spoken.

The text's own time marks are not read aloud. Every time that stands in question, targets and needles becomes the real
one, and what is said of marks in a text is said of a recording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from niah.records import Needle, Planting
from niah.scorers import clock
from niah.text.wording import Wording, languages, wording_of

_MARK = re.compile(r"\((\d+(?::\d\d){1,2})\)")
_TIME = re.compile(r"(?<![\d:])\d+(?::\d\d){1,2}(?![\d:])")


def is_mark(line: str) -> bool:
    """Whether a line is nothing but a time in brackets."""
    return _MARK.fullmatch(line) is not None


def in_recording(planting: Planting, lines: Sequence[str], starts_s: Sequence[float]) -> Planting:
    """The planting with the times at which the lines behind its marks begin, in seconds from the start."""
    marks = [(_MARK.fullmatch(line), start) for line, start in zip(lines, starts_s, strict=False)]
    times = {mark[1]: clock(round(start)) for mark, start in marks if mark}
    if not times:
        return planting
    of_clock = [wording_of(lang) for lang in languages() if wording_of(lang).text("clock.hint") in planting.opening]
    said = partial(_heard, wording=of_clock[0]) if of_clock else str
    return replace(
        planting,
        opening=said(planting.opening),
        closing=said(_retimed(planting.closing, times)),
        question=said(_retimed(planting.question, times)),
        targets=tuple(_retimed(target, times) for target in planting.targets),
        needles=tuple(_needle(needle, times) for needle in planting.needles),
    )


def _needle(needle: Needle, times: Mapping[str, str]) -> Needle:
    return replace(needle, value=_retimed(needle.value, times), text=_retimed(needle.text, times))


def _retimed(text: str, times: Mapping[str, str]) -> str:
    return _TIME.sub(lambda time: times.get(time[0], time[0]), text)


def _heard(text: str, wording: Wording) -> str:
    """What is said of a text, said of a recording."""
    for key in ("hint", "answer"):
        text = text.replace(wording.text(f"clock.{key}"), wording.text(f"recording.{key}"))
    return text
