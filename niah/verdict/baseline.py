"""A run as a small JSON file, fit for git: what a comparison needs, no answers, a line per trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from niah.errors import RunError
from niah.records import Design, Header, Outcome, Part, Row, checked_score
from niah.text.outside import json_in
from niah.text.renamed import first_names, new_names

SCHEMA = 1
DIGEST = 12  # characters of a prompt's digest that a baseline keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The older run: its header, and the score of every trial (None: it has none)."""

    header: Header
    scores: Mapping[str, float | None]
    prompts: Mapping[str, str | None]  # the beginning of each prompt's digest
    saved: str | None = None  # date, where it is a file of its own
    finished: str | None = None  # when its last trial ended, ISO 8601; None: not known
    nats: Mapping[str, float | None] = field(default_factory=dict)  # cost of the right answer; None: not told
    served: tuple[str, ...] = ()  # the model as the server names it


def baseline_of(header: Header, results: Iterable[Row]) -> Baseline:
    """A run as the older side of a comparison. Control trials stay out."""
    ordinary = [r for r in results if r.trial.control is None]
    return Baseline(
        header=header,
        scores={r.trial.id: r.score for r in ordinary},
        prompts={r.trial.id: r.prompt_digest[:DIGEST] if r.prompt_digest else None for r in ordinary},
        finished=last_answer(ordinary),
        nats={r.trial.id: r.target_nats for r in ordinary if r.target_nats is not None},
        served=served_by(ordinary),
    )


def mean_baseline(baselines: Sequence[Baseline]) -> Baseline:
    """Several runs of one recipe as one: the mean score of every trial, so that no lucky run stays one for ever.

    A trial without a score in any of them has none. Raises RunError for runs of different trials.
    """
    last = max(baselines, key=lambda b: b.finished or "")
    for other in baselines:
        if digest_of(other.header) != digest_of(last.header) or other.scores.keys() != last.scores.keys():
            raise RunError("the runs of one baseline must be of the same recipe and trials; save those that are alike")
    scores, nats = (
        {i: _mean([t.get(i) for t in some]) for i in last.scores}
        for some in ([b.scores for b in baselines], [b.nats for b in baselines])
    )
    return replace(last, scores=scores, nats=nats, served=tuple(sorted({name for b in baselines for name in b.served})))


def served_by(results: Iterable[Row]) -> tuple[str, ...]:
    """The names that a server gave the model of some trials."""
    return tuple(sorted({r.response.model for r in results if r.response is not None and r.response.model}))


def _mean(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if len(told) == len(values) else None


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
    """The baseline of a file's text. Raises RunError for anything else, also for a header that was edited."""
    try:
        table: dict[str, Any] = json_in(text, parse_constant=_no_number)
        if table["kind"] != "baseline" or table["schema"] != SCHEMA:
            raise KeyError("kind")
        header, trials = _header(table["header"]), table["trials"]
        names = header.design.model, header.config.get("model")
        if header.schema != SCHEMA or not all(isinstance(name, str) for name in names):
            raise ValueError(f"header of schema {header.schema}, model {names[1]!r}")
        if not trials:
            raise ValueError("it holds no trials")
        baseline = Baseline(
            header=header,
            scores={i: None if s is None else checked_score(s, Outcome.SCORED) for i, _, s, *_ in trials},
            prompts={i: prompt for i, prompt, *_ in trials},
            nats={i: float(nats[0]) for i, _, _, *nats in trials if nats},
            served=tuple(map(str, table.get("served", ()))),
            saved=table["saved"],
            finished=table.get("finished"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{name}: no baseline of this niah ({error}); make one with: niah baseline save RUN") from error
    if table.get("recipe_digest") != digest_of(header):
        raise RunError(
            f"{name}: its recipe digest is not that of its header; save it again with: niah baseline save RUN"
        )
    if table.get("trials_digest") != _digest(_rows(baseline)):
        raise RunError(f"{name}: its trials were changed by hand; save it again with: niah baseline save RUN")
    return baseline


def _header(table: Mapping[str, Any]) -> Header:
    parts = _parts(table.get("extended", ()))
    d = table["design"]
    grid = {"lengths": tuple(d["lengths"]), "depths": tuple(d["depths"]), "cells": _parts(d.get("cells", ()))}
    design = Design(**{**d, **grid, "recipe": new_names(d["recipe"])})
    return Header(**{**table, "extended": parts, "design": design, "config": new_names(table["config"])})


def _parts(tables: Iterable[Mapping[str, Any]]) -> tuple[Part, ...]:
    return tuple(Part(lengths=tuple(p["lengths"]), depths=tuple(p["depths"]), epochs=p["epochs"]) for p in tables)


def _rows(baseline: Baseline) -> list[list[Any]]:
    told = {i: [nats] for i, nats in baseline.nats.items() if nats is not None}
    return [[i, baseline.prompts[i], score, *told.get(i, ())] for i, score in sorted(baseline.scores.items())]


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def digest_of(header: Header) -> str:
    """A digest of what decides the prompts of a run, and nothing of the model."""
    recipe, config = first_names(header.design.recipe), first_names(header.config)
    stated = {key: config.get(key) for key in recipe}  # the same, unless somebody edited one of them
    return _digest([recipe, stated, header.haystack_digest, header.tokenizer, header.task_version])


def _digest(table: object) -> str:
    canonical = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
