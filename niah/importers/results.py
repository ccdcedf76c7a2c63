"""Scores of other tools: LLMTest_NeedleInAHaystack, needlehaystack 2 and inspect_evals' niah task.

The first (Greg Kamradt, 2023) writes a JSON file per trial, or lists of trials; older lists call
the length ``token_limit`` and do not name the model; all trials of a run share one haystack and one
needle. The second (2026) writes one JSON object a line, with scores from 0 to 1 and errors as lines
of their own. A judge model of the first and the third gave 1 (nothing of it) to 10 (all of it);
here 1 becomes 0 and 10 becomes 1.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from niah.errors import RunError
from niah.importers import (
    Imported,
    checked,
    finite,
    grid_words,
    header_of,
    imported,
    imported_result,
    imported_trial,
    json_of,
    model_name,
    whole,
)
from niah.records import Placement, Result, Usage
from niah.text.outside import json_in

KAMRADT = "LLMTest_NeedleInAHaystack"
NEEDLEHAYSTACK2 = "needlehaystack 2"
_SCHEMA = 2
_JUDGED = "one needle, judged 1 to 10"
_SCALE = _LEAST, _MOST = 1, 10
# what decides a prompt, as far as it is told
_IDENTITY = ("needle", "version", "haystack_dir", "retrieval_question")
# in a line of needlehaystack 2
_NEEDED = frozenset(
    {"schema_version", "model_id", "task_type", "context_length", "target_depth_percent", "status"}
)
_COUNTS = ("input_tokens", "output_tokens")
# RuntimeError: packed in another way
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, RuntimeError, BadZipFile, zlib.error)

Row = dict[str, Any]


def read_kamradt(path: Path, model: str | None) -> Imported:
    """A results file, or a folder of them. Raises RunError, naming file and trial."""
    rows = [placed for file in _files(path) for placed in _trials(file)]
    seen: Counter[tuple[int, float]] = Counter()
    results, scores = [], defaultdict(list)
    for where, row in rows:
        result, score = _judged(where, row, seen)
        results.append(result)
        if score is not None:
            scores[result.trial.context_length, result.trial.depth_percent].append(score)
    name = model_name([row.get("model") for _, row in rows], model, path)
    header = header_of(KAMRADT, name, _JUDGED, results, _latest(rows, "test_timestamp_utc"))
    said = (grid_words(results), _scale(list(scores.values())))
    return Imported(header=header, results=tuple(results), said=said)


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise RunError(f"{path}: no .json file in this folder")
    return files


def _latest(rows: Sequence[tuple[str, Row]], key: str) -> str:
    """When a run was made: the last time in its rows."""
    return max((str(row[key]) for _, row in rows if row.get(key)), default="unknown")


def _trials(file: Path) -> Iterator[tuple[str, Row]]:
    table = json_of(file)
    rows = table if isinstance(table, list) else [table]
    for number, row in enumerate(rows, 1):
        where = f"{file}: trial {number}" if isinstance(table, list) else str(file)
        keys = set(row) if isinstance(row, dict) else set()
        if "depth_percent" not in keys or not {"context_length", "token_limit"} & keys:
            raise RunError(
                f"{where}: a trial needs context_length (or token_limit), depth_percent and score"
            )
        yield where, row


def _judged(where: str, row: Row, seen: Counter[tuple[int, float]]) -> tuple[Result, float | None]:
    """One trial and the judge's score."""
    length = row["context_length" if "context_length" in row else "token_limit"]
    score, seconds = row.get("score"), row.get("test_duration_seconds")
    read = checked(where, length, row["depth_percent"], score, seconds, _SCALE)
    epoch = seen[read.length, read.depth]
    seen[read.length, read.depth] += 1
    identity = (row.get(key) for key in _IDENTITY)
    trial = imported_trial(_JUDGED, read.length, read.depth, epoch, epoch, *identity)
    needle = str(row.get("needle") or "").strip()
    told = {**_by_judge(read.score), "total_s": read.seconds}
    result = imported_result(trial, row.get("model_response"), [needle] if needle else [], **told)
    return result, read.score


def _by_judge(score: float | None) -> dict[str, Any]:
    """The score of a judge's, from 0 to 1, and what it was."""
    if score is None:
        return {"score": None}
    share = (score - _LEAST) / (_MOST - _LEAST)
    return {"score": share, "explanation": f"judged {score:g} of {_MOST}"}


def _scale(cells: Sequence[Sequence[float]]) -> str:
    """The figures of the tool's own scale."""
    if not cells:
        return "no scores"
    every = [score for cell in cells for score in cell]
    means = fmean(map(fmean, cells))
    full = sum(min(cell) == _MOST for cell in cells)
    return (
        f"scores {_LEAST} to {_MOST}: sum {sum(every):,g}, mean {fmean(every):.4f}, "
        f"mean of cell means {means:.4f}, {full:,} cells at {_MOST} throughout; "
        f"here {_LEAST} is 0 and {_MOST} is 1"
    )


def read_needlehaystack2(path: Path, model: str | None) -> Imported:
    """A results file, or RunError. Of a trial that was tried again the last line counts."""
    rows, damaged = _lines(path)
    last: dict[tuple[Any, ...], Result] = {}
    for where, row in rows:
        result = _tried(where, row)
        cell = (result.trial.context_length, result.trial.depth_percent)
        last[str(row["model_id"]), *cell, str(row.get("seed"))] = result
    epochs: Counter[tuple[int, float]] = Counter()
    results = []
    for (_, length, depth, _), result in last.items():
        trial = replace(result.trial, epoch=epochs[length, depth])
        results.append(replace(result, trial=trial))
        epochs[length, depth] += 1
    task, created = str(rows[0][1]["task_type"]), _latest(rows, "timestamp_utc")
    name = model_name([str(row["model_id"]) for _, row in rows], model, path)
    said = [grid_words(results)]
    if damaged:
        said.append(f"{damaged} damaged lines were left out")
    header = header_of(NEEDLEHAYSTACK2, name, task, results, created)
    return Imported(header=header, results=tuple(results), said=tuple(said))


def _lines(path: Path) -> tuple[list[tuple[str, Row]], int]:
    """The whole lines, and how many are damaged: the next one is written right behind a cut one."""
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
    whole = isinstance(row, dict) and set(row) >= _NEEDED and row["schema_version"] == _SCHEMA
    return row if whole else None


def _tried(where: str, row: Row) -> Result:
    """The result of a line. Raises RunError for what is not as the tool writes it."""
    scored = row.get("score") if row["status"] == "ok" else None
    if scored is not None and (not isinstance(scored, dict) or scored.get("value") is None):
        raise RunError(
            f"{where}: score {scored!r} of a trial that is ok, without a value from 0 to 1"
        )
    score, seconds = None if scored is None else scored["value"], row.get("duration_seconds")
    depth = row["target_depth_percent"]
    read = checked(where, row["context_length"], depth, score, seconds, (0, 1))
    experiment, used = row.get("recipe") or {}, row.get("usage") or {}
    try:
        places = experiment.get("needle_placements", ())
        placements = tuple(_placement(where, place, read.depth) for place in places)
        tokens = whole(where, "prompt tokens", experiment.get("final_context_token_count"))
        counts = {key: whole(where, key, used.get(key)) for key in _COUNTS}
    except (AttributeError, LookupError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise RunError(f"{where}: not a line of {NEEDLEHAYSTACK2} ({why})") from error
    target = row.get("expected_answer")
    identity = (row.get("seed"), target, experiment.get("haystack"))
    result = imported_result(
        imported_trial(str(row["task_type"]), read.length, read.depth, 0, *identity),
        row.get("response"),
        [str(target)] if target else [],
        read.score,
        placements=placements,
        prompt_tokens=read.length if tokens is None else tokens,
        total_s=read.seconds,
        finished=str(row.get("timestamp_utc") or ""),
        **({"error": str(row["error"])} if row.get("error") else {}),
    )
    response = result.response and replace(result.response, usage=Usage(**counts))
    return replace(result, response=response)


def _placement(where: str, placement: Row, asked: float) -> Placement:
    depth = finite(where, "actual depth", placement["actual_depth_percent"], 0, 100)
    before = whole(where, "insertion_token_index", placement["insertion_token_index"])
    if depth is None or before is None:
        raise RunError(f"{where}: a needle without a place")
    return Placement(
        key=str(placement["text"]).strip()[:40],
        depth_percent=asked,
        actual_depth_percent=depth,
        tokens_before=before,
    )


def read_inspect(path: Path, model: str | None) -> list[Imported]:
    """A log of inspect_evals' niah task, .json or .eval. Raises RunError."""
    log = _inspect_log(path)
    try:
        name = model_name([(log.get("eval") or {}).get("model")], model, path)
        samples = enumerate(log.get("samples") or [], 1)
        results = [_inspected(f"{path}: sample {n}", n, sample) for n, sample in samples]
    except (AttributeError, LookupError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise RunError(f"{path}: not as inspect_ai writes it ({why})") from error
    return imported("inspect_ai", name, {"niah": results})


def _inspected(where: str, number: int, sample: Row) -> Result:
    about = sample.get("metadata") or {}
    if "target_context_length" not in about:
        raise RunError(f"{where}: none of inspect_evals' niah task (no target_context_length)")
    value = next((s.get("value") for s in (sample.get("scores") or {}).values()), None)
    grade = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    depth = about.get("target_position", about.get("position"))
    length, seconds = about["target_context_length"], sample.get("total_time")
    read = checked(where, length, depth, grade, seconds, _SCALE)
    identity = (sample.get("id"), sample.get("epoch"))
    trial = imported_trial("niah", read.length, read.depth, number, *identity)
    targets = [str(sample.get("target", ""))]
    return imported_result(trial, _completion(sample), targets, **_by_judge(read.score))


def _inspect_log(path: Path) -> dict[str, Any]:
    """A log in either of its two formats: one JSON file, or a zip with a file for each sample."""
    try:
        if not is_zipfile(path):
            log = json_in(path.read_text(encoding="utf-8"))
        else:
            with ZipFile(path) as archive:
                inside = sorted(n for n in archive.namelist() if n.startswith("samples/"))
                log = json_in(archive.read("header.json"))
                log["samples"] = [json_in(archive.read(name)) for name in inside]
        if not isinstance(log, dict):
            raise ValueError("no object")
        return log
    except _UNREADABLE as error:
        raise RunError(f"{path}: not a log of inspect_ai ({error})") from error


def _completion(sample: Row) -> str | None:
    choices = (sample.get("output") or {}).get("choices") or []
    content = choices[0].get("message", {}).get("content") if choices else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return None if content is None else str(content)
