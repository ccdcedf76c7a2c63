"""Fold results into cells. A cell with nothing scored has no mean: it is not zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from niah.records import Cell, Grid, Header, Outcome, Recall, Row
from niah.verdict.controls import classes_of, controls_of, normalised, parts_of, recall_by_control
from niah.verdict.counts import outcomes_of
from niah.verdict.intervals import recall_of
from niah.verdict.sample import sample_of


def grid_of(header: Header, results: Iterable[Row]) -> Grid:
    """The grid of a run. Cells that the run asks for and no result fills are there, with their missing trials."""
    design = header.design
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
        model=design.model,
        task=design.task,
        haystack=design.haystack,
        tokenizer=header.tokenizer,
        epochs=min(planned.values()),
        simulated=design.simulated,
        unique_share=min((r.unique_share for r in everything if r.unique_share is not None), default=None),
        recall=recall,
        cells=cells,
        answer_classes=classes_of(everything),
        parts=parts_of(header, everything),
        normalised=normalised(recall.mean, by_control),
        controls=controls,
        by_control=by_control,
        depth_of=design.depth_of,
        imported=header.imported,
    )


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
