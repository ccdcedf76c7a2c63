"""Questions to fill in: a file with places of a haystack, evenly spread, each with what is said there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from niah.scorers import clock
from niah.tasks._episodes import Episode, Span

_LINES = 8  # of a place where a transcript has no times
_MOST_SHOWN = 24  # lines of a minute
_LEAST_QUOTE, _MOST_QUOTE = 6, 60  # signs
_HEAD = """\
# Questions about {name}, to fill in. Write a question and its answer in a few words as they are said there, shorten the
# quote if you like, delete what gives no question, then: niah questions check FILE --haystack {haystack}
"""
_TIME = '# or, instead of an answer:  asks = "time"   (when is it said?)\n'


def draft(episodes: Sequence[Episode], name: str, haystack: str, count: int) -> str:
    """A TOML file of ``count`` [[questions]] without question and answer, in the order of the haystack."""
    places = list(_places(episodes, count))
    return _HEAD.format(name=name, haystack=haystack) + "".join(_row(*place, episodes) for place in places)


def _places(episodes: Sequence[Episode], count: int) -> Iterator[tuple[Episode, Span]]:
    """Minutes in the middle of equal parts of all lines; some lines where there are no times."""
    lines = [(episode, line) for episode in episodes for line in range(len(episode.lines))]
    taken: set[tuple[int, Span]] = set()
    for part in range(count):
        episode, line = lines[(2 * part + 1) * len(lines) // (2 * count)]
        span = _around(episode, line)
        if (episode.number, span) not in taken:
            taken.add((episode.number, span))
            yield episode, span


def _around(episode: Episode, line: int) -> Span:
    above = [first for first in episode.marks if first <= line]
    if not above:
        return line, min(line + _LINES, len(episode.lines)) - 1
    behind = [first for first in episode.marks if first > line]
    return above[-1], min([*behind, len(episode.lines), above[-1] + _MOST_SHOWN]) - 1


def _row(episode: Episode, span: Span, episodes: Sequence[Episode]) -> str:
    start = episode.start_of(span[0])
    when = "" if start is None else f" {clock(start)}"
    said = "".join(f"#   {line}\n" for line in episode.lines[span[0] : span[1] + 1])
    keys = {"question": "", "answer": "", "quote": _quote(episode, span, episodes)}
    rows = "".join(f"{key} = {json.dumps(text, ensure_ascii=False)}\n" for key, text in keys.items())
    return f"\n# {episode.name}{when}\n{said}[[questions]]\n{rows}{_TIME if start is not None else ''}"


def _quote(episode: Episode, span: Span, episodes: Sequence[Episode]) -> str:
    """The line nearest to the middle that stands once in the haystack and is neither very short nor long."""
    middle = (span[0] + span[1]) / 2
    for line in sorted(range(span[0], span[1] + 1), key=lambda i: (abs(i - middle), i)):
        text = episode.lines[line]
        if _LEAST_QUOTE <= len(text) <= _MOST_QUOTE and sum(len(list(e.quoted(text))) for e in episodes) == 1:
            return text
    return episode.lines[span[0]]
