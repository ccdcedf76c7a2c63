"""What may be sent now: requests and tokens in flight and per minute, and one pause for all.

Requests in flight start low and double every RAMP_S as long as nothing is refused: a refusal comes
back long before an answer. At an overload they are halved, and rise by one a round again (additive
increase, multiplicative decrease), never above the cap. While nothing answers, one request at a
time asks whether the server is back, after pauses that double. Rates are leaky buckets, by
aiolimiter, and what the server tells of its own.

The workers of one run share budget and rates by files beside their logs: nothing has to run for
them. Every attempt is noted before it is sent, with what it may cost, in its worker's
``attempts.jsonl``; a worker adds up all of these under a lock before it notes one of its own. A
rate is one leaky bucket in a file; workers on several machines need a shared folder and clocks that
agree to about a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from aiolimiter import AsyncLimiter
from filelock import FileLock

from niah.errors import RunError
from niah.records import Usage
from niah.runlog.attempts import ATTEMPTS_NAME, AttemptReader
from niah.runner.concurrency import Signal
from niah.runner.progress import Observer, Trouble
from niah.runner.rates import ToldRates

START = 8  # requests in flight at first
RAMP_S = 0.15
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 28.0  # so that a server that is back is asked within half a minute
# the rest is chance: wider, and ten minutes of refusals see more than 40 requests
_LEAST_OF_PAUSE = 0.75
_MINUTE_S = 60.0
_SPOKEN_OF_S = 5.0  # a longer wait for the server's own rates is told
# a bucket holds what flows in so many seconds: a minute never sees more than a tenth above the rate
_BURST_S = 6.0
_LOCK = ".limits.lock"
_LONGEST_SLEEP_S = 1.0  # for a shared rate: another worker may have given up its turn
_T = TypeVar("_T")


class Throttle:
    """The limits of one sweep."""

    def __init__(
        self,
        *,
        cap: int,
        in_flight_tokens: int,
        clock: Callable[[], float],
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        sleep: Callable[[float], Awaitable[bool]] | None = None,
        jitter: Callable[[], float] = random.random,
        observer: Observer | None = None,
        shared: Shared | None = None,
    ) -> None:
        """Clock is monotonic, in seconds; ``sleep`` tells whether to go on, ``jitter`` is 0 to 1.

        Rates that are ``shared`` are those of all workers of a run.
        """
        self._cap = cap
        self._allowed = float(min(cap, START))
        self._threshold = float(cap)  # below it an answer adds one, above it a round of answers
        self._ramp: asyncio.TimerHandle | None = None
        self._busy = 0
        self._most_tokens = in_flight_tokens
        self._held_tokens = 0
        self._clock = clock
        self.pause = sleep or self._sleep_until_stop  # False where a stop came in between
        self._jitter = jitter
        self._observer = observer or Observer()
        self._state = Signal()
        self.changed = self._state.changed  # have everyone who waits look again
        self._in_turn = asyncio.Lock()  # first come, first served: no long prompt waits for ever
        self.stopping = False
        self._resume_at = self._cut_at = self._trouble_since = clock()
        self._rounds = 0  # of trouble since the last answer
        self._refused = False  # ever: the first rise is over
        self._told = ToldRates(clock)
        self.told = self._told.learn  # what a reply's headers say of the server's own rates
        self._requests = _bucket(requests_per_minute, shared, "requests")
        self._tokens = _bucket(tokens_per_minute, shared, "tokens")

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return int(self._allowed)

    @property
    def trouble_s(self) -> float:
        """Seconds since the server answered last, where it refuses or is away; else 0."""
        return self._clock() - self._trouble_since if self._rounds else 0.0

    def stop(self) -> None:
        """Let nothing more in; what is in flight finishes."""
        self.stopping = True
        self.changed()

    async def hold(self, tokens: int) -> bool:
        """Wait until so many tokens more may be in flight; False where a stop came first."""
        async with self._in_turn:
            free = await self.until(
                lambda: not self._held_tokens or self._held_tokens + tokens <= self._most_tokens
            )
            self._held_tokens += tokens if free else 0
        return free

    def release(self, tokens: int) -> None:
        self._held_tokens -= tokens
        self.changed()

    async def enter(self, tokens: int) -> bool:
        """Wait until one more request may be sent; False where a stop came first."""
        while True:
            if self._busy >= self.allowed:
                self._ramp_up()
            if not await self._pass_pause():
                return False
            if not await self.until(lambda: self._busy < self.allowed):
                return False
            if self._resume_at <= self._clock():
                break
        self._busy += 1
        if await self._rate(tokens) and await self._pass_told(tokens) and await self._pass_pause():
            self._told.take(tokens)
            return True
        self.leave()
        return False

    def leave(self) -> None:
        self._busy -= 1
        self.changed()

    def reached(self) -> None:
        """The server is there and not overloaded, whatever it says."""
        self._rounds = 0

    def answered(self) -> None:
        """The server keeps up."""
        self.reached()
        more = 1 if self._allowed < self._threshold else 1 / self._allowed
        self._allowed = min(self._cap, self._allowed + more)

    def trouble(self, sent_at: float, asked_s: float | None = None) -> float:
        """The server is overloaded or away: fewer at once, and a pause for all. Its seconds.

        A first wait that the server asks for is taken at its word. Requests that were sent before
        the last trouble say nothing new.
        """
        now, pause_s = self._clock(), asked_s or 0.0
        if sent_at >= self._cut_at:
            self._cut_at = now
            self._rounds += 1
            if self._rounds == 1:
                self._trouble_since = now
                self.crowded()
            else:  # nothing was answered in between: one is enough to ask whether it is back
                self._allowed = 1.0
            if asked_s is None or self._rounds > 1:
                pause_s = max(pause_s, self.pause_s(self._rounds))
        self._resume_at = max(self._resume_at, now + pause_s)
        return max(0.0, self._resume_at - now)

    def crowded(self) -> None:
        """There is too much at once: fewer from now on, without a pause."""
        self._refused = True
        self._allowed = self._threshold = max(1.0, self._allowed / 2)

    def pause_s(self, rounds: int) -> float:
        """The pause after so many failures in a row: it doubles up to half a minute."""
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(rounds - 1, 10))
        return pause_s * (_LEAST_OF_PAUSE + (1 - _LEAST_OF_PAUSE) * self._jitter())

    async def until(self, ready: Callable[[], bool]) -> bool:
        """Wait for a state that ``changed`` announces; False where a stop came first."""
        await self._state.until(lambda: self.stopping or ready())
        return not self.stopping

    async def unless_stopped(self, waiting: Awaitable[_T]) -> _T | None:
        """The result of what is waited for; None, and it is cancelled, where a stop comes first."""
        task = asyncio.ensure_future(waiting)
        task.add_done_callback(lambda _: self.changed())
        try:
            await self.until(task.done)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _ramp_up(self) -> None:
        """Double after a moment, and go on so, as long as nothing is refused."""
        if self._ramp is None and not self._refused and self._allowed < self._cap:
            self._ramp = asyncio.get_running_loop().call_later(RAMP_S, self._double)

    def _double(self) -> None:
        self._ramp = None
        if not self._refused:
            self._allowed = min(self._cap, 2 * self._allowed)
            self.changed()
            self._ramp_up()

    async def _pass_pause(self) -> bool:
        return await self._pass(lambda: self._resume_at - self._clock())

    async def _pass(self, left_s: Callable[[], float]) -> bool:
        """Wait until nothing is left to wait for; False where a stop came first."""
        while (left := left_s()) > 0:
            if not await self.pause(left):
                return False
        return not self.stopping

    async def _pass_told(self, tokens: int) -> bool:
        if (long := self._told.wait_s(tokens)) >= _SPOKEN_OF_S:
            reason = "the rate limits that the server tells"
            self._observer.trouble(Trouble(kind="paced", reason=reason, wait_s=long))
        return await self._pass(lambda: self._told.wait_s(tokens))

    async def _rate(self, tokens: int) -> bool:
        """Wait for the rates; False where a stop came first."""
        for bucket, left in ((self._requests, 1.0), (self._tokens, float(tokens))):
            while bucket is not None and left > 0 and not self.stopping:
                piece = min(left, bucket.max_rate)  # no bucket holds a long prompt
                await self.unless_stopped(bucket.acquire(piece))
                left -= piece
        return not self.stopping

    async def _sleep_until_stop(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._state.until(lambda: self.stopping)
        return not self.stopping


def _bucket(
    per_minute: float | None, shared: Shared | None, name: str
) -> AsyncLimiter | SharedRate | None:
    """A leaky bucket of a rate, with room for at least one; ``shared`` with other workers."""
    if per_minute is None:
        return None
    size = max(1.0, per_minute * _BURST_S / _MINUTE_S)
    if shared is not None:
        return shared.rate(name, size, per_minute)
    return AsyncLimiter(size, size / per_minute * _MINUTE_S)


class Shared:
    """What the workers of one run share, in the folder of its parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = FileLock(folder / _LOCK)
        self._read: dict[Path, AttemptReader] = {}

    def rate(self, name: str, size: float, per_minute: float) -> SharedRate:
        return SharedRate(self.folder / f".{name}-rate", self.lock, size, per_minute)

    def news_of_others(self, own: Path) -> Iterator[tuple[Usage, Usage]]:
        """What others' attempts count as, before and now, where it changed since the last call."""
        for path in sorted({*self._read, *self.folder.glob(f"*/{ATTEMPTS_NAME}")}):
            if path.parent != own:
                reader = self._read.setdefault(path, AttemptReader(path.parent))
                yield from reader.news()


class SharedRate:
    """A leaky bucket in a file: when it will be empty, in seconds of the system's clock."""

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
                empty_at += amount * self._seconds_each
                wait_s: float = empty_at - self.max_rate * self._seconds_each - now
                if wait_s <= 0:
                    self._path.write_bytes(struct.pack("d", empty_at))
                return max(0.0, wait_s)
        except OSError as error:
            raise RunError(
                f"{self._path}: cannot be written ({error.strerror}); free some space"
            ) from error
