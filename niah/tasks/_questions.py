"""Question files for task natural, in TOML, and what is wrong with the questions in them.

A place is a quote of a few words that stand there, or the name of an episode with a time in it.
Where the fact is told elsewhere as well, ``also_at`` names these places, and no prompt holds them.
With ``asks = "time"`` the answer is when the quote is said, on the transcript's own times. A
located question has its passage in a haystack.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from niah.errors import ConfigError, HaystackError
from niah.generator.haystack import Corpus, TokenizedText
from niah.generator.library import shared_root
from niah.records import Passage
from niah.scorers import clock, names_in, seconds_in
from niah.tasks._episodes import Episode, Span, mark
from niah.text.normalise import fold

_MOST_SIGNS = 80  # of a question or passage in a message
_RULE = (
    "a question has question, answer and quote (or episode and at), "
    "perhaps aliases, also_at and asks"
)
_Text = Annotated[str, StringConstraints(min_length=1)]
_Texts = Annotated[tuple[_Text, ...], Strict(False)]  # a list in the file
_MOST_NEAR = 3  # lines like a quote that is nowhere
_MOST_PLACES = 12
# 12:01, talk.txt 12:01
_TIMED = re.compile(r"(?:(?P<episode>\S.*?)\s+)?(?P<time>\d+(?::\d\d){1,2})")
_Episodes = Sequence[Episode]
_Place = tuple[Episode, Span]
_Lines = dict[int, set[int]]  # by the number of their episode


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
            raise ValueError(
                'asks = "time": the time of the quote is the answer; leave answer and aliases out'
            )
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
    shipped = shared_root("configs") / "questions" / f"{name}.toml"
    for candidate in (Path(name), shipped):
        if candidate.is_file():
            return candidate
    raise ConfigError(
        f"questions {name!r}: no such file; write a TOML file of [[questions]] (see docs/tasks.md)"
    )


def read_questions(names: Sequence[str]) -> list[Question]:
    """All questions of some files. Raises ConfigError for what is missing or misspelt."""
    if not names:
        raise ConfigError(
            "task natural needs a file of questions: --questions FILE.toml "
            "(for an example: --set questions=FILE.toml)"
        )
    found: list[Question] = []
    for name in names:
        for row in questions_in(question_file(name)):
            if isinstance(row, ConfigError):
                raise row
            found.append(row)
    if not found:
        raise ConfigError(f"{', '.join(names)}: no [[questions]] in it")
    _check_apart(names, found)
    return found


def questions_in(path: Path) -> Iterator[Question | ConfigError]:
    """Every question of a file, or its fault. Raises ConfigError where it is no file of any."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["questions"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        why = f" ({error})"
        raise ConfigError(f"{path}: not a file of [[questions]]{why}; see docs/tasks.md") from error
    if not isinstance(rows, list):
        why = ", which have two brackets"
        raise ConfigError(f"{path}: not a file of [[questions]]{why}; see docs/tasks.md")
    for number, row in enumerate(rows, 1):
        try:
            whole = _Row.model_validate(row)
        except ValidationError as error:
            yield ConfigError(f"{path}: question {number}: {_fault(error)}; {_RULE}")
        else:
            yield Question(part=path.stem, **whole.model_dump(exclude_unset=True))


def shortened(text: str) -> str:
    """A text for a message."""
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"


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
        raise ConfigError(
            f"two files of questions are called {double!r} and could not be told apart; rename one"
        )
    asked = [fold(q.question) for q in found]
    if twice := next((q for q in found if asked.count(fold(q.question)) > 1), None):
        raise ConfigError(
            f"question {shortened(twice.question)!r} stands twice in {', '.join(names)}; "
            "leave one out"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a question, and what helps to mend it."""

    what: str
    hints: tuple[str, ...] = ()


_Checked = tuple[Question, list[Fault]]


@lru_cache(maxsize=4)
def located(haystack: Corpus, names: tuple[str, ...]) -> tuple[Question, ...]:
    """The questions with their passages. Raises HaystackError for a fact that is not there once."""
    episodes = episodes_of(haystack)
    found = []
    for question in read_questions(names):
        placed, faults = checked(question, episodes)
        if faults:
            raise HaystackError(
                f"question {shortened(question.question)!r}: {faults[0].what} "
                "(all faults: niah questions check)"
            )
        found.append(placed)
    return tuple(found)


def episodes_of(haystack: Corpus) -> list[Episode]:
    return [Episode(haystack, i) for i in range(len(haystack.episodes))]


def checked(question: Question, episodes: _Episodes) -> _Checked:
    """A question with its passage, and all its faults; with a fault the passage may be missing."""
    places = list(_places(question, episodes))
    if len(places) != 1:
        return question, [_not_once(question, places, episodes)]
    left_out, faults = _left_out(question, places[0], episodes)
    read = _timed if question.asks == "time" else _told
    found, more = read(question, places[0], left_out, episodes)
    return found, [*faults, *more]


def tokens_free(question: Question, haystack: Corpus) -> int:
    """Haystack tokens that the longest prompt of a located question can hold."""
    passage, episodes = question.passage, haystack.episodes
    assert passage is not None  # noqa: S101  # located
    held = [episodes[passage.episode]] if passage.marks else episodes
    gone = [(episodes[e][0], first, stop) for e, first, stop in passage.left_out]

    def tokens(spans: Iterable[tuple[TokenizedText, int, int]]) -> int:
        return sum(int(b.token_offsets[stop] - b.token_offsets[first]) for b, first, stop in spans)

    return tokens(held) - tokens(gone)


def _places(question: Question, episodes: _Episodes) -> Iterator[_Place]:
    for episode in episodes:
        if not episode.called(question.episode):
            continue
        if question.quote:
            yield from ((episode, span) for span in episode.quoted(question.quote))
        elif question.at and (span := episode.minute(seconds_in(question.at)[0])):
            yield episode, span


def _not_once(question: Question, places: Sequence[_Place], episodes: _Episodes) -> Fault:
    where = "is not in the haystack" if not places else f"stands at {len(places)} places"
    place = question.quote or f"{question.episode} {question.at}"
    hints = [f"there: {_shown(*p)}" for p in places[:_MOST_PLACES]]
    if not places and question.episode and not any(e.called(question.episode) for e in episodes):
        hints = [f"episodes: {', '.join(e.name for e in episodes)}"]
    elif not places and question.quote:
        near = [(share, e, span) for e in episodes for share, span in e.near(question.quote)]
        near.sort(key=lambda found: -found[0])
        hints = [f"near: {_shown(e, span)}" for _, e, span in near[:_MOST_NEAR]]
    what = f"{shortened(place)!r} {where}; give a quote that stands there once"
    return Fault(what=what, hints=tuple(hints))


def _left_out(question: Question, place: _Place, episodes: _Episodes) -> tuple[_Lines, list[Fault]]:
    """By episode the lines that tell the fact again, and places of ``also_at`` where none does."""
    gone: _Lines = {e.number: set() for e in episodes}
    faults = []
    for other in question.also_at:
        spans = list(_also(question, place[0], other, episodes))
        if not spans:
            what = "the answer is not said" if question.asks == "fact" else "nothing is said"
            faults.append(Fault(what=f"also_at {shortened(other)!r}: {what} there"))
        for episode, (first, last) in spans:
            gone[episode.number] |= set(range(first, last + 1))
    gone[place[0].number] -= set(range(place[1][0], place[1][1] + 1))
    return gone, faults


def _also(question: Question, own: Episode, other: str, episodes: _Episodes) -> Iterator[_Place]:
    """The lines that ``also_at`` names: a quote anywhere, or those of a minute with the answer."""
    timed = _TIMED.fullmatch(other)
    seconds = seconds_in(timed["time"]) if timed else []
    if timed is None or not seconds:  # 12:75 is no time
        yield from ((e, span) for e in episodes for span in e.quoted(other))
        return
    for episode in episodes:
        if not (episode.called(timed["episode"]) if timed["episode"] else episode is own):
            continue
        minute = episode.minute(seconds[0])
        if minute and question.asks == "time":
            yield episode, minute
        elif minute:
            said = episode.saying(question.answers)
            yield from ((episode, s) for s in said if s[0] <= minute[1] and s[1] >= minute[0])


def _told(question: Question, place: _Place, left_out: _Lines, episodes: _Episodes) -> _Checked:
    """A question about a fact: its passage holds the answer, and nothing else in a prompt does."""
    episode, (first, last) = place
    text = "\n".join(episode.lines[first : last + 1])
    passage = _passage(place, left_out, episodes)
    found = question.model_copy(update={"passage": passage, "text": text})
    if not names_in(text, question.answers):
        said = [_shown(e, s) for e in episodes for s in e.saying(question.answers)]
        hints = tuple(f"said: {s}" for s in said[:_MOST_PLACES])
        what = f"the passage {shortened(text)!r} does not hold its answer"
        return found, [Fault(what=what, hints=hints)]
    known = {**left_out, episode.number: left_out[episode.number] | set(range(first, last + 1))}
    again = [(e, span) for e in episodes for span in e.saying(question.answers, known[e.number])]
    return found, [_said_again(question, again, episode)] if again else []


def _said_again(question: Question, again: Sequence[_Place], own: Episode) -> Fault:
    episode, (first, last) = again[0]
    held = names_in(" ".join(episode.lines[first : last + 1]), question.answers)
    entries = dict.fromkeys([*question.also_at, *_entries(again, own)])
    hints = [f"said: {_shown(*p)}" for p in again[:_MOST_PLACES]]
    hints.append(f"to leave these out: also_at = {json.dumps([*entries], ensure_ascii=False)}")
    what = (
        f"its answer {min(held)!r} also stands elsewhere in {episode.name}, so a right answer "
        "would not prove that the passage was read; "
        "name all such places in also_at, and no prompt holds them"
    )
    return Fault(what=what, hints=tuple(hints))


def _entries(places: Sequence[_Place], own: Episode) -> Iterator[str]:
    """What ``also_at`` calls some places: times, where the transcript has them, else the lines."""
    until: dict[int, int] = {}
    for episode, (first, _) in places:
        start = episode.start_of(first)
        if start is None:
            yield episode.lines[first]
        elif start + 0.5 >= until.get(episode.number, 0):
            until[episode.number] = start + 60
            yield clock(start) if episode is own else f"{episode.name} {clock(start)}"


def _timed(question: Question, place: _Place, left_out: _Lines, episodes: _Episodes) -> _Checked:
    """A question about when a quote is said: its passage begins with the mark above it."""
    episode, span = place
    if not any(line <= span[0] for line in episode.marks):
        what = f'{episode.name} has no times; asks = "time" needs a transcript with them'
        return question, [Fault(what=what)]
    line, start, end = episode.window(span)
    marks = tuple((episode.first + i, mark(second)) for i, second in episode.marks.items())
    below = line, span[1]
    passage = replace(_passage((episode, below), left_out, [episode]), marks=marks)
    text, window = episode.marked(below), max(0, end - start)
    placed = {"answer": clock(start), "passage": passage, "text": text, "window_s": window}
    return question.model_copy(update=placed), []


def _passage(place: _Place, left_out: _Lines, episodes: _Episodes) -> Passage:
    """A place in segments, and each line that no prompt of some episodes holds as a span."""
    episode, (first, last) = place
    gone = [(e, e.first + line) for e in episodes for line in sorted(left_out[e.number])]
    return Passage(
        episode=episode.number,
        first=episode.first + first,
        stop=episode.first + last + 1,
        left_out=tuple((e.number, at, at + 1) for e, at in gone),
    )


def _shown(episode: Episode, span: Span) -> str:
    return f"{episode.label(span[0])}  {shortened(' '.join(episode.lines[span[0] : span[1] + 1]))}"
