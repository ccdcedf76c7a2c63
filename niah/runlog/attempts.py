"""What was sent and paid for, beside the run log: ``attempts.jsonl`` and ``calls.jsonl``.

Every attempt is noted before it is sent: a line when it is sent (``n``, ``trial``, ``may`` cost,
``sent``), a line when it ended (``n``, ``cost``: what the server reported, ``{}`` for nothing, null
where that is not known). An attempt without an end was cut short by a kill: what it cost is not
known either. Lines are handed to the system at once: a killed process leaves them behind.

Of trials that several calls make each finished call has a line in ``calls.jsonl``: a trial that was
cut short in the middle goes on behind its last one, and none is paid for twice. A torn last line is
a call that is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from niah.errors import writing
from niah.providers import PROVIDERS
from niah.providers.prices import Pricing, pricing_of
from niah.records import Header, Result, Row, Usage
from niah.runlog.disk import append, drop_torn_line, read_lines, taken_in, whole_lines, write_whole
from niah.runlog.lines import line_of, record_of, result_of

ATTEMPTS_NAME = "attempts.jsonl"
CALLS_NAME = "calls.jsonl"
_FREE = "free some space"


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


class AttemptLog(AbstractContextManager["AttemptLog"]):
    """The attempts of a run, open for appending. Its run log keeps other processes out."""

    def __init__(self, folder: Path) -> None:
        """Raises RunError where the file cannot be read."""
        self.path = folder / ATTEMPTS_NAME
        self.past = read_attempts(folder)
        self._paid = any(a.counted != Usage() for a in self.past)
        self._open: set[int] = set()
        self._next = 1 + max((a.number for a in self.past), default=0)

    def __enter__(self) -> AttemptLog:
        """Raises RunError where the file cannot be written."""
        with writing(self.path, _FREE):
            self._file = self.path.open("ab", buffering=0)
        drop_torn_line(self.path)
        return self

    def sent(self, trial: str | None, may: Usage) -> int:
        """Note an attempt that is about to be sent; its number. Raises RunError."""
        number = self._next
        self._next += 1
        now = datetime.now(UTC).isoformat("T", "seconds")
        with writing(self.path, _FREE):
            self._write({"n": number, "trial": trial, "may": _table(may), "sent": now})
        self._open.add(number)
        return number

    def ended(self, number: int, cost: Usage | None) -> None:
        """Note how an attempt ended; where that cannot be, it counts as the most it may cost."""
        self._open.discard(number)
        self._paid = self._paid or cost != Usage()
        with suppress(OSError):
            self._write({"n": number, "cost": None if cost is None else _table(cost)})

    def _write(self, table: dict[str, Any]) -> None:
        write_whole(self._file, json.dumps(table, separators=(",", ":")).encode() + b"\n")

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self._open and not self._paid:  # a run that could not start leaves nothing behind
            self.path.unlink()


class AttemptReader:
    """The attempts of a run, read on as its file grows: a long one anew takes half a second."""

    def __init__(self, folder: Path) -> None:
        self.attempts: dict[int, Attempt] = {}  # in the order in which they were sent
        self._path = folder / ATTEMPTS_NAME
        self._lines = 0  # that were read
        self._last: list[bytes] = []  # of these
        self._at = 0  # byte at which it begins

    def news(self) -> list[tuple[Usage, Usage]]:
        """What attempts count as, before (nothing, at first) and now, by each line since last time.

        Raises RunError for a damaged line. A torn last line is left for the next call.
        """
        lines, seen = whole_lines(self._path, self._at), len(self._last)
        gone: list[tuple[Usage, Usage]] = []
        if lines[:seen] != self._last:
            # a worker that could not start took its file away, and perhaps began another
            gone = [(attempt.counted, Usage()) for attempt in self.attempts.values()]
            self.attempts.clear()
            self._lines = self._at = seen = 0
            lines = whole_lines(self._path)
        changes = taken_in(self._path, lines[seen:], self._take, self._lines + 1)
        self._lines += len(lines) - seen
        self._at += sum(len(line) + 1 for line in lines[:-1])
        self._last = lines[-1:]
        return gone + changes

    def _take(self, line: bytes) -> tuple[Usage, Usage]:
        table = json.loads(line)
        number = table["n"]
        before = self.attempts.get(number)
        if "may" in table:
            sent = {"number": number, "trial": table["trial"], "may": table["may"]}
            now = record_of(Attempt, sent)
        else:
            cost = table["cost"]
            now = self.attempts[number]
            now = now if cost is None else replace(now, cost=record_of(Usage, cost))
        self.attempts[number] = now
        return Usage() if before is None else before.counted, now.counted


def read_attempts(folder: Path) -> list[Attempt]:
    """All attempts of a run; an older niah noted none. Raises RunError for a damaged line."""
    reader = AttemptReader(folder)
    reader.news()
    return list(reader.attempts.values())


def _table(usage: Usage) -> dict[str, Any]:
    return {name: value for name, value in asdict(usage).items() if value is not None}


class CallLog:
    """The finished calls of one run. The folder's run log keeps other processes out."""

    def __init__(self, folder: Path, ended: Container[str]) -> None:
        """Trials that ``ended`` need no call any more. Raises RunError for a damaged line."""
        self._path = folder / CALLS_NAME
        drop_torn_line(self._path)
        open_calls = (c for c in read_lines(self._path, result_of) if c.trial.id not in ended)
        self._calls = {(call.trial.id, call.prompt_digest): call for call in open_calls}

    def finished(self, trial: str, digest: str) -> Result | None:
        """The call of a trial with that prompt, if it ended before."""
        return self._calls.get((trial, digest))

    def keep(self, call: Result) -> None:
        """Append a call that has ended. Raises RunError where the file cannot be written."""
        key = call.trial.id, call.prompt_digest
        if key not in self._calls:
            self._calls[key] = call
            append(self._path, line_of("call", asdict(call)))


def dollars_of(
    header: Header, results: Iterable[Row], price: Mapping[str, float] | None
) -> float | None:
    """US dollars of all answered trials; None where a price or a count of tokens is not known."""
    if header.imported is not None:
        return None
    if _is_free(header):
        return 0.0
    pricing = _pricing(header, price)
    usages = [r.response.usage for r in results if r.response is not None]
    untold = [u for u in usages if u.dollars is None]
    if usages and not untold:  # the server has said it all
        return sum(u.dollars or 0 for u in usages)
    if pricing is None or any(None in (u.input_tokens, u.output_tokens) for u in untold):
        return None
    return sum(map(pricing.dollars, usages))


def unreported_line(folder: Path, header: Header) -> str | None:
    """What attempts may have cost that the server never reported, for people; None for nothing.

    Raises RunError for a damaged file of attempts.
    """
    attempts = [attempt for attempt in read_attempts(folder) if attempt.cost is None]
    if not attempts or _is_free(header):
        return None
    tokens = sum((a.may.input_tokens or 0) + (a.may.output_tokens or 0) for a in attempts)
    pricing = _pricing(header)
    dollars = "" if pricing is None else f" (${sum(pricing.dollars(a.may) for a in attempts):,.2f})"
    some = "1 attempt" if len(attempts) == 1 else f"{len(attempts):,} attempts"
    return (
        f"{some} broke off or ended with the process, and the server reported no cost: "
        f"up to {tokens:,} tokens{dollars} may have been paid for nothing; a budget counts them"
    )


def _is_free(header: Header) -> bool:
    known = PROVIDERS.get(header.config["provider"])
    return known is not None and known.free


def _pricing(header: Header, price: Mapping[str, float] | None = None) -> Pricing | None:
    config, price = header.config, price or header.price
    return pricing_of(str(config["provider"]), str(config["model"]), config.get("base_url"), price)
