"""Read transcript files as they really are: minute windows, SRT (also flattened onto one line), WebVTT, text, Markdown.

What is dropped, and only this: lines outside the timed units of a timed file (page furniture, preambles), cues of
under 250 ms spoken at over 50 characters per second (invented by speech recognition at seams), WebVTT tags and notes,
Markdown marks. Each is reported as a Problem. Anything that cannot be read is a TranscriptError with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from niah.errors import TranscriptError
from niah.generator.language import language_of
from niah.generator.segments import segments_of
from niah.records import Problem, Transcript

SUFFIXES = frozenset({".txt", ".srt", ".vtt", ".md"})

_TIME = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_WINDOW = re.compile(rf"^\(({_TIME})~({_TIME})\)\s*(.*)$")
_LOOKS_LIKE_WINDOW = re.compile(r"^\(\d{1,3}:\d")
_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{3}"
_NUMBERED_CUE = re.compile(rf"(\d+)\s+({_CLOCK})\s*-->\s*({_CLOCK})[ \t]*\n?")
_CUE_TIMES = re.compile(rf"^({_CLOCK})[ \t]+-->[ \t]+({_CLOCK})")
_HAN = re.compile(r"[\u3400-\u9fff]")
_TAG = re.compile(r"<[^<>]{1,80}>")
_MARKDOWN = re.compile(r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cue:
    line: int
    text: str
    start_s: float | None = None
    end_s: float | None = None


def read_transcript(path: Path) -> Transcript:
    """Parse one file. The form is found from its content, not from its name."""
    text = _decoded(path)
    lines = text.split("\n")
    if lines[0].startswith("WEBVTT"):
        form, cues, problems = "webvtt", *_webvtt(path, lines)
    elif sum(bool(_WINDOW.match(line)) for line in lines) * 2 > sum(bool(line.strip()) for line in lines):
        form, cues, problems = "minute-window", *_minute_windows(path, lines)
    elif len(_NUMBERED_CUE.findall(text)) > 1 or path.suffix == ".srt":
        flat = sum("-->" in line for line in lines) < len(_NUMBERED_CUE.findall(text))
        form, cues, problems = "flattened-srt" if flat else "srt", *_srt(path, text)
    else:
        form, cues, problems = "text", *_plain(path, lines)
    kept, seams = _without_seams(path, cues)
    segments = tuple(s for cue in kept for s in segments_of(cue.text, cue.start_s, cue.end_s))
    if not segments:
        raise TranscriptError(f"{path}:1: no speech in this file; expected a transcript (.txt, .srt, .vtt or .md)")
    language = language_of(" ".join(s.text for s in segments))
    return Transcript(
        name=path.stem,
        form=form,
        language=language,
        segments=segments,
        problems=(*problems, *seams, *_loops(path, kept)),
    )


def _decoded(path: Path) -> str:
    """The file as text with plain newlines; says which line is not text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TranscriptError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TranscriptError(f"{path}:{line}: not UTF-8 text; convert the file to UTF-8 or leave it out") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TranscriptError(f"{path}:{line}: binary content; expected a transcript (.txt, .srt, .vtt or .md)")
    if re.match(r"\s*(?:<!doctype|<html|\{\s*\"|\[\s*\{)", text, re.IGNORECASE):
        raise TranscriptError(f"{path}:1: HTML or JSON, not a transcript; export it as text, SRT or WebVTT first")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _minute_windows(path: Path, lines: list[str]) -> tuple[list[_Cue], list[Problem]]:
    cues: list[_Cue] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        match = _WINDOW.match(line)
        if match:
            start, end = _seconds(path, number, match[1]), _seconds(path, number, match[2])
            cues.append(_checked(path, _Cue(line=number, text=match[3], start_s=start, end_s=end)))
        elif _LOOKS_LIKE_WINDOW.match(line):
            raise TranscriptError(
                f"{path}:{number}: cannot read the time range of {line[:30]!r}; expected (12:16~13:16) text"
            )
        elif line.strip():
            problems.append(
                Problem(file=path.name, line=number, what=f"outside the time windows, dropped: {line[:40]!r}")
            )
    return cues, problems


def _srt(path: Path, text: str) -> tuple[list[_Cue], list[Problem]]:
    """Cues by one pattern over the whole text, so that line ends do not matter; numbers must run on by one.

    In a flattened file the text of a cue may end in digits that run into the next number ("GPT-4" + "43"):
    the number is known, so what stands before it is speech.
    """
    matches = list(_NUMBERED_CUE.finditer(text))
    if not matches:
        raise TranscriptError(f"{path}:1: no cue like '1 00:00:00,000 --> 00:00:02,000' in this SRT file")
    cues: list[_Cue] = []
    starts, expected = [], None
    for match in matches:
        line = text.count("\n", 0, match.start()) + 1
        expected = int(match[1]) if expected is None else expected + 1
        if not match[1].endswith(str(expected)):
            raise TranscriptError(
                f"{path}:{line}: cue {match[1]} where {expected} was expected; cues must be numbered one by one"
            )
        starts.append(match.start() + len(match[1]) - len(str(expected)))
    ends = [*starts[1:], _end_of_speech(text, matches[-1].end())]
    for match, stop in zip(matches, ends, strict=True):
        line = text.count("\n", 0, match.start()) + 1
        start_s, end_s = _seconds(path, line, match[2]), _seconds(path, line, match[3])
        spoken = _TAG.sub("", text[match.end() : stop])
        cues.append(_checked(path, _Cue(line=line, text=spoken, start_s=start_s, end_s=end_s)))
    return cues, [*_outside(path, text, 0, starts[0], cues), *_outside(path, text, ends[-1], len(text), cues)]


def _end_of_speech(text: str, start: int) -> int:
    """The last cue ends at its line's end, or at a blank line where its text stands on lines of its own."""
    stops = [i for i in (text.find("\n", start), len(text)) if i >= 0]
    if text[start - 1] == "\n":  # ordinary SRT: several lines until a blank one
        blank = text.find("\n\n", start)
        stops = [blank if blank >= 0 else len(text)]
    return min(stops)


def _outside(path: Path, text: str, start: int, stop: int, cues: list[_Cue]) -> Iterator[Problem]:
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


def _webvtt(path: Path, lines: list[str]) -> tuple[list[_Cue], list[Problem]]:
    """Blocks between blank lines; a block without a time line is a note, a style or a region."""
    cues: list[_Cue] = []
    problems: list[Problem] = []
    for number, block in _blocks(lines):
        at = next((i for i, line in enumerate(block[:2]) if "-->" in line), None)
        if at is None:
            if number > 1:
                problems.append(Problem(file=path.name, line=number, what=f"not a cue, dropped: {block[0][:40]!r}"))
            continue
        times = _CUE_TIMES.match(block[at])
        if not times:
            raise TranscriptError(f"{path}:{number + at}: cannot read the times of {block[at][:40]!r}")
        start_s, end_s = (_seconds(path, number + at, times[i]) for i in (1, 2))
        spoken = _TAG.sub("", " ".join(block[at + 1 :]))
        cues.append(_checked(path, _Cue(line=number + at, text=spoken, start_s=start_s, end_s=end_s)))
    return cues, problems


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _plain(path: Path, lines: list[str]) -> tuple[list[_Cue], list[Problem]]:
    for number, line in enumerate(lines, 1):
        if "-->" in line or _LOOKS_LIKE_WINDOW.match(line):
            raise TranscriptError(
                f"{path}:{number}: a stray time range in plain text: {line[:40]!r}; make all of the file timed, or none"
            )
    clean = (lambda line: _MARKDOWN.sub("", line)) if path.suffix == ".md" else (lambda line: line)
    return [_Cue(line=n, text=clean(line)) for n, line in enumerate(lines, 1) if line.strip(" -=*_#\t")], []


def _seconds(path: Path, line: int, clock: str) -> float:
    """Seconds of mm:ss, h:mm:ss or hh:mm:ss,mmm. Minutes run past 59 where there is no hour."""
    fields = [float(f) for f in clock.replace(",", ".").split(":")]
    if fields[-1] >= 60 or (len(fields) == 3 and fields[1] >= 60):
        raise TranscriptError(f"{path}:{line}: {clock} is no time of day; seconds run to 59")
    return sum(f * 60.0**i for i, f in enumerate(reversed(fields)))


def _checked(path: Path, cue: _Cue) -> _Cue:
    if cue.start_s is not None and cue.end_s is not None and cue.end_s < cue.start_s:
        raise TranscriptError(f"{path}:{cue.line}: ends at {cue.end_s:g} s before it starts at {cue.start_s:g} s")
    return cue


def _without_seams(path: Path, cues: list[_Cue]) -> tuple[list[_Cue], list[Problem]]:
    kept, problems = [], []
    for cue in cues:
        seconds = 1.0 if cue.start_s is None or cue.end_s is None else cue.end_s - cue.start_s
        text = cue.text.strip()
        if seconds < 0.25 and len(text) > 50 * seconds:
            what = f"cue of {round(seconds * 1000)} ms is too short for its text, dropped: {text[:40]!r}"
            problems.append(Problem(file=path.name, line=cue.line, what=what))
        elif text:
            kept.append(cue)
    return kept, problems


def _loops(path: Path, cues: list[_Cue]) -> Iterator[Problem]:
    """Report speech recognition that got stuck: the same words twice running. They are kept."""
    previous = ""
    for cue in cues:
        for part in cue.text.split() if _HAN.search(cue.text) else [cue.text.strip()]:
            if part == previous and len(part) >= 6:
                yield Problem(file=path.name, line=cue.line, what=f"said twice running, kept: {part[:40]!r}")
            previous = part
