"""Timed cues of subtitle files: SRT and WebVTT line by line, and SRT whose lines have been run together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from niah.errors import TranscriptError
from niah.records import Problem

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_NUMBERED = re.compile(rf"(\d+)[ \t\n]+({_CLOCK})[ \t]*-->[ \t]*({_CLOCK})[ \t]*\n?")
_TIME_LINE = re.compile(rf"^\s*({_CLOCK})\s*-->\s*({_CLOCK})(.*)$")
_SETTINGS = re.compile(r"^(?:\s+(?:\w+:[^\s]+|[XY][12]:\d+))*\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One timed unit, or one line of a file without times."""

    line: int
    text: str
    start_s: float | None = None
    end_s: float | None = None

    def saying(self, text: str) -> Cue:
        return self if text == self.text else replace(self, text=text)

    def longer(self, line: str) -> Cue:
        return replace(self, text=f"{self.text}\n{line}")


def seconds_of(path: Path, line: int, clock: str) -> float:
    """Seconds of mm:ss, h:mm:ss or hh:mm:ss,mmm. Minutes run past 59 where there is no hour."""
    fields = [float(f) for f in clock.replace(",", ".").split(":")]
    if fields[-1] >= 60 or (len(fields) == 3 and fields[1] >= 60):
        raise TranscriptError(f"{path}:{line}: {clock} is no time of day; seconds run to 59")
    return sum(f * 60.0**i for i, f in enumerate(reversed(fields)))


def stray_time(line: str) -> bool:
    """Whether a line of plain text is a subtitle's time line."""
    return bool(re.match(r"^\s*[\d:.,]+\s*-->\s*[\d:.,]+", line))


def cue_lines(path: Path, lines: list[str], problems: list[Problem]) -> list[Cue]:
    """Cues of SRT or WebVTT: a time line begins one; a number, or a line alone, before it is the cue's name.

    A missing blank line, a missing or repeated number and settings behind the times do not matter.
    """
    cues: list[Cue] = []
    inside = note = False
    for number, line in enumerate(lines, 1):
        if stray_time(line) and not note:
            cues.append(_begun(path, number, line))
            inside = True
        elif not line.strip():
            inside, note = inside and bool(line), False
        elif not inside and line.startswith(("NOTE", "STYLE", "REGION")):
            note = True
            problems.append(Problem(file=path.name, line=number, what=f"not a cue, dropped: {line[:40]!r}"))
        elif inside and not _names_a_cue(lines, number):
            cues[-1] = cues[-1].longer(line)
        elif not inside and not note and not _names_a_cue(lines, number) and not line.startswith("WEBVTT"):
            problems.append(Problem(file=path.name, line=number, what=f"outside the cues, dropped: {line[:40]!r}"))
    if not cues:
        raise TranscriptError(f"{path}:1: no cue like '00:00:00,000 --> 00:00:02,000' in this subtitle file")
    return cues


def _begun(path: Path, number: int, line: str) -> Cue:
    match = _TIME_LINE.match(line)
    if not match:
        raise TranscriptError(f"{path}:{number}: cannot read the times of {line[:40]!r}")
    start, end = seconds_of(path, number, match[1]), seconds_of(path, number, match[2])
    text = "" if _SETTINGS.match(match[3]) else match[3].strip()
    return _checked(path, Cue(line=number, text=text, start_s=start, end_s=end))


def _names_a_cue(lines: list[str], number: int) -> bool:
    """Whether line ``number`` (from 1) is the number or name of the cue that the next line begins."""
    follows = number < len(lines) and stray_time(lines[number])
    alone = number < 2 or not lines[number - 2].strip()
    return follows and (alone or lines[number - 1].strip().isdigit())


def _checked(path: Path, cue: Cue) -> Cue:
    if cue.start_s is not None and cue.end_s is not None and cue.end_s < cue.start_s:
        raise TranscriptError(f"{path}:{cue.line}: ends at {cue.end_s:g} s before it starts at {cue.start_s:g} s")
    return cue


def flattened_cues(path: Path, text: str, problems: list[Problem]) -> list[Cue]:
    """Cues of an SRT file whose lines have been run together, by one pattern over the whole text; [] for other files.

    The text of a cue may end in digits that run into the next number ("GPT-4" + "43"): numbers run on by one, so the
    number is known and what stands before it is speech. Raises TranscriptError where they do not.
    """
    matches = list(_NUMBERED.finditer(text))
    if len(matches) < 2 or 2 * sum("-->" in line for line in text.split("\n")) > len(matches):
        return []
    lines = list(map(_line_counter(text), (m.start() for m in matches)))
    starts: list[int] = []
    expected = int(matches[0][1])
    for match, line in zip(matches, lines, strict=True):
        if not match[1].endswith(str(expected)):
            raise TranscriptError(f"{path}:{line}: cue {match[1]} where {expected} was expected in a flattened SRT")
        starts.append(match.start() + len(match[1]) - len(str(expected)))
        expected += 1
    end = text.find("\n", matches[-1].end())
    ends = [*starts[1:], end if end >= 0 else len(text)]
    cues = [
        _checked(
            path,
            Cue(
                line=line,
                text=text[match.end() : stop],
                start_s=seconds_of(path, line, match[2]),
                end_s=seconds_of(path, line, match[3]),
            ),
        )
        for match, line, stop in zip(matches, lines, ends, strict=True)
    ]
    problems += [*_outside(path, text, 0, starts[0], cues), *_outside(path, text, ends[-1], len(text), cues)]
    return cues


def _line_counter(text: str) -> Callable[[int], int]:
    """Line numbers of rising places, without counting from the start each time."""
    line, counted = 1, 0

    def line_of(place: int) -> int:
        nonlocal line, counted
        line += text.count("\n", counted, place)
        counted = place
        return line

    return line_of


def _outside(path: Path, text: str, start: int, stop: int, cues: list[Cue]) -> Iterator[Problem]:
    """Report the lines before the first and after the last cue; say which of them quote a cue."""
    spoken: dict[int, list[str]] = {}
    for cue in cues:
        folded = "".join(cue.text.split()).casefold()
        spoken.setdefault(len(folded), []).append(folded)
    first = text.count("\n", 0, start) + 1
    for number, line in enumerate(text[start:stop].split("\n"), first):
        folded = "".join(line.split()).casefold()
        if folded:
            quoted = len(folded) >= 6 and any(_mostly_equal(folded, cue) for cue in spoken.get(len(folded), ()))
            kind = "quotes a cue" if quoted else "outside the cues"
            yield Problem(file=path.name, line=number, what=f"{kind}, dropped: {line.strip()[:40]!r}")


def _mostly_equal(a: str, b: str) -> bool:
    """Equal in half of the characters, place by place: the other script of Chinese differs in three or four of ten."""
    return sum(x == y for x, y in zip(a, b, strict=True)) >= 0.5 * len(a)
