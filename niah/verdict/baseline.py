"""A run as a small JSON file, fit for git, and whether runs may be judged and compared.

The file holds what a comparison needs: no answers, a line per trial. Runs may be compared where
each log agrees with itself, what decides their prompts is the same, and neither is a copy.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from niah.errors import RunError
from niah.records import Design, Header, Outcome, Part, Row, checked_score
from niah.text.outside import json_in
from niah.text.renamed import first_names, new_names

SCHEMA = 1
DIGEST = 12  # characters of a prompt's digest that a baseline keeps
LONGEST_VALUE = 60  # characters of a setting, in a message
LEAST_COUNTED = 0.5  # of the tokens that a server should count, in a trial that has a score


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The older run: its header, and the score of every trial (None: it has none)."""

    header: Header
    scores: Mapping[str, float | None]
    prompts: Mapping[str, str | None]  # the beginning of each prompt's digest
    saved: str | None = None  # date, where it is a file of its own
    finished: str | None = None  # when its last trial ended, ISO 8601; None: not known
    # cost of the right answer; None: not told
    nats: Mapping[str, float | None] = field(default_factory=dict)
    served: tuple[str, ...] = ()  # the model as the server names it


def baseline_of(header: Header, results: Iterable[Row]) -> Baseline:
    """A run as the older side of a comparison. Control trials stay out."""
    ordinary = [r for r in results if r.trial.control is None]
    return Baseline(
        header=header,
        scores={r.trial.id: r.score for r in ordinary},
        prompts={r.trial.id: (r.prompt_digest or "")[:DIGEST] or None for r in ordinary},
        finished=last_answer(ordinary),
        nats={r.trial.id: r.target_nats for r in ordinary if r.target_nats is not None},
        served=served_by(ordinary),
    )


def mean_baseline(baselines: Sequence[Baseline]) -> Baseline:
    """Several runs of one recipe as one, by each trial's mean score: no lucky run stays for ever.

    A trial without a score in any of them has none. Raises RunError for runs of different trials,
    or of different models.
    """
    last = max(baselines, key=lambda b: b.finished or "")
    if len({(digest_of(b.header), frozenset(b.scores)) for b in baselines}) > 1:
        raise RunError(
            "the runs of one baseline must be of the same recipe and trials; "
            "save those that are alike"
        )
    if len(models := sorted({b.header.design.model for b in baselines})) > 1:
        raise RunError(
            f"the runs of one baseline must be of one model, not of {', '.join(models)};"
            " save each by itself"
        )
    served = {name for b in baselines for name in b.served}
    return replace(
        last,
        scores={i: _mean([b.scores[i] for b in baselines]) for i in last.scores},
        nats={i: _mean([b.nats.get(i) for b in baselines]) for i in last.scores},
        served=tuple(sorted(served)),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if len(told) == len(values) else None


def served_by(results: Iterable[Row]) -> tuple[str, ...]:
    """The names that a server gave the model of some trials."""
    named = {r.response.model for r in results if r.response is not None}
    return tuple(sorted(name for name in named if name))


def last_answer(results: Iterable[Row]) -> str | None:
    """When the last of some trials ended, as it is logged."""
    return max((r.finished for r in results if r.finished), default=None)


def baseline_json(baseline: Baseline, saved: str) -> str:
    """The file's text. ``saved`` is a date (ISO 8601)."""
    top = {
        "kind": "baseline",
        "schema": SCHEMA,
        "saved": saved,
        "finished": baseline.finished,
        "served": baseline.served,
        "recipe_digest": digest_of(baseline.header),
        "trials_digest": _digest(_rows(baseline)),
        "header": asdict(baseline.header),
    }
    head = json.dumps(top, ensure_ascii=False, indent=1).removesuffix("\n}")
    rows = [json.dumps(row) for row in _rows(baseline)]
    return head + ',\n "trials": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"


def baseline_from(text: str, name: str) -> Baseline:
    """The baseline of a file's text. Raises RunError for anything else, edited ones included."""
    try:
        table: dict[str, Any] = json_in(text, parse_constant=_no_number)
        if table["kind"] != "baseline" or table["schema"] != SCHEMA:
            raise KeyError("kind")
        header, trials = _header(table["header"]), table["trials"]
        model, finished = header.config.get("model"), table.get("finished")
        texts = (header.design.model, model, header.created, finished or "")
        if header.schema != SCHEMA or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"header of schema {header.schema}, model {model!r}")
        if not trials:
            raise ValueError("it holds no trials")
        baseline = Baseline(
            header=header,
            scores={
                i: None if s is None else checked_score(s, Outcome.SCORED) for i, _, s, *_ in trials
            },
            prompts={i: prompt for i, prompt, *_ in trials},
            nats={i: float(nats[0]) for i, _, _, *nats in trials if nats},
            served=tuple(map(str, table.get("served", ()))),
            saved=table["saved"],
            finished=finished,
        )
        digest = _digest(_rows(baseline))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{name}: no baseline of this niah ({error}); make one with: niah baseline save RUN"
        ) from error
    again = "save it again with: niah baseline save RUN"
    if table.get("recipe_digest") != digest_of(header):
        raise RunError(f"{name}: its recipe digest is not that of its header; {again}")
    if table.get("trials_digest") != digest:
        raise RunError(f"{name}: its trials were changed by hand; {again}")
    return baseline


def _header(table: Mapping[str, Any]) -> Header:
    d = table["design"]
    cells = tuple(Part(**_grid(p)) for p in d.get("cells", ()))
    design = Design(**{**_grid(d), "cells": cells, "recipe": new_names(d["recipe"])})
    parts = tuple(Part(**_grid(p)) for p in table.get("extended", ()))
    config = new_names(table["config"])
    return Header(**{**table, "extended": parts, "design": design, "config": config})


def _grid(table: Mapping[str, Any]) -> dict[str, Any]:
    return {**table, "lengths": tuple(table["lengths"]), "depths": tuple(table["depths"])}


def _rows(baseline: Baseline) -> list[list[Any]]:
    told = {i: [nats] for i, nats in baseline.nats.items() if nats is not None}
    scores = sorted(baseline.scores.items())
    return [[i, baseline.prompts[i], score, *told.get(i, ())] for i, score in scores]


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def digest_of(header: Header) -> str:
    """A digest of what decides the prompts of a run, and nothing of the model."""
    recipe, config = first_names(header.design.recipe), first_names(header.config)
    stated = {key: config.get(key) for key in recipe}  # the same, unless one of them was edited
    return _digest([recipe, stated, header.haystack_digest, header.tokenizer, header.task_version])


def _digest(table: object) -> str:
    canonical = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def check_baseline(baseline: Baseline, header: Header, results: Iterable[Row]) -> None:
    """Raises RunError for no baseline of a run: a copy, or a simulated reader for a model."""
    now, was = _kind(header), _kind(baseline.header)
    if now != was:
        raise RunError(
            f"the run is of {now}, its baseline of {was}: neither can tell whether the other lost"
        )
    ordinary = [r for r in results if r.trial.control is None]
    last = last_answer(ordinary)
    dated = header.imported is None and last is not None
    begun = (last, header.created) == (baseline.finished, baseline.header.created)
    if dated and begun and {r.trial.id for r in ordinary} == set(baseline.scores):
        raise RunError(
            f"the run is a copy of its baseline (both begun {header.created}, last answer {last}): "
            "a run is never worse than itself; sweep again under another --name"
        )


def _kind(header: Header) -> str:
    return "a simulated reader" if header.design.simulated else "a model"


def check_comparable(
    baseline: Baseline, header: Header, ordinary: Sequence[Row], *, partly: bool = False
) -> None:
    """Raises RunError where runs asked other things; ``partly`` allows trials that only one has."""
    old, differing = baseline.header, recipe_differences(baseline.header, header)
    unknown = sum(r.trial.id not in baseline.scores for r in ordinary)
    if ordinary and unknown == len(ordinary):
        why = "; ".join(differing or [_other_prompts(old, header)])
        raise RunError(f"the runs have no trial in common, so they cannot be compared: {why}")
    if not partly and header.imported is None:
        if differing:
            told = "the runs are of different recipes, so a gate cannot compare them"
            raise RunError(f"{told}: {'; '.join(differing)}")
        if unknown:
            raise RunError(
                f"the baseline lacks {unknown} of {len(ordinary)} trials of the run; "
                "finish it, and save it again with: niah baseline save RUN"
            )
    for r in ordinary:
        before = baseline.prompts.get(r.trial.id)
        if before and r.prompt_digest and not r.prompt_digest.startswith(before):
            raise RunError(
                f"trial {r.trial.id} had another prompt in the baseline (niah {old.version}); "
                "save a new baseline with this version"
            )


def recipe_differences(old: Header, new: Header) -> list[str]:
    """In what two runs differ that decides their prompts; no setting that one niah did not know."""
    was, now = old.design.recipe, new.design.recipe
    changed = sorted(key for key in was.keys() & now.keys() if was[key] != now[key])
    found = [f"{key} was {_short(was[key])}, is {_short(now[key])}" for key in changed]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack differs")
    heard = old.recordings_digest, new.recordings_digest
    if None not in heard and heard[0] != heard[1]:
        found.append("the recordings of the haystack differ")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found


def _other_prompts(old: Header, new: Header) -> str:
    """Why runs of the same settings hold other trials: niah changed what it asks."""
    versions = f"by niah {old.version} and {new.version}"
    if old.version == new.version:
        versions = f"by a niah {new.version} each"
    return (
        f"their settings agree and their prompts do not; they were made {versions}, "
        f"on {old.created[:10]} and {new.created[:10]}: run both again with one niah"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."


def check_consistent(header: Header, rows: Iterable[Row]) -> None:
    """Raises RunError for a log that contradicts itself, with the first trial that does.

    Stored answers are scored again by ``niah gate --verify``, which needs the haystack.
    """
    if header.imported is not None:
        return
    rows = list(rows)
    trials = [r.trial for r in rows]
    places = Counter((t.context_length, t.depth_percent, t.epoch, t.control) for t in trials)
    prompts = Counter(r.prompt_digest for r in rows if r.prompt_digest)
    for r in rows:
        t = r.trial
        wrong = None
        if places[t.context_length, t.depth_percent, t.epoch, t.control] > 1:
            wrong = "another trial stands at the same place; one of them was not run by niah"
        elif r.outcome is Outcome.SCORED:
            wrong = _contradiction(r, t.control is None and prompts[r.prompt_digest or ""] > 1)
        if wrong is not None:
            where = f"{t.context_length:,} tokens, depth {t.depth_percent:g} %, epoch {t.epoch}"
            raise RunError(f"trial {t.id} ({where}): {wrong}")


def _contradiction(r: Row, prompt_is_shared: bool) -> str | None:
    """What a trial with a score says against itself."""
    counted = None if r.response is None else r.response.usage.input_tokens
    expected = r.expected_input_tokens
    if not r.prompt_digest:
        return "it has a score and no prompt; run it anew"
    if prompt_is_shared:
        return "another trial has the same prompt, so they are no two trials; run it anew"
    if r.score == 1 and r.answer_class == "wrong":
        return "its answer is called wrong and scored 1; score the run again: niah score RUN"
    if counted is not None and expected and counted < LEAST_COUNTED * expected:
        told = f"the server counted {counted:,} of {expected:,} tokens"
        return f"{told}, and it has a score; run it anew"
    return None
