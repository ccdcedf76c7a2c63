"""One budget and one rate for all workers of a run, by files beside their logs: nothing has to run for them.

Every attempt is noted before it is sent, with what it may cost, in its worker's ``attempts.jsonl``. A worker adds up
all of these under a lock before it notes one of its own, so the cap of the run is the cap of all. Rates are one leaky
bucket in a file; workers on several machines need a shared folder and clocks that agree to about a second.
"""

from __future__ import annotations

import asyncio
import struct
import time
from pathlib import Path

from filelock import FileLock

from niah.errors import RunError
from niah.records import Usage
from niah.runlog.attempts import ATTEMPTS_NAME, read_attempts

_LOCK = ".limits.lock"
_LONGEST_SLEEP_S = 1.0  # then look again: another worker may have given up its turn


class Shared:
    """What the workers of one run share, in the folder of its parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = FileLock(folder / _LOCK)
        self._seen: dict[Path, tuple[int, list[Usage]]] = {}  # of each worker the size of its log, and what it paid

    def rate(self, name: str, size: float, per_minute: float) -> SharedRate:
        return SharedRate(self.folder / f".{name}-rate", self.lock, size, per_minute)

    def paid_by_others(self, own: Path) -> list[Usage]:
        """What all other workers paid or may yet pay."""
        for path in sorted(self.folder.glob(f"*/{ATTEMPTS_NAME}")):
            if path.parent == own:
                continue
            try:
                size = path.stat().st_size
                if self._seen.get(path, (-1, []))[0] != size:
                    self._seen[path] = (size, [attempt.counted for attempt in read_attempts(path.parent)])
            except FileNotFoundError:  # a worker that could not start takes it away
                self._seen.pop(path, None)
        return [usage for _, usages in self._seen.values() for usage in usages]


class SharedRate:
    """A leaky bucket in a file: the moment at which it will be empty, in seconds of the system's clock."""

    def __init__(self, path: Path, lock: FileLock, size: float, per_minute: float) -> None:
        self.max_rate = size  # what it holds
        self._path = path
        self._lock = lock
        self._seconds_each = 60.0 / per_minute

    async def acquire(self, amount: float = 1) -> None:
        """Wait until so much more fits."""
        while (wait_s := self._taken(amount)) > 0:
            await asyncio.sleep(min(wait_s, _LONGEST_SLEEP_S))

    def _taken(self, amount: float) -> float:
        """0 where it fits and is taken, else the seconds until it may."""
        try:
            with self._lock:
                now = time.time()
                raw = self._path.read_bytes() if self._path.exists() else b""
                empty_at = max(now, struct.unpack("d", raw)[0] if len(raw) == 8 else now)
                wait_s: float = empty_at + amount * self._seconds_each - self.max_rate * self._seconds_each - now
                if wait_s <= 0:
                    self._path.write_bytes(struct.pack("d", empty_at + amount * self._seconds_each))
                return max(0.0, wait_s)
        except OSError as error:
            raise RunError(f"{self._path}: cannot be written ({error.strerror}); free some space") from error
