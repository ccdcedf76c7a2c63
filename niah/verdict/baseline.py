"""A run as a small JSON file, fit for git (what a comparison needs, no answers, a line per trial),
and whether runs may be judged and compared: a log agrees with itself, what decides their prompts is
the same, and neither is a copy.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The older run: its header, and the score of every trial (None: it has none)."""

    header: Header
    scores: Mapping[str, float | None]
    prompts: Mapping[str, str | None]  # the beginning of each prompt's digest
    saved: str | None = None  # date, where it is a file of its own
    finished: str | None = None  # when its last trial ended, ISO 8601; None: not known
    nats: Mapping[str, float | None] = field(
        default_factory=dict
    )  # cost of the right answer; None: not told
    served: tuple[str, ...] = ()  # the model as the server names it


def baseline_of(header: Header, results: Iterable[Row]) -> Baseline:
    """A run as the older side of a comparison. Control trials stay out."""
    ordinary = [r for r in results if r.trial.control is None]
    return Baseline(
        header=header,
        scores={r.trial.id: r.score for r in ordinary},
        prompts={
            r.trial.id: r.prompt_digest[:DIGEST] if r.prompt_digest else None for r in ordinary
        },
        finished=last_answer(ordinary),
        nats={r.trial.id: r.target_nats for r in ordinary if r.target_nats is not None},
        served=served_by(ordinary),
    )


def mean_baseline(baselines: Sequence[Baseline]) -> Baseline:
    """Several runs of one recipe as one: the mean score of every trial, so that no lucky run stays
    one for ever.

    A trial without a score in any of them has none. Raises RunError for runs of different trials.
    """
    last = max(baselines, key=lambda b: b.finished or "")
    for other in baselines:
        if (
            digest_of(other.header) != digest_of(last.header)
            or other.scores.keys() != last.scores.keys()
        ):
            raise RunError(
                "the runs of one baseline must be of the same recipe and trials; save those that"
                " are alike"
            )

    def mean(values: Sequence[float | None]) -> float | None:
        told = [value for value in values if value is not None]
        return sum(told) / len(told) if len(told) == len(values) else None

    scores, nats = (
        {i: mean([t.get(i) for t in some]) for i in last.scores}
        for some in ([b.scores for b in baselines], [b.nats for b in baselines])
    )
    return replace(
        last,
        scores=scores,
        nats=nats,
        served=tuple(sorted({name for b in baselines for name in b.served})),
    )


def served_by(results: Iterable[Row]) -> tuple[str, ...]:
    """The names that a server gave the model of some trials."""
    return tuple(
        sorted({r.response.model for r in results if r.response is not None and r.response.model})
    )


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
    """The baseline of a file's text. Raises RunError for anything else, also for a header that was
    edited."""
    try:
        table: dict[str, Any] = json_in(text, parse_constant=_no_number)
        if table["kind"] != "baseline" or table["schema"] != SCHEMA:
            raise KeyError("kind")
        header, trials = _header(table["header"]), table["trials"]
        names = header.design.model, header.config.get("model"), header.created
        if header.schema != SCHEMA or not all(isinstance(name, str) for name in names):
            raise ValueError(f"header of schema {header.schema}, model {names[1]!r}")
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
            finished=table.get("finished"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{name}: no baseline of this niah ({error}); make one with: niah baseline save RUN"
        ) from error
    if table.get("recipe_digest") != digest_of(header):
        raise RunError(
            f"{name}: its recipe digest is not that of its header; save it again with: niah"
            " baseline save RUN"
        )
    if table.get("trials_digest") != _digest(_rows(baseline)):
        raise RunError(
            f"{name}: its trials were changed by hand; save it again with: niah baseline save RUN"
        )
    return baseline


def _header(table: Mapping[str, Any]) -> Header:
    parts = _parts(table.get("extended", ()))
    d = table["design"]
    grid = {
        "lengths": tuple(d["lengths"]),
        "depths": tuple(d["depths"]),
        "cells": _parts(d.get("cells", ())),
    }
    design = Design(**{**d, **grid, "recipe": new_names(d["recipe"])})
    return Header(
        **{**table, "extended": parts, "design": design, "config": new_names(table["config"])}
    )


def _parts(tables: Iterable[Mapping[str, Any]]) -> tuple[Part, ...]:
    return tuple(
        Part(lengths=tuple(p["lengths"]), depths=tuple(p["depths"]), epochs=p["epochs"])
        for p in tables
    )


def _rows(baseline: Baseline) -> list[list[Any]]:
    told = {i: [nats] for i, nats in baseline.nats.items() if nats is not None}
    return [
        [i, baseline.prompts[i], score, *told.get(i, ())]
        for i, score in sorted(baseline.scores.items())
    ]


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def digest_of(header: Header) -> str:
    """A digest of what decides the prompts of a run, and nothing of the model."""
    recipe, config = first_names(header.design.recipe), first_names(header.config)
    stated = {
        key: config.get(key) for key in recipe
    }  # the same, unless somebody edited one of them
    return _digest([recipe, stated, header.haystack_digest, header.tokenizer, header.task_version])


def _digest(table: object) -> str:
    canonical = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def check_baseline(baseline: Baseline, header: Header, results: Iterable[Row]) -> None:
    """Raises RunError for what is no baseline of a run: a copy of it, or a simulated reader for a
    model."""
    simulated, was = (h.design.simulated for h in (header, baseline.header))
    if simulated != was:
        names = (
            ("a simulated reader", "a model") if simulated else ("a model", "a simulated reader")
        )
        raise RunError(
            f"the run is of {names[0]}, its baseline of {names[1]}: neither can tell whether the"
            " other lost"
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


def check_comparable(
    baseline: Baseline, header: Header, ordinary: Sequence[Row], *, partly: bool = False
) -> None:
    """Raises RunError where two runs asked other things; ``partly`` allows trials that only one of
    them has."""
    old, differing = baseline.header, recipe_differences(baseline.header, header)
    unknown = sum(r.trial.id not in baseline.scores for r in ordinary)
    if ordinary and unknown == len(ordinary):
        why = "; ".join(differing or [_other_prompts(old, header)])
        raise RunError(f"the runs have no trial in common, so they cannot be compared: {why}")
    if not partly and header.imported is None:
        if differing:
            raise RunError(
                "the runs are of different recipes, so a gate cannot compare them:"
                f" {'; '.join(differing)}"
            )
        if unknown:
            raise RunError(
                f"the baseline lacks {unknown} of {len(ordinary)} trials of the run; finish it, and"
                " save it again with: niah baseline save RUN"
            )
    for r in ordinary:
        before = baseline.prompts.get(r.trial.id)
        if before and r.prompt_digest and not r.prompt_digest.startswith(before):
            raise RunError(
                f"trial {r.trial.id} had another prompt in the baseline (niah {old.version}); "
                "save a new baseline with this version"
            )


def recipe_differences(old: Header, new: Header) -> list[str]:
    """In what two runs differ that decides their prompts, in words. A setting that one niah did not
    know is none."""
    was, now = old.design.recipe, new.design.recipe
    found = [
        f"{k} was {_short(was[k])}, is {_short(now[k])}"
        for k in sorted({*was} & {*now})
        if was[k] != now[k]
    ]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack differs")
    if None not in (heard := {old.recordings_digest, new.recordings_digest}) and len(heard) > 1:
        found.append("the recordings of the haystack differ")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found


def _other_prompts(old: Header, new: Header) -> str:
    """Why runs of the same settings hold other trials: niah changed what it asks, between or within
    versions."""
    versions = (
        f"by niah {old.version} and {new.version}"
        if old.version != new.version
        else f"by a niah {new.version} each"
    )
    return (
        f"their settings agree and their prompts do not; they were made {versions}, "
        f"on {old.created[:10]} and {new.created[:10]}: run both again with one niah"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."


LEAST_COUNTED = (
    0.5  # of the tokens that a server should count, in a trial that has a score all the same
)


def check_consistent(header: Header, rows: Iterable[Row]) -> None:
    """Raises RunError for a log that contradicts itself, with the first trial that does.

    Stored answers are scored again by ``niah gate --verify``, which needs the haystack.
    """
    if header.imported is not None:
        return
    rows = list(rows)
    places = Counter(
        (r.trial.context_length, r.trial.depth_percent, r.trial.epoch, r.trial.control)
        for r in rows
    )
    prompts = Counter(r.prompt_digest for r in rows if r.prompt_digest)
    for r in rows:
        t = r.trial
        wrong = None
        if places[t.context_length, t.depth_percent, t.epoch, t.control] > 1:
            wrong = "another trial stands at the same place; one of them was not run by niah"
        elif r.outcome is Outcome.SCORED:
            wrong = _contradiction(r, t.control is None and prompts[r.prompt_digest or ""] > 1)
        if wrong is not None:
            where = (
                f"trial {t.id} ({t.context_length:,} tokens, depth {t.depth_percent:g} %, epoch"
                f" {t.epoch})"
            )
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
    if (
        counted is not None
        and r.expected_input_tokens
        and counted < LEAST_COUNTED * r.expected_input_tokens
    ):
        return (
            f"the server counted {counted:,} of {r.expected_input_tokens:,} tokens, and it has a"
            " score; run it anew"
        )
    return None
