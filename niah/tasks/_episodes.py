"""The episodes of a haystack as lines in which quotes, times and answers are looked for.

A line is a segment of the haystack, counted from the start of its episode. A span is its first line
and its last. ``draft`` writes questions to fill in: places of a haystack, evenly spread, each with
what is said there.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from math import isnan
from pathlib import Path

from niah.generator.haystack import Corpus
from niah.scorers import clock, names_in
from niah.text.normalise import fold
from niah.text.outside import visible

Span = tuple[int, int]
MARKS_APART_S = 30  # at least: subtitles have a time for every few words
MINUTE_S = 60  # a time names the minute from there on
_MOST_LINES = 4  # over which an answer may run
_GRAM = 3  # signs of the pieces that near lines share; of Chinese two
_LEAST_ALIKE = 0.4  # share of a quote's pieces
_LINES = 8  # of a place where a transcript has no times
_MOST_SHOWN = 24  # lines of a minute
_LEAST_QUOTE, _MOST_QUOTE = 6, 60  # signs
_HEAD = (
    "# Questions about {name}, to fill in. Write a question and its answer in a few words as they "
    "are said there, shorten the\n"
    "# quote if you like, delete what gives no question, then: niah questions check FILE "
    "--haystack {haystack}\n"
)
_TIME = '# or, instead of an answer:  asks = "time"   (when is it said?)\n'


class Episode:
    """One episode of a haystack."""

    def __init__(self, haystack: Corpus, number: int) -> None:
        self.number = number
        self.name = haystack.files[number] if number < len(haystack.files) else str(number)
        self.block, self.first, self.stop = haystack.episodes[number]
        self.lines = [self.block.text(i) for i in range(self.first, self.stop)]
        squashed = [squash(line) for line in self.lines]
        self.text = "".join(squashed)
        self.starts = [0, *accumulate(len(line) for line in squashed)]

    def called(self, name: str | None) -> bool:
        """Whether a question means this episode by a name; None means all."""
        return name is None or name in (self.name, Path(self.name).stem)

    def quoted(self, quote: str) -> Iterator[Span]:
        """Every occurrence of some words."""
        wanted, at = squash(quote), -1
        while wanted and (at := self.text.find(wanted, at + 1)) >= 0:
            last = at + len(wanted) - 1
            yield bisect_right(self.starts, at) - 1, bisect_right(self.starts, last) - 1

    def minute(self, second: int) -> Span | None:
        """The lines of the minute from a second on."""
        times = self.block.start_s[self.first : self.stop]
        inside = [i for i, start in enumerate(times) if second <= start + 0.5 < second + MINUTE_S]
        return (inside[0], inside[-1]) if inside else None

    def saying(self, answers: Sequence[str], without: Collection[int] = ()) -> list[Span]:
        """The lines that hold an answer, or a few together that do, where some are taken out."""
        left = [i for i in range(len(self.lines)) if i not in without]
        found: list[Span] = []
        for size in range(1, _MOST_LINES + 1):
            if not left or not names_in(self._joined(left), answers):
                return sorted(found)
            windows = [left[k : k + size] for k in range(len(left) - size + 1)]
            said = [window for window in windows if names_in(self._joined(window), answers)]
            found += [(window[0], window[-1]) for window in said]
            left = sorted(set(left) - {i for window in said for i in window})
        return sorted(found) or [(left[0], left[-1])]

    def _joined(self, lines: Sequence[int]) -> str:
        return " ".join(self.lines[i] for i in lines)

    def near(self, quote: str) -> list[tuple[float, Span]]:
        """The lines most like some words, with the share of them that it and the next one hold."""
        size = _GRAM if squash(quote).isascii() else _GRAM - 1
        wanted = _pieces(quote, size)

        def share(text: str) -> float:
            return (wanted & _pieces(text, size)).total() / max(1, wanted.total())

        found = []
        for i, (line, after) in enumerate(pairwise([*self.lines, ""])):
            both = share(line + after)
            if both >= _LEAST_ALIKE and share(line) >= both / 2:
                found.append((both, (i, i)))
        return sorted(found, key=lambda near: -near[0])

    def start_of(self, line: int) -> int | None:
        """The second at which a line begins; None without times."""
        start = float(self.block.start_s[self.first + line])
        return None if isnan(start) else int(start)

    def label(self, line: int) -> str:
        """Where a line is: talk.txt 12:16."""
        start = self.start_of(line)
        return f"{self.name} {'line ' + str(line + 1) if start is None else clock(start)}"

    @cached_property
    def marks(self) -> dict[int, int]:
        """Line -> second of the transcript's own times above lines, MARKS_APART_S apart or more."""
        marks: dict[int, int] = {}
        last = -MARKS_APART_S
        for line in range(len(self.lines)):
            start = self.start_of(line) if self.block.begins[self.first + line] else None
            if start is not None and start - last >= MARKS_APART_S:
                marks[line] = last = start
        return marks

    def window(self, span: Span) -> tuple[int, int, int]:
        """The line and second of the mark above a span, and the second of the next one behind."""
        above = [line for line in self.marks if line <= span[0]]
        behind = [second for line, second in self.marks.items() if line > span[1]]
        end = float(self.block.end_s[self.stop - 1])
        start = self.marks[above[-1]]
        return above[-1], start, min(behind, default=start if isnan(end) else round(end))

    def marked(self, span: Span) -> str:
        """The lines of a span with the marks above them."""
        return "\n".join(
            f"{mark(self.marks[i])}\n{self.lines[i]}" if i in self.marks else self.lines[i]
            for i in range(span[0], span[1] + 1)
        )


def mark(second: int) -> str:
    """A line that tells the time of what stands below it."""
    return f"({clock(second)})"


def squash(text: str) -> str:
    """Folded, without any white space: a quote may run over line ends."""
    return "".join(fold(text).split())


def _pieces(text: str, size: int) -> Counter[str]:
    squashed = squash(text)
    return Counter(squashed[i : i + size] for i in range(len(squashed) - size + 1))


def draft(episodes: Sequence[Episode], name: str, haystack: str, count: int) -> str:
    """A TOML file of ``count`` [[questions]] to fill in, in the order of the haystack."""
    drafted = _HEAD.format(name=name, haystack=haystack)
    for episode, (first, last) in _places(episodes, count):
        start = episode.start_of(first)
        when, hint = ("", "") if start is None else (f" {clock(start)}", _TIME)
        # TOML takes visible signs only
        said = "".join(f"#   {visible(line)}\n" for line in episode.lines[first : last + 1])
        quote = json.dumps(_quote(episode, (first, last), episodes), ensure_ascii=False)
        rows = f'question = ""\nanswer = ""\nquote = {quote}\n'
        drafted += f"\n# {episode.name}{when}\n{said}[[questions]]\n{rows}{hint}"
    return drafted


def _places(episodes: Sequence[Episode], count: int) -> Iterable[tuple[Episode, Span]]:
    """Minutes in the middle of equal parts of all lines; some lines where there are no times."""
    lines = [(episode, line) for episode in episodes for line in range(len(episode.lines))]
    middles = (lines[(2 * part + 1) * len(lines) // (2 * count)] for part in range(count))
    return dict.fromkeys((episode, _around(episode, line)) for episode, line in middles)


def _around(episode: Episode, line: int) -> Span:
    above = [first for first in episode.marks if first <= line]
    if not above:
        return line, min(line + _LINES, len(episode.lines)) - 1
    behind = [first for first in episode.marks if first > line]
    return above[-1], min([*behind, len(episode.lines), above[-1] + _MOST_SHOWN]) - 1


def _quote(episode: Episode, span: Span, episodes: Sequence[Episode]) -> str:
    """The line nearest to the middle that stands once in the haystack, neither short nor long."""
    middle = (span[0] + span[1]) / 2
    for line in sorted(range(span[0], span[1] + 1), key=lambda i: abs(i - middle)):
        text = episode.lines[line]
        fits = _LEAST_QUOTE <= len(text) <= _MOST_QUOTE
        if fits and sum(len(list(e.quoted(text))) for e in episodes) == 1:
            return text
    return episode.lines[span[0]]
