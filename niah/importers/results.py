"""Results of other tools: LLMTest_NeedleInAHaystack, needlehaystack 2, inspect_evals' niah task,
BABILong and RULER.

The first (Greg Kamradt, 2023) writes a JSON file per trial, or lists of trials; older lists call
the length ``token_limit`` and do not name the model; all trials of a run share one haystack and one
needle. The second (2026) writes one JSON object a line, with scores from 0 to 1 and errors as lines
of their own. A judge model of the first and the third gave 1 (nothing of it) to 10 (all of it);
here 1 becomes 0 and 10 becomes 1. Published answers of BABILong and predictions of RULER are scored
again by the origin's own rule (niah/scorers/origins.py); each of their tasks is a run.
"""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.importers import (
    Checked,
    Imported,
    checked,
    grid_words,
    header_of,
    imported,
    imported_result,
    imported_trial,
    json_of,
    model_name,
    named_after,
    rows_of,
)
from niah.records import Placement, Result, Trial, Usage
from niah.scorers.origins import Facts, named, rule_of
from niah.text.lengths import length_of
from niah.text.outside import json_in

KAMRADT = "LLMTest_NeedleInAHaystack"
NEEDLEHAYSTACK2 = "needlehaystack 2"
_SCHEMA = 2
_JUDGED = "one needle, judged 1 to 10"
_SCALE = _LEAST, _MOST = 1, 10
_IDENTITY = (
    "needle",
    "version",
    "haystack_dir",
    "retrieval_question",
)  # what decides a prompt, as far as it is told

_BABILONG = re.compile(r"(qa\d+)_(\d+[kM])_")
_NO_FILLER = 1  # tokens: BABILong's 0k, which holds the facts alone

Row = dict[str, Any]


def read_kamradt(path: Path, model: str | None) -> Imported:
    """A results file, or a folder of them. Raises RunError, naming file and trial."""
    rows = [placed for file in _files(path) for placed in _trials(file)]
    seen: Counter[tuple[int, float]] = Counter()
    results, scores = [], defaultdict(list)
    for where, row in rows:
        result, score = _judged(where, row, seen)
        results.append(result)
        scores[result.trial.context_length, result.trial.depth_percent].append(score)
    created = max(
        (str(row["test_timestamp_utc"]) for _, row in rows if row.get("test_timestamp_utc")),
        default="unknown",
    )
    name = model_name([row.get("model") for _, row in rows], model, path)
    said = (grid_words(results), _scale(list(scores.values())))
    return Imported(
        header=header_of(KAMRADT, name, _JUDGED, results, created),
        results=tuple(results),
        said=said,
    )


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise RunError(f"{path}: no .json file in this folder")
    return files


def _trials(file: Path) -> Iterator[tuple[str, Row]]:
    table = json_of(file)
    rows = table if isinstance(table, list) else [table]
    for number, row in enumerate(rows, 1):
        where = f"{file}: trial {number}" if isinstance(table, list) else str(file)
        if (
            not isinstance(row, dict)
            or not {"context_length", "token_limit"} & set(row)
            or "depth_percent" not in row
        ):
            raise RunError(
                f"{where}: a trial needs context_length (or token_limit), depth_percent and score"
            )
        yield where, row


def _judged(where: str, row: Row, seen: Counter[tuple[int, float]]) -> tuple[Result, float | None]:
    """One trial and the judge's score."""
    tokens = row["context_length" if "context_length" in row else "token_limit"]
    read = checked(
        where,
        tokens,
        row["depth_percent"],
        row.get("score"),
        row.get("test_duration_seconds"),
        _SCALE,
    )
    epoch = seen[read.length, read.depth]
    seen[read.length, read.depth] += 1
    identity, needle = (
        (epoch, *(row.get(key) for key in _IDENTITY)),
        str(row.get("needle") or "").strip(),
    )
    score = read.score
    result = imported_result(
        imported_trial(_JUDGED, read.length, read.depth, epoch, *identity),
        row.get("model_response"),
        [needle] if needle else [],
        _share_of(score),
        explanation=_judgement(score),
        total_s=read.seconds,
    )
    return result, score


def _share_of(score: float | None) -> float | None:
    return None if score is None else (score - _LEAST) / (_MOST - _LEAST)


def _judgement(score: float | None) -> str | None:
    return None if score is None else f"judged {score:g} of {_MOST}"


def _scale(cells: list[list[float | None]]) -> str:
    """The figures of the tool's own scale."""
    scored = [[s for s in cell if s is not None] for cell in cells]
    scored = [cell for cell in scored if cell]
    every = [s for cell in scored for s in cell]
    if not every:
        return "no scores"
    means = sum(sum(cell) / len(cell) for cell in scored) / len(scored)
    full = sum(all(s == _MOST for s in cell) for cell in scored)
    return (
        f"scores {_LEAST} to {_MOST}: sum {sum(every):,g}, mean {sum(every) / len(every):.4f}, mean"
        f" of cell means {means:.4f}, {full:,} cells at {_MOST} throughout; here {_LEAST} is 0 and"
        f" {_MOST} is 1"
    )


def read_needlehaystack2(path: Path, model: str | None) -> Imported:
    """A results file. A trial that was tried again counts once, by its last line. Raises
    RunError."""
    rows, damaged = _lines(path)
    last: dict[tuple[Any, ...], tuple[Row, Checked]] = {}
    for where, row in rows:
        read = _checked(where, row)
        last[str(row["model_id"]), read.length, read.depth, str(row.get("seed"))] = (row, read)
    epochs: Counter[tuple[int, float]] = Counter()
    results = []
    for row, read in last.values():
        results.append(_tried(row, read, epochs[read.length, read.depth]))
        epochs[read.length, read.depth] += 1
    task = next((str(row["task_type"]) for _, row in rows), "")
    created = max(
        (str(row["timestamp_utc"]) for _, row in rows if row.get("timestamp_utc")),
        default="unknown",
    )
    name = model_name([str(row["model_id"]) for _, row in rows], model, path)
    said = [grid_words(results)]
    if damaged:
        said.append(f"{damaged} damaged lines were left out")
    header = header_of(NEEDLEHAYSTACK2, name, task, results, created)
    return Imported(header=header, results=tuple(results), said=tuple(said))


def _lines(path: Path) -> tuple[list[tuple[str, Row]], int]:
    """The whole lines, and how many are damaged: the tool writes its next line right behind one
    that was cut off."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # no other sign ends a line of JSON
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: not a JSON Lines file ({error})") from error
    read = ((number, _line(line)) for number, line in enumerate(lines, 1) if line.strip())
    rows = [(f"{path}:{number}", row) for number, row in read if row is not None]
    if not rows:
        raise RunError(f"{path}: no line of {NEEDLEHAYSTACK2} (schema_version {_SCHEMA}) in it")
    return rows, sum(bool(line.strip()) for line in lines) - len(rows)


def _line(line: str) -> Row | None:
    try:
        row = json_in(line)
    except ValueError:
        return None
    needed = {
        "schema_version",
        "model_id",
        "task_type",
        "context_length",
        "target_depth_percent",
        "status",
    }
    return (
        row
        if isinstance(row, dict) and needed <= set(row) and row["schema_version"] == _SCHEMA
        else None
    )


def _checked(where: str, row: Row) -> Checked:
    """The numbers of a line. Raises RunError for what is not as the tool writes it."""
    scored = row.get("score") if row["status"] == "ok" else None
    experiment = row.get("recipe") or {}
    if scored is not None and (not isinstance(scored, dict) or scored.get("value") is None):
        raise RunError(
            f"{where}: score {scored!r} of a trial that is ok, without a value from 0 to 1"
        )
    try:
        for placement in experiment.get("needle_placements", ()):
            _placement(placement, 0.0)
        int(experiment.get("final_context_token_count", 0))
        _usage(row)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{where}: not a line of {NEEDLEHAYSTACK2} ({type(error).__name__}: {error})"
        ) from error
    score = None if scored is None else scored["value"]
    seconds = row.get("duration_seconds")
    return checked(
        where, row["context_length"], row["target_depth_percent"], score, seconds, (0, 1)
    )


def _tried(row: Row, read: Checked, epoch: int) -> Result:
    experiment, score = row.get("recipe") or {}, read.score
    identity = [row.get("seed"), row.get("expected_answer"), experiment.get("haystack")]
    result = imported_result(
        imported_trial(str(row["task_type"]), read.length, read.depth, epoch, *identity),
        row.get("response"),
        [str(row["expected_answer"])] if row.get("expected_answer") else [],
        score,
        prompt_tokens=int(experiment.get("final_context_token_count", read.length)),
        total_s=read.seconds,
        finished=str(row.get("timestamp_utc") or ""),
        **({"error": str(row["error"])} if row.get("error") else {}),
    )
    placements = tuple(_placement(p, read.depth) for p in experiment.get("needle_placements", ()))
    response = result.response and replace(result.response, usage=_usage(row))
    return replace(result, placements=placements, response=response)


def _usage(row: Row) -> Usage:
    usage = row.get("usage") or {}
    return Usage(input_tokens=usage.get("input_tokens"), output_tokens=usage.get("output_tokens"))


def _placement(placement: Row, asked: float) -> Placement:
    return Placement(
        key=str(placement["text"]).strip()[:40],
        depth_percent=asked,
        actual_depth_percent=float(placement["actual_depth_percent"]),
        tokens_before=int(placement["insertion_token_index"]),
    )


def read_inspect(path: Path, model: str | None) -> list[Imported]:
    """A log of inspect_evals' niah task, .json or .eval. Raises RunError."""
    log = _inspect_log(path)
    try:
        name = model_name([(log.get("eval") or {}).get("model")], model, path)
        samples = enumerate(log.get("samples") or [], 1)
        results = [
            _inspected(f"{path}: sample {number}", number, sample) for number, sample in samples
        ]
    except (AttributeError, LookupError, TypeError) as error:
        raise RunError(
            f"{path}: not as inspect_ai writes it ({type(error).__name__}: {error})"
        ) from error
    return imported("inspect_ai", name, {"niah": results})


def _inspected(where: str, number: int, sample: Row) -> Result:
    about = sample.get("metadata") or {}
    if "target_context_length" not in about:
        raise RunError(f"{where}: none of inspect_evals' niah task (no target_context_length)")
    value = next((s.get("value") for s in (sample.get("scores") or {}).values()), None)
    grade = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    length, depth = (
        about["target_context_length"],
        about.get("target_position", about.get("position")),
    )
    read = checked(where, length, depth, grade, sample.get("total_time"), _SCALE)
    trial = imported_trial(
        "niah", read.length, read.depth, number, sample.get("id"), sample.get("epoch")
    )
    target, judged = [str(sample.get("target", ""))], _judgement(read.score)
    return imported_result(
        trial, _completion(sample), target, _share_of(read.score), explanation=judged
    )


def _inspect_log(path: Path) -> dict[str, Any]:
    """A log in either of its two formats: one JSON file, or a zip with a file for each sample."""
    try:
        if not zipfile.is_zipfile(path):
            log = json_in(path.read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(path) as archive:
                inside = sorted(n for n in archive.namelist() if n.startswith("samples/"))
                log = json_in(archive.read("header.json"))
                log["samples"] = [json_in(archive.read(name)) for name in inside]
        if not isinstance(log, dict):
            raise ValueError("no object")
        return log
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise RunError(
            f"{path}: not a log of inspect_ai ({error})"
        ) from error  # RuntimeError: packed in another way


def _completion(sample: Row) -> str | None:
    choices = (sample.get("output") or {}).get("choices") or []
    content = choices[0].get("message", {}).get("content") if choices else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return None if content is None else str(content)


def read_babilong(path: Path, model: str | None) -> list[Imported]:
    """A folder of babilong_evals/MODEL: files qaN_LENGTH_....csv with target, output, question.
    Raises RunError."""
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
    """A folder of RULER's predictions, LENGTH/pred/TASK.jsonl with input, outputs and pred. Raises
    RunError."""
    by_task, told = defaultdict[str, list[Result]](list), Counter[str]()
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    for file in (f for f in files if not f.name.startswith("summary")):
        task, above = (
            file.stem,
            [folder.name for folder in file.resolve().parents[:2] if folder.name.isdigit()],
        )
        for number, row in enumerate(rows_of(file)):
            where, text = f"{file}:{number + 1}", str(row.get("input", ""))
            if (
                not isinstance(row.get("pred"), str)
                or not isinstance(row.get("outputs"), list)
                or not row["outputs"]
            ):
                raise RunError(f"{where}: a prediction of RULER has pred and outputs")
            facts = Facts(targets=tuple(map(str, row["outputs"])))
            place = text.find(facts.targets[0])
            depth = round(10 * place / len(text)) * 10.0 if place > 0 else 0.0
            told[task] += place >= 0
            read = checked(
                where, int(above[0]) if above else row.get("length"), depth, None, None, (0, 1)
            )
            trial = imported_trial(
                task, read.length, depth, number, row.get("index"), row["outputs"]
            )
            rule = "ruler-part" if task.startswith("qa") else "ruler-all"
            by_task[task].append(_by_rule(trial, rule, row["pred"], facts))
    return imported(
        "RULER", model_name([], model, path), dict(sorted(by_task.items())), "the first value", told
    )


def _by_rule(trial: Trial, rule: str, answer: str, facts: Facts) -> Result:
    value, why = rule_of(rule).score(answer, facts), f"by {named(rule)}"
    said = "right" if value == 1 else "wrong"
    return imported_result(trial, answer, facts.targets, value, answer_class=said, explanation=why)


def _table(by_task: Mapping[str, list[Result]]) -> Iterator[str]:
    """BABILong's own table: percent right of each task and length, and the mean over the tasks."""
    tasks = list(by_task)
    lengths = sorted({r.trial.context_length for results in by_task.values() for r in results})
    yield "\t".join(["length", *tasks, "mean"])
    for length in lengths:
        shares = [
            _share(r.score for r in by_task[task] if r.trial.context_length == length)
            for task in tasks
        ]
        known = [s for s in shares if s is not None]
        cells = ["" if s is None else f"{s:.1f}" for s in shares]
        yield "\t".join(
            [
                "0k" if length == _NO_FILLER else f"{length:,}",
                *cells,
                f"{sum(known) / len(known):.1f}",
            ]
        )


def _share(scores: Iterable[float | None]) -> float | None:
    known = [s for s in scores if s is not None]
    return 100 * sum(known) / len(known) if known else None


def _csv_rows(file: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(2**31 - 1)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), 2):
                if any(row.get(key) is None for key in ("target", "output", "question")):
                    raise RunError(
                        f"{file}:{number}: an answer of BABILong has target, output and question"
                    )
                yield row
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{file}: cannot be read ({error})") from error
