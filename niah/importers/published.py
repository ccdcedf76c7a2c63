"""Published answers of BABILong and predictions of RULER as results of ours.

They are scored again by the origin's own rule (niah/scorers/origins.py). Each task of a folder becomes a run.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.importers import Imported, imported, imported_result, imported_trial, model_name
from niah.records import Result, Trial
from niah.scorers.origins import Facts, named, rule_of
from niah.text.lengths import length_of
from niah.text.outside import json_in

_BABILONG = re.compile(r"(qa\d+)_(\d+[kM])_")
_NO_FILLER = 1  # tokens: BABILong's 0k, which holds the facts alone


def read_babilong(path: Path, model: str | None) -> list[Imported]:
    """A folder of babilong_evals/MODEL: files qaN_LENGTH_....csv with target, output, question. Raises RunError."""
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
            by_task[task].append(_judged(trial, "babilong", row["output"], facts))
    name = model or (path.name if path.is_dir() else path.parent.name)
    table = _table(by_task)
    order = sorted(by_task, key=lambda task: int(task[2:]))
    runs = [imported("BABILong", name, task, by_task[task], "the answer (not told: all at 0)") for task in order]
    return [*runs[:-1], Imported(header=runs[-1].header, results=runs[-1].results, said=(*runs[-1].said, *table))]


def read_ruler(path: Path, model: str | None) -> list[Imported]:
    """A folder of RULER's predictions, LENGTH/pred/TASK.jsonl with input, outputs and pred. Raises RunError."""
    by_task: dict[str, list[Result]] = defaultdict(list)
    files = [
        f for f in (sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]) if not f.name.startswith("summary")
    ]
    for file in files:
        task, said = file.stem, [part for part in file.parts if part.isdigit()]
        for number, row in enumerate(_json_rows(file)):
            if not isinstance(row.get("pred"), str) or not row.get("outputs"):
                raise RunError(f"{file}:{number + 1}: a prediction of RULER has pred and outputs")
            facts = Facts(targets=tuple(map(str, row["outputs"])))
            length = int(said[-1]) if said else int(row["length"])
            place = str(row.get("input", "")).find(facts.targets[0])
            depth = round(10 * place / max(1, len(row.get("input", "")))) * 10.0 if place > 0 else 0.0
            trial = imported_trial(task, length, depth, number, row.get("index"), row["outputs"])
            rule = "ruler-part" if task.startswith("qa") else "ruler-all"
            by_task[task].append(_judged(trial, rule, row["pred"], facts))
    name = model_name([], model, path)
    return [imported("RULER", name, task, by_task[task], "the first value") for task in sorted(by_task)]


def _judged(trial: Trial, rule: str, answer: str, facts: Facts) -> Result:
    value, why = rule_of(rule).score(answer, facts), f"by {named(rule)}"
    return imported_result(trial, answer, facts.targets, value, "right" if value == 1 else "wrong", explanation=why)


def _table(by_task: Mapping[str, list[Result]]) -> Iterator[str]:
    """BABILong's own table: percent right of each task and length, and the mean over the tasks."""
    tasks = sorted(by_task, key=lambda task: int(task[2:]))
    lengths = sorted({r.trial.context_length for results in by_task.values() for r in results})
    yield "\t".join(["length", *tasks, "mean"])
    for length in lengths:
        shares = [_share(r.score for r in by_task[task] if r.trial.context_length == length) for task in tasks]
        known = [s for s in shares if s is not None]
        cells = ["" if s is None else f"{s:.1f}" for s in shares]
        yield "\t".join(["0k" if length == _NO_FILLER else f"{length:,}", *cells, f"{sum(known) / len(known):.1f}"])


def _share(scores: Iterable[float | None]) -> float | None:
    known = [s for s in scores if s is not None]
    return 100 * sum(known) / len(known) if known else None


def _csv_rows(file: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(2**31 - 1)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), 2):
                if any(row.get(key) is None for key in ("target", "output", "question")):
                    raise RunError(f"{file}:{number}: an answer of BABILong has target, output and question")
                yield row
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{file}: cannot be read ({error})") from error


def _json_rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json_in(line)
            if not isinstance(row, dict):
                raise ValueError("a line that is no object")
            yield row
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: cannot be read as JSON Lines ({error})") from error
