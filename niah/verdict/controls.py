"""Fold control trials, and put scores between what is guessed (0) and what is possible at all (1)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from niah.records import Control, Outcome, Recall, Result
from niah.verdict.intervals import recall_of

ORDER = ("absent", "closed-book", "oracle")


def controls_of(results: Iterable[Result]) -> tuple[Control, ...]:
    """One record per kind; of absent needles one per context length."""
    found: dict[tuple[str, int | None], list[Result]] = defaultdict(list)
    for result in results:
        control = result.trial.control
        if control is not None:
            found[control, result.trial.context_length if control == "absent" else None].append(result)
    places = sorted(found, key=lambda p: (ORDER.index(p[0]), p[1] or 0))
    return tuple(_control(place[0], place[1], found[place]) for place in places)


def classes_of(results: Iterable[Result]) -> dict[str, int]:
    """Answers by class, with the detail where there is one: ``near-miss: other season``."""
    labels = (
        f"{r.answer_class}: {r.answer_detail}" if r.answer_detail else r.answer_class
        for r in results
        if r.answer_class is not None
    )
    return dict(sorted(Counter(labels).items()))


def parts_of(results: Iterable[Result]) -> dict[str, Recall]:
    """The mean of everything that is scored apart, over the trials that have it."""
    shares: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, share in result.parts.items():
            shares[name].append(share)
    return {name: recall_of(found) for name, found in sorted(shares.items())}


def normalised(mean: float | None, controls: Sequence[Control]) -> float | None:
    """(score - guess rate) / (oracle - guess rate), cut to 0 to 1; None where a control is missing or says nothing."""
    means = {c.control: c.mean for c in controls if c.control != "absent"}
    guess, oracle = means.get("closed-book"), means.get("oracle")
    if mean is None or guess is None or oracle is None or oracle <= guess:
        return None
    return min(1.0, max(0.0, (mean - guess) / (oracle - guess)))


def _control(control: str, context_length: int | None, results: Sequence[Result]) -> Control:
    recall = recall_of([r.score for r in results if r.outcome is Outcome.SCORED and r.score is not None])
    return Control(
        control=control,
        context_length=context_length,
        n=recall.n,
        mean=recall.mean,
        low=recall.low,
        high=recall.high,
        answer_classes=classes_of(results),
        outcomes=dict(sorted(Counter(r.outcome.value for r in results).items())),
    )
