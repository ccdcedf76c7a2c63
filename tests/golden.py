"""Answers that were judged by hand, and the plantings they answer. Shared by the tests and the
benchmark of scorers."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from niah.experiment.controls import control_score
from niah.records import Needle, Planting, Score
from niah.tasks import task_of

SETS = (
    *(f"answers-{number}" for number in range(1, 8)),
    "answers-es",
    "answers-es-2",
    "denials",
    "denials-2",
    "abstentions",
)
FRESH = {
    "fresh-1": (8, 1),
    "fresh-2": (5, 1),
    "fresh-3": (7, 2),
    "fresh-4": (1, 0),
    "fresh-5": (8, 4),
    "fresh-6": (26, 12),
    "fresh-7": (12, 6),
    "fresh-8": (13, 4),
    "fresh-9": (2, 0),
}  # misjudged when new, falsely right
FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One answer with the verdict of a person."""

    fixture: str
    share: (
        float  # 1 right, 0 wrong, between them a set in part; of an absent needle 1 for saying so
    )
    answer: str
    reason: str


def fixtures() -> dict[str, dict[str, Any]]:
    """What was planted, by name."""
    fresh = map(
        json.loads, (FOLDER / "fixtures-fresh.jsonl").read_text(encoding="utf-8").splitlines()
    )
    return {row["name"]: row for row in fresh} | tomllib.loads(
        (FOLDER / "fixtures.toml").read_text(encoding="utf-8")
    )


def judged(name: str) -> Iterator[Judged]:
    """All rows of one file of answers."""
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    for fixture, rows in table.items():
        for share, answer, *reason in rows:
            yield Judged(fixture=fixture, share=share, answer=answer, reason=" ".join(reason))


def planting_of(fixture: dict[str, Any]) -> Planting:
    """The planting of a fixture, as its task would make it."""
    return Planting(
        opening="",
        closing="",
        question=fixture["question"],
        needles=tuple(_needle(*row) for row in fixture["needles"]),
        targets=tuple(fixture["targets"]),
        tolerance_s=fixture.get("tolerance_s", 0.0),
    )


def score_of(row: Judged, fixture: dict[str, Any]) -> Score:
    """What niah makes of an answer, by the way that a run takes."""
    task, control = task_of(fixture["task"]), fixture.get("control")
    return control_score(row.answer, planting_of(fixture), task, control)


def _needle(
    key: str, value: str, text: str, answer_class: str, detail: str | None = None
) -> Needle:
    return Needle(key=key, value=value, text=text, answer_class=answer_class, detail=detail)
