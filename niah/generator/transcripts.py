"""Read transcript files as they really are: minute windows, SRT (also flattened onto one line), WebVTT, text, Markdown.

What is dropped, and only this: lines outside the timed units of a timed file (page furniture, preambles), cues of
under 250 ms spoken at over 50 characters per second (invented by speech recognition at seams), lines that repeat the
last line of the cue before (rolling captions), WebVTT notes, tags, Markdown marks. All but marks and tags are reported
as a Problem. What cannot be read is a TranscriptError with file and line.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from pathlib import Path

from niah.errors import TranscriptError
from niah.generator.segments import segments_of
from niah.generator.subtitles import Cue, cue_lines, flattened_cues, seconds_of, stray_time
from niah.records import Problem, Transcript
from niah.text.language import language_of

SUFFIXES = frozenset({".txt", ".srt", ".vtt", ".md"})

_TIME = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_WINDOW = re.compile(rf"^\s*[(（]\s*({_TIME})\s*[~～]\s*({_TIME})\s*[)）]\s*(.*)$")
_LOOKS_LIKE_WINDOW = re.compile(r"^\s*[(（]\d{1,3}:\d")
_TAG = re.compile(r"</?(?:[a-z][\w.]*|\d\d:\d\d[\d:.]*)(?:\s[^<>]{0,80})?>|\{\\[^{}]{1,40}\}", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)|(?<!\w)[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?!\w)"
)
_MARKED = re.compile(r"[<{&]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")


def read_transcript(path: Path) -> Transcript:
    """Parse one file. Raises TranscriptError where it cannot be read, or holds no speech."""
    return transcript_of(_decoded(path), path)


def transcript_of(text: str, path: Path) -> Transcript:
    """Parse the text of a file. The form is found from its content, not from its name. Raises TranscriptError."""
    lines = text.split("\n")
    spoken = [line for line in lines if line.strip()]
    problems: list[Problem] = []
    if sum(bool(_WINDOW.match(line)) for line in lines) * 3 > len(spoken) > 0:
        form, cues = "minute-window", _minute_windows(path, lines, problems)
    elif flattened := flattened_cues(path, text, problems):
        form, cues = "flattened-srt", flattened
    elif (
        text.lstrip().startswith("WEBVTT") or path.suffix.lower() == ".srt" or sum("-->" in line for line in lines) > 1
    ):
        form = "webvtt" if text.lstrip().startswith("WEBVTT") else "srt"
        cues = cue_lines(path, lines, problems)
    else:
        form, cues = "text", _plain(path, text)
    kept = _without_rolling(path, _without_seams(path, [_clean(c) for c in cues], problems), problems)
    segments = tuple(s for cue in kept for s in segments_of(cue.text, cue.start_s, cue.end_s))
    if not segments:
        raise TranscriptError(f"{path}:1: no speech in this file; expected a transcript (.txt, .srt, .vtt or .md)")
    problems += _loops(path, kept)
    language = language_of(" ".join(s.text for s in segments))
    return Transcript(name=path.stem, form=form, language=language, segments=segments, problems=tuple(problems))


def _decoded(path: Path) -> str:
    """The file as text with plain newlines; says which line is not text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TranscriptError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TranscriptError(f"{path}:{line}: not UTF-8 text; convert the file to UTF-8 or leave it out") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TranscriptError(f"{path}:{line}: binary content; expected a transcript (.txt, .srt, .vtt or .md)")
    if re.match(r"\s*(?:<!doctype|<html|<\?xml|\{\\rtf|\{\s*\"|\[\s*\{)", text, re.IGNORECASE):
        raise TranscriptError(
            f"{path}:1: HTML, XML, RTF or JSON, not a transcript; export it as text, SRT or WebVTT first"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _minute_windows(path: Path, lines: list[str], problems: list[Problem]) -> list[Cue]:
    """A window's text goes on over the lines that follow it; what stands before the first window is furniture."""
    cues: list[Cue] = []
    for number, line in enumerate(lines, 1):
        match = _WINDOW.match(line)
        if match:
            start, end = seconds_of(path, number, match[1]), seconds_of(path, number, match[2])
            if end < start:
                raise TranscriptError(f"{path}:{number}: ends at {end:g} s before it starts at {start:g} s")
            cues.append(Cue(line=number, text=match[3], start_s=start, end_s=end))
        elif _LOOKS_LIKE_WINDOW.match(line):
            raise TranscriptError(
                f"{path}:{number}: cannot read the time range of {line[:30]!r}; expected (12:16~13:16) text"
            )
        elif line.strip() and cues:
            cues[-1] = cues[-1].longer(line)
        elif line.strip():
            what = f"before the first time window, dropped: {line[:40]!r}"
            problems.append(Problem(file=path.name, line=number, what=what))
    return cues


def _plain(path: Path, text: str) -> list[Cue]:
    markdown = path.suffix.lower() == ".md"
    if markdown:
        text = _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text)
    cues = []
    for number, line in enumerate(text.split("\n"), 1):
        if stray_time(line) or _LOOKS_LIKE_WINDOW.match(line):
            raise TranscriptError(
                f"{path}:{number}: a stray time range in plain text: {line[:40]!r}; make all of the file timed, or none"
            )
        if line.strip(" -=*_#\t"):
            cues.append(Cue(line=number, text=_MARKDOWN.sub("", line) if markdown else line))
    return cues


def _clean(cue: Cue) -> Cue:
    """Speech without tags and with its entities spelt out."""
    if not _MARKED.search(cue.text):
        return cue
    return cue.saying(html.unescape(_TAG.sub("", cue.text)))


def _without_seams(path: Path, cues: list[Cue], problems: list[Problem]) -> list[Cue]:
    kept = []
    for cue in cues:
        seconds = 1.0 if cue.start_s is None or cue.end_s is None else cue.end_s - cue.start_s
        text = cue.text.strip()
        if seconds < 0.25 and len(text) > 50 * seconds:
            what = f"cue of {round(seconds * 1000)} ms is too short for its text, dropped: {text[:40]!r}"
            problems.append(Problem(file=path.name, line=cue.line, what=what))
        elif text:
            kept.append(cue)
    return kept


def _without_rolling(path: Path, cues: list[Cue], problems: list[Problem]) -> list[Cue]:
    """Captions that scroll show every line twice: drop a cue's first line where it is the last of the cue before."""
    kept: list[Cue] = []
    rolling, last = 0, ""
    for cue in cues:
        if "\n" not in cue.text:
            last = cue.text.strip()
            kept.append(cue)
            continue
        lines = [line.strip() for line in cue.text.split("\n") if line.strip()]
        if lines and cue.start_s is not None and lines[0] == last and len(last) >= 6 and len(lines) > 1:
            rolling += 1
            lines = lines[1:]
        last = lines[-1] if lines else last
        kept.append(cue.saying(" ".join(lines)))
    if rolling:
        what = f"rolling captions: {rolling} lines that repeat the cue before, dropped"
        problems.append(Problem(file=path.name, line=cues[0].line, what=what))
    return kept


def _loops(path: Path, cues: list[Cue]) -> Iterator[Problem]:
    """Report speech recognition that got stuck: the same words twice running. They are kept."""
    previous = ""
    for cue in cues:
        for part in cue.text.split() if _HAN.search(cue.text) else [cue.text.strip()]:
            if part == previous and len(part) >= 6:
                yield Problem(file=path.name, line=cue.line, what=f"said twice running, kept: {part[:40]!r}")
            previous = part
