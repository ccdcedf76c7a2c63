"""A page as one file: runs with grid, figures and trials as plain values in HTML, style and script.

Field names are short where they stand in every trial; a value that was not measured is left out.
Style and script are named in a policy by their hashes and no address is allowed, so that nothing a
model answers can run, load or send anything. The data is compressed and in base64: no answer can
end the element that holds it.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any

from niah.plotter.formatting import control_labels, plural
from niah.plotter.look import RED_GREEN
from niah.plotter.report_text import change_words
from niah.plotter.summary import (
    View,
    doubts_line,
    found_line,
    headline,
    held_by,
    lengths_line,
    names_of,
    recipe_line,
    weakest_lines,
)
from niah.records import Header, Prompt, Result, Trial
from niah.verdict.pairs import Agreed
from niah.verdict.records import Cell, CellChange, Comparison, Control

SCRIPTS = ("base.js", "grid.js", "trials.js", "curves.js", "compare.js")  # so ordered, then main.js
MOST_TRIALS = 10_000  # with more, all that are not right, and a part of the right ones
MOST_SIGNS = 20_000  # of an answer; what is left out is said
AROUND = 240  # characters before and after a needle


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The text around a needle, and what else was planted: of a prompt built again and checked."""

    question: str
    before: str
    needle: str
    after: str
    kinds: tuple[str, ...]  # of the planted needles, in the order of the placements


def surroundings_of(prompt: Prompt) -> Surroundings:
    """The asked needle where it stands; nothing around it where it does not stand in one piece."""
    planting = prompt.planting
    asked = planting.needles[0].text if planting.needles and prompt.placements else ""
    before, needle, after = prompt.text.partition(asked) if asked else ("", "", "")
    return Surroundings(
        question=planting.question,
        before=before[-AROUND:] if needle else "",
        needle=needle,
        after=after[:AROUND],
        kinds=tuple(n.answer_class for n in planting.needles),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A run with everything that its page tells."""

    name: str
    view: View
    header: Header
    trials: Sequence[Result]
    surroundings: Mapping[str, Surroundings] = field(default_factory=dict)  # by trial
    not_built: str | None = None  # why some or all surroundings are missing
    warnings: Sequence[str] = ()
    dollars: Mapping[int, float] = field(default_factory=dict)  # by context length
    # what searching scores, by context length
    searched: Mapping[int, float] = field(default_factory=dict)
    # verdicts by judge and trial
    judges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    # by trial: mark, who, when
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    agreed: Sequence[tuple[str, Agreed]] = ()  # scores beside people and judges


def page_data(
    told: Sequence[Told], comparisons: Sequence[Comparison | str] = (), history: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole page. ``comparisons`` are of each run with the first, or why there is none."""
    titles = names_of([t.view for t in told], 60)
    runs = [run_data(t, title) for t, title in zip(told, titles, strict=True)]
    compared = [c if isinstance(c, str) else _comparison(c) for c in comparisons]
    page = {"schema": 1, "colours": RED_GREEN, "runs": runs}
    return {**page, "comparisons": compared, "history": history}


def run_data(t: Told, title: str) -> dict[str, Any]:
    """One run."""
    view, g, f, header = t.view, t.view.grid, t.view.report, t.header
    held = held_by(f)
    shown, left_out = _chosen(t.trials)
    measured = "simulated" if g.simulated else "measured"
    return _without_none(
        {
            "name": t.name, "title": title, "model": view.model,
            "kind": "imported" if g.imported else measured, "tool": g.imported,
            "task": g.task, "haystack": g.haystack, "date": view.date,
            "headline": headline(view), "found": found_line(view),
            "lengths_said": lengths_line(view), "doubts": doubts_line(view),
            "recipe": recipe_line(view),
            "more": [*weakest_lines(f), *control_labels(g.by_control)],
            "warnings": [*f.notes, *t.warnings],
            "whole": asdict(g.whole), "claimed": f.claimed,
            "effective": held and held.point, "threshold": held and held.threshold,
            "depth_of": g.depth_of, "lengths": g.context_lengths, "depths": g.depths,
            "cells": _tables(g.cells), "left_out": left_out,
            "media": {str(n): size.label for n, size in g.media.items()} or None,
            "media_kind": next((size.kind for size in g.media.values()), None),
            "controls": _tables(g.controls),
            "by_length": _by_length(t),
            "by_band": [_without_none({"band": b, **asdict(r)}) for b, r in f.by_band.items()],
            "not_built": t.not_built,
            "agreed": [{"who": who, "said": a.words(), **asdict(a)} for who, a in t.agreed],
            "versions": {"niah": header.version, "haystack": header.haystack_digest,
                         "tokenizer": header.tokenizer, "version of the task": header.task_version},
            "toml": recipe_toml(header),
            "trials": [trial_data(r, t) for r in shown],
        }
    )  # fmt: skip


def recipe_toml(header: Header) -> str:
    """The config as a file that ``niah run`` takes; empty for a run of another tool."""
    if header.imported is not None:
        return "# imported results: the tool that made them has its recipe"
    keys = {k: v for k, v in header.config.items() if v is not None and v not in ({}, [], ())}
    return "\n".join(f"{k} = {_toml(v)}" for k, v in keys.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def trial_data(r: Result, t: Told) -> dict[str, Any]:
    """One trial."""
    trial, answered, around = r.trial, r.response, t.surroundings.get(r.trial.id)
    usage, text = answered and answered.usage, answered and answered.text
    known = {} if around is None else asdict(around)
    kinds = known.pop("kinds", ())
    judged = {judge: said[trial.id] for judge, said in t.judges.items() if trial.id in said}
    return _without_none(
        {
            "id": trial.id, "length": trial.context_length, "depth": trial.depth_percent,
            "epoch": trial.epoch, "control": trial.control, "outcome": r.outcome.value,
            "score": r.score, "why": r.explanation, "class": r.answer_class, "error": r.error,
            "expected": expected_label(trial, r.targets),
            "answer": text and text[:MOST_SIGNS],
            "signs": len(text) if text and len(text) > MOST_SIGNS else None,
            "actual": r.placements[0].actual_depth_percent if r.placements else None,
            "tokens": r.prompt_tokens, "counted": usage and usage.input_tokens,
            "expected_count": r.expected_input_tokens, "cached": usage and usage.cached_tokens,
            "output": usage and usage.output_tokens, "first_s": r.first_token_s,
            "total_s": r.total_s, "attempts": r.attempts, "calls": len(r.calls) or None,
            "stop": answered and answered.stop_reason, "unique": r.unique_share,
            "digest": r.prompt_digest, "delivered": r.delivered and asdict(r.delivered),
            "places": [(p.actual_depth_percent, p.key, kind)
                       for p, kind in zip_longest(r.placements, kinds[: len(r.placements)])],
            "judges": judged or None, "mark": t.marks.get(trial.id),
            "parts": dict(r.parts) or None, **known,
        }
    )  # fmt: skip


def expected_label(trial: Trial, targets: Sequence[str]) -> str:
    """The targets, or that there is nothing to find."""
    return "that it is not there" if trial.control == "absent" else ", ".join(targets)


def _chosen(trials: Sequence[Result]) -> tuple[list[Result], str | None]:
    """The trials that are shown by cell and epoch, and what is left out of a very large run."""

    def place(r: Result) -> tuple[int, str, float, int]:
        return r.trial.context_length, r.trial.control or "", r.trial.depth_percent, r.trial.epoch

    ordered = sorted(trials, key=place)
    if len(ordered) <= MOST_TRIALS:
        return ordered, None
    right = sum(r.score == 1 for r in ordered)
    room = max(1, MOST_TRIALS - (len(ordered) - right))
    step, kept, seen = max(1, -(-right // room)), [], 0
    for r in ordered:
        if r.score != 1 or seen % step == 0:
            kept.append(r)
        seen += r.score == 1
    gone = plural(len(ordered) - len(kept), "right answer")
    listed = f"of {plural(len(ordered), 'trial')} all that are not right are listed"
    return kept, f"{listed}; {gone} are left out of the list"


def _by_length(t: Told) -> list[dict[str, Any]]:
    times = {at.context_length: at for at in t.view.report.times}
    rows = []
    for n, r in t.view.report.by_length.items():
        at = times.get(n)
        seconds = {"first_s": at and at.first_token_s, "total_s": at and at.total_s}
        costs = {"dollars": t.dollars.get(n), "search": t.searched.get(n)}
        rows.append(_without_none({"length": n, **asdict(r), **seconds, **costs}))
    return rows


def _comparison(c: Comparison) -> dict[str, Any]:
    bands = [f"{band}: {change_words(p)}" for band, p in c.bands.items() if p.n]
    words = {"before": c.before, "after": c.after, "said": change_words(c.whole), "bands": bands}
    return {**words, "notes": c.notes, "cells": _tables(c.cells)}


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _tables(cells: Sequence[Cell | Control | CellChange]) -> list[dict[str, Any]]:
    return [_without_none(asdict(cell)) for cell in cells]


def page_html(data: Mapping[str, Any], *, served: bool = False) -> str:
    """A page. ``served``: by ``niah view``, which it may ask for news and tell marks."""
    runs: Sequence[Mapping[str, Any]] = data["runs"]
    said = runs[0]["headline"] if len(runs) == 1 else f"{len(runs)} runs"
    title = f"{said} · {runs[0]['model']} · niah"
    scripts = (*SCRIPTS, *(["view.js"] if served else []), "main.js")
    return document(title, _intro(runs), _packed(data), scripts=scripts, served=served)


def document(
    title: str, body: str, data: str = "", *, scripts: Sequence[str], served: bool = False
) -> str:
    """HTML around a body that is escaped already."""
    code = "\n".join(map(_asset, scripts))
    style, script = _asset("page.css"), f'"use strict";\n(() => {{\n{code}\n}})();\n'
    more = "form-action 'self'; connect-src 'self'" if served else "form-action 'none'"
    sources = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; {more}"
    parts = {"title": html.escape(title), "policy": html.escape(policy), "body": body, "data": data}
    parts |= {"style": style, "script": script}
    return re.sub(r"{{(\w+)}}", lambda blank: parts[blank[1]], _asset("page.html"))


def _packed(data: Mapping[str, Any]) -> str:
    """The data as the script unpacks it; the same data, the same bytes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def _intro(runs: Sequence[Mapping[str, Any]]) -> str:
    """What is seen before anything is unpacked, and where no script runs."""
    parts = []
    for run in runs:
        kind = run["kind"]
        told = {
            "simulated": "simulated reader, no model",
            "imported": f"imported from {run.get('tool')}",
        }
        chip = f'<span class="chip {kind}">{html.escape(told.get(kind, kind))}</span>'
        head = f"<h1>{html.escape(run['headline'])} {chip}</h1>"
        lines = filter(None, (run[key] for key in ("found", "lengths_said", "doubts", "recipe")))
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        warnings = "".join(f"<li>{html.escape(w)}</li>" for w in run["warnings"])
        warnings = f"<ul class=warnings>{warnings}</ul>" if warnings else ""
        parts.append(f"<header>{head}{said}{warnings}</header>")
    return "".join(parts)


@cache
def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
