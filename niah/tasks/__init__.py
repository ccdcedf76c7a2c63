"""The registry of tasks: every module of this folder whose name has no underscore in front is one.

A module's name is the task's, with a dash for every underscore: ``said_at.py`` is task ``said-at``.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol, cast

from niah.errors import UnknownName
from niah.extensions import TASKS, brought_by, loaded
from niah.generator.haystack import Haystack
from niah.records import Planting, Score, Trial
from niah.text.seeded import Draw

CONTROLS = ("absent", "closed-book", "oracle")


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
    """What to plant, what to ask, how to score. A module is one; _USUAL is what it need not say."""

    SUMMARY: str
    VERSION: int  # raised by anything that changes numbers
    OPTIONS: tuple[str, ...]  # config keys that this task reads
    REPLY_TOKENS: int
    WORDING: tuple[str, ...]  # keys of words that a haystack should not hold by itself
    FILLER: str | None  # the made haystack that this task stands in, instead of speech: pairs or noise

    def plant(self, draw: Draw, site: TaskContext) -> Planting:
        """The needles of a trial. No key or value stands in the haystack or twice."""
        ...

    def score(self, text: str, planting: Planting) -> Score: ...

    def solve(self, text: str, options: Options | None = None) -> str:
        """The answer of a reader who sees this text only; the simulated readers use it.

        ``options`` are needed where the text alone cannot answer: questions about speech that nobody planted.
        """
        ...


_USUAL = {"REPLY_TOKENS": 32, "WORDING": (), "FILLER": None}
_SEVERAL = {  # what stands at the depth of a trial where one question has several needles
    "together": "all needles",
    "spread": "the needles' centre, 20 points to each side",
    "random": "one needle, the others anywhere",
}


def depth_of(task: Task, placement: str) -> str:
    """What stands at a trial's depth: what the task says (DEPTH_OF), the needle, or a stated place of several."""
    said: str | None = getattr(task, "DEPTH_OF", None)
    if said is not None:
        return said
    return _SEVERAL.get(placement, "the needles") if "placement" in task.OPTIONS else "the needle"


def task_names() -> list[str]:
    """The tasks that come with niah, and those of installed packages."""
    return sorted({*_own_names(), *brought_by(TASKS)})


def _own_names() -> list[str]:
    names = (m.name for m in pkgutil.iter_modules(__path__))
    return [n.replace("_", "-") for n in names if not n.startswith("_")]


def task_of(name: str) -> Task:
    """The task of a name. Raises UnknownName, and ConfigError for one of a package that cannot be loaded."""
    if name not in _own_names():
        if name not in brought_by(TASKS):
            raise UnknownName("task", name, task_names())
        brought = loaded(TASKS, name)
        for key, usual in _USUAL.items():
            if not hasattr(brought, key):
                setattr(brought, key, usual)
        return cast(Task, brought)
    module = importlib.import_module(f"niah.tasks.{name.replace('-', '_')}")
    for key, usual in _USUAL.items():
        vars(module).setdefault(key, usual)
    return cast(Task, module)
