"""Fold results into cells. A cell with nothing scored has no mean: it is not zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from niah.records import Cell, Grid, Header, Outcome, Recall, Row
from niah.verdict.controls import classes_of, controls_of, normalised, parts_of, recall_by_control
from niah.verdict.counts import outcomes_of
from niah.verdict.intervals import recall_of
from niah.verdict.sample import sample_of

# tasks that read the option distractors; a test holds this against their OPTIONS, which this room may not import
WITH_DISTRACTORS = (
    "associative", "count", "distractors", "hops", "moves", "multikey", "multiquery", "multivalue", "order",
    "repeat", "said-at", "tracking", "update", "when", "when-and-what",
)  # fmt: skip
SPREAD = ("multivalue", "multiquery", "tracking", "hops", "order", "count")  # several needles belong to one question
ALONE_AS = {
    "update": "the statement asked for",
    "moves": "the last journey",
    "repeat": "the thing asked for",
    "natural": "the passage",
}
SPREAD_AS = {
    "together": "all needles",
    "spread": "the needles' centre, 20 points to each side",
    "random": "one needle, the others anywhere",
}


def grid_of(header: Header, results: Iterable[Row]) -> Grid:
    """The grid of a run. Cells that the config asks for and no result fills are there, with their missing trials."""
    config = header.config
    by_cell: dict[tuple[int, float], list[Row]] = defaultdict(list)
    results = list(results)
    for result in (r for r in results if r.trial.control is None):
        by_cell[(result.trial.context_length, result.trial.depth_percent)].append(result)
    planned = header.planned()
    controls, by_control = controls_of(header, results), recall_by_control(header, results)
    cells = tuple(_cell(place, by_cell[place], epochs, by_control) for place, epochs in planned.items())
    everything = [r for place in planned for r in by_cell[place]]
    recall = sample_of(header, everything).recall()
    return Grid(
        model=model_of(config),
        task=task_label(config),
        haystack=haystack_label(config["haystack"]),
        tokenizer=header.tokenizer,
        epochs=min(planned.values()),
        simulated=config["provider"] == "simulated",
        unique_share=min((r.unique_share for r in everything if r.unique_share is not None), default=None),
        recall=recall,
        cells=cells,
        answer_classes=classes_of(everything),
        parts=parts_of(header, everything),
        normalised=normalised(recall.mean, by_control),
        controls=controls,
        by_control=by_control,
        depth_of=depth_of(config),
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
    """The task with the options that change its difficulty, where they are not the ordinary ones."""
    said = [str(config["task"])]
    if config["task"] in WITH_DISTRACTORS:
        said.append(f"{config.get('distractors', 2)} distractors")
    if config.get("lures"):
        said.append(f"{config['lures']} lures")
    said += [f"{config[k]} {what}" for k, what in (("values", "values"), ("needles", "needles")) if _unusual(config, k)]
    if config.get("needle_count"):
        said.append(f"{config['needle_count']} needles of a question")
    if _unusual(config, "asked"):
        said.append(f"{config['asked']} asked")
    return ", ".join(said)


def depth_of(config: Mapping[str, Any]) -> str:
    """What stands at a trial's depth: the needle, or a stated place of several."""
    task, needles = config["task"], config.get("needles", "spread")
    if task in SPREAD:
        return SPREAD_AS.get(needles, "the needles")
    return ALONE_AS.get(task, "the needle")


def _unusual(config: Mapping[str, Any], key: str) -> bool:
    """Whether an option is set to anything but the ordinary; older runs do not have it."""
    return config.get(key) not in (None, {"values": "number", "needles": "spread", "asked": "latest"}[key])


def _cell(place: tuple[int, float], results: list[Row], epochs: int, by_control: Mapping[str, Recall]) -> Cell:
    recall = recall_of([r.score for r in results if r.outcome is Outcome.SCORED and r.score is not None])
    return Cell(
        context_length=place[0],
        depth_percent=place[1],
        n=recall.n,
        mean=recall.mean,
        low=recall.low,
        high=recall.high,
        outcomes=outcomes_of(results, epochs),
        answer_classes=classes_of(results),
        normalised=normalised(recall.mean, by_control),
    )
