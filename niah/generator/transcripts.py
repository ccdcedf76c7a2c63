"""Read transcript files as they really are: minute windows, SRT, WebVTT, text, Markdown.

What is dropped, and only this: lines outside the timed units of a timed file (page furniture,
preambles), cues of under 250 ms spoken at over 50 characters per second (invented by speech
recognition at seams), lines that repeat the last line of the cue before (rolling captions), WebVTT
notes, tags, Markdown marks. All but marks and tags are reported as a Problem. What cannot be read
is a TranscriptError with file and line.
"""

from __future__ import annotations

import codecs
import html
import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from operator import eq
from pathlib import Path

from niah.errors import TranscriptError
from niah.generator.segments import segments_of
from niah.records import Problem, Transcript
from niah.text.wording import language_of

SUFFIXES = frozenset({".txt", ".srt", ".vtt", ".md"})

_TIME = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_WINDOW = re.compile(rf"^\s*[(（]\s*({_TIME})\s*[~～]\s*({_TIME})\s*[)）]\s*(.*)$")
_LOOKS_LIKE_WINDOW = re.compile(r"^\s*[(（]\d{1,3}:\d")
_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_NUMBERED = re.compile(rf"(\d{{1,9}})[ \t\n]+({_CLOCK})[ \t]*-->[ \t]*({_CLOCK})[ \t]*\n?")
_TIME_LINE = re.compile(rf"^\s*({_CLOCK})\s*-->\s*({_CLOCK})(.*)$")
_LOOKS_LIKE_TIME_LINE = re.compile(r"^\s*[\d:.,]+\s*-->\s*[\d:.,]+")
_SETTINGS = re.compile(r"^(?:\s+\w+:\S+)*\s*$")
_TAG = re.compile(
    r"</?(?:[a-z][\w.]*|\d\d:\d\d[\d:.]*)(?:\s[^<>]{0,80})?>|\{\\[^{}]{1,40}\}", re.IGNORECASE
)
_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)"
    r"|(?<!\w)[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?!\w)"
)
_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)  # one without an end is read to the end once
_HAN = re.compile(r"[\u3400-\u9fff]")
_EXPECTED = "expected a transcript (.txt, .srt, .vtt or .md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cue:
    """One timed unit, or one line of a file without times."""

    line: int
    text: str
    start_s: float | None = None
    end_s: float | None = None

    def longer(self, line: str) -> _Cue:
        return replace(self, text=f"{self.text}\n{line}")


def read_transcript(path: Path) -> Transcript:
    """Parse one file. Raises TranscriptError where it cannot be read, or holds no speech."""
    return transcript_of(_decoded(path), path)


def transcript_of(text: str, path: Path) -> Transcript:
    """Parse a file's text, whose form is found from its content. Raises TranscriptError."""
    reader = _Reader(path)
    form, cues = reader.read(text)
    plain = [replace(cue, text=html.unescape(_TAG.sub("", cue.text))) for cue in cues]
    kept = reader.without_rolling(reader.without_seams(plain))
    segments = tuple(s for cue in kept for s in segments_of(cue.text, cue.start_s, cue.end_s))
    if not segments:
        raise reader.fault(1, f"no speech in this file; {_EXPECTED}")
    reader.report_loops(kept)
    language = language_of(" ".join(s.text for s in segments))
    problems = tuple(reader.problems)
    return Transcript(
        name=path.stem, form=form, language=language, segments=segments, problems=problems
    )


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
        raise TranscriptError(
            f"{path}:{line}: not UTF-8 text; convert the file to UTF-8 or leave it out"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TranscriptError(f"{path}:{line}: binary content; {_EXPECTED}")
    if re.match(r"\s*(?:<!doctype|<html|<\?xml|\{\\rtf|\{\s*\"|\[\s*\{)", text, re.IGNORECASE):
        raise TranscriptError(
            f"{path}:1: HTML, XML, RTF or JSON, not a transcript;"
            " export it as text, SRT or WebVTT first"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Reader:
    """One file while it is read, with what was dropped of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def fault(self, line: int, what: str) -> TranscriptError:
        return TranscriptError(f"{self.path}:{line}: {what}")

    def read(self, text: str) -> tuple[str, list[_Cue]]:
        """The form of a text and its cues."""
        lines = text.split("\n")
        spoken = sum(bool(line.strip()) for line in lines)
        if sum(bool(_WINDOW.match(line)) for line in lines) * 3 > spoken > 0:
            return "minute-window", self._minute_windows(lines)
        if flattened := self._flattened(text):
            return "flattened-srt", flattened
        if text.lstrip().startswith("WEBVTT"):
            return "webvtt", self._subtitles(lines)
        if self.path.suffix.lower() == ".srt" or sum("-->" in line for line in lines) > 1:
            return "srt", self._subtitles(lines)
        return "text", self._plain(text)

    def without_seams(self, cues: list[_Cue]) -> list[_Cue]:
        kept = []
        for cue in cues:
            seconds = 1.0 if cue.start_s is None or cue.end_s is None else cue.end_s - cue.start_s
            text = cue.text.strip()
            if seconds < 0.25 and len(text) > 50 * seconds:
                what = f"cue of {round(seconds * 1000)} ms is too short for its text, dropped"
                self._report(cue.line, what, text)
            elif text:
                kept.append(cue)
        return kept

    def without_rolling(self, cues: list[_Cue]) -> list[_Cue]:
        """Captions that scroll show lines twice: drop a cue's first one where the last ended so."""
        kept: list[_Cue] = []
        rolling, last = 0, ""
        for cue in cues:
            lines = [line.strip() for line in cue.text.split("\n") if line.strip()]
            repeats = len(lines) > 1 and lines[0] == last and len(last) >= 6
            if repeats and cue.start_s is not None:
                rolling += 1
                del lines[0]
            last = lines[-1]
            kept.append(replace(cue, text=" ".join(lines)))
        if rolling:
            what = f"rolling captions: {rolling} lines that repeat the cue before, dropped"
            self._report(cues[0].line, what)
        return kept

    def report_loops(self, cues: list[_Cue]) -> None:
        """Report speech recognition that got stuck: the same words twice running. They are kept."""
        previous = ""
        for cue in cues:
            for part in cue.text.split() if _HAN.search(cue.text) else [cue.text.strip()]:
                if part == previous and len(part) >= 6:
                    self._report(cue.line, "said twice running, kept", part)
                previous = part

    def _report(self, line: int, what: str, of: str | None = None) -> None:
        said = what if of is None else f"{what}: {of[:40]!r}"
        self.problems.append(Problem(file=self.path.name, line=line, what=said))

    def _cue(self, line: int, start: str, end: str, text: str) -> _Cue:
        start_s, end_s = self._seconds(line, start), self._seconds(line, end)
        if end_s < start_s:
            raise self.fault(line, f"ends at {end_s:g} s before it starts at {start_s:g} s")
        return _Cue(line=line, text=text, start_s=start_s, end_s=end_s)

    def _seconds(self, line: int, clock: str) -> float:
        """Seconds of mm:ss, h:mm:ss or hh:mm:ss,mmm. Minutes run past 59 where there is no hour."""
        fields = [float(f) for f in clock.replace(",", ".").split(":")]
        if fields[-1] >= 60 or (len(fields) == 3 and fields[1] >= 60):
            raise self.fault(line, f"{clock} is no time of day; seconds run to 59")
        return sum(f * 60.0**i for i, f in enumerate(reversed(fields)))

    def _minute_windows(self, lines: list[str]) -> list[_Cue]:
        """A window's text goes on over the lines below; before the first one is page furniture."""
        cues: list[_Cue] = []
        for number, line in enumerate(lines, 1):
            if match := _WINDOW.match(line):
                cues.append(self._cue(number, match[1], match[2], match[3]))
            elif _LOOKS_LIKE_WINDOW.match(line):
                what = f"cannot read the time range of {line[:30]!r}; expected (12:16~13:16) text"
                raise self.fault(number, what)
            elif line.strip() and cues:
                cues[-1] = cues[-1].longer(line)
            elif line.strip():
                self._report(number, "before the first time window, dropped", line)
        return cues

    def _plain(self, text: str) -> list[_Cue]:
        markdown = self.path.suffix.lower() == ".md"
        if markdown:
            text = _COMMENT.sub(lambda m: "\n" * m[0].count("\n") if m[1] else m[0], text)
        cues = []
        for number, line in enumerate(text.split("\n"), 1):
            if _LOOKS_LIKE_TIME_LINE.match(line) or _LOOKS_LIKE_WINDOW.match(line):
                what = f"a stray time range in plain text: {line[:40]!r}"
                raise self.fault(number, f"{what}; make all of the file timed, or none")
            if line.strip(" -=*_#\t"):
                cues.append(_Cue(line=number, text=_MARKDOWN.sub("", line) if markdown else line))
        return cues

    def _subtitles(self, lines: list[str]) -> list[_Cue]:
        """Cues of SRT or WebVTT: a time line begins one, below its number or a line that names it.

        A blank line or number that is missing or repeated, and settings behind the times, do not
        matter.
        """
        cues: list[_Cue] = []
        inside = note = False
        for number, line in enumerate(lines, 1):
            if _LOOKS_LIKE_TIME_LINE.match(line) and not note:
                cues.append(self._begun(number, line))
                inside = True
            elif not line.strip():
                inside, note = inside and bool(line), False
            elif not inside and line.startswith(("NOTE", "STYLE", "REGION")):
                note = True
                self._report(number, "not a cue, dropped", line)
            elif inside and not _names_a_cue(lines, number):
                cues[-1] = cues[-1].longer(line)
            elif not (inside or note or line.startswith("WEBVTT") or _names_a_cue(lines, number)):
                self._report(number, "outside the cues, dropped", line)
        if not cues:
            raise self.fault(1, "no cue like '00:00:00,000 --> 00:00:02,000' in this subtitle file")
        return cues

    def _begun(self, number: int, line: str) -> _Cue:
        match = _TIME_LINE.match(line)
        if not match:
            raise self.fault(number, f"cannot read the times of {line[:40]!r}")
        speech = "" if _SETTINGS.match(match[3]) else match[3].strip()
        return self._cue(number, match[1], match[2], speech)

    def _flattened(self, text: str) -> list[_Cue]:
        """Cues of an SRT file whose lines have been run together, by one pattern; [] for others.

        The text of a cue may end in digits that run into the next number ("GPT-4" + "43"): numbers
        run on by one, so the number is known and what stands before it is speech. Raises
        TranscriptError where they do not.
        """
        matches = list(_NUMBERED.finditer(text))
        if len(matches) < 2 or 2 * sum("-->" in line for line in text.split("\n")) > len(matches):
            return []
        line_ends = [m.start() for m in re.finditer("\n", text)]
        lines = [bisect_left(line_ends, m.start()) + 1 for m in matches]
        first, starts = int(matches[0][1]), list[int]()
        for number, (match, line) in enumerate(zip(matches, lines, strict=True), first):
            if not match[1].endswith(str(number)):
                what = f"cue {match[1]} where {number} was expected in a flattened SRT"
                raise self.fault(line, what)
            starts.append(match.end(1) - len(str(number)))
        end = text.find("\n", matches[-1].end())
        ends = [*starts[1:], end if end >= 0 else len(text)]
        cues = [
            self._cue(line, match[2], match[3], text[match.end() : stop])
            for match, line, stop in zip(matches, lines, ends, strict=True)
        ]
        self._report_outside(text, 0, starts[0], cues)
        self._report_outside(text, ends[-1], len(text), cues)
        return cues

    def _report_outside(self, text: str, start: int, stop: int, cues: list[_Cue]) -> None:
        """Report the lines before the first and after the last cue, and which of them quote one."""
        spoken: dict[int, list[str]] = {}
        for cue in cues:
            folded = _squeezed(cue.text)
            spoken.setdefault(len(folded), []).append(folded)
        for number, line in enumerate(text[start:stop].split("\n"), text.count("\n", 0, start) + 1):
            if folded := _squeezed(line):
                quoted = any(_alike(folded, cue) for cue in spoken.get(len(folded), ()))
                where = "quotes a cue" if quoted else "outside the cues"
                self._report(number, f"{where}, dropped", line.strip())


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _alike(line: str, cue: str) -> bool:
    """Whether two texts of one length share half of their characters, place by place.

    The other script of Chinese differs in three or four of ten.
    """
    return len(line) >= 6 and 2 * sum(map(eq, line, cue)) >= len(line)


def _names_a_cue(lines: list[str], number: int) -> bool:
    """Whether line ``number`` (from 1) is the number or name of the cue in the next line."""
    follows = number < len(lines) and _LOOKS_LIKE_TIME_LINE.match(lines[number]) is not None
    alone = number < 2 or not lines[number - 2].strip()
    return follows and (alone or lines[number - 1].strip().isdigit())
