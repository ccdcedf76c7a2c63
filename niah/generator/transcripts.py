"""Read transcript files as they really are: minute windows, SRT (also flattened onto one line),
WebVTT, text, Markdown.

What is dropped, and only this: lines outside the timed units of a timed file (page furniture,
preambles), cues of under 250 ms spoken at over 50 characters per second (invented by speech
recognition at seams), lines that repeat the last line of the cue before (rolling captions), WebVTT
notes, tags, Markdown marks. All but marks and tags are reported as a Problem. What cannot be read
is a TranscriptError with file and line.

Speech is cut into segments at line ends first, then sentence ends, then the breaks of speech
recognition. A segment weighs at most 24, where a wide character counts 1 and any other 0.3: about
18 tokens of o200k_base and 27 of cl100k_base, rarely over 40. It never ends inside a word or a
number, and never starts with white space or a slash, so that "\\n" between two segments is always a
token boundary for tiktoken's encodings.
"""

from __future__ import annotations

import codecs
import html
import itertools
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from niah.errors import TranscriptError
from niah.records import Problem, Segment, Transcript
from niah.text.wording import language_of

SUFFIXES = frozenset({".txt", ".srt", ".vtt", ".md"})

_TIME = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_WINDOW = re.compile(rf"^\s*[(（]\s*({_TIME})\s*[~～]\s*({_TIME})\s*[)）]\s*(.*)$")
_LOOKS_LIKE_WINDOW = re.compile(r"^\s*[(（]\d{1,3}:\d")
_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_NUMBERED = re.compile(rf"(\d+)[ \t\n]+({_CLOCK})[ \t]*-->[ \t]*({_CLOCK})[ \t]*\n?")
_TIME_LINE = re.compile(rf"^\s*({_CLOCK})\s*-->\s*({_CLOCK})(.*)$")
_LOOKS_LIKE_TIME_LINE = re.compile(r"^\s*[\d:.,]+\s*-->\s*[\d:.,]+")
_SETTINGS = re.compile(r"^(?:\s+(?:\w+:[^\s]+|[XY][12]:\d+))*\s*$")
_TAG = re.compile(
    r"</?(?:[a-z][\w.]*|\d\d:\d\d[\d:.]*)(?:\s[^<>]{0,80})?>|\{\\[^{}]{1,40}\}", re.IGNORECASE
)
_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)|(?<!\w)[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?!\w)"
)
_MARKED = re.compile(r"[<{&]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
MAX_WEIGHT = 24.0
_SENTENCE_END = re.compile(
    r"(?<=[。！？!?…])(?![。！？!?…」』”’)）])|(?<=[.!?][\"')\]])\s+|(?<=[.!?;])\s+"
)
_WIDE = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|[\U00020000-\U0003ffff]"
)
_COMMA = re.compile(r"(?<=[，、；：])|(?<=[,;:])(?=\D)\s*|(?<=[,;:])\s+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


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
    """Parse the text of a file. The form is found from its content, not from its name. Raises
    TranscriptError."""
    reader = _Reader(path)
    form, cues = reader.read(text)
    kept = reader.without_rolling(reader.without_seams([_clean(cue) for cue in cues]))
    segments = tuple(s for cue in kept for s in segments_of(cue.text, cue.start_s, cue.end_s))
    if not segments:
        raise reader.fault(
            1, "no speech in this file; expected a transcript (.txt, .srt, .vtt or .md)"
        )
    reader.report_loops(kept)
    language = language_of(" ".join(s.text for s in segments))
    return Transcript(
        name=path.stem,
        form=form,
        language=language,
        segments=segments,
        problems=tuple(reader.problems),
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
        raise TranscriptError(
            f"{path}:{line}: binary content; expected a transcript (.txt, .srt, .vtt or .md)"
        )
    if re.match(r"\s*(?:<!doctype|<html|<\?xml|\{\\rtf|\{\s*\"|\[\s*\{)", text, re.IGNORECASE):
        raise TranscriptError(
            f"{path}:1: HTML, XML, RTF or JSON, not a transcript; export it as text, SRT or WebVTT"
            " first"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _clean(cue: _Cue) -> _Cue:
    """Speech without tags and with its entities spelt out."""
    return (
        replace(cue, text=html.unescape(_TAG.sub("", cue.text)))
        if _MARKED.search(cue.text)
        else cue
    )


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
                self._report(
                    cue.line,
                    f"cue of {round(seconds * 1000)} ms is too short for its text, dropped",
                    text,
                )
            elif text:
                kept.append(cue)
        return kept

    def without_rolling(self, cues: list[_Cue]) -> list[_Cue]:
        """Captions that scroll show every line twice: drop a cue's first line where it ended the
        cue before."""
        kept: list[_Cue] = []
        rolling, last = 0, ""
        for cue in cues:
            if "\n" not in cue.text:
                last = cue.text.strip()
                kept.append(cue)
                continue
            lines = [line.strip() for line in cue.text.split("\n") if line.strip()]
            if (
                lines
                and cue.start_s is not None
                and lines[0] == last
                and len(last) >= 6
                and len(lines) > 1
            ):
                rolling += 1
                lines = lines[1:]
            last = lines[-1] if lines else last
            kept.append(replace(cue, text=" ".join(lines)))
        if rolling:
            self._report(
                cues[0].line,
                f"rolling captions: {rolling} lines that repeat the cue before, dropped",
            )
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
        """A window's text goes on over the lines that follow it; what stands before the first
        window is furniture."""
        cues: list[_Cue] = []
        for number, line in enumerate(lines, 1):
            if match := _WINDOW.match(line):
                cues.append(self._cue(number, match[1], match[2], match[3]))
            elif _LOOKS_LIKE_WINDOW.match(line):
                raise self.fault(
                    number,
                    f"cannot read the time range of {line[:30]!r}; expected (12:16~13:16) text",
                )
            elif line.strip() and cues:
                cues[-1] = cues[-1].longer(line)
            elif line.strip():
                self._report(number, "before the first time window, dropped", line)
        return cues

    def _plain(self, text: str) -> list[_Cue]:
        markdown = self.path.suffix.lower() == ".md"
        if markdown:
            text = _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text)
        cues = []
        for number, line in enumerate(text.split("\n"), 1):
            if _LOOKS_LIKE_TIME_LINE.match(line) or _LOOKS_LIKE_WINDOW.match(line):
                stray = (
                    f"a stray time range in plain text: {line[:40]!r}; make all of the file timed,"
                    " or none"
                )
                raise self.fault(number, stray)
            if line.strip(" -=*_#\t"):
                cues.append(_Cue(line=number, text=_MARKDOWN.sub("", line) if markdown else line))
        return cues

    def _subtitles(self, lines: list[str]) -> list[_Cue]:
        """Cues of SRT or WebVTT: a time line begins one; a number, or a line alone, before it is
        the cue's name.

        A missing blank line, a missing or repeated number and settings behind the times do not
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
            elif (
                not inside
                and not note
                and not _names_a_cue(lines, number)
                and not line.startswith("WEBVTT")
            ):
                self._report(number, "outside the cues, dropped", line)
        if not cues:
            raise self.fault(1, "no cue like '00:00:00,000 --> 00:00:02,000' in this subtitle file")
        return cues

    def _begun(self, number: int, line: str) -> _Cue:
        match = _TIME_LINE.match(line)
        if not match:
            raise self.fault(number, f"cannot read the times of {line[:40]!r}")
        return self._cue(
            number, match[1], match[2], "" if _SETTINGS.match(match[3]) else match[3].strip()
        )

    def _flattened(self, text: str) -> list[_Cue]:
        """Cues of an SRT file whose lines have been run together, by one pattern over the whole
        text; [] for others.

        The text of a cue may end in digits that run into the next number ("GPT-4" + "43"): numbers
        run on by one, so the number is known and what stands before it is speech. Raises
        TranscriptError where they do not.
        """
        matches = list(_NUMBERED.finditer(text))
        if len(matches) < 2 or 2 * sum("-->" in line for line in text.split("\n")) > len(matches):
            return []
        line_ends = [m.start() for m in re.finditer("\n", text)]
        lines = [bisect_left(line_ends, m.start()) + 1 for m in matches]
        starts: list[int] = []
        for expected, (match, line) in enumerate(
            zip(matches, lines, strict=True), int(matches[0][1])
        ):
            if not match[1].endswith(str(expected)):
                raise self.fault(
                    line, f"cue {match[1]} where {expected} was expected in a flattened SRT"
                )
            starts.append(match.start() + len(match[1]) - len(str(expected)))
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
        """Report the lines before the first and after the last cue; say which of them quote a
        cue."""
        spoken: dict[int, list[str]] = {}
        for cue in cues:
            folded = "".join(cue.text.split()).casefold()
            spoken.setdefault(len(folded), []).append(folded)
        for number, line in enumerate(text[start:stop].split("\n"), text.count("\n", 0, start) + 1):
            folded = "".join(line.split()).casefold()
            if folded:
                # in half of the characters, place by place: the other script of Chinese differs in
                # three or four of ten
                alike = (
                    sum(a == b for a, b in zip(folded, cue, strict=True))
                    for cue in spoken.get(len(folded), ())
                )
                quoted = len(folded) >= 6 and max(alike, default=0) >= 0.5 * len(folded)
                self._report(
                    number,
                    f"{'quotes a cue' if quoted else 'outside the cues'}, dropped",
                    line.strip(),
                )


def _names_a_cue(lines: list[str], number: int) -> bool:
    """Whether line ``number`` (from 1) is the number or name of the cue that the next line
    begins."""
    follows = number < len(lines) and _LOOKS_LIKE_TIME_LINE.match(lines[number]) is not None
    alone = number < 2 or not lines[number - 2].strip()
    return follows and (alone or lines[number - 1].strip().isdigit())


def weight(text: str) -> float:
    """Length of a text in wide characters: a tokenizer-free stand-in for its tokens."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    return wide + 0.3 * (len(text) - wide)


def segments_of(
    text: str, start_s: float | None = None, end_s: float | None = None
) -> list[Segment]:
    """Cut one cue or line into segments; times are shared out by the length of the text."""
    clean = " ".join(text.replace("\ufeff", "").split()).lstrip(
        "/ "
    )  # o200k_base glues a slash to the newline before
    if clean and weight(clean) <= MAX_WEIGHT:
        return [Segment(text=clean, start_s=start_s, end_s=end_s)]
    pieces = [p for p in _packed(_pieces(clean)) if p]
    if start_s is None or end_s is None:
        return [Segment(text=p, begins=i == 0) for i, p in enumerate(pieces)]
    total = sum(len(p) for p in pieces)
    segments, position = [], start_s
    for i, piece in enumerate(pieces):
        stop = position + (end_s - start_s) * len(piece) / total
        times = {"start_s": round(position, 3), "end_s": round(stop, 3)}
        segments.append(Segment(text=piece, begins=i == 0, **times))
        position = stop
    return segments


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at the strongest break that brings every piece under the limit. Joined with "",
    they are the text."""
    if weight(text) <= MAX_WEIGHT:
        yield text
        return
    for ends in _breaks(text):
        edges = [0, *[e for e in ends if 0 < e < len(text)], len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(edges) if text[a:b]]
        if len(parts) > 1:
            for part in parts:
                yield from _pieces(part)
            return
    yield from _hard_cut(text)


def _breaks(text: str) -> Iterator[list[int]]:
    """Sentence ends; then the spaces of Chinese speech recognition, in other text every space; then
    commas."""
    yield [m.end() for m in _SENTENCE_END.finditer(text)]
    spaces = [m.start() for m in re.finditer(r"(?<=\S) (?=\S)", text)]
    breaks = [i for i in spaces if _WIDE.match(text[i - 1]) or _WIDE.match(text[i + 1])]
    yield [i + 1 for i in breaks or spaces]
    yield [m.end() for m in _COMMA.finditer(text)]


def _hard_cut(text: str) -> Iterator[str]:
    """Cut running text without any break, between two characters that are not one word or
    number."""
    start = 0
    for i in range(1, len(text)):
        if weight(text[start : i + 1]) > MAX_WEIGHT and not _glued(text[i - 1], text[i]):
            yield text[start:i]
            start = i
    yield text[start:]


def _glued(left: str, right: str) -> bool:
    """Whether a cut between the two would fall inside a word or a number."""
    if _WIDE.match(left) or _WIDE.match(right):
        return False
    return bool(_LETTER_OR_DIGIT.match(left) or left in ".,'") and bool(
        _LETTER_OR_DIGIT.match(right) or right in ".,'"
    )


def _packed(pieces: Iterator[str]) -> Iterator[str]:
    """Put small pieces together again, up to the limit, so that a sentence of three words is no
    segment."""
    held = ""
    for piece in pieces:
        if held and weight(held + piece) > MAX_WEIGHT and not piece.lstrip().startswith("/"):
            yield held.strip()
            held = ""
        held += piece
    yield held.strip()
