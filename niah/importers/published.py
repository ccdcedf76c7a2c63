"""Published answers of BABILong, predictions of RULER, and inspect_ai's logs of its niah task, as results of ours.

BABILong's and RULER's answers are scored again by the origin's own rule (niah/scorers/origins.py); inspect_ai's keep
the score of its judge model, 1 to 10. Each task of a folder becomes a run of its own.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.importers.imported import Imported, checked, grid_words, header_of, imported_trial, model_name
from niah.records import Outcome, Response, Result, Score, Usage
from niah.scorers.origins import Facts, named, rule_of
from niah.text.lengths import length_of
from niah.text.outside import json_in

_BABILONG = re.compile(r"(qa\d+)_(\d+[kM])_")
_NO_FILLER = 1  # tokens: BABILong's 0k, which holds the facts alone

Row = Mapping[str, Any]


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
            score = _judged("babilong", row["output"], facts)
            identity = (row.get("") or number, row["question"], row["target"])
            by_task[task].append(_result(task, length, 0.0, number, identity, row["output"], facts.targets, score))
    name = model or (path.name if path.is_dir() else path.parent.name)
    table = _table(by_task)
    order = sorted(by_task, key=lambda task: int(task[2:]))
    runs = [_imported("BABILong", name, task, by_task[task], "the answer (not told: all at 0)") for task in order]
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
            score = _judged("ruler-part" if task.startswith("qa") else "ruler-all", row["pred"], facts)
            length = int(said[-1]) if said else int(row["length"])
            place = str(row.get("input", "")).find(facts.targets[0])
            depth = round(10 * place / max(1, len(row.get("input", "")))) * 10.0 if place > 0 else 0.0
            identity = (row.get("index"), row["outputs"])
            by_task[task].append(_result(task, length, depth, number, identity, row["pred"], facts.targets, score))
    name = model_name([], model, path)
    return [_imported("RULER", name, task, by_task[task], "the first value") for task in sorted(by_task)]


def read_inspect(path: Path, model: str | None) -> list[Imported]:
    """A log of inspect_evals' niah task, .json or .eval. Raises RunError."""
    log = _inspect_log(path)
    samples, name = log.get("samples") or [], model_name([log.get("eval", {}).get("model")], model, path)
    results = []
    for number, sample in enumerate(samples, 1):
        where, about = f"{path}: sample {number}", sample.get("metadata") or {}
        if "target_context_length" not in about:
            raise RunError(f"{where}: none of inspect_evals' niah task (no target_context_length)")
        value = next((s.get("value") for s in (sample.get("scores") or {}).values()), None)
        grade = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        length, depth = about["target_context_length"], about.get("target_position", about.get("position"))
        read = checked(where, length, depth, None if grade is None else float(grade), sample.get("total_time"), (1, 10))
        score = None if read.score is None else (read.score - 1) / 9
        judged = (
            None
            if score is None
            else Score(
                value=score, answer_class="right" if score == 1 else "wrong", explanation=f"judged {read.score:g} of 10"
            )
        )
        text = _completion(sample)
        identity = (sample.get("id"), sample.get("epoch"))
        target = (str(sample.get("target", "")),)
        results.append(_result("niah", read.length, read.depth, number, identity, text, target, judged))
    return [_imported("inspect_ai", name, "niah", results, "the needle")]


def _judged(rule: str, answer: str, facts: Facts) -> Score:
    value = rule_of(rule).score(answer, facts)
    return Score(value=value, answer_class="right" if value == 1 else "wrong", explanation=f"by {named(rule)}")


def _result(
    task: str,
    length: int,
    depth: float,
    epoch: int,
    identity: tuple[object, ...],
    answer: str | None,
    targets: tuple[str, ...],
    score: Score | None,
) -> Result:
    return Result(
        trial=imported_trial(task, length, depth, epoch, *identity),
        outcome=Outcome.ERROR if score is None else Outcome.SCORED,
        placements=(),
        targets=targets,
        prompt_tokens=length,
        prompt_digest=None,
        unique_share=None,
        response=None if answer is None else Response(text=answer, stop_reason=None, usage=Usage()),
        score=None if score is None else score.value,
        answer_class=None if score is None else score.answer_class,
        explanation=None if score is None else score.explanation,
        error="no score" if score is None else None,
    )


def _imported(tool: str, model: str, task: str, results: list[Result], depth_of: str) -> Imported:
    header = header_of(tool, model, task, results, "unknown", depth_of=depth_of, shared=False)
    return Imported(header=header, results=tuple(results), said=(f"{task}: {grid_words(results)}",))


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


def _inspect_log(path: Path) -> dict[str, Any]:
    """A log in either of its two formats: one JSON file, or a zip with a file for each sample."""
    try:
        if not zipfile.is_zipfile(path):
            log = json.loads(path.read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(path) as archive:
                inside = sorted(n for n in archive.namelist() if n.startswith("samples/"))
                log = json.loads(archive.read("header.json"))
                log["samples"] = [json.loads(archive.read(name)) for name in inside]
        if not isinstance(log, dict):
            raise ValueError("no object")
        return log
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: not a log of inspect_ai ({error})") from error


def _completion(sample: Row) -> str | None:
    choices = (sample.get("output") or {}).get("choices") or []
    content = choices[0].get("message", {}).get("content") if choices else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return None if content is None else str(content)
