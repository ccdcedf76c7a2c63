"""A page as one file: each run with its grid, figures and trials as plain values, and HTML, style
and script around it.

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
from niah.verdict.records import Comparison, Share
from niah.verdict.sample import BANDS

SCRIPTS = (
    "base.js",
    "grid.js",
    "trials.js",
    "curves.js",
    "compare.js",
)  # in this order; main.js begins
MOST_TRIALS = 10_000  # with more, all that are not right, and a part of the right ones
MOST_SIGNS = 20_000  # of an answer; what is left out is said
AROUND = 240  # characters before and after a needle


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The text around a needle, and what else was planted: of a prompt that was built again and
    checked."""

    question: str
    before: str
    needle: str
    after: str
    kinds: tuple[str, ...]  # of the planted needles, in the order of the placements


def surroundings_of(prompt: Prompt) -> Surroundings:
    """The asked needle where it stands; nothing around it where it does not stand in one piece."""
    planting, text = prompt.planting, prompt.text
    needle = planting.needles[0].text if planting.needles else ""
    at = text.find(needle) if needle and prompt.placements else -1
    before, after = (
        ("", "") if at < 0 else (text[max(0, at - AROUND) : at], text[at + len(needle) :][:AROUND])
    )
    kinds = tuple(n.answer_class for n in planting.needles)
    shown = needle if at >= 0 else ""
    return Surroundings(
        question=planting.question, before=before, needle=shown, after=after, kinds=kinds
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
    searched: Mapping[int, float] = field(
        default_factory=dict
    )  # what searching scores, by context length
    judges: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict
    )  # verdicts by judge and trial
    marks: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # by trial: mark, who, when
    agreed: Sequence[tuple[str, Agreed]] = ()  # scores beside people and judges


def page_data(
    told: Sequence[Told], comparisons: Sequence[Comparison | str] = (), history: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole page. ``comparisons``: of every run with the first, or why there is none;
    ``history``: of all runs."""
    titles = names_of([t.view for t in told], 60)
    runs = [run_data(t, title) for t, title in zip(told, titles, strict=True)]
    compared = [c if isinstance(c, str) else _comparison(c) for c in comparisons]
    return {
        "schema": 1,
        "colours": RED_GREEN,
        "runs": runs,
        "comparisons": compared,
        "history": history,
    }


def run_data(t: Told, title: str) -> dict[str, Any]:
    """One run."""
    g, f = t.view.grid, t.view.report
    held = None if f is None else held_by(f)
    shown, left_out = _chosen(t.trials)
    kind = "imported" if g.imported else "simulated" if g.simulated else "measured"
    weakest = list(weakest_lines(f)) if f else []
    return _without_none(
        {
            "name": t.name, "title": title, "model": t.view.model, "kind": kind, "tool": g.imported, "task": g.task,
            "haystack": g.haystack, "date": t.view.date, "headline": headline(t.view), "found": found_line(t.view),
            "lengths_said": lengths_line(t.view), "doubts": doubts_line(t.view), "recipe": recipe_line(t.view),
            "more": [*weakest, *control_labels(g.by_control)], "warnings": [*(f.notes if f else ()), *t.warnings],
            "whole": asdict(g.whole), "claimed": f.claimed if f else None, "effective": held.point if held else None,
            "threshold": held.threshold if held else None, "depth_of": g.depth_of, "lengths": g.context_lengths,
            "depths": g.depths, "cells": [_without_none(asdict(c)) for c in g.cells], "left_out": left_out,
            "media": {str(n): size.label for n, size in g.media.items()} or None,
            "media_kind": next((size.kind for size in g.media.values()), None),
            "controls": [_without_none(asdict(c)) for c in g.controls],
            "by_length": _by_length(t), "by_band": _by_band(t.view), "not_built": t.not_built,
            "agreed": [{"who": who, "said": a.words(), **asdict(a)} for who, a in t.agreed],
            "versions": {"niah": t.header.version, "haystack": t.header.haystack_digest,
                         "tokenizer": t.header.tokenizer, "version of the task": t.header.task_version},
            "toml": recipe_toml(t.header),
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
    usage = None if r.response is None else r.response.usage
    around = t.surroundings.get(r.trial.id)
    text = None if r.response is None else r.response.text
    place = r.placements[0] if r.placements else None
    known = (
        {}
        if around is None
        else {k: getattr(around, k) for k in ("question", "before", "needle", "after")}
    )
    kinds = around.kinds if around is not None else ()
    judged = {
        judge: verdicts[r.trial.id]
        for judge, verdicts in t.judges.items()
        if r.trial.id in verdicts
    }
    return _without_none(
        {
            "id": r.trial.id, "length": r.trial.context_length, "depth": r.trial.depth_percent, "epoch": r.trial.epoch,
            "control": r.trial.control, "outcome": r.outcome.value, "score": r.score, "why": r.explanation,
            "class": r.answer_class, "error": r.error,
            "expected": expected_label(r.trial, r.targets),
            "answer": None if text is None else text[:MOST_SIGNS],
            "signs": len(text) if text is not None and len(text) > MOST_SIGNS else None,
            "actual": None if place is None else place.actual_depth_percent, "tokens": r.prompt_tokens,
            "counted": usage and usage.input_tokens, "expected_count": r.expected_input_tokens,
            "cached": usage and usage.cached_tokens, "output": usage and usage.output_tokens,
            "first_s": r.first_token_s, "total_s": r.total_s, "attempts": r.attempts, "calls": len(r.calls) or None,
            "stop": r.response and r.response.stop_reason, "unique": r.unique_share, "digest": r.prompt_digest,
            "delivered": None if r.delivered is None else asdict(r.delivered),
            "places": [(p.actual_depth_percent, p.key, kinds[i] if i < len(kinds) else None)
                       for i, p in enumerate(r.placements)],
            "judges": judged or None, "mark": t.marks.get(r.trial.id), "parts": dict(r.parts) or None, **known,
        }
    )  # fmt: skip


def expected_label(trial: Trial, targets: Sequence[str]) -> str:
    """The targets, or that there is nothing to find."""
    return "that it is not there" if trial.control == "absent" else ", ".join(targets)


def _chosen(trials: Sequence[Result]) -> tuple[list[Result], str | None]:
    """The trials that are shown by cell and epoch, and what is left out of a very large run; never
    in silence."""

    def place(r: Result) -> tuple[int, str, float, int]:
        return r.trial.context_length, r.trial.control or "", r.trial.depth_percent, r.trial.epoch

    ordered = sorted(trials, key=place)
    if len(ordered) <= MOST_TRIALS:
        return ordered, None
    right = sum(r.score == 1 for r in ordered)
    room = max(1, MOST_TRIALS - (len(ordered) - right))
    step, kept, seen = max(1, -(-right // room)), [], 0
    for r in ordered:
        seen += r.score == 1
        if r.score != 1 or seen % step == 1 or step == 1:
            kept.append(r)
    gone = plural(len(ordered) - len(kept), "right answer")
    return (
        kept,
        (
            f"of {plural(len(ordered), 'trial')} all that are not right are listed; {gone} are left"
            " out of the list"
        ),
    )


def _by_length(t: Told) -> list[dict[str, Any]]:
    f = t.view.report
    if f is None:
        return []
    times = {at.context_length: at for at in f.times}
    return [
        _without_none(
            {
                "length": n, **asdict(r), "first_s": times[n].first_token_s if n in times else None,
                "total_s": times[n].total_s if n in times else None, "dollars": t.dollars.get(n),
                "search": t.searched.get(n),
            }
        )
        for n, r in f.by_length.items()
    ]  # fmt: skip


def _by_band(view: View) -> list[dict[str, Any]]:
    bands: Mapping[str, Share] = {} if view.report is None else view.report.by_band
    return [_without_none({"band": band, **asdict(bands[band])}) for band in BANDS if band in bands]


def _comparison(c: Comparison) -> dict[str, Any]:
    bands = [f"{band}: {change_words(p)}" for band, p in c.bands.items() if p.n]
    return {
        "before": c.before, "after": c.after, "said": change_words(c.whole), "bands": bands, "notes": c.notes,
        "cells": [_without_none(asdict(cell)) for cell in c.cells],
    }  # fmt: skip


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def page_html(data: Mapping[str, Any], *, served: bool = False) -> str:
    """A page. ``served``: by ``niah view``, which it may ask for news and tell marks."""
    runs: Sequence[Mapping[str, Any]] = data["runs"]
    title = runs[0]["headline"] if len(runs) == 1 else f"{len(runs)} runs"
    scripts = (*SCRIPTS, *(["view.js"] if served else []), "main.js")
    return document(
        f"{title} · {runs[0]['model']} · niah",
        _intro(runs),
        packed(data),
        scripts=scripts,
        served=served,
    )


def document(
    title: str, body: str, data: str = "", *, scripts: Sequence[str], served: bool = False
) -> str:
    """HTML around a body that is escaped already."""
    code = "\n".join(map(_asset, scripts))
    style, script = _asset("page.css"), f'"use strict";\n(() => {{\n{code}\n}})();\n'
    more = "form-action 'self'; connect-src 'self'" if served else "form-action 'none'"
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri"
        f" 'none'; {more}"
    )
    parts = {"title": html.escape(title), "policy": html.escape(policy), "body": body, "data": data}
    parts |= {"style": style, "script": script}
    return re.sub(r"{{(\w+)}}", lambda blank: parts[blank[1]], _asset("page.html"))


def packed(data: Mapping[str, Any]) -> str:
    """The data as the script unpacks it; the same data, the same bytes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def _intro(runs: Sequence[Mapping[str, Any]]) -> str:
    """What is seen before anything is unpacked, and where no script runs."""
    parts = []
    for run in runs:
        lines = [
            line for key in ("found", "lengths_said", "doubts", "recipe") if (line := run[key])
        ]
        warnings = "".join(f"<li>{html.escape(w)}</li>" for w in run["warnings"])
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        kind = {
            "simulated": "simulated reader, no model",
            "imported": f"imported from {run.get('tool')}",
        }
        chip = (
            '<span class="chip'
            f' {run["kind"]}">{html.escape(kind.get(run["kind"], run["kind"]))}</span>'
        )
        head = f"<h1>{html.escape(run['headline'])} {chip}</h1>"
        parts.append(
            f"<header>{head}{said}{f'<ul class=warnings>{warnings}</ul>' if warnings else ''}</header>"
        )
    return "".join(parts)


@cache
def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
