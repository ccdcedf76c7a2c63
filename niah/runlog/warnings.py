"""What a person must know before believing the picture of a run, from its log."""

from __future__ import annotations

from collections.abc import Iterable

from niah.records import Header, Outcome, Row
from niah.runlog.doubts import CUT, GARBLED, OVER, STALE, UNCOUNTED, doubt_of
from niah.text.lengths import label_of

_MANY = {  # what is said of trials without a score, by the doubt that took it
    CUT: ("THE SERVER DROPPED A PART OF {n} OF {all} PROMPTS, from {length} on ({error}): these trials have no score"),
    STALE: (
        "THE SERVER GAVE THE ANSWER OF ANOTHER TRIAL TO {n} OF {all} ({error}): "
        "a cache or gateway in front of the model mixes answers up; these trials have no score"
    ),
    OVER: "{n} of {all} prompts were counted longer than they were sent ({error}): these trials have no score",
    UNCOUNTED: "{n} of {all} trials have no score: {error}",
    GARBLED: "{n} of {all} answers lost or doubled a part on their way ({error}): these trials have no score",
}


def run_warnings(header: Header, results: Iterable[Row]) -> list[str]:
    """About a run, from its log."""
    results = list(results)
    return [
        *_doubtful(results),
        *_unchecked(header, results),
        *_model_names(str(header.config.get("model")), results),
    ]


def _doubtful(results: list[Row]) -> list[str]:
    """A line for each kind of doubt that left trials without a score."""
    said = []
    for kind, line in _MANY.items():
        some = [r for r in results if doubt_of(r) == kind]
        if some:
            first = min(some, key=lambda r: r.trial.context_length)
            length = label_of(first.trial.context_length)
            said.append(line.format(n=len(some), all=len(results), length=length, error=first.error))
    return said


def _unchecked(header: Header, results: list[Row]) -> list[str]:
    """How many scores rest on prompts that nobody knows to have been whole."""
    if header.imported is not None or header.config.get("provider") == "simulated":
        return []
    scores = [r for r in results if r.outcome is Outcome.SCORED and r.response is not None]
    blind = [r for r in scores if r.response and r.response.usage.input_tokens is None]
    if not blind:
        return []
    return [
        f"{len(blind)} of {len(scores)} scores could not be checked: the server did not count these prompts, "
        "and a part that it drops in silence cannot be noticed"
    ]


def _model_names(asked: str, results: list[Row]) -> list[str]:
    names = sorted({r.response.model for r in results if r.response and r.response.model})
    if len(names) > 1:
        return [f"the server answered under several names during this run: {', '.join(names)}"]
    if names and names[0] != asked:
        return [f"{asked} answered as {names[0]}: an alias can change; ask for that name where runs are compared"]
    return []
