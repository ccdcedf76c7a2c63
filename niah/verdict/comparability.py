"""Whether runs may be judged, and compared: a log agrees with itself, what decides their prompts is the same, and
neither is a copy. No security boundary: who edits a log can edit all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from niah.errors import RunError
from niah.records import Header, Outcome, Row
from niah.verdict.baseline import Baseline, last_answer

LONGEST_VALUE = 60  # characters of a setting, in a message


def check_baseline(baseline: Baseline, header: Header, results: Iterable[Row]) -> None:
    """Raises RunError for what is no baseline of a run: a copy of it, or a simulated reader for a model."""
    simulated, was = (h.design.simulated for h in (header, baseline.header))
    if simulated != was:
        names = ("a simulated reader", "a model") if simulated else ("a model", "a simulated reader")
        raise RunError(f"the run is of {names[0]}, its baseline of {names[1]}: neither can tell whether the other lost")
    ordinary = [r for r in results if r.trial.control is None]
    last = last_answer(ordinary)
    dated = header.imported is None and last is not None
    begun = (last, header.created) == (baseline.finished, baseline.header.created)
    if dated and begun and {r.trial.id for r in ordinary} == set(baseline.scores):
        raise RunError(
            f"the run is a copy of its baseline (both begun {header.created}, last answer {last}): "
            "a run is never worse than itself; sweep again under another --name"
        )


def check_comparable(baseline: Baseline, header: Header, ordinary: Sequence[Row], *, partly: bool = False) -> None:
    """Raises RunError where two runs asked other things; ``partly`` allows trials that only one of them has."""
    old, differing = baseline.header, recipe_differences(baseline.header, header)
    unknown = sum(r.trial.id not in baseline.scores for r in ordinary)
    if ordinary and unknown == len(ordinary):
        why = "; ".join(differing or [_other_prompts(old, header)])
        raise RunError(f"the runs have no trial in common, so they cannot be compared: {why}")
    if not partly and header.imported is None:
        if differing:
            raise RunError(f"the runs are of different recipes, so a gate cannot compare them: {'; '.join(differing)}")
        if unknown:
            raise RunError(
                f"the baseline lacks {unknown} of {len(ordinary)} trials of the run; finish it, and save it again "
                "with: niah baseline save RUN"
            )
    for r in ordinary:
        before = baseline.prompts.get(r.trial.id)
        if before and r.prompt_digest and not r.prompt_digest.startswith(before):
            raise RunError(
                f"trial {r.trial.id} had another prompt in the baseline (niah {old.version}); "
                "save a new baseline with this version"
            )


def recipe_differences(old: Header, new: Header) -> list[str]:
    """In what two runs differ that decides their prompts, in words. A setting that one niah did not know is none."""
    was, now = old.design.recipe, new.design.recipe
    found = [f"{k} was {_short(was[k])}, is {_short(now[k])}" for k in sorted({*was} & {*now}) if was[k] != now[k]]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack differs")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found


def _other_prompts(old: Header, new: Header) -> str:
    """Why runs of the same settings hold other trials: niah changed what it asks, between or within versions."""
    versions = (
        f"by niah {old.version} and {new.version}" if old.version != new.version else f"by a niah {new.version} each"
    )
    return (
        f"their settings agree and their prompts do not; they were made {versions}, "
        f"on {old.created[:10]} and {new.created[:10]}: run both again with one niah"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."


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
