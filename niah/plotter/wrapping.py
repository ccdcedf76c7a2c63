"""Words on a screen: wrapped at words, a number kept with its unit, in ASCII where the screen has no more."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

# as in (n = 36, or 66 to 93 %, or 0.07 s
_GLUED = re.compile(r"\(?n = [\d,]+|\(?[\d.,]+ to [\d.,]+ %|[\d.,]+ (?:%|s\b)")
_GLUE = "\ue000"  # a sign of private use that stands for a space inside a number and its unit
_IN_ASCII = str.maketrans({"·": "-", "…": "...", "×": "x"})
_INDENT = "  "  # of what goes on


class Words:
    """A line of words. What goes on is indented, further than the line itself."""

    def __init__(self, text: str, style: str = "", *, indent: str = _INDENT) -> None:
        self.plain, self._style = text, style
        self._indent = text[: len(text) - len(text.lstrip())] + indent if indent else ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(console, options, options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(max(map(cell_len, self._glued().split()), default=0), cell_len(self.plain))

    def lines(self, console: Console, options: ConsoleOptions, columns: int) -> list[Text]:
        """The lines that so many columns hold; a word longer than that is cut."""
        glued = words_for(options, self._glued())
        first, *rest = Text(glued).wrap(console, max(columns, 1)) or [Text("")]
        if rest:
            behind = Text(glued[len(first.plain) :].lstrip())
            lines = behind.wrap(console, max(1, columns - len(self._indent)))
            rest = [Text(self._indent + line.plain) for line in lines]
        return [Text(line.plain.rstrip().replace(_GLUE, " "), style=self._style) for line in (first, *rest)]

    def _glued(self) -> str:
        return _GLUED.sub(lambda found: found[0].replace(" ", _GLUE), self.plain)


def words_for(options: ConsoleOptions, text: str) -> str:
    """Text without the signs that only Unicode has, where the screen has none."""
    return text.translate(_IN_ASCII) if options.ascii_only else text
