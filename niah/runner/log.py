"""The run log: append-only JSON Lines, a header first, every line flushed and synced. Also reads it back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from niah.errors import RunError
from niah.records import Header, Outcome, Placement, Response, Result, Trial, Usage

LOG_NAME = "run.jsonl"
SCHEMA = 1


class RunLog:
    """One run's log, open for appending."""

    def __init__(self, path: Path, header: Header, results: Mapping[str, Result]) -> None:
        self.path = path
        self.header = header
        self.results = dict(results)

    @property
    def finished(self) -> set[str]:
        """Ids of the trials that need not be sent again: everything but errors."""
        return {i for i, r in self.results.items() if r.outcome is not Outcome.ERROR}

    def append(self, result: Result) -> None:
        """Write one result; it is on disk when this returns. Raises RunError where it cannot be."""
        _write(self.path, _line("result", asdict(result)))
        self.results[result.trial.id] = result


def open_log(folder: Path, header: Header) -> RunLog:
    """The log in a folder: a new one, or the old one of the same config.

    Raises RunError where the folder belongs to another config, haystack or task version.
    """
    path = folder / LOG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(path)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results or --name") from error
    if not path.exists() or path.stat().st_size == 0:
        _write(path, _line("header", asdict(header)))
        return RunLog(path, header, {})
    old, results = read_log(folder)
    differing = _differences(old, header)
    if differing:
        raise RunError(
            f"{folder} holds a run of another config ({'; '.join(differing)}); "
            "choose another --name, or repeat the old command to resume it"
        )
    return RunLog(path, old, results)


def reopen_log(folder: Path) -> RunLog:
    """The log of a run that is there, to append to. Raises RunError."""
    header, results = read_log(folder)
    _drop_torn_line(folder / LOG_NAME)
    return RunLog(folder / LOG_NAME, header, results)


def read_log(folder: Path) -> tuple[Header, dict[str, Result]]:
    """Header and the last result of every trial. A torn last line is left out. Raises RunError."""
    path = folder / LOG_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is torn
    except FileNotFoundError:
        raise RunError(f"{folder}: no run here ({LOG_NAME} is missing)") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines:
        raise RunError(f"{path}: no header; the run never began, so remove the folder")
    header = _header(path, lines[0])
    results: dict[str, Result] = {}
    for number, line in enumerate(lines[1:], 2):
        result = _result(path, number, line)
        results[result.trial.id] = result
    return header, results


def _header(path: Path, line: bytes) -> Header:
    try:
        table = json.loads(line)
        if table.pop("kind") != "header":
            raise KeyError("kind")
        header = Header(**table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}:1: not a run header ({error}); this is no run log of niah") from error
    if header.schema != SCHEMA:
        raise RunError(
            f"{path}: schema {header.schema}, but this niah reads {SCHEMA}; use the version {header.version}"
        )
    return header


def _result(path: Path, number: int, line: bytes) -> Result:
    try:
        table = json.loads(line)
        if table.pop("kind") != "result":
            raise KeyError("kind")
        return _result_of(table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}:{number}: damaged line ({error}); remove that line and run again: only its trial is repeated"
        ) from error


def _result_of(table: dict[str, Any]) -> Result:
    response = table["response"]
    if response is not None:
        response = Response(**{**response, "usage": Usage(**response["usage"])})
    return Result(
        **{
            **table,
            "trial": Trial(**table["trial"]),
            "outcome": Outcome(table["outcome"]),
            "placements": tuple(Placement(**p) for p in table["placements"]),
            "targets": tuple(table["targets"]),
            "response": response,
        }
    )


def _line(kind: str, table: Mapping[str, Any]) -> bytes:
    return (json.dumps({"kind": kind, **table}, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _write(path: Path, line: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); what is in it is kept") from error


def _drop_torn_line(path: Path) -> None:
    """Cut what follows the last newline: a line that a crash left half-written. Its trial runs again."""
    if not path.exists():
        return
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole != len(raw):
        os.truncate(path, whole)


def _differences(old: Header, new: Header) -> list[str]:
    """What differs between two headers, for people. The order of the grid does not matter, its content does."""
    was, now = dict(old.config), dict(new.config)
    keys = sorted({*was, *now})
    found = [f"{k} was {was.get(k)!r}, is {now.get(k)!r}" for k in keys if was.get(k) != now.get(k)]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack has changed")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found
