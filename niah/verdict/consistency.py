"""Whether a run log agrees with itself, before any verdict. No security boundary: who edits one can edit all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from niah.errors import RunError
from niah.records import Header, Outcome, Row

LEAST_COUNTED = 0.5  # of the tokens that a server should count, in a trial that has a score all the same


def check_consistent(header: Header, rows: Iterable[Row]) -> None:
    """Raises RunError for a log that contradicts itself, with the first trial that does.

    Stored answers are scored again by ``niah gate --verify``, which needs the haystack.
    """
    if header.imported is not None:
        return
    rows = list(rows)
    places = Counter((r.trial.context_length, r.trial.depth_percent, r.trial.epoch, r.trial.control) for r in rows)
    prompts = Counter(r.prompt_digest for r in rows if r.prompt_digest)
    for r in rows:
        t = r.trial
        wrong = None
        if places[t.context_length, t.depth_percent, t.epoch, t.control] > 1:
            wrong = "another trial stands at the same place; one of them was not run by niah"
        elif r.outcome is Outcome.SCORED:
            wrong = _contradiction(r, t.control is None and prompts[r.prompt_digest or ""] > 1)
        if wrong is not None:
            where = f"trial {t.id} ({t.context_length:,} tokens, depth {t.depth_percent:g} %, epoch {t.epoch})"
            raise RunError(f"{where}: {wrong}")


def _contradiction(r: Row, prompt_is_shared: bool) -> str | None:
    """What a trial with a score says against itself."""
    counted = None if r.response is None else r.response.usage.input_tokens
    if not r.prompt_digest:
        return "it has a score and no prompt; run it anew"
    if prompt_is_shared:
        return "another trial has the same prompt, so they are no two trials; run it anew"
    if r.score == 1 and r.answer_class == "wrong":
        return "its answer is called wrong and scored 1; score the run again: niah score RUN"
    if counted is not None and r.expected_input_tokens and counted < LEAST_COUNTED * r.expected_input_tokens:
        return f"the server counted {counted:,} of {r.expected_input_tokens:,} tokens, and it has a score; run it anew"
    return None
