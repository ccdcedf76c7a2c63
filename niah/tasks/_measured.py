"""What each task measures: scores of readers that understand nothing, as benchmarks/tasks.py measured them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

READING_BELOW = 0.25  # of the search reader's score, in every language
SEARCH_AGAIN = ("search:again", "search:chain")


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
        return {
            language: max(v for k, v in scores.items() if k.startswith("search") and (again or k not in SEARCH_AGAIN))
            for language, scores in self.scores.items()
        }

    @property
    def measures(self) -> str:
        """reading, repeated retrieval, or retrieval."""
        if max(self.search().values()) < READING_BELOW:
            return "reading"
        return "repeated retrieval" if max(self.search(again=False).values()) < READING_BELOW else "retrieval"


@cache
def measured() -> tuple[Measured, ...]:
    """Every row of the table, the tasks at their defaults first."""
    rows = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))
    return tuple(Measured(**row) for row in rows)


def measured_of(task: str) -> Measured | None:
    """A task at its defaults; None for one that was not measured."""
    return next((row for row in measured() if row.task == task and not row.options), None)
