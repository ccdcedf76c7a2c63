"""What may be sent now: requests and tokens in flight, both per minute, and one pause that holds for all.

Requests in flight rise by one a round while the server answers and are halved when it is overloaded (additive increase,
multiplicative decrease), never above the cap. Rates are leaky buckets, by aiolimiter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiolimiter import AsyncLimiter

_MINUTE_S = 60.0
_BURST_S = 6.0  # a bucket holds what flows in so many seconds: a minute never sees more than a tenth above the rate


class Limits:
    """The limits of one sweep. Clock (seconds, monotonic) and sleep are arguments; sleep tells whether to go on."""

    def __init__(
        self,
        *,
        cap: int,
        in_flight_tokens: int,
        clock: Callable[[], float],
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        sleep: Callable[[float], Awaitable[bool]] | None = None,
    ) -> None:
        self._cap = cap
        self._allowed = float(cap)
        self._busy = 0
        self._most_tokens = in_flight_tokens
        self._held_tokens = 0
        self._clock = clock
        self._sleep = sleep or self._sleep_until_stop
        self._waiting: list[asyncio.Future[None]] = []
        self._in_turn = asyncio.Lock()  # first come, first served: a long prompt is not overtaken for ever
        self._stopping = asyncio.Event()
        self._resume_at = clock()
        self._cut_at = clock()
        self._requests = _bucket(requests_per_minute)
        self._tokens = _bucket(tokens_per_minute)

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return int(self._allowed)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Let nothing more in; what is in flight finishes."""
        self._stopping.set()
        self.changed()

    async def hold(self, tokens: int) -> bool:
        """Wait until so many tokens more may be in flight; False where a stop came first."""
        async with self._in_turn:
            free = await self.until(lambda: not self._held_tokens or self._held_tokens + tokens <= self._most_tokens)
            self._held_tokens += tokens if free else 0
        return free

    def release(self, tokens: int) -> None:
        self._held_tokens -= tokens
        self.changed()

    async def enter(self, tokens: int) -> bool:
        """Wait until one more request may be sent; False where a stop came first."""
        while True:
            if not await self._pass_pause() or not await self.until(lambda: self._busy < int(self._allowed)):
                return False
            if self._resume_at <= self._clock():
                break
        self._busy += 1
        if await self._rate(tokens) and await self._pass_pause():
            return True
        self.leave()
        return False

    def leave(self) -> None:
        self._busy -= 1
        self.changed()

    def answered(self) -> None:
        """The server keeps up: one more a round."""
        self._allowed = min(self._cap, self._allowed + 1 / self._allowed)

    def throttled(self, sent_at: float, wait_s: float) -> None:
        """The server is overloaded: half as many, and nobody sends before the wait is over.

        Requests that were sent before the last halving say nothing new and halve nothing.
        """
        if sent_at >= self._cut_at:
            self._allowed = max(1.0, self._allowed / 2)
            self._cut_at = self._clock()
        self.pause_all(wait_s)

    def pause_all(self, wait_s: float) -> None:
        """Nobody sends before the wait is over."""
        self._resume_at = max(self._resume_at, self._clock() + wait_s)

    async def pause(self, seconds: float) -> bool:
        """Wait; False where a stop came in between."""
        return await self._sleep(seconds)

    async def until(self, ready: Callable[[], bool]) -> bool:
        """Wait for a state that ``changed`` announces; False where a stop came first."""
        while not self.stopping and not ready():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        return not self.stopping

    def changed(self) -> None:
        """Have everyone who waits look again."""
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def _pass_pause(self) -> bool:
        while (left := self._resume_at - self._clock()) > 0:
            if not await self._sleep(left):
                return False
        return not self.stopping

    async def _rate(self, tokens: int) -> bool:
        """Wait for the rates; False where a stop came first."""
        if self._requests is not None and not await self._unless_stopped(self._requests.acquire()):
            return False
        left = float(tokens) if self._tokens is not None else 0.0
        while left > 0 and self._tokens is not None:  # a long prompt in pieces: no bucket holds it
            piece = min(left, self._tokens.max_rate)
            if not await self._unless_stopped(self._tokens.acquire(piece)):
                return False
            left -= piece
        return True

    async def _unless_stopped(self, waiting: Any) -> bool:
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        finally:
            await _cancelled(tasks)
        return not self.stopping

    async def _sleep_until_stop(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self.stopping


def _bucket(per_minute: float | None) -> AsyncLimiter | None:
    """A leaky bucket of a rate, with room for at least one."""
    if per_minute is None:
        return None
    size = max(1.0, per_minute * _BURST_S / _MINUTE_S)
    return AsyncLimiter(size, size / per_minute * _MINUTE_S)


async def _cancelled(tasks: Iterable[asyncio.Future[Any]]) -> None:
    for task in tasks:
        if not task.done():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
