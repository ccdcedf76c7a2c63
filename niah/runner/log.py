"""The run log: append-only JSON Lines, a header first, every line flushed and synced. Also reads it back."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from niah.config import RunConfig
from niah.errors import RunError
from niah.records import Header, Outcome, Placement, Response, Result, Trial, Usage, checked_score

LOG_NAME = "run.jsonl"
SCHEMA = 1
_RESERVE = ".reserve"
_LOCK = ".lock"
_RESERVE_BYTES = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_R = TypeVar("_R", Header, Result, Response, Usage, Trial, Placement)


class RunLog:
    """One run's log, open for appending."""

    def __init__(self, path: Path, header: Header, results: Mapping[str, Result]) -> None:
        self.path = path
        self.header = header
        self.results = dict(results)
        self.is_full = False  # the disk is, and the reserve is in use: nothing more should be sent

    @property
    def finished(self) -> set[str]:
        """Ids of the trials that need not be sent again: everything but errors."""
        return {i for i, r in self.results.items() if r.outcome is not Outcome.ERROR}

    def write(self, *results: Result) -> None:
        """Write results; they are on disk when this returns. Raises RunError where they cannot be."""
        if not _write(self.path, b"".join(_line("result", asdict(r)) for r in results)):
            self.is_full = True

    def append(self, result: Result) -> None:
        """Write one result and take it in."""
        self.write(result)
        self.results[result.trial.id] = result


@contextmanager
def open_log(folder: Path, header: Header) -> Iterator[RunLog]:
    """The log in a folder, for as long as the block runs: a new one, or the old one of the same config.

    Raises RunError where the folder belongs to another config, haystack, tokenizer or task version, or to a process.
    """
    path = folder / LOG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results or --name") from error
    with _locked(path):
        _drop_torn_line(path)
        if path.stat().st_size == 0:
            _write(path, _line("header", asdict(header)))
        old, results = read_log(folder)
        differing = _differences(old, header)
        if differing:
            raise RunError(
                f"{folder} holds a run of another config ({'; '.join(differing)}); "
                "choose another --name, or repeat the old command to resume it"
            )
        with _reserve(path):
            yield RunLog(path, old, results)


@contextmanager
def reopen_log(folder: Path) -> Iterator[RunLog]:
    """The log of a run that is there, to append to, for as long as the block runs. Raises RunError."""
    read_log(folder)
    path = folder / LOG_NAME
    with _locked(path):
        _drop_torn_line(path)
        yield RunLog(path, *read_log(folder))


def write_log(folder: Path, header: Header, results: Iterable[Result]) -> None:
    """A whole run at once, in a folder that holds none. Raises RunError."""
    path = folder / LOG_NAME
    lines = [_line("header", asdict(header)), *(_line("result", asdict(r)) for r in results)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.writelines(lines)
    except FileExistsError:
        raise RunError(f"{folder} holds a run already; choose another --name, or remove it") from None
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results or --name") from error


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
        if (result := _result(path, number, line)) is not None:
            results[result.trial.id] = result
    return header, results


def _header(path: Path, line: bytes) -> Header:
    try:
        table = json.loads(line)
        if table.pop("kind") != "header":
            raise KeyError("kind")
        header = _record(Header, table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}:1: not a run header ({error}); this is no run log of niah") from error
    if header.schema != SCHEMA:
        raise RunError(
            f"{path}: schema {header.schema}, but this niah reads {SCHEMA}; use the version {header.version}"
        )
    return header


def _result(path: Path, number: int, line: bytes) -> Result | None:
    """The result in a line, or None for a line of another kind, which a newer niah may write."""
    try:
        table = json.loads(line)
        return _result_of(table) if table.pop("kind") == "result" else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}:{number}: damaged line ({error}); remove that line and run again: only its trial is repeated"
        ) from error


def _result_of(table: dict[str, Any]) -> Result:
    trial = _record(Trial, table["trial"])
    _expect(trial.id, str)
    _expect(trial.context_length, int)
    _expect(trial.depth_percent, int, float)
    checked_score(table["score"], Outcome(table["outcome"]))
    response = table["response"]
    if response is not None:
        response = _record(Response, {**response, "usage": _record(Usage, response["usage"])})
    return _record(
        Result,
        {
            **table,
            "trial": trial,
            "outcome": Outcome(table["outcome"]),
            "placements": tuple(_record(Placement, p) for p in table["placements"]),
            "targets": tuple(table["targets"]),
            "response": response,
        },
    )


def _expect(value: object, *kinds: type) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{value!r} where {' or '.join(k.__name__ for k in kinds)} should be")


def _record(kind: type[_R], table: Mapping[str, Any]) -> _R:
    """A record from a table; fields that a newer niah wrote are passed over."""
    return kind(**{f.name: table[f.name] for f in fields(kind) if f.name in table})


def _line(kind: str, table: Mapping[str, Any]) -> bytes:
    text = json.dumps({"kind": kind, **table}, ensure_ascii=False, separators=(",", ":")) + "\n"
    return text.encode(errors="replace")


def _write(path: Path, lines: bytes) -> bool:
    """Append whole lines or nothing: what a full disk took of them is cut off again.

    False where they only fitted because the reserve was given up.
    """
    try:
        with path.open("ab", buffering=0) as file:  # nothing may linger in a buffer after a failure
            whole = file.seek(0, os.SEEK_END)
            try:
                _flush(file, lines)
                return True
            except OSError as error:
                os.ftruncate(file.fileno(), whole)
                if error.errno not in _FULL or not _free_reserve(path):
                    raise
                _flush(file, lines)
                return False
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); what is in it is kept") from error


def _flush(file: io.FileIO, lines: bytes) -> None:
    left = memoryview(lines)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


@contextmanager
def _reserve(path: Path) -> Iterator[None]:
    """Disk space kept free for answers in flight: when the disk is full, they are still logged."""
    reserve = path.with_name(_RESERVE)
    try:
        with reserve.open("wb") as file:
            file.write(os.urandom(_RESERVE_BYTES))  # some file systems store zeros as nothing
            os.fsync(file.fileno())
    except OSError as error:
        reserve.unlink(missing_ok=True)
        raise RunError(f"{path.parent}: no room for a run ({error.strerror}); free some disk space") from error
    try:
        yield
    finally:
        reserve.unlink(missing_ok=True)


def _free_reserve(path: Path) -> bool:
    """Give the reserve back to the disk; False where it is already gone."""
    try:
        path.with_name(_RESERVE).unlink()
    except OSError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out; the system lets go when this process ends, however it ends."""
    lock = FileLock(path.with_name(_LOCK))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"{path.parent}: another niah is running here; wait for it, or choose another --name") from None
    except OSError as error:
        raise RunError(f"{path.parent}: cannot be written ({error.strerror}); choose another --results") from error
    try:
        yield
    finally:
        lock.release()


def _drop_torn_line(path: Path) -> None:
    """Cut what follows the last newline: a line that a crash left half-written. Its trial runs again."""
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole != len(raw):
        os.truncate(path, whole)


def _differences(old: Header, new: Header) -> list[str]:
    """What differs between two headers, for people. The order of the grid does not matter, its content does."""
    defaults = RunConfig().identity()  # a key that an older niah did not know had this value
    was, now = {**defaults, **old.config}, {**defaults, **new.config}
    keys = sorted({*was, *now})
    found = [f"{k} was {was.get(k)!r}, is {now.get(k)!r}" for k in keys if was.get(k) != now.get(k)]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack has changed")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found
