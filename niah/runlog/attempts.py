"""Every attempt of a run, noted before it is sent: ``attempts.jsonl`` beside the run log.

A line when it is sent (``n``, ``trial``, ``may`` cost, ``sent``), a line when it ended (``n``,
``cost``: what the server reported, ``{}`` for nothing, null where that is not known). An attempt
without an end was cut short by a kill: what it cost is not known either. Lines are handed to the
system at once, so that a killed process leaves them behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from niah.errors import RunError
from niah.records import Usage
from niah.runlog.disk import drop_torn_line, write_whole

ATTEMPTS_NAME = "attempts.jsonl"
_COUNTS = {field.name for field in fields(Usage)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt."""

    number: int  # counted over all sessions of the run
    trial: str | None  # None: a small request beside the trials
    may: Usage  # the most it may cost
    cost: Usage | None = None  # None: not known

    @property
    def counted(self) -> Usage:
        """What it counts as: what was reported, else the most it may cost."""
        return self.may if self.cost is None else self.cost


class AttemptLog:
    """The attempts of one run, open for appending. The folder's run log keeps other processes out."""

    def __init__(self, folder: Path) -> None:
        """Raises RunError where the file cannot be read or written."""
        self.path = folder / ATTEMPTS_NAME
        self.past = read_attempts(folder)
        self._paid = any(a.counted != Usage() for a in self.past)
        self._open: set[int] = set()
        self._next = 1 + max((a.number for a in self.past), default=0)
        try:
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}); free some space") from error
        drop_torn_line(self.path)

    def sent(self, trial: str | None, may: Usage) -> int:
        """Note an attempt that is about to be sent; its number. Raises RunError where it cannot be noted."""
        number = self._next
        self._next += 1
        table = {"n": number, "trial": trial, "may": _table(may), "sent": datetime.now(UTC).isoformat("T", "seconds")}
        try:
            self._write(table)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}); free some space") from error
        self._open.add(number)
        return number

    def ended(self, number: int, cost: Usage | None) -> None:
        """Note how an attempt ended. Where that cannot be written it counts as the most it may cost."""
        self._open.discard(number)
        self._paid = self._paid or cost != Usage()
        try:
            self._write({"n": number, "cost": None if cost is None else _table(cost)})
        except OSError:
            return

    def _write(self, table: dict[str, Any]) -> None:
        write_whole(self._file, json.dumps(table, separators=(",", ":")).encode() + b"\n")

    def __enter__(self) -> AttemptLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._open and not self._paid:  # a run that could not start leaves nothing behind
            self.path.unlink()


def read_attempts(folder: Path) -> list[Attempt]:
    """All attempts of a run, in the order in which they were sent; none where an older niah noted none.

    Raises RunError for a damaged line. A torn last line is left out.
    """
    path = folder / ATTEMPTS_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    attempts: dict[int, Attempt] = {}
    for number, line in enumerate(lines, 1):
        try:
            _take(attempts, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(f"{path}:{number}: damaged line ({error!r:.80}); remove that line and run again") from error
    return list(attempts.values())


def unreported(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts whose cost the server never reported: broken off, or cut short by a kill."""
    return [attempt for attempt in attempts if attempt.cost is None]


def _take(attempts: dict[int, Attempt], table: dict[str, Any]) -> None:
    number = table["n"]
    if "may" in table:
        attempts[number] = Attempt(number=number, trial=table["trial"], may=_usage(table["may"]))
    elif table["cost"] is not None:
        attempts[number] = replace(attempts[number], cost=_usage(table["cost"]))


def _table(usage: Usage) -> dict[str, Any]:
    return {name: value for name, value in asdict(usage).items() if value is not None}


def _usage(table: dict[str, Any]) -> Usage:
    if not all(isinstance(table[name], int | float) for name in _COUNTS & set(table)):
        raise TypeError(f"{table} where counts should be")
    return Usage(**{name: table[name] for name in _COUNTS & set(table)})
