"""The registry of tasks, and what each of them measures."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Protocol, cast

from niah.errors import UnknownName
from niah.installation import TASKS, brought_by, loaded
from niah.records import Planting, Score, Trial
from niah.text.seeded import Draw

if TYPE_CHECKING:  # it brings numpy, which a gate does not need
    from niah.generator.haystack import Haystack

READING_BELOW = 0.25  # of the search reader's score, in every language
SEARCH_AGAIN = ("search:again", "search:chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The config keys that tasks read. Each task names its own in OPTIONS."""

    distractor_count: int
    lure_count: int  # sentences that ask in the question's words
    value_kind: str  # number, word or uuid
    placement: str  # together, spread or random
    needle_count: int | None  # None: the task's
    ask_for: str  # latest or first
    tolerance_s: float
    questions: tuple[str, ...]  # TOML files
    history: str  # keeps or breaks
    turn_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """What a task plants into."""

    trial: Trial
    haystack: Haystack
    language: str
    options: Options


class Task(Protocol):
    """What to plant, ask and score: an object, or a module. It may leave out what _USUAL has."""

    SUMMARY: str
    VERSION: int  # raised by anything that changes numbers
    OPTIONS: tuple[str, ...]  # config keys that this task reads
    REPLY_TOKENS: int
    WORDING: tuple[str, ...]  # keys of words that a haystack should not hold by itself
    FILLER: str | None  # the made haystack that it stands in, instead of speech: pairs or noise

    def plant(self, draw: Draw, site: TaskContext) -> Planting:
        """The needles of a trial. No key or value stands in the haystack or twice."""
        ...

    def score(self, text: str, planting: Planting) -> Score: ...

    def solve(self, text: str, options: Options | None = None) -> str:
        """The answer of a reader who sees this text only; the simulated readers use it.

        ``options`` are needed where the text alone cannot answer: questions about speech that
        nobody planted.
        """
        ...


_USUAL = {"reply_tokens": 32, "wording": (), "filler": None}
_SEVERAL = {  # what stands at the depth of a trial where one question has several needles
    "together": "all needles",
    "spread": "the needles' centre, 20 points to each side",
    "random": "one needle, the others anywhere",
}


def depth_of(task: Task, placement: str) -> str:
    """What stands at a trial's depth: what the task says (DEPTH_OF), else the needle or needles."""
    said: str | None = getattr(task, "DEPTH_OF", None)
    if said is not None:
        return said
    return _SEVERAL.get(placement, "the needles") if "placement" in task.OPTIONS else "the needle"


def task_names() -> list[str]:
    """The tasks that come with niah, and those of installed packages."""
    return sorted({*_built_in(), *brought_by(TASKS)})


@cache
def _built_in() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("tasks.toml").read_text(encoding="utf-8"))


@cache
def task_of(name: str) -> Task:
    """The task of a name. Raises UnknownName; ConfigError where a package's cannot be loaded."""
    if row := _built_in().get(name):
        kind = resolve_name(f"niah.tasks.{row['class']}")
        return cast(Task, kind({**_USUAL, **row}))
    if name not in brought_by(TASKS):
        raise UnknownName("task", name, task_names())
    brought = loaded(TASKS, name)
    for key, usual in _USUAL.items():
        if not hasattr(brought, key.upper()):
            setattr(brought, key.upper(), usual)
    return cast(Task, brought)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One task with its options. Scores are by language, then by reader."""

    task: str
    options: Mapping[str, object]
    scores: Mapping[str, Mapping[str, float]]

    @property
    def name(self) -> str:
        """The task, and the options that are not its defaults."""
        return ", ".join([self.task, *(f"{key} {value}" for key, value in self.options.items())])

    def search(self, *, again: bool = True) -> dict[str, float]:
        """The best score of searching by language, with or without searching for what was found."""
        best = {}
        for language, scores in self.scores.items():
            readers = [reader for reader in scores if reader.startswith("search")]
            best[language] = max(scores[r] for r in readers if again or r not in SEARCH_AGAIN)
        return best

    @property
    def measures(self) -> str:
        """reading, repeated retrieval, or retrieval."""
        if max(self.search().values()) < READING_BELOW:
            return "reading"
        again = max(self.search(again=False).values()) < READING_BELOW
        return "repeated retrieval" if again else "retrieval"


@cache
def measured() -> tuple[Measured, ...]:
    """Every row of the table, the tasks at their defaults first."""
    rows = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))
    return tuple(Measured(**row) for row in rows)


def measured_of(task: str) -> Measured | None:
    """A task at its defaults; None for one that was not measured."""
    return next((row for row in measured() if row.task == task and not row.options), None)
