"""A run as a small JSON file, fit for git: what a comparison needs, no answers, a line per trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.records import Design, Header, Outcome, Part, Row, checked_score
from niah.text.outside import json_in
from niah.verdict.counts import MISSING, all_counts_of
from niah.verdict.grid import grid_of
from niah.verdict.pairs import Baseline

SCHEMA = 1


def baseline_json(baseline: Baseline, saved: str) -> str:
    """The file's text. ``saved`` is a date (ISO 8601)."""
    top = {
        "kind": "baseline",
        "schema": SCHEMA,
        "saved": saved,
        "finished": baseline.finished,
        "recipe_digest": digest_of(baseline.header),
        "trials_digest": _digest(_rows(baseline)),
        "header": asdict(baseline.header),
    }
    head = json.dumps(top, ensure_ascii=False, indent=1).removesuffix("\n}")
    rows = [json.dumps(row) for row in _rows(baseline)]
    return head + ',\n "trials": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"


def check_finished(folder: Path, header: Header, results: Iterable[Row]) -> None:
    """Raises RunError for a run with trials that are missing or in error: what is not there cannot be lost."""
    if header.imported is not None:
        return
    counts = all_counts_of(grid_of(header, results))
    unfinished = counts[MISSING] + counts[Outcome.ERROR]
    if unfinished:
        raise RunError(f"{folder}: {unfinished} trials are missing or errors; finish the run before it is a baseline")


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
            scores={i: None if score is None else checked_score(score, Outcome.SCORED) for i, _, score in trials},
            prompts={i: prompt for i, prompt, _ in trials},
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
    parts = tuple(
        Part(lengths=tuple(p["lengths"]), depths=tuple(p["depths"]), epochs=p["epochs"])
        for p in table.get("extended", ())
    )
    d = table["design"]
    design = Design(**{**d, "lengths": tuple(d["lengths"]), "depths": tuple(d["depths"])})
    return Header(**{**table, "extended": parts, "design": design})


def _rows(baseline: Baseline) -> list[list[Any]]:
    return [[i, baseline.prompts[i], score] for i, score in sorted(baseline.scores.items())]


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def digest_of(header: Header) -> str:
    """A digest of what decides the prompts of a run, and nothing of the model."""
    recipe = dict(header.design.recipe)
    stated = {key: header.config.get(key) for key in recipe}  # the same, unless somebody edited one of them
    return _digest([recipe, stated, header.haystack_digest, header.tokenizer, header.task_version])


def _digest(table: object) -> str:
    canonical = json.dumps(table, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
