"""Question files for task natural: TOML with question, answer, aliases and place. Checked against the haystack.

A place is a quote of a few words that stand there, or the name of an episode with a time in it.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from niah.errors import ConfigError, HaystackError
from niah.generator.haystack import Corpus
from niah.generator.library import shared_root
from niah.records import Passage
from niah.scorers import names_in, seconds_in
from niah.text.normalise import fold

_MOST_SIGNS = 80  # of a question or passage in a message
_Text = Annotated[str, StringConstraints(min_length=1)]
_AT_S = 60  # a time names the minute from there on


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its answers and the place of its fact."""

    part: str  # the file's name: parts are reported apart
    question: str
    answer: str
    aliases: tuple[str, ...] = ()
    quote: str | None = None
    episode: str | None = None
    at: str | None = None
    passage: Passage | None = None
    text: str = ""  # of the passage


def question_file(name: str) -> Path:
    """A question file by path, or a shipped one by name. Raises ConfigError."""
    path = Path(name)
    shipped = shared_root("configs") / "questions" / f"{name}.toml"
    for candidate in (path, shipped):
        if candidate.is_file():
            return candidate
    raise ConfigError(f"questions {name!r}: no such file; write a TOML file of [[questions]] (see docs/tasks.md)")


def read_questions(names: Sequence[str]) -> list[Question]:
    """All questions of some files. Raises ConfigError for what is missing or misspelt."""
    if not names:
        raise ConfigError(
            "task natural needs a file of questions: --questions FILE.toml (for an example: --set questions=FILE.toml)"
        )
    found = [q for name in names for q in _questions(question_file(name))]
    if not found:
        raise ConfigError(f"{', '.join(names)}: no [[questions]] in it")
    _check_apart(names, found)
    return found


@lru_cache(maxsize=4)
def located(haystack: Corpus, names: tuple[str, ...]) -> tuple[Question, ...]:
    """The questions with their passages. Raises HaystackError where a fact is missing or not unique."""
    episodes = [_Episode(haystack, i) for i in range(len(haystack.episodes))]
    return tuple(_located(q, episodes) for q in read_questions(names))


class _Episode:
    """One episode as text that a quote is looked for in."""

    def __init__(self, haystack: Corpus, number: int) -> None:
        self.number = number
        self.name = haystack.files[number] if number < len(haystack.files) else str(number)
        self.block, self.first, self.stop = haystack.episodes[number]
        self.lines = [self.block.text(i) for i in range(self.first, self.stop)]
        squashed = [_squashed(line) for line in self.lines]
        self.text = "".join(squashed)
        self.starts = [0, *accumulate(len(line) for line in squashed)]

    def quoted(self, quote: str) -> Iterator[tuple[int, int]]:
        """First and last line, relative to the episode, of every occurrence."""
        wanted, at = _squashed(quote), -1
        while (at := self.text.find(wanted, at + 1)) >= 0:
            yield bisect_right(self.starts, at) - 1, bisect_right(self.starts, at + len(wanted) - 1) - 1

    def timed(self, second: int) -> tuple[int, int] | None:
        """First and last line of the minute from a second on."""
        times = self.block.start_s[self.first : self.stop]
        inside = [i for i, start in enumerate(times) if second <= start + 0.5 < second + _AT_S]
        return (inside[0], inside[-1]) if inside else None

    def passage(self, first: int, last: int) -> tuple[Passage, str]:
        passage = Passage(episode=self.number, first=self.first + first, stop=self.first + last + 1)
        return passage, "\n".join(self.lines[first : last + 1])


class _Row(BaseModel):
    """One [[questions]] of a file, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)

    question: _Text
    answer: _Text
    aliases: list[_Text] = []
    quote: _Text | None = None
    episode: _Text | None = None
    at: _Text | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "\n" in self.question:
            raise ValueError("the question is more than one line")
        if self.at is not None and not seconds_in(self.at):
            raise ValueError(f'at = {self.at!r} is no time; write at = "12:01"')
        if self.quote is None and not (self.episode and self.at):
            raise ValueError('it needs a quote of its passage, or episode and at = "12:01"')
        if told := names_in(self.question, [self.answer, *self.aliases]):
            raise ValueError(f"its answer {min(told)!r} stands in the question itself")
        return self


def _questions(path: Path) -> list[Question]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = table["questions"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ConfigError(f"{path}: not a file of [[questions]] ({error}); see docs/tasks.md") from error
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: not a file of [[questions]], which have two brackets; see docs/tasks.md")
    return [_question(path, number, row) for number, row in enumerate(rows, 1)]


def _question(path: Path, number: int, row: object) -> Question:
    try:
        checked = _Row.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"unknown: {key}"
        elif key:
            message = f"{key} = {_shortened(repr(first['input']))}: {message.lower()}"
        rule = "a question has question, answer and quote (or episode and at), perhaps aliases"
        raise ConfigError(f"{path}: question {number}: {message}; {rule}") from error
    return Question(part=path.stem, **{**checked.model_dump(), "aliases": tuple(checked.aliases)})


def _check_apart(names: Sequence[str], found: Sequence[Question]) -> None:
    """Raises ConfigError where two files would be one part, or a question stands twice."""
    stems = [question_file(name).stem for name in names]
    if double := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise ConfigError(f"two files of questions are called {double!r} and could not be told apart; rename one")
    asked = [fold(q.question) for q in found]
    if twice := next((q for q in found if asked.count(fold(q.question)) > 1), None):
        raise ConfigError(f"question {_shortened(twice.question)!r} stands twice in {', '.join(names)}; leave one out")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"


def _located(question: Question, episodes: Sequence[_Episode]) -> Question:
    found = list(_places(question, episodes))
    if len(found) != 1:
        where = "is not in the haystack" if not found else f"stands at {len(found)} places"
        place = question.quote or f"{question.episode} {question.at}"
        raise HaystackError(
            f"question {_shortened(question.question)!r}: {_shortened(place)!r} {where}; "
            "give a quote that stands there once"
        )
    episode, first, last = found[0]
    passage, text = episode.passage(first, last)
    answers = [question.answer, *question.aliases]
    if not names_in(text, answers):
        raise HaystackError(
            f"question {_shortened(question.question)!r}: the passage {_shortened(text)!r} does not hold its answer"
        )
    for other in episodes:
        lines = [*other.lines[:first], "", *other.lines[last + 1 :]] if other is episode else other.lines
        if again := names_in(" ".join(lines), answers):
            raise HaystackError(
                f"question {_shortened(question.question)!r}: its answer {min(again)!r} also stands elsewhere "
                f"in {other.name}, so a right answer would not prove that the passage was read"
            )
    return replace(question, passage=passage, text=text)


def _places(question: Question, episodes: Sequence[_Episode]) -> Iterator[tuple[_Episode, int, int]]:
    for episode in episodes:
        if question.episode and question.episode not in (episode.name, Path(episode.name).stem):
            continue
        if question.quote:
            yield from ((episode, first, last) for first, last in episode.quoted(question.quote))
        elif question.at and (lines := episode.timed(next(iter(seconds_in(question.at)), -1))):
            yield episode, *lines


def _squashed(text: str) -> str:
    """Folded, without any white space: a quote may run over line ends."""
    return "".join(fold(text).split())
