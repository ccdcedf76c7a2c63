"""The run log, written and read: append-only JSON Lines, a header first, every line synced.

A log without a result binds nobody: the header is written with the first result, and a run that
could not start leaves nothing behind. A run may be extended: the same config with more lengths,
depths or epochs adds a line of its own kind. Answers stay on disk: what is held of a finished trial
is its Row, and whole results are read when they are asked for.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from niah.errors import RunError, writing
from niah.records import LOG_SCHEMA, Header, Outcome, Part, Reported, Result, Row
from niah.runlog import disk
from niah.runlog.extending import adds, asking, check_same_run, extended
from niah.runlog.lines import (
    entry_of,
    header_line,
    header_of,
    line_of,
    result_line,
    result_of,
    table_of,
)
from niah.text.outside import visible

LOG_NAME = "run.jsonl"
PLAN_NAME = "planned.json"
_LOCK = ".lock"
_OR_ELSE = "choose another --results or --name"
_NOTHING: Mapping[str, float] = {}
_T = TypeVar("_T")


class Rows(dict[str, Row]):
    """Finished trials by id, without their words, and those that need not be sent again."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: set[str] = set()  # everything but errors
        self._known: dict[object, Any] = {}

    def __setitem__(self, trial_id: str, row: Row) -> None:
        super().__setitem__(trial_id, self._compact(row))
        (self.finished.discard if row.outcome is Outcome.ERROR else self.finished.add)(trial_id)

    def _compact(self, row: Row) -> Row:
        """The row alone, as a screen may show it, with one copy of what many rows repeat."""
        values = {field.name: getattr(row, field.name) for field in fields(Row)}
        for name in ("score", "answer_class", "answer_detail", "finished"):
            values[name] = self._one(values[name])
        repeated = ("task", "context_length", "depth_percent")
        same = {name: self._one(getattr(row.trial, name)) for name in repeated}
        values["trial"] = replace(row.trial, **same)
        if (told := row.response) is not None:
            stop_reason, model = _shown(told.stop_reason), _shown(told.model)
            usage = self._one(told.usage)
            values["response"] = self._one(
                Reported(stop_reason=stop_reason, usage=usage, model=model)
            )
        values["error"] = self._one(_shown(row.error))
        values["parts"] = row.parts or _NOTHING
        return Row(**values)

    def _one(self, value: _T) -> _T:
        """The first of equal values."""
        one: _T = self._known.setdefault((type(value), value), value)
        return one


def _shown(text: str | None) -> str | None:
    return None if text is None else visible(text)


class Stored(Mapping[str, Result]):
    """Whole results by trial id, read from the log as they are asked for: no answer is held."""

    def __init__(self, path: Path, lines: Mapping[str, tuple[int, int]]) -> None:
        """``lines``: number and first byte of each trial's last line."""
        self._path = path
        self._lines = lines
        with _reading(path) as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, trial_id: str) -> Result:
        number, start = self._lines[trial_id]
        line = self._text[start : self._text.find(b"\n", start) + 1]
        return _checked(self._path, number, line, result_of)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@dataclass(slots=True, kw_only=True)
class RunLog:
    """One run's log, open for appending."""

    path: Path
    header: Header
    results: Rows
    is_full: bool = False  # the disk is, and the reserve is in use: nothing more should be sent
    added: Part | None = None  # the grid by which this command extends the run
    first: bytes = b""  # stands before the next result: a header, or the line of an extension
    fresh: bool = False  # whatever the file holds is replaced

    @property
    def finished(self) -> set[str]:
        """Ids of the trials that need not be sent again: everything but errors."""
        return self.results.finished

    def extend(self, header: Header) -> None:
        """Ask for the grids of another header of this run as well, where they are further ones."""
        for part in header.parts:
            if adds(self.header, asking(header, (part,))):
                table = {"version": header.version, "created": header.created, **asdict(part)}
                self.first += line_of("extended", table)
                self.header, self.added = extended(self.header, part), part

    def write(self, *results: Result) -> None:
        """Write results; they are on disk when this returns. Raises RunError."""
        lines = self.first + b"".join(map(result_line, results))
        if not disk.append(self.path, lines, anew=self.fresh):
            self.is_full = True
        self.first, self.fresh = b"", False

    def append(self, *results: Result) -> None:
        """Write results and take them in."""
        self.write(*results)
        for result in results:
            self.results[result.trial.id] = result

    def stored(self) -> Mapping[str, Result]:
        """Whole results, answers included, read from disk one by one."""
        return read_log(self.path.parent)[1] if self.results else {}


@contextmanager
def open_log(folder: Path, header: Header) -> Iterator[RunLog]:
    """The log in a folder, for as long as the block runs: a new one, or that of the same config.

    A config that differs in lengths, depths or epochs only extends the run. Raises RunError where
    the folder belongs to another config, haystack, tokenizer or task version, or to a process.
    """
    path = folder / LOG_NAME
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    with writing(folder, _OR_ELSE):
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        try:
            disk.drop_torn_line(path)
            log = _opened(path, header)
            with disk.reserve(path):
                yield log
        finally:
            _remove_unused(path, missing)


def _opened(path: Path, header: Header) -> RunLog:
    """The log of that header: fresh, as it is, or extended."""
    old, rows = read_rows(path.parent) if _holds(path) else (header, Rows())
    if not rows:  # nothing was measured: whatever was planned binds nobody
        first = asking(header, header.extended[:1]) if header.extended else header
        log = RunLog(path=path, header=first, results=rows, first=header_line(first), fresh=True)
    else:
        check_same_run(path.parent, old, header)
        log = RunLog(path=path, header=old, results=rows)
    log.extend(header)
    return log


@contextmanager
def reopen_log(folder: Path) -> Iterator[RunLog]:
    """The log of a run that is there, to append to while the block runs. Raises RunError."""
    path = folder / LOG_NAME
    if not path.is_file():
        raise RunError(f"{folder}: no run here ({LOG_NAME} is missing)")
    with _locked(path):
        disk.drop_torn_line(path)
        header, rows = read_rows(folder)
        yield RunLog(path=path, header=header, results=rows)


def write_log(folder: Path, header: Header, results: Iterable[Result]) -> None:
    """A whole run at once, in a folder that holds none. Raises RunError."""
    path = folder / LOG_NAME
    with writing(folder, _OR_ELSE):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(header_line(header))
                file.writelines(map(result_line, results))
        except FileExistsError:
            raise RunError(
                f"{folder} holds a run already; choose another --name, or remove it"
            ) from None
        except OSError:
            with suppress(OSError):
                path.unlink()  # half a run looks like one
            raise


def read_rows(folder: Path) -> tuple[Header, Rows]:
    """Header and the last row of every trial, without answers. Raises RunError."""
    rows = Rows()

    def take(row: Row, number: int, start: int) -> None:
        rows[row.trial.id] = row

    return _read(folder / LOG_NAME, take), rows


def read_log(folder: Path) -> tuple[Header, Stored]:
    """The same with whole results, each read from the file when asked for. Raises RunError."""
    places: dict[str, tuple[int, int]] = {}

    def take(row: Row, number: int, start: int) -> None:
        places[row.trial.id] = number, start

    return _read(folder / LOG_NAME, take), Stored(folder / LOG_NAME, places)


def _read(path: Path, take: Callable[[Row, int, int], None]) -> Header:
    """The header; ``take`` is called with every row, the number and the first byte of its line."""
    with _reading(path) as file:
        line = file.readline()
        header, start = _header(path, line), len(line)
        for number, line in enumerate(file, 2):
            if not line.endswith(b"\n"):
                break  # torn: that trial runs again
            found = _checked(path, number, line, entry_of)
            if isinstance(found, Part):
                header = extended(header, found)
            elif found is not None:
                take(found, number, start)
            start += len(line)
    return header


def _header(path: Path, line: bytes) -> Header:
    if not line.endswith(b"\n"):
        raise RunError(f"{path}: no header; the run never began, so remove the folder")
    try:
        table = table_of(line)
        if table.get("kind") != "header":
            raise ValueError("its first line is no header")
        if table.get("schema") != LOG_SCHEMA:
            raise RunError(
                f"{path}: schema {table.get('schema')}, but this niah reads {LOG_SCHEMA}; "
                f"use the version {visible(str(table.get('version')))}"
            )
        return header_of(table)
    except ValueError as error:
        raise RunError(
            f"{path}:1: not a run header ({visible(str(error))}); this is no run log of niah"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise RunError(f"{path.parent}: no run here ({LOG_NAME} is missing)") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error


def _checked(path: Path, number: int, line: bytes, read: Callable[[bytes], _T]) -> _T:
    try:
        return read(line)
    except ValueError as error:
        raise RunError(
            f"{path}:{number}: damaged line ({visible(str(error))}); "
            "remove that line and run again: only its trial is repeated"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out; the system lets go when this process ends, however it ends."""
    lock = FileLock(path.with_name(_LOCK))
    with writing(path.parent, "choose another --results"):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunError(
                f"{path.parent}: another niah is running here; "
                "wait for it, or choose another --name"
            ) from None
    try:
        yield
    finally:
        lock.release()


def is_running(folder: Path) -> bool:
    """Whether a process is writing to the log of a folder."""
    lock = folder / _LOCK
    try:
        with FileLock(lock, timeout=0) if lock.exists() else nullcontext():
            return False
    except Timeout:
        return True
    except OSError:  # not ours to write
        return False


def _remove_unused(path: Path, made: list[Path]) -> None:
    """Take away a log that holds nothing, and the folders made for it, innermost first."""
    with suppress(OSError):
        if _holds(path):
            return
        path.unlink(missing_ok=True)
        path.with_name(_LOCK).unlink()
        for folder in made:
            folder.rmdir()


def _holds(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def write_plan(folder: Path, header: Header) -> None:
    """Keep what a folder's run asks for. Raises RunError, also where it holds another run.

    A plan grows and never shrinks: answers to what it planned may come.
    """
    path = folder / PLAN_NAME
    if path.is_file() or (folder / LOG_NAME).is_file():
        old = planned_header(folder)
        check_same_run(folder, old, header)
        if path.is_file() and adds(header, old):
            raise RunError(
                f"{folder} plans further trials; "
                "name all lengths, depths and epochs of theirs, or another --run"
            )
    disk.write_anew(path, header_line(header))


def planned_header(folder: Path) -> Header:
    """What a folder's run asks for, answered or not. Raises RunError where there is none."""
    path = folder / PLAN_NAME
    if not path.is_file():
        if (folder / LOG_NAME).is_file():
            return read_rows(folder)[0]
        raise RunError(
            f"{folder}: no run here; "
            "plan one with niah build --run NAME, or niah batch submit --run NAME"
        )
    try:
        return header_of(table_of(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: not the plan of a run ({error}); remove it, and build the prompts again"
        ) from error
