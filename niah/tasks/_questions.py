"""Question files for task natural: TOML with question, answer, aliases and place.

A place is a quote of a few words that stand there, or the name of an episode with a time in it. Where the fact is told
elsewhere as well, ``also_at`` names these places, and no prompt holds them. With ``asks = "time"`` the answer is when
the quote is said, on the transcript's own times.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Strict, StringConstraints, ValidationError, model_validator

from niah.errors import ConfigError
from niah.generator.library import shared_root
from niah.records import Passage
from niah.scorers import names_in, seconds_in
from niah.text.normalise import fold

_MOST_SIGNS = 80  # of a question or passage in a message
_RULE = "a question has question, answer and quote (or episode and at), perhaps aliases, also_at and asks"
_Text = Annotated[str, StringConstraints(min_length=1)]
_Texts = Annotated[tuple[_Text, ...], Strict(False)]  # a list in the file


class _Row(BaseModel):
    """One [[questions]] of a file, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)

    question: _Text
    answer: _Text = ""  # of one that asks for a time empty until it is located
    aliases: _Texts = ()
    quote: _Text | None = None
    episode: _Text | None = None
    at: _Text | None = None
    also_at: _Texts = ()
    asks: Literal["fact", "time"] = "fact"

    @property
    def answers(self) -> list[str]:
        return [self.answer, *self.aliases]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "\n" in self.question:
            raise ValueError("the question is more than one line")
        if self.at is not None and not seconds_in(self.at):
            raise ValueError(f'at = {self.at!r} is no time; write at = "12:01"')
        if self.asks == "time":
            return self._asks_for_a_time()
        if not self.answer:
            raise ValueError("it has no answer")
        if self.quote is None and not (self.episode and self.at):
            raise ValueError('it needs a quote of its passage, or episode and at = "12:01"')
        if told := names_in(self.question, self.answers):
            raise ValueError(f"its answer {min(told)!r} stands in the question itself")
        return self

    def _asks_for_a_time(self) -> Self:
        if self.answer or self.aliases:
            raise ValueError('asks = "time": the time of the quote is the answer; leave answer and aliases out')
        if self.quote is None:
            raise ValueError('asks = "time": it needs a quote of what is said at that time')
        return self


class Question(_Row):
    """One question with its answers and the place of its fact."""

    part: str  # the file's name: parts are reported apart
    passage: Passage | None = None
    text: str = ""  # of the passage, with its times where they are asked for
    window_s: int = 0  # of a time: so long it is the right answer


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
    rows = [row for name in names for row in questions_in(question_file(name))]
    if fault := next((row for row in rows if isinstance(row, ConfigError)), None):
        raise fault
    found = [row for row in rows if isinstance(row, Question)]
    if not found:
        raise ConfigError(f"{', '.join(names)}: no [[questions]] in it")
    _check_apart(names, found)
    return found


def questions_in(path: Path) -> Iterator[Question | ConfigError]:
    """Every question of a file, or what is wrong with it. Raises ConfigError where it is no file of questions."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = table["questions"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ConfigError(f"{path}: not a file of [[questions]] ({error}); see docs/tasks.md") from error
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: not a file of [[questions]], which have two brackets; see docs/tasks.md")
    for number, row in enumerate(rows, 1):
        try:
            yield _question(path, number, row)
        except ConfigError as error:
            yield error


def shortened(text: str) -> str:
    """A text for a message."""
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"


def _question(path: Path, number: int, row: object) -> Question:
    try:
        checked = _Row.model_validate(row)
    except ValidationError as error:
        raise ConfigError(f"{path}: question {number}: {_fault(error)}; {_RULE}") from error
    return Question(part=path.stem, **checked.model_dump(exclude_unset=True))


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    key, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"unknown: {key}"
    if first["input"] == "":
        return f"{key} = '': nothing in it yet; fill it in, or delete the question"
    return f"{key} = {shortened(repr(first['input']))}: {message.lower()}" if key else message


def _check_apart(names: Sequence[str], found: Sequence[Question]) -> None:
    """Raises ConfigError where two files would be one part, or a question stands twice."""
    stems = [question_file(name).stem for name in names]
    if double := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise ConfigError(f"two files of questions are called {double!r} and could not be told apart; rename one")
    asked = [fold(q.question) for q in found]
    if twice := next((q for q in found if asked.count(fold(q.question)) > 1), None):
        raise ConfigError(f"question {shortened(twice.question)!r} stands twice in {', '.join(names)}; leave one out")
