"""What a person must know before believing the picture of a run, from its log.

A trial whose prompt or answer did not arrive as sent is a mismatch; its error tells the kind.
"""

from __future__ import annotations

from collections.abc import Iterable

from niah.records import Header, Outcome, Row
from niah.text.lengths import label_of

CUT, STALE, OVER, UNCOUNTED, GARBLED = "cut", "stale", "over", "uncounted", "garbled"
STALE_SAYS = "answered with"  # begins the error of a stale answer
GARBLED_SAYS = "tokens of an answer of"  # stands in that of a garbled one

_LINES = {
    CUT: (
        "THE SERVER DROPPED A PART OF {n} OF {all} PROMPTS, from {length} on ({error}): "
        "these trials have no score"
    ),
    STALE: (
        "THE SERVER GAVE THE ANSWER OF ANOTHER TRIAL TO {n} OF {all} ({error}): "
        "a cache or gateway in front of the model mixes answers up; these trials have no score"
    ),
    OVER: (
        "{n} of {all} prompts were counted longer than they were sent ({error}): "
        "these trials have no score"
    ),
    UNCOUNTED: "{n} of {all} trials have no score: {error}",
    GARBLED: (
        "{n} of {all} answers lost or doubled a part on their way ({error}): "
        "these trials have no score"
    ),
}


def mismatch_of(row: Row) -> str | None:
    """The kind of mismatch that took a finished trial's score; None where none did."""
    if row.outcome is not Outcome.MISMATCH:
        return None
    error, expected = row.error or "", row.expected_input_tokens
    if error.startswith(STALE_SAYS):
        return STALE
    if GARBLED_SAYS in error:
        return GARBLED
    counted = row.response.usage.input_tokens if row.response else None
    if counted is None:
        return UNCOUNTED
    return OVER if expected is not None and counted > expected else CUT


def run_warnings(header: Header, rows: Iterable[Row]) -> list[str]:
    """About a run, from its log."""
    rows = list(rows)
    return [
        *_mismatches(rows),
        *_unchecked(header, rows),
        *_untimed(header, rows),
        *_model_names(str(header.config.get("model")), rows),
    ]


def _mismatches(rows: list[Row]) -> list[str]:
    """A line for each kind of mismatch that left trials without a score."""
    lines = []
    for kind, line in _LINES.items():
        if some := [r for r in rows if mismatch_of(r) == kind]:
            first = min(some, key=lambda r: r.trial.context_length)
            length = label_of(first.trial.context_length)
            lines.append(line.format(n=len(some), all=len(rows), length=length, error=first.error))
    return lines


def _unchecked(header: Header, rows: list[Row]) -> list[str]:
    """How many scores rest on prompts that nobody knows to have been whole."""
    if header.imported is not None or header.config.get("provider") == "simulated":
        return []
    responses = [r.response for r in rows if r.outcome is Outcome.SCORED and r.response is not None]
    blind = sum(response.usage.input_tokens is None for response in responses)
    if not blind:
        return []
    return [
        f"{blind} of {len(responses)} scores could not be checked: "
        "the server did not count these prompts, "
        "and a part that it drops in silence cannot be noticed"
    ]


def _untimed(header: Header, rows: list[Row]) -> list[str]:
    answered = [r for r in rows if r.response is not None]
    if header.imported is not None or not answered or any(r.total_s is not None for r in answered):
        return []
    return ["no times: the answers were collected from files, which tell none"]


def _model_names(asked: str, rows: list[Row]) -> list[str]:
    names = sorted({r.response.model for r in rows if r.response and r.response.model})
    if len(names) > 1:
        return [f"the server answered under several names during this run: {', '.join(names)}"]
    if names and names[0] != asked:
        return [
            f"{asked} answered as {names[0]}: an alias can change; "
            "ask for that name where runs are compared"
        ]
    return []
