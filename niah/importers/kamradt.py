"""Results of LLMTest_NeedleInAHaystack (Greg Kamradt, 2023): a JSON file per trial, or lists of trials.

A judge model gave 1 (nothing of it) to 10 (all of it); here 1 becomes 0 and 10 becomes 1. Older lists call the length
``token_limit`` and do not name the model. All trials of a run share one haystack and one needle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.importers.imported import Imported, checked, grid_words, header_of, imported_trial, model_name
from niah.records import Outcome, Response, Result
from niah.text.outside import json_in

TOOL = "LLMTest_NeedleInAHaystack"
TASK = "one needle, judged 1 to 10"
LEAST, MOST = 1, 10

Row = dict[str, Any]
_IDENTITY = ("needle", "version", "haystack_dir", "retrieval_question")  # what decides a prompt, as far as it is told


def read_kamradt(path: Path, model: str | None) -> Imported:
    """A results file, or a folder of them. Raises RunError, naming file and trial."""
    rows = [placed for file in _files(path) for placed in _rows(file)]
    seen: Counter[tuple[int, float]] = Counter()
    results, scores = [], defaultdict(list)
    for where, row in rows:
        result, score = _result(where, row, seen)
        results.append(result)
        scores[result.trial.context_length, result.trial.depth_percent].append(score)
    created = max(
        (str(row["test_timestamp_utc"]) for _, row in rows if row.get("test_timestamp_utc")), default="unknown"
    )
    name = model_name([row.get("model") for _, row in rows], model, path)
    said = (grid_words(results), _scale(list(scores.values())))
    return Imported(header=header_of(TOOL, name, TASK, results, created), results=tuple(results), said=said)


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise RunError(f"{path}: no .json file in this folder")
    return files


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    try:
        table = json_in(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RunError(f"{file}: not a JSON file ({error})") from error
    rows = table if isinstance(table, list) else [table]
    for number, row in enumerate(rows, 1):
        where = f"{file}: trial {number}" if isinstance(table, list) else str(file)
        if not isinstance(row, dict) or not {"context_length", "token_limit"} & set(row) or "depth_percent" not in row:
            raise RunError(f"{where}: a trial needs context_length (or token_limit), depth_percent and score")
        yield where, row


def _result(where: str, row: Row, seen: Counter[tuple[int, float]]) -> tuple[Result, float | None]:
    """One trial and the judge's score."""
    tokens = row["context_length" if "context_length" in row else "token_limit"]
    read = checked(
        where, tokens, row["depth_percent"], row.get("score"), row.get("test_duration_seconds"), (LEAST, MOST)
    )
    length, depth, score = read.length, read.depth, read.score
    epoch = seen[length, depth]
    seen[length, depth] += 1
    needle = str(row.get("needle", "")).strip()
    answer = row.get("model_response")
    return (
        Result(
            trial=imported_trial(TASK, length, depth, epoch, epoch, *(row.get(key) for key in _IDENTITY)),
            outcome=Outcome.ERROR if score is None else Outcome.SCORED,
            placements=(),
            targets=(needle,) if needle else (),
            prompt_tokens=length,  # the only count that is kept
            prompt_digest=None,
            unique_share=None,
            response=None if answer is None else Response(text=str(answer), stop_reason=None),
            score=None if score is None else (score - LEAST) / (MOST - LEAST),
            answer_class={LEAST: "wrong", MOST: "right"}.get(int(score)) if score is not None else None,
            explanation=None if score is None else f"judged {score:g} of {MOST}",
            total_s=read.seconds,
            error="no score" if score is None else None,
        ),
        score,
    )


def _scale(cells: list[list[float | None]]) -> str:
    """The figures of the tool's own scale."""
    scored = [[s for s in cell if s is not None] for cell in cells]
    scored = [cell for cell in scored if cell]
    every = [s for cell in scored for s in cell]
    if not every:
        return "no scores"
    means = sum(sum(cell) / len(cell) for cell in scored) / len(scored)
    full = sum(all(s == MOST for s in cell) for cell in scored)
    return (
        f"scores {LEAST} to {MOST}: sum {sum(every):,g}, mean {sum(every) / len(every):.4f}, "
        f"mean of cell means {means:.4f}, {full:,} cells at {MOST} throughout; here {LEAST} is 0 and {MOST} is 1"
    )
