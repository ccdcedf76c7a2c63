"""When an answer is believed: counts, caches, whose answer it is, refusals as too long, who asks
alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_grid import result

from niah.records import Outcome, Response, Result, Usage
from niah.runlog.warnings import CUT, GARBLED, OVER, STALE, UNCOUNTED, mismatch_of
from niah.runner.calibration import EXACT_TOKENS, CacheCount, Calibration, Counted, calibrated
from niah.runner.concurrency import Slots
from niah.runner.mismatches import Mismatch, OutputCounts, PlantedValues, Repeats, withheld
from niah.runner.stop_rules import OverflowMemory

BARE, SAMPLE = 80, 1_080


def counted(tokens: int, server_tokens: int, cached: int = 0) -> Counted:
    return Counted(
        text=b"x" * 4 * tokens, tokens=tokens, server_tokens=server_tokens, cached_tokens=cached
    )


def calibration(bare: int, sample: int, *, cached: tuple[int, int] = (0, 0)) -> Calibration:
    found = calibrated([counted(BARE, bare, cached[0]), counted(SAMPLE, sample, cached[1])])
    assert found is not None
    return found


@given(st.integers(-20, 5_000), st.integers(100, 10_000_000), st.integers(0, 10_000_000))
def test_a_server_that_counts_as_we_do_is_held_to_a_few_tokens_at_every_length(
    frame: int, tokens: int, dropped: int
) -> None:
    known = calibration(BARE + frame, SAMPLE + frame)
    expected = known.expected(b"x", tokens)
    assert expected == tokens + frame
    assert known.is_short(expected - dropped, expected) is (dropped > EXACT_TOKENS)
    assert not known.is_short(expected + dropped, expected)


@given(st.floats(0.5, 3), st.integers(1_000, 1_000_000), st.floats(-0.9, 0.9))
def test_another_tokenizer_has_the_tolerance_that_tokenizers_need(
    ratio: float, tokens: int, part: float
) -> None:
    known = calibration(round(BARE * ratio), round(BARE * ratio) + round(1_000 * ratio) + 1)
    if known.is_exact:
        return
    expected = known.expected(b"x", tokens)
    assert not known.is_short(round(expected * (1 - known.tolerance(expected) * part)), expected)
    assert known.is_short(round(expected * (1 - 1.2 * known.tolerance(expected))) - 20, expected)


def test_one_token_more_in_the_sample_is_not_exact() -> None:
    assert calibration(BARE + 9, SAMPLE + 9).is_exact
    assert not calibration(BARE + 9, SAMPLE + 10).is_exact
    assert not calibration(BARE + 9, SAMPLE + 8).is_exact


def test_counts_that_do_not_grow_are_no_counts() -> None:
    assert calibrated([counted(BARE, 17), counted(SAMPLE, 17)]) is None
    assert calibrated([counted(BARE, 17), counted(SAMPLE, 150)]) is None


@pytest.mark.parametrize("script", ["narrow", "wide"])
def test_every_sample_must_be_exact(script: str) -> None:
    counts = [counted(BARE, BARE), counted(SAMPLE, SAMPLE), counted(SAMPLE, SAMPLE)]
    assert calibrated(counts) == replace(calibrated(counts) or calibration(1, 1_001), is_exact=True)
    off = 1 if script == "narrow" else 2
    counts[off] = replace(counts[off], server_tokens=SAMPLE + 40)
    found = calibrated(counts)
    assert found is not None
    assert not found.is_exact


@pytest.mark.parametrize(
    ("sample", "cached", "told"),
    [
        (SAMPLE, 400, CacheCount.INCLUDED),
        (SAMPLE - 400, 400, CacheCount.LEFT_OUT),
        (SAMPLE + 400, 400, CacheCount.TWICE),
        (SAMPLE, 0, None),
    ],
)
def test_what_a_count_says_of_a_cache_is_told_by_the_small_requests_where_they_can(
    sample: int, cached: int, told: CacheCount | None
) -> None:
    known = calibration(BARE, sample, cached=(0, cached))
    assert (known.is_exact, known.cache) == (True, told)
    assert known.total(Usage(input_tokens=sample, cached_tokens=cached)) == SAMPLE


def test_a_cache_that_is_larger_than_the_count_is_left_out_of_it() -> None:
    known = calibration(1, 3, cached=(BARE - 1, SAMPLE - 3))
    assert (known.is_exact, known.cache) == (True, CacheCount.LEFT_OUT)


def test_an_equal_cache_in_all_requests_tells_nothing() -> None:
    known = calibration(BARE, SAMPLE, cached=(40, 40))
    assert (known.is_exact, known.cache) == (True, None)


def test_a_further_prompt_tells_exactness_and_cache() -> None:
    known = calibration(BARE, SAMPLE)
    for again, cached, told in (
        (2_400, 2_300, "included"),
        (100, 2_300, "left out"),
        (4_700, 2_300, "counted twice"),
    ):
        after = known.after(counted(2_400, 2_400), counted(2_400, again, cached))
        assert (after.is_exact, after.cache) == (True, told)
    after = known.after(counted(2_400, 2_430), counted(2_400, 2_430))
    assert (after.is_exact, after.cache) == (False, None)
    assert after.cache_count(1_200, 1_200, 2_400) is CacheCount.LEFT_OUT
    assert known.cache_count(1_200, 1_150, 2_400) is None  # neither fits


def test_a_decision_about_a_cache_stays() -> None:
    known = replace(calibration(BARE, SAMPLE), cache=CacheCount.INCLUDED)
    assert (
        known.after(counted(2_400, 2_400), counted(2_400, 100, 2_300)).cache is CacheCount.INCLUDED
    )


def test_a_calibration_is_refined_once_by_a_long_prompt_and_not_led_on() -> None:
    """A server that drops a little more every time must not be followed."""
    known = calibration(100, 1_400)
    first = known.refined(
        20_000, round(known.expected(b"x", 20_000) * 0.99), known.expected(b"x", 20_000)
    )
    assert first.is_refined
    assert first.narrow < known.narrow
    again = first.refined(
        20_000, round(first.expected(b"x", 20_000) * 0.99), first.expected(b"x", 20_000)
    )
    assert again == first
    assert (
        known.refined(15_000, known.expected(b"x", 15_000) - 50, known.expected(b"x", 15_000))
        == known
    )
    outer = round(known.expected(b"x", 20_000) * (1 - 0.8 * known.tolerance(20_000)))
    assert known.refined(20_000, outer, known.expected(b"x", 20_000)) == known
    exact = calibration(BARE, SAMPLE)
    assert exact.refined(20_000, 20_002, 20_000) == exact


def answered(text: str, score: float | None = 0.0, **usage: int) -> Result:
    base = result(1_000, 50, 0, score or 0.0)
    return replace(
        base,
        response=Response(text=text, stop_reason="stop", usage=Usage(**usage)),
        targets=("7421830",),
    )


VALUES = PlantedValues([replace(answered("x"), targets=("1234567", "Oslo", "55"))])


@pytest.mark.parametrize(
    ("text", "stale"),
    [
        ("1234567", True),
        ("1,234,567", True),
        ("１２３４５６７", True),
        ("It is 7421830 or 1234567.", True),
        ("12345678", False),
        ("7654321", False),
        ("Oslo", False),
        ("55", False),
    ],
)
def test_the_value_of_another_trial_is_told_from_a_wrong_one(text: str, stale: bool) -> None:
    doubt = VALUES.stale(answered(text), {"7421830"})
    assert (doubt is not None) is stale
    if doubt is not None:
        assert doubt.why.startswith("answered with 1234567, the value of trial ")


def test_a_value_that_stands_in_the_prompt_and_a_right_answer_are_no_stale_ones() -> None:
    assert VALUES.stale(answered("1234567"), {"7421830", "1234567"}) is None
    assert VALUES.stale(replace(answered("1234567"), score=1.0), set()) is None


def letters(text: str) -> int:
    return len(text)


def said(text: str, counted: int, reasoning: int | None = None) -> Response:
    return Response(
        text=text,
        stop_reason="stop",
        usage=Usage(output_tokens=counted, reasoning_tokens=reasoning),
    )


def test_an_answer_of_another_count_than_others_had_is_doubtful_until_it_comes_again() -> None:
    counts = OutputCounts(letters)
    assert counts.garbled(said("123", 9), ()) is None  # nothing is known yet
    counts.learn(said("12345", 6))
    for text, number in (("123456", 8), ("1234567", 6), ("123", 9)):
        doubt = counts.garbled(said(text, number), ())
        assert doubt is not None
        assert doubt.kind == GARBLED
        assert counts.garbled(said(text, number), [text]) is None
    assert counts.garbled(said("123456", 7), ()) is None
    assert counts.garbled(said("123", 44, reasoning=40), ()) is None


@pytest.mark.parametrize("counted", [[7, 7], [45, 45], [6, 5]])
def test_a_server_whose_output_counts_do_not_fit_is_not_held_to_them(counted: list[int]) -> None:
    counts = OutputCounts(letters)
    for number in counted:
        counts.learn(said("12345", number))
    assert counts.garbled(said("123", 9), ()) is None


def test_asking_again_stops_where_it_never_helped_and_goes_on_where_it_does() -> None:
    doubt = Mismatch(kind="stale", why="x")
    again = Repeats()
    assert [again.pay(doubt, asked) for asked in (1, 2, 3)] == [True, True, False]
    for _ in range(3):
        assert again.pay(doubt, 1)
        again.ended([doubt, doubt], doubt)
    assert not again.pay(doubt, 1)
    assert again.pay(Mismatch(kind="over", why="x"), 1)
    for _ in range(4):
        again.ended([doubt], None)
    assert again.pay(doubt, 1)
    assert not Repeats().pay(Mismatch(kind="cut", why="x", asks=False), 1)


def test_the_kind_of_a_mismatch_is_told_from_a_finished_run() -> None:
    base = replace(answered("1", input_tokens=900), expected_input_tokens=1_000)
    assert (
        mismatch_of(withheld(base, "the server counted 900 prompt tokens where 1,000 were sent"))
        == CUT
    )
    over = replace(answered("1", input_tokens=1_100), expected_input_tokens=1_000)
    assert mismatch_of(withheld(over, "the server counted 1,100 prompt tokens")) == OVER
    assert mismatch_of(withheld(answered("1"), "the server did not count")) == UNCOUNTED
    stale = VALUES.stale(answered("1234567"), set())
    assert stale is not None
    assert mismatch_of(withheld(base, stale.why)) == STALE
    assert mismatch_of(base) is None


def refused(tokens: int) -> Result:
    return replace(
        result(tokens, 50, 0, None), outcome=Outcome.OVERFLOW, prompt_tokens=tokens, attempts=1
    )


def passed(tokens: int) -> Result:
    return replace(result(tokens, 50, 0, 1.0), prompt_tokens=tokens)


@pytest.mark.parametrize(
    ("before", "window", "server_tokens", "believed"),
    [
        ([], None, None, False),  # the first one is asked again
        ([refused(1_000)], None, None, True),
        ([refused(2_000)], None, None, False),
        ([refused(1_000), passed(1_000)], None, None, False),  # as long a one was accepted
        ([passed(900)], None, None, False),
        ([], 900, 1_050, True),  # the server said so before
        ([], 4_096, 1_050, False),
        ([passed(1_500)], 900, 1_050, False),
    ],
)
def test_a_refusal_as_too_long_is_believed_where_evidence_agrees(
    before: list[Result], window: int | None, server_tokens: int | None, believed: bool
) -> None:
    memory = OverflowMemory(before)
    memory.window = window
    assert memory.believes(1_000, server_tokens) is believed


@pytest.mark.parametrize(
    ("before", "window", "server_tokens", "fits"),
    [
        ([], None, None, False),
        ([passed(1_000)], None, None, True),
        ([passed(999)], None, None, False),
        ([], 1_050, 1_050, True),
        ([], 1_049, 1_050, False),
        ([], 4_096, None, False),
        ([refused(1_000)], 4_096, 1_050, False),  # what it did counts for more than what it tells
        ([refused(1_000), passed(1_000)], None, None, True),
    ],
)
def test_a_prompt_fits_where_an_answer_or_the_server_showed_it(
    before: list[Result], window: int | None, server_tokens: int | None, fits: bool
) -> None:
    memory = OverflowMemory(before)
    memory.window = window
    assert memory.fits(1_000, server_tokens) is fits


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=12), st.integers(1, 9))
def test_what_is_longer_than_two_refusals_need_not_be_sent(
    ended: list[tuple[bool, int]], tokens: int
) -> None:
    memory = OverflowMemory([passed(length) if ok else refused(length) for ok, length in ended])
    accepted = max((length for ok, length in ended if ok), default=0)
    shorter = sorted(length for ok, length in ended if not ok and accepted < length < tokens)
    too_long = memory.surely_too_long(tokens)
    assert (too_long and too_long.prompt_tokens) == (shorter[0] if len(shorter) >= 2 else None)


def test_one_asks_alone_and_the_others_wait() -> None:
    events: list[str] = []

    async def among(slots: Slots, name: str) -> None:
        async with slots.shared():
            events.append(f"+{name}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            events.append(f"-{name}")

    async def alone(slots: Slots, name: str) -> None:
        async with slots.exclusive():
            await among_nobody(name)

    async def among_nobody(name: str) -> None:
        events.append(f"+{name}")
        await asyncio.sleep(0)
        events.append(f"-{name}")

    async def main() -> None:
        slots = Slots(3)
        parts: list[Any] = [
            among(slots, "a"),
            among(slots, "b"),
            alone(slots, "X"),
            among(slots, "c"),
            alone(slots, "Y"),
        ]
        await asyncio.gather(*parts)

    asyncio.run(main())
    assert len(events) == 10
    for name in "XY":
        assert events.index(f"-{name}") == events.index(f"+{name}") + 1
        before = events[: events.index(f"+{name}")]
        assert all(before.count(f"+{n}") == before.count(f"-{n}") for n in "abc")
    assert events[:2] == ["+a", "+b"]


def test_the_next_one_gets_in_when_one_that_asked_alone_was_interrupted() -> None:
    async def main() -> None:
        slots = Slots(3)
        with pytest.raises(RuntimeError):
            async with slots.exclusive():
                raise RuntimeError
        async with slots.shared():
            pass

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_refused_trial_asks_alone_before_those_that_wait_for_its_place() -> None:
    events: list[str] = []

    async def refused(slots: Slots) -> None:
        async with slots.shared():
            await asyncio.sleep(0)
        async with slots.exclusive():
            events.append("alone")

    async def waits(slots: Slots) -> None:
        async with slots.shared():
            events.append("next")

    async def main() -> None:
        slots = Slots(1)
        await asyncio.gather(refused(slots), waits(slots))

    asyncio.run(asyncio.wait_for(main(), 5))
    assert events == ["alone", "next"]
