"""Questions with the passages of their facts, and all that is wrong with those that prove nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from niah.errors import HaystackError
from niah.generator.haystack import Corpus
from niah.records import Passage
from niah.scorers import clock, names_in, seconds_in
from niah.tasks._episodes import Episode, Span, mark
from niah.tasks._questions import Question, read_questions, shortened

_MOST_NEAR = 3  # lines like a quote that is nowhere
_MOST_PLACES = 12
_TIMED = re.compile(r"(?:(?P<episode>\S.*?)\s+)?(?P<time>\d+(?::\d\d){1,2})")  # 12:01, talk.txt 12:01
_Place = tuple[Episode, Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a question, and what helps to mend it."""

    what: str
    hints: tuple[str, ...] = ()


@lru_cache(maxsize=4)
def located(haystack: Corpus, names: tuple[str, ...]) -> tuple[Question, ...]:
    """The questions with their passages. Raises HaystackError where a fact is missing or not unique."""
    episodes = episodes_of(haystack)
    return tuple(_located(q, episodes) for q in read_questions(names))


def episodes_of(haystack: Corpus) -> list[Episode]:
    return [Episode(haystack, i) for i in range(len(haystack.episodes))]


def checked(question: Question, episodes: Sequence[Episode]) -> tuple[Question, list[Fault]]:
    """A question with its passage, and all its faults; with a fault the passage may be missing."""
    places = list(_places(question, episodes))
    if len(places) != 1:
        return question, [_not_once(question, places, episodes)]
    left_out, faults = _left_out(question, places[0], episodes)
    found, more = (_timed if question.asks == "time" else _told)(question, places[0], left_out, episodes)
    return found, [*faults, *more]


def tokens_free(question: Question, haystack: Corpus) -> int:
    """Haystack tokens that the longest prompt of a located question can hold."""
    assert question.passage is not None  # noqa: S101  # located
    spans = [haystack.episodes[question.passage.episode]] if question.passage.marks else haystack.episodes
    whole = sum(int(block.token_offsets[stop] - block.token_offsets[first]) for block, first, stop in spans)
    gone = [(haystack.episodes[e][0].token_offsets, a, b) for e, a, b in question.passage.left_out]
    return whole - sum(int(offsets[b] - offsets[a]) for offsets, a, b in gone)


def _located(question: Question, episodes: Sequence[Episode]) -> Question:
    found, faults = checked(question, episodes)
    if faults:
        raise HaystackError(
            f"question {shortened(question.question)!r}: {faults[0].what} (all faults: niah questions check)"
        )
    return found


def _places(question: Question, episodes: Sequence[Episode]) -> Iterator[_Place]:
    for episode in episodes:
        if not episode.called(question.episode):
            continue
        if question.quote:
            yield from ((episode, span) for span in episode.quoted(question.quote))
        elif question.at and (span := episode.minute(next(iter(seconds_in(question.at)), -1))):
            yield episode, span


def _not_once(question: Question, places: Sequence[_Place], episodes: Sequence[Episode]) -> Fault:
    where = "is not in the haystack" if not places else f"stands at {len(places)} places"
    place = question.quote or f"{question.episode} {question.at}"
    hints = [f"there: {_shown(*p)}" for p in places[:_MOST_PLACES]]
    if not places and question.quote:
        near = sorted(((n, e, s) for e in episodes for n, s in e.near(question.quote)), key=lambda n: -n[0])
        hints = [f"near: {_shown(episode, span)}" for _, episode, span in near[:_MOST_NEAR]]
    if not places and question.episode and not any(e.called(question.episode) for e in episodes):
        hints = [f"episodes: {', '.join(e.name for e in episodes)}"]
    return Fault(what=f"{shortened(place)!r} {where}; give a quote that stands there once", hints=tuple(hints))


def _left_out(
    question: Question, place: _Place, episodes: Sequence[Episode]
) -> tuple[dict[int, set[int]], list[Fault]]:
    """By episode the lines that tell the fact again, and places of ``also_at`` where nothing does."""
    gone: dict[int, set[int]] = {e.number: set() for e in episodes}
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


def _also(question: Question, own: Episode, other: str, episodes: Sequence[Episode]) -> Iterator[_Place]:
    """The lines that a place of ``also_at`` names: a quote wherever it stands, or those of a minute with the answer."""
    timed = _TIMED.fullmatch(other)
    if timed is None:
        yield from ((e, span) for e in episodes for span in e.quoted(other))
        return
    for episode in episodes:
        if not (episode.called(timed["episode"]) if timed["episode"] else episode is own):
            continue
        minute = episode.minute(seconds_in(timed["time"])[0])
        if minute and question.asks == "time":
            yield episode, minute
        elif minute:
            said = episode.saying(question.answers)
            yield from ((episode, s) for s in said if s[0] <= minute[1] and s[1] >= minute[0])


def _told(
    question: Question, place: _Place, left_out: dict[int, set[int]], episodes: Sequence[Episode]
) -> tuple[Question, list[Fault]]:
    """A question about a fact: its passage holds the answer, and nothing that is in a prompt holds it, too."""
    episode, (first, last) = place
    text = "\n".join(episode.lines[first : last + 1])
    passage = Passage(
        episode=episode.number,
        first=episode.first + first,
        stop=episode.first + last + 1,
        left_out=_spans(left_out, episodes),
    )
    found = question.model_copy(update={"passage": passage, "text": text})
    if not names_in(text, question.answers):
        said = [_shown(e, s) for e in episodes for s in e.saying(question.answers)]
        hints = tuple(f"said: {s}" for s in said[:_MOST_PLACES])
        return found, [Fault(what=f"the passage {shortened(text)!r} does not hold its answer", hints=hints)]
    known = {**left_out, episode.number: left_out[episode.number] | set(range(first, last + 1))}
    again = [(e, span) for e in episodes for span in e.saying(question.answers, known[e.number])]
    return found, [_said_again(question, again, episode)] if again else []


def _said_again(question: Question, again: Sequence[_Place], own: Episode) -> Fault:
    episode, (first, last) = again[0]
    held = names_in(" ".join(episode.lines[first : last + 1]), question.answers)
    entries = dict.fromkeys([*question.also_at, *_entries(again, own)])
    hints = [f"said: {_shown(*p)}" for p in again[:_MOST_PLACES]]
    hints.append("to leave these out: also_at = [" + ", ".join(f'"{e}"' for e in entries) + "]")
    return Fault(
        what=f"its answer {min(held)!r} also stands elsewhere in {episode.name}, so a right answer would not prove "
        "that the passage was read; name all such places in also_at, and no prompt holds them",
        hints=tuple(hints),
    )


def _entries(places: Sequence[_Place], own: Episode) -> Iterator[str]:
    """What ``also_at`` calls some places: times, where the transcript has them, else the lines."""
    until: dict[int, int] = {}
    for episode, (first, _) in places:
        start = episode.start_of(first)
        if start is None:
            yield episode.lines[first].replace("\\", "\\\\").replace('"', '\\"')
        elif start + 0.5 >= until.get(episode.number, 0):
            until[episode.number] = start + 60
            yield clock(start) if episode is own else f"{episode.name} {clock(start)}"


def _timed(
    question: Question, place: _Place, left_out: dict[int, set[int]], episodes: Sequence[Episode]
) -> tuple[Question, list[Fault]]:
    """A question about when a quote is said: its passage begins with the mark above it."""
    episode, span = place
    if not any(line <= span[0] for line in episode.marks):
        return question, [Fault(what=f'{episode.name} has no times; asks = "time" needs a transcript with them')]
    line, start, end = episode.window(span)
    passage = Passage(
        episode=episode.number,
        first=episode.first + line,
        stop=episode.first + span[1] + 1,
        left_out=_spans(left_out, [episode]),
        marks=tuple((episode.first + i, mark(second)) for i, second in episode.marks.items()),
    )
    text = episode.marked((line, span[1]))
    placed = {"answer": clock(start), "passage": passage, "text": text, "window_s": max(0, end - start)}
    found = question.model_copy(update=placed)
    return found, []


def _spans(left_out: dict[int, set[int]], episodes: Sequence[Episode]) -> tuple[tuple[int, int, int], ...]:
    """Single lines as spans of a passage: episode, first segment, the segment behind."""
    return tuple(
        (e.number, e.first + line, e.first + line + 1) for e in episodes for line in sorted(left_out[e.number])
    )


def _shown(episode: Episode, span: Span) -> str:
    return f"{episode.label(span[0])}  {shortened(' '.join(episode.lines[span[0] : span[1] + 1]))}"
