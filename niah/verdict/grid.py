"""Results into cells and controls. A cell with nothing scored has no mean: it is not zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from niah.messages import MediaSize, media_size
from niah.records import CONTROLS, Header, Outcome, Row
from niah.text.shares import percent
from niah.verdict.ladder import Ladder
from niah.verdict.records import Cell, Control, Grid, Share
from niah.verdict.sample import grouped, rows_by_cell, sample_of, share_of

MISSING = "missing"  # a planned trial that has not been run


def grid_of(header: Header, results: Iterable[Row]) -> Grid:
    """The grid of a run. Cells that no result fills are there, with their missing trials."""
    design, results = header.design, list(results)
    ladder = Ladder(header, results) if design.adaptive else None
    planned = header.planned() if ladder is None else ladder.planned
    cells = rows_by_cell(r for r in results if r.trial.control is None)
    controls = grouped((r.trial.control, r) for r in results if r.trial.control is not None)
    by_control = {
        kind: sample_of(header, controls[kind]).share() for kind in CONTROLS if kind in controls
    }
    everything = [r for place in planned for r in cells[place]]
    found = sample_of(header, everything).share()
    unique = [r.unique_share for r in everything if r.unique_share is not None]
    grid = Grid(
        model=design.model,
        task=design.task,
        haystack=design.haystack,
        tokenizer=header.tokenizer,
        epochs=min(planned.values()),
        simulated=design.simulated,
        unique_share=min(unique, default=None),
        whole=found,
        cells=tuple(
            _cell(*place, _figures(cells[place], n), by_control) for place, n in planned.items()
        ),
        answer_classes=classes_of(everything),
        parts=_parts_of(header, everything),
        normalised=normalised(found.mean, by_control),
        controls=_controls_of(header, controls),
        by_control=by_control,
        depth_of=design.depth_of,
        imported=header.imported,
        media=_media_of(everything),
    )
    return grid if ladder is None else ladder.marked(grid)


def counts_of(grid: Grid, *, controls: bool = False) -> Counter[str]:
    """Trials by outcome, those never run among them: the ordinary ones, or all."""
    counts: Counter[str] = Counter()
    places: list[Cell | Control] = [*grid.cells, *(grid.controls if controls else ())]
    for place in places:
        counts.update(place.outcomes)
    return counts


def unscored_of(counts: Counter[str]) -> dict[str, int]:
    """Trials that ended without a score; missing ones and errors have not ended."""
    ended_otherwise = (MISSING, Outcome.ERROR.value, Outcome.SCORED.value)
    return {outcome: n for outcome, n in sorted(counts.items()) if outcome not in ended_otherwise}


def unfinished_of(grid: Grid) -> int:
    """Planned trials, controls included, that are missing or errors; none where imported."""
    counts = counts_of(grid, controls=True)
    return 0 if grid.imported else counts[MISSING] + counts[Outcome.ERROR]


def uneven_notes(grid: Grid) -> tuple[str, ...]:
    """A line where an extension asked for more trials in some cells than in others."""
    asked = {sum(cell.outcomes.values()) for cell in grid.cells}
    if len(asked) < 2:
        return ()
    means = [cell.mean for cell in grid.cells if cell.mean is not None]
    mean = f"; the mean of cells is {percent(sum(means) / len(means))}" if means else ""
    times = f"cells were asked {min(asked)} to {max(asked)} times"
    return (f"{times}: a figure over several cells weighs trials, not cells{mean}",)


def unpaired_notes(pairs: int, planned: int) -> tuple[str, ...]:
    """A line where trials have a score in one run only, or in none."""
    if pairs >= planned:
        return ()
    return (f"compared on {pairs} trials that have a score in both runs, of {planned}",)


def normalised(mean: float | None, by_control: Mapping[str, Share]) -> float | None:
    """(score - guess rate) / (oracle - guess rate), cut to 0 to 1; None: a control says nothing."""
    means = {kind: share.mean for kind, share in by_control.items()}
    guess, oracle = means.get("closed-book"), means.get("oracle")
    if mean is None or guess is None or oracle is None or oracle <= guess:
        return None
    return min(1.0, max(0.0, (mean - guess) / (oracle - guess)))


def classes_of(results: Iterable[Row]) -> dict[str, int]:
    """Answers by class, with the detail where there is one: ``near-miss: other season``."""
    labels = (
        f"{r.answer_class}: {r.answer_detail}" if r.answer_detail else r.answer_class
        for r in results
        if r.answer_class is not None
    )
    return dict(sorted(Counter(labels).items()))


def _cell(
    length: int, depth: float, figures: Mapping[str, Any], by_control: Mapping[str, Share]
) -> Cell:
    middle = normalised(figures["mean"], by_control)
    return Cell(context_length=length, depth_percent=depth, normalised=middle, **figures)


def _controls_of(header: Header, results: Mapping[str, Sequence[Row]]) -> tuple[Control, ...]:
    """One per kind, of absent needles one per length. Planned trials that never ran are counted."""
    planned = header.planned_controls()
    found: dict[tuple[str, int | None], list[Row]] = {place: [] for place in planned}
    for kind, rows in results.items():
        for r in rows:
            length = r.trial.context_length if kind == "absent" else None
            found.setdefault((kind, length), []).append(r)
    places = sorted(found, key=lambda p: (CONTROLS.index(p[0]), p[1] or 0))
    return tuple(
        Control(control=p[0], context_length=p[1], **_figures(found[p], planned.get(p, 0)))
        for p in places
    )


def _figures(results: Sequence[Row], planned: int) -> dict[str, Any]:
    """What a cell and a control say of their trials, of which so many were planned."""
    outcomes = Counter(r.outcome.value for r in results)
    if len(results) < planned:
        outcomes[MISSING] = planned - len(results)
    found = share_of([r.score for r in results if r.score is not None])
    ended = dict(sorted(outcomes.items()))
    return {**asdict(found), "outcomes": ended, "answer_classes": classes_of(results)}


def _parts_of(header: Header, results: Iterable[Row]) -> dict[str, Share]:
    """The mean of everything that is scored apart, over the trials that have it."""
    shares = grouped((name, replace(r, score=s)) for r in results for name, s in r.parts.items())
    return {name: sample_of(header, found).share() for name, found in sorted(shares.items())}


def _media_of(results: Iterable[Row]) -> dict[int, MediaSize]:
    """What each length was as pages or sound: the size of the trial in the middle."""
    every = ((r.trial.context_length, media_size(r.prompt_tokens, r.delivered)) for r in results)
    sizes = grouped((length, size) for length, size in every if size is not None)
    return {
        n: sorted(own, key=lambda s: s.pages or s.seconds or 0)[len(own) // 2]
        for n, own in sorted(sizes.items())
    }
