"""Fold control trials, and put scores between what is guessed (0) and what is possible at all (1)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from niah.records import CONTROLS, Control, Header, Outcome, Recall, Row
from niah.verdict.counts import outcomes_of
from niah.verdict.intervals import recall_of
from niah.verdict.sample import sample_of


def controls_of(header: Header, results: Iterable[Row]) -> tuple[Control, ...]:
    """One record per kind; of absent needles one per context length. Planned trials that never ran are counted."""
    planned = header.planned_controls()
    found: dict[tuple[str, int | None], list[Row]] = {place: [] for place in planned}
    for result in (r for r in results if r.trial.control is not None):
        absent = result.trial.control == "absent"
        place = (str(result.trial.control), result.trial.context_length if absent else None)
        found.setdefault(place, []).append(result)
    places = sorted(found, key=lambda p: (CONTROLS.index(p[0]), p[1] or 0))
    return tuple(_control(place[0], place[1], found[place], planned.get(place, 0)) for place in places)


def recall_by_control(header: Header, results: Iterable[Row]) -> dict[str, Recall]:
    """The share right of each kind that was run, over all its lengths; of absent needles right is to say so."""
    found: dict[str | None, list[Row]] = defaultdict(list)
    for result in results:
        found[result.trial.control].append(result)
    return {kind: sample_of(header, found[kind]).recall() for kind in CONTROLS if kind in found}


def classes_of(results: Iterable[Row]) -> dict[str, int]:
    """Answers by class, with the detail where there is one: ``near-miss: other season``."""
    labels = (
        f"{r.answer_class}: {r.answer_detail}" if r.answer_detail else r.answer_class
        for r in results
        if r.answer_class is not None
    )
    return dict(sorted(Counter(labels).items()))


def parts_of(header: Header, results: Iterable[Row]) -> dict[str, Recall]:
    """The mean of everything that is scored apart, over the trials that have it."""
    shares: dict[str, list[Row]] = defaultdict(list)
    for result in results:
        for name, share in result.parts.items():
            shares[name].append(replace(result, score=share))
    return {name: sample_of(header, found).recall() for name, found in sorted(shares.items())}


def normalised(mean: float | None, by_control: Mapping[str, Recall]) -> float | None:
    """(score - guess rate) / (oracle - guess rate), cut to 0 to 1; None where a control is missing or says nothing."""
    guess, oracle = (by_control[c].mean if c in by_control else None for c in ("closed-book", "oracle"))
    if mean is None or guess is None or oracle is None or oracle <= guess:
        return None
    return min(1.0, max(0.0, (mean - guess) / (oracle - guess)))


def _control(control: str, context_length: int | None, results: Sequence[Row], epochs: int) -> Control:
    recall = recall_of([r.score for r in results if r.outcome is Outcome.SCORED and r.score is not None])
    return Control(
        control=control,
        context_length=context_length,
        n=recall.n,
        mean=recall.mean,
        low=recall.low,
        high=recall.high,
        answer_classes=classes_of(results),
        outcomes=outcomes_of(results, epochs),
    )
