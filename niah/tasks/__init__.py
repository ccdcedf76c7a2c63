"""The registry of tasks: every module of this folder whose name has no underscore is one."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast

from niah.errors import UnknownName
from niah.generator.draw import Draw
from niah.generator.haystack import Haystack
from niah.records import Planting, Score, Trial

_NO_TASKS = frozenset({"places"})


class Task(Protocol):
    """What to plant, what to ask, how to score. A module is one."""

    SUMMARY: str
    VERSION: int  # raised by anything that changes numbers
    REPLY_TOKENS: int
    WORDING: tuple[str, ...]  # words that a haystack should not hold by itself
    OPTIONS: tuple[str, ...]  # config keys that this task reads

    def plant(self, draw: Draw, trial: Trial, haystack: Haystack, language: str, distractors: int) -> Planting: ...

    def score(self, text: str, planting: Planting) -> Score: ...

    def solve(self, text: str) -> str:
        """The answer of a reader who sees this text only; the simulated readers use it."""
        ...


def task_names() -> list[str]:
    names = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(n for n in names if not n.startswith("_") and n not in _NO_TASKS)


def task_of(name: str) -> Task:
    """The task of a name. Raises UnknownName."""
    if name not in task_names():
        raise UnknownName("task", name, task_names())
    return cast(Task, importlib.import_module(f"niah.tasks.{name}"))
