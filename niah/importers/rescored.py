"""Answers of BABILong and RULER, scored again by the origin's own rule; each task is a run."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from niah.errors import RunError
from niah.importers import (
    Imported,
    checked,
    imported,
    imported_result,
    imported_trial,
    model_name,
    named_after,
    rows_of,
)
from niah.records import Result, Trial
from niah.scorers.origins import Facts, named, rule_of
from niah.text.lengths import length_of

_BABILONG = re.compile(r"(qa\d+)_(\d+[kM])_")  # qa1_4k_....csv
_NO_FILLER = 1  # tokens: BABILong's 0k, which holds the facts alone


def read_babilong(path: Path, model: str | None) -> list[Imported]:
    """A folder of babilong_evals/MODEL: qaN_LENGTH_....csv with target, output, question."""
    by_task: dict[str, list[Result]] = defaultdict(list)
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    for file in files:
        found = _BABILONG.search(file.name)
        if found is None:
            raise RunError(f"{file}: not a file of BABILong's answers (qa1_4k_....csv)")
        task, length = found[1], _NO_FILLER if found[2] == "0k" else length_of(found[2])
        for number, row in enumerate(_csv_rows(file)):
            facts = Facts(targets=(row["target"],), question=row["question"], task=task)
            identity = (row.get("") or number, row["question"], row["target"])
            trial = imported_trial(task, length, 0.0, number, *identity)
            by_task[task].append(_by_rule(trial, "babilong", row["output"], facts))
    name = model or named_after(path if path.is_dir() else path.parent)
    ordered = {task: by_task[task] for task in sorted(by_task, key=lambda task: int(task[2:]))}
    runs = imported("BABILong", name, ordered, "the answer", told={})
    return [*runs[:-1], replace(runs[-1], said=(*runs[-1].said, *_table(ordered)))]


def read_ruler(path: Path, model: str | None) -> list[Imported]:
    """A folder of RULER's predictions: LENGTH/pred/TASK.jsonl with input, outputs and pred."""
    by_task, told = defaultdict[str, list[Result]](list), Counter[str]()
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    for file in (f for f in files if not f.name.startswith("summary")):
        task = file.stem
        rule = "ruler-part" if task.startswith("qa") else "ruler-all"
        above = [int(f.name) for f in file.resolve().parents[:2] if f.name.isdecimal()]
        for number, row in enumerate(rows_of(file)):
            where, outputs = f"{file}:{number + 1}", row.get("outputs")
            if not isinstance(row.get("pred"), str) or not isinstance(outputs, list) or not outputs:
                raise RunError(f"{where}: a prediction of RULER has pred and outputs")
            facts, text = Facts(targets=tuple(map(str, outputs))), str(row.get("input", ""))
            place = text.find(facts.targets[0])
            depth = round(10 * place / len(text)) * 10.0 if place > 0 else 0.0
            told[task] += place >= 0
            length = above[0] if above else row.get("length")
            read = checked(where, length, depth, None, None, (0, 1))
            trial = imported_trial(task, read.length, depth, number, row.get("index"), outputs)
            by_task[task].append(_by_rule(trial, rule, row["pred"], facts))
    name = model_name([], model, path)
    return imported("RULER", name, dict(sorted(by_task.items())), "the first value", told)


def _by_rule(trial: Trial, rule: str, answer: str, facts: Facts) -> Result:
    value, why = rule_of(rule).score(answer, facts), f"by {named(rule)}"
    said = "right" if value == 1 else "wrong"
    return imported_result(trial, answer, facts.targets, value, answer_class=said, explanation=why)


def _table(by_task: Mapping[str, list[Result]]) -> Iterator[str]:
    """BABILong's own table: percent right of each task and length, and the mean over the tasks."""
    lengths = sorted({r.trial.context_length for results in by_task.values() for r in results})
    yield "\t".join(["length", *by_task, "mean"])
    for length in lengths:
        shares = []
        for results in by_task.values():
            scores = [r.score or 0 for r in results if r.trial.context_length == length]
            shares.append(100 * sum(scores) / len(scores) if scores else None)
        known = [share for share in shares if share is not None]
        cells = ["" if share is None else f"{share:.1f}" for share in shares]
        label = "0k" if length == _NO_FILLER else f"{length:,}"
        yield "\t".join([label, *cells, f"{sum(known) / len(known):.1f}"])


def _csv_rows(file: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(2**31 - 1)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), 2):
                if any(row.get(key) is None for key in ("target", "output", "question")):
                    what = "an answer of BABILong has target, output and question"
                    raise RunError(f"{file}:{number}: {what}")
                yield row
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{file}: cannot be read ({error})") from error
