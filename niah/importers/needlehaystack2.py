"""Results of needlehaystack 2 (2026): one JSON object a line, its scores from 0 to 1, errors as lines of their own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.importers.imported import Checked, Imported, checked, grid_words, header_of, imported_trial, model_name
from niah.records import Outcome, Placement, Response, Result, Usage
from niah.text.outside import json_in

TOOL = "needlehaystack 2"
SCHEMA = 2

Row = dict[str, Any]


def read_needlehaystack2(path: Path, model: str | None) -> Imported:
    """A results file. A trial that was tried again counts once, by its last line. Raises RunError."""
    rows, damaged = _rows(path)
    last: dict[tuple[Any, ...], tuple[Row, Checked]] = {}
    for where, row in rows:
        read = _checked(where, row)
        last[str(row["model_id"]), read.length, read.depth, str(row.get("seed"))] = (row, read)
    epochs: Counter[tuple[int, float]] = Counter()
    results = []
    for row, read in last.values():
        results.append(_result(row, read, epochs[read.length, read.depth]))
        epochs[read.length, read.depth] += 1
    task = next((str(row["task_type"]) for _, row in rows), "")
    created = max((str(row.get("timestamp_utc")) for _, row in rows), default="")
    name = model_name([str(row["model_id"]) for _, row in rows], model, path)
    said = [grid_words(results)]
    if damaged:
        said.append(f"{damaged} damaged lines were left out")
    return Imported(header=header_of(TOOL, name, task, results, created), results=tuple(results), said=tuple(said))


def _rows(path: Path) -> tuple[list[tuple[str, Row]], int]:
    """The whole lines, and how many are damaged: the tool writes its next line right behind one that was cut off."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: not a JSON Lines file ({error})") from error
    read = ((number, _row(line)) for number, line in enumerate(lines, 1) if line.strip())
    rows = [(f"{path}:{number}", row) for number, row in read if row is not None]
    if not rows:
        raise RunError(f"{path}: no line of {TOOL} (schema_version {SCHEMA}) in it")
    return rows, sum(bool(line.strip()) for line in lines) - len(rows)


def _row(line: str) -> Row | None:
    try:
        row = json_in(line)
    except ValueError:
        return None
    needed = {"schema_version", "model_id", "task_type", "context_length", "target_depth_percent", "status"}
    return row if isinstance(row, dict) and needed <= set(row) and row["schema_version"] == SCHEMA else None


def _checked(where: str, row: Row) -> Checked:
    """The numbers of a line. Raises RunError for what is not as the tool writes it."""
    scored = row.get("score") if row["status"] == "ok" else None
    experiment = row.get("recipe") or {}
    if scored is not None and (not isinstance(scored, dict) or scored.get("value") is None):
        raise RunError(f"{where}: score {scored!r} of a trial that is ok, without a value from 0 to 1")
    try:
        for placement in experiment.get("needle_placements", ()):
            _placement(placement, 0.0)
        int(experiment.get("final_context_token_count", 0))
        _usage(row)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{where}: not a line of {TOOL} ({type(error).__name__}: {error})") from error
    score = None if scored is None else scored["value"]
    seconds = row.get("duration_seconds")
    return checked(where, row["context_length"], row["target_depth_percent"], score, seconds, (0, 1))


def _result(row: Row, read: Checked, epoch: int) -> Result:
    answer, experiment = row.get("response"), row.get("recipe") or {}
    length, depth, score = read.length, read.depth, read.score
    identity = [row.get("seed"), row.get("expected_answer"), experiment.get("haystack")]
    return Result(
        trial=imported_trial(str(row["task_type"]), length, depth, epoch, *identity),
        outcome=Outcome.ERROR if score is None else Outcome.SCORED,
        placements=tuple(_placement(p, depth) for p in experiment.get("needle_placements", ())),
        targets=(str(row["expected_answer"]),) if row.get("expected_answer") else (),
        prompt_tokens=int(experiment.get("final_context_token_count", length)),
        prompt_digest=None,
        unique_share=None,
        response=None if answer is None else Response(text=str(answer), stop_reason=None, usage=_usage(row)),
        score=score,
        answer_class={0.0: "wrong", 1.0: "right"}.get(score) if score is not None else None,
        total_s=read.seconds,
        error=row.get("error"),
        finished=str(row.get("timestamp_utc", "")),
    )


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
