"""The runs in a folder, each summed up in one pass over its log. Only ids and scores of one run are held at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.records import Header, Outcome, Recall, Result, Trial, checked_score
from niah.runlog.lines import header_of
from niah.runlog.log import LOG_NAME
from niah.verdict.sample import sample_of

DEPTH = 3  # folders down: results/suite/run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a line."""

    name: str  # as other commands take it: its folder, from the folder of all runs
    model: str
    provider: str
    task: str
    created: str  # ISO 8601
    planned: int  # ordinary trials that its config asks for; other tools' cells may hold more
    ended: int  # of these, trials that need not be sent again
    found: Recall  # over the scored ones
    imported: str | None = None  # the tool whose results these are


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRun:
    """A run whose log cannot be read."""

    name: str
    why: str


def run_folders(results: Path) -> Iterator[Path]:
    """Every folder with a run log, by name. What lies inside a run (a judge's verdicts) is no run of its own."""
    yield from _folders(results, DEPTH)


def runs_in(results: Path) -> Iterator[RunSummary | BrokenRun]:
    """A summary of every run in a folder, one at a time. Raises RunError where there is no such folder."""
    if not results.is_dir():
        raise RunError(f"{results}: no such folder; runs are written there by 'niah run', or name another folder")
    for folder in run_folders(results):
        name = folder.relative_to(results).as_posix()
        try:
            yield summary_of(folder, name)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            yield BrokenRun(name=name, why=_why(error))


def summary_of(folder: Path, name: str) -> RunSummary:
    """A run summed up. Raises whatever an odd log raises: OSError, ValueError, LookupError, TypeError."""
    with (folder / LOG_NAME).open("rb") as file:
        lines = (line for line in file if line.endswith(b"\n"))  # what follows the last newline is torn
        header = _header(next(lines, None))
        last: dict[bytes, tuple[float | None, int, bool]] = {}
        for number, line in enumerate(lines, 2):
            try:
                _take(json.loads(line), last)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise ValueError(f"line {number} is damaged ({_why(error)})") from error
    return RunSummary(
        name=name,
        model=header.design.model,
        provider=str(header.config["provider"]),
        task=header.design.task,
        created=header.created,
        planned=max(len(last), sum(header.planned().values())),
        ended=sum(ended for _, _, ended in last.values()),
        found=sample_of(header, _bare(last.values())).recall(),
        imported=header.imported,
    )


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
        runs = {f for f in inside if (f / LOG_NAME).is_file()}
    except OSError:  # not ours to read
        return
    for inner in inside:
        if inner in runs:
            yield inner
        elif depth > 1:
            yield from _folders(inner, depth - 1)


def _header(line: bytes | None) -> Header:
    if line is None:
        raise ValueError("no header; the run never began, so the folder may be removed")
    table = json.loads(line)
    if not isinstance(table, dict) or table.get("kind") != "header" or not isinstance(table.get("config"), dict):
        raise ValueError("line 1 is no run header")
    return header_of(table)


def _take(table: Mapping[str, Any], last: dict[bytes, tuple[float | None, int, bool]]) -> None:
    """Keep of a result what counts: its score, its epoch, and whether it ended. The last line of a trial holds."""
    if table["kind"] != "result" or table["trial"].get("control") is not None:
        return
    outcome = Outcome(table["outcome"])
    score = checked_score(table["score"], outcome)
    last[str(table["trial"]["id"]).encode()] = (score, int(table["trial"]["epoch"]), outcome is not Outcome.ERROR)


def _bare(kept: Iterable[tuple[float | None, int, bool]]) -> Iterator[Result]:
    """Results with nothing but what an interval needs, made one at a time."""
    for score, epoch, ended in kept:
        outcome = Outcome.SCORED if score is not None else Outcome.EMPTY if ended else Outcome.ERROR
        yield Result(
            trial=Trial(id="", task="", context_length=0, depth_percent=0.0, epoch=epoch),
            outcome=outcome,
            placements=(),
            targets=(),
            prompt_tokens=0,
            prompt_digest=None,
            unique_share=None,
            score=score,
        )


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
