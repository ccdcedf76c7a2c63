"""Words on a screen: wrapped at words, a number kept with its unit, long names made short."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, takewhile

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

# as in (n = 36, or 66 to 93 %, or 0.07 s
_GLUED = re.compile(r"\(?n = [\d,]+|\(?[\d.,]+ to [\d.,]+ %|[\d.,]+ (?:%|s\b)")
_GLUE = "\ue000"  # a sign of private use that stands for a space inside a number and its unit
_IN_ASCII = str.maketrans({"·": "-", "…": "...", "×": "x"})
CUT = "…"


class Words:
    """A line of words. What goes on is indented, further than the line itself."""

    def __init__(self, text: str, style: str = "", *, indent: str = "  ") -> None:
        self.plain, self._style = text, style
        self._indent = text[: len(text) - len(text.lstrip())] + indent if indent else ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(console, options, options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(cell_len, self._glued().split()), default=0)
        return Measurement(longest, cell_len(self.plain))

    def lines(self, console: Console, options: ConsoleOptions, columns: int) -> list[Text]:
        """The lines that so many columns hold; a longer word is cut."""
        glued = words_for(options, self._glued())
        first, *rest = Text(glued).wrap(console, max(columns, 1)) or [Text("")]
        if rest:
            behind = Text(glued[len(first.plain) :].lstrip())
            lines = behind.wrap(console, max(1, columns - len(self._indent)))
            rest = [Text(self._indent + line.plain) for line in lines]
        plain = (line.plain.rstrip().replace(_GLUE, " ") for line in (first, *rest))
        return [Text(line, style=self._style) for line in plain]

    def _glued(self) -> str:
        return _GLUED.sub(lambda found: found[0].replace(" ", _GLUE), self.plain)


def words_for(options: ConsoleOptions, text: str) -> str:
    """Text without the signs that only Unicode has, where the screen has none."""
    return text.translate(_IN_ASCII) if options.ascii_only else text


def shortened(names: Sequence[str], columns: int) -> list[str]:
    """Names of at most so many columns (a Chinese sign takes two), with "…" for what is left out.

    Each is cut in its middle. Where that makes some alike, what they have in common is left out
    instead: at first of all that are alike, then of those that still are. Where nothing so short
    tells them apart, they stay whole.
    """
    short = {name: middle_cut(name, columns) for name in names}
    for _ in names:
        for alike in _alike(short):
            head, tail = _common(alike), _common([name[::-1] for name in alike])
            short |= {name: _differing(name, head, tail, columns) for name in alike}
    for alike in _alike(short):
        short |= {name: name for name in alike}
    return [short[name] for name in names]


def middle_cut(text: str, columns: int) -> str:
    """The text, or its beginning and its end around a sign."""
    if cell_len(text) <= columns:
        return text
    room = max(2, columns - 1)
    return _first(text, room - room // 2) + CUT + _last(text, room // 2)


def _alike(short: dict[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, label in short.items():
        groups.setdefault(label, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _common(names: Sequence[str]) -> int:
    """How many signs all of them begin with."""
    return sum(1 for _ in takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False)))


def _differing(name: str, head: int, tail: int, columns: int) -> str:
    """The name with so much of the head and tail it shares with others as there is room for."""
    if cell_len(name) <= columns:
        return name
    tail = min(tail, len(name) - head)
    own = middle_cut(name[head : len(name) - tail], columns - 2)
    room = columns - 2 - cell_len(own)
    before = _first(name[:head], room - room // 2)
    behind = _last(name[len(name) - tail :], room // 2)
    return f"{before}{CUT * (len(before) < head)}{own}{CUT * (len(behind) < tail)}{behind}"


def _first(text: str, columns: int) -> str:
    widths = accumulate(map(cell_len, text))
    return text[: sum(used <= columns for used in widths)]


def _last(text: str, columns: int) -> str:
    return _first(text[::-1], columns)[::-1]
