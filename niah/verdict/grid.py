"""Fold results into cells. A cell with nothing scored has no mean: it is not zero."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from niah.records import Cell, Grid, Header, Outcome, Result
from niah.verdict.intervals import recall_of
from niah.verdict.sample import sample_of

MISSING = "missing"  # a planned trial that has not been run


def grid_of(header: Header, results: Iterable[Result]) -> Grid:
    """The grid of a run. Cells that the config asks for and no result fills are there, with their missing trials."""
    config = header.config
    by_cell: dict[tuple[int, float], list[Result]] = defaultdict(list)
    ordinary = [r for r in results if r.trial.control is None]
    for result in ordinary:
        by_cell[(result.trial.context_length, result.trial.depth_percent)].append(result)
    places = [(length, float(depth)) for length in config["lengths"] for depth in config["depths"]]
    cells = tuple(_cell(place, by_cell[place], config["epochs"]) for place in places)
    everything = [r for place in places for r in by_cell[place]]
    return Grid(
        model=model_of(config),
        task=task_label(config),
        haystack=haystack_label(config["haystack"]),
        tokenizer=header.tokenizer,
        epochs=config["epochs"],
        simulated=config["provider"] == "simulated",
        unique_share=min((r.unique_share for r in everything if r.unique_share is not None), default=None),
        recall=sample_of(header, everything).recall(),
        cells=cells,
        imported=header.imported,
    )


def model_of(config: Mapping[str, Any]) -> str:
    """The model's name for people, without control characters; a path is cut to its file name."""
    name = str(config["model"]).rsplit("/", 1)[-1] if config["provider"] == "local" else str(config["model"])
    return "".join(sign if sign.isprintable() else " " for sign in name)


def haystack_label(names: Sequence[str]) -> str:
    """Names joined; of a folder its last part."""
    return "+".join(name.rstrip("/").rsplit("/", 1)[-1] for name in names)


def task_label(config: Mapping[str, Any]) -> str:
    """The task with the option that changes its difficulty."""
    distractors = config["distractors"]
    return f"multikey, {distractors} distractors" if config["task"] == "multikey" else str(config["task"])


def _cell(place: tuple[int, float], results: list[Result], epochs: int) -> Cell:
    outcomes = Counter(r.outcome.value for r in results)
    if len(results) < epochs:
        outcomes[MISSING] = epochs - len(results)
    recall = recall_of([r.score for r in results if r.outcome is Outcome.SCORED and r.score is not None])
    return Cell(
        context_length=place[0],
        depth_percent=place[1],
        n=recall.n,
        mean=recall.mean,
        low=recall.low,
        high=recall.high,
        outcomes=dict(sorted(outcomes.items())),
    )
