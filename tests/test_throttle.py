"""What may be sent: more while the server keeps up, half when it is overloaded, one pause for all,
rates, patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import run_virtual

from niah.runner.exchange import LEAST_SILENCE_S, MOST_SILENCE_S, AdaptiveTimeout
from niah.runner.throttle import LONGEST_PAUSE_S, RAMP_S, START, Throttle


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.now += seconds
        return True

    def limits(self, cap: int = 8, **settings: Any) -> Throttle:
        given_ = {"in_flight_tokens": 1_000, **settings}
        return Throttle(
            cap=cap, clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0, **given_
        )


def test_overload_halves_and_answers_add_one_a_round() -> None:
    time = Time()
    limits = time.limits(cap=16)
    for _ in range(100):
        limits.answered()
    assert limits.allowed == 16
    limits.trouble(sent_at=time.now)
    assert limits.allowed == 8
    for _ in range(9):
        limits.answered()
    assert limits.allowed == 9
    for _ in range(1_000):
        limits.answered()
    assert limits.allowed == 16


def test_it_starts_low_and_an_answer_lets_one_more_in_until_the_first_refusal() -> None:
    time = Time()
    limits = time.limits(cap=64)
    assert limits.allowed == START
    for _ in range(START):
        limits.answered()
    assert limits.allowed == 2 * START  # a round doubles
    limits.trouble(sent_at=time.now)
    for _ in range(START):
        limits.answered()
    assert limits.allowed == START  # a round adds less than one now


def test_requests_of_one_round_halve_once() -> None:
    time = Time()
    limits = time.limits(cap=8)
    sent_at = time.now
    time.now += 5
    for _ in range(64):
        limits.trouble(sent_at=sent_at)
    assert limits.allowed == 4


def test_while_nothing_is_answered_one_request_at_a_time_asks_after_pauses_that_double() -> None:
    time = Time()
    limits = time.limits(cap=8)
    pauses = []
    for _ in range(8):
        pauses.append(limits.trouble(sent_at=time.now))
        time.now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert limits.allowed == 1
    for _ in range(3):
        limits.answered()
    assert limits.allowed == 4  # up to half of what was too much it is quick
    assert limits.trouble(sent_at=time.now) == 1


def test_a_refusal_of_one_prompt_ends_trouble_but_lets_no_more_in() -> None:
    time = Time()
    limits = time.limits(cap=8)
    for _ in range(3):
        limits.trouble(sent_at=time.now)
        time.now += 1
    assert (limits.trouble_s, limits.allowed) == (3, 1)
    limits.reached()
    assert (limits.trouble_s, limits.allowed) == (0, 1)
    time.now += 10
    assert limits.trouble(sent_at=time.now) == 1


def test_a_wait_that_the_server_asks_for_holds_for_everyone_and_is_not_shortened() -> None:
    time = Time()
    limits = time.limits(cap=8)
    assert limits.trouble(time.now, asked_s=90) == 90
    time.now += 90
    assert limits.trouble(time.now, asked_s=1) == 2
    time.now += 2
    assert limits.trouble(time.now, asked_s=90) == 90


def test_a_pause_holds_for_everyone() -> None:
    time = Time()

    async def enter_two() -> None:
        limits = time.limits()
        limits.trouble(sent_at=time.now, asked_s=7)
        assert await limits.enter(1)
        assert await limits.enter(1)

    asyncio.run(enter_two())
    assert time.slept == [7]


@given(st.lists(st.integers(1, 2_500), min_size=1, max_size=30), st.integers(1, 6))
def test_tokens_in_flight_stay_below_the_cap_and_everyone_has_a_turn(
    sizes: list[int], workers: int
) -> None:
    held: list[int] = []
    done: list[int] = []

    async def main() -> None:
        limits = Time().limits(in_flight_tokens=1_000)
        queue = iter(sizes)

        async def worker() -> None:
            for size in queue:
                assert await limits.hold(size)
                held.append(size)
                assert len(held) == 1 or sum(held) <= 1_000
                await asyncio.sleep(0)
                held.remove(size)
                limits.release(size)
                done.append(size)

        await asyncio.wait_for(asyncio.gather(*(worker() for _ in range(workers))), 10)

    asyncio.run(main())
    assert sorted(done) == sorted(sizes)


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    most = 0

    async def main() -> None:
        nonlocal most
        time = Time()
        limits = time.limits(cap=10)
        limits.trouble(sent_at=time.now)
        busy = 0

        async def one() -> None:
            nonlocal busy, most
            assert await limits.enter(1)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0)
            busy -= 1
            limits.leave()

        await asyncio.gather(*(one() for _ in range(40)))

    asyncio.run(main())
    assert most == START // 2


@pytest.mark.parametrize("waiting", ["slot", "tokens", "rate"])
def test_a_stop_wakes_everyone_who_waits(waiting: str) -> None:
    async def main() -> None:
        limits = Time().limits(cap=1, in_flight_tokens=10, requests_per_minute=0.1)
        waits: Callable[[int], Awaitable[bool]] = (
            limits.hold if waiting == "tokens" else limits.enter
        )
        assert await waits(10)
        if waiting == "rate":
            limits.leave()
        second = asyncio.ensure_future(waits(10))
        await asyncio.sleep(0.01)
        assert not second.done()
        limits.stop()
        assert await second is False

    asyncio.run(main())


@pytest.mark.slow
@given(st.integers(1, 10_000_000), st.integers(1, 300_000))
def test_a_minute_of_tokens_is_a_tenth_above_the_rate_at_most_however_long_the_prompts(
    rate: int, tokens: int
) -> None:
    taken: list[tuple[float, float]] = []

    async def main() -> None:
        limits = Time().limits(tokens_per_minute=rate)
        bucket = limits._tokens
        assert bucket is not None

        async def acquire(amount: float = 1) -> None:
            taken.append((amount, bucket.max_rate))

        bucket.acquire = acquire  # type: ignore[method-assign]  # no waiting in tests
        assert await limits.enter(tokens)

    asyncio.run(main())
    assert sum(amount for amount, _ in taken) == pytest.approx(tokens)
    assert all(amount <= size for amount, size in taken)
    assert {size for _, size in taken} == {max(1.0, rate / 10)}


def busy_after(seconds: float, refused_at: float | None = None) -> int:
    """Requests in flight of many that want in, after so long without an answer."""

    async def main() -> int:
        clock = asyncio.get_running_loop().time
        limits = Throttle(cap=64, in_flight_tokens=10**9, clock=clock)
        waiting = [asyncio.create_task(limits.enter(1)) for _ in range(100)]
        if refused_at is not None:
            await asyncio.sleep(refused_at)
            limits.trouble(clock())
        await asyncio.sleep(seconds - (refused_at or 0))
        busy = sum(task.done() for task in waiting)
        assert refused_at is None or limits.allowed == busy // 2
        limits.stop()
        await asyncio.gather(*waiting)
        return busy

    return run_virtual(main())


def test_the_first_burst_doubles_as_long_as_nothing_is_refused() -> None:
    assert [busy_after((rounds + 0.5) * RAMP_S) for rounds in range(5)] == [8, 16, 32, 64, 64]
    assert busy_after(10, refused_at=1.5 * RAMP_S) == 16


@given(st.integers(100, 10_000_000), st.floats(0.01, 250))
def test_a_timeout_grows_with_length_and_learns(tokens: int, first_s: float) -> None:
    timeout = AdaptiveTimeout(None)
    assert timeout.silence_s(tokens, 1) < timeout.silence_s(2 * tokens, 1)
    assert timeout.silence_s(tokens, 2) == 2 * timeout.silence_s(tokens, 1)
    timeout.learn(tokens, first_s)
    assert timeout.silence_s(tokens, 1) == max(LEAST_SILENCE_S, 6 * first_s)
    quadratic = 4 * first_s  # attention grows with the square of the length
    assert timeout.silence_s(2 * tokens, 1) == min(
        max(LEAST_SILENCE_S, 6 * quadratic), max(MOST_SILENCE_S, 2 * quadratic)
    )
    assert timeout.silence_s(32 * tokens, 1) >= 2 * 32 * first_s
    assert AdaptiveTimeout(5).silence_s(tokens, 3) == 5


def test_one_answer_that_waited_in_a_queue_does_not_teach_hours() -> None:
    timeout = AdaptiveTimeout(None)
    for seconds in (2.0, 1_704.0, 2.1, 1.9, 2.0):
        timeout.learn(32_000, seconds)
    assert timeout.silence_s(32_000, 1) == LEAST_SILENCE_S


def test_all_of_an_attempt_has_an_end_that_grows_with_the_reply() -> None:
    assert AdaptiveTimeout(2, reply_tokens=100).times(1_000, 1).total_s == 6 + 500
    assert (
        AdaptiveTimeout(None, reply_tokens=100).times(1_000, 1).total_s
        == 3 * (LEAST_SILENCE_S + 2.5) + 500
    )
