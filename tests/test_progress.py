"""How a sweep is getting on: speed, time left, troubles; on a terminal, in a log, and in the words
of a status line."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPOSITORY, Niah
from hypothesis import given
from hypothesis import strategies as st
from runs import result
from server import answers_with, fails, serving, sweep_at

from niah.cli.progress import Watch, left_words, speed_words, status_line, troubles_words
from niah.cli.screen import RunConsole
from niah.experiment.checks import completed
from niah.experiment.config import read_config
from niah.experiment.experiment import Experiment, experiment_of
from niah.plotter.ci import workflow_commands
from niah.records import Outcome, Result, Trial
from niah.runlog.log import RunLog, open_log, read_log
from niah.runner.budget import Spent
from niah.runner.progress import Meter, Progress, TimeLeft, Timings, Trouble, seconds_of
from niah.tasks import task_of
from niah.text.shares import digits, duration
from niah.verdict.grid import grid_of
from niah.verdict.records import Finding, Judgement, Verdict

BUSY = Trouble(kind="throttled", reason="429: Too many requests", wait_s=8.0)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def landed(
    identity: str, tokens: int, seconds: float | None = 1.0, outcome: Outcome | float = 1.0
) -> Result:
    trial = Trial(id=identity, task="single", context_length=tokens, depth_percent=50, epoch=0)
    return replace(result(trial, outcome, seconds), attempts=1)


def meter_of(
    tokens: dict[str, int], clock: Clock, finished: Iterable[str] = (), concurrency: int = 1
) -> Meter:
    return Meter(tokens, set(finished), concurrency, clock)


# --- the time left


def one_after_the_other(
    sizes: list[int], seconds: Callable[[int], float]
) -> Iterable[tuple[float, float, bool]]:
    """Estimate and truth after every trial of a sweep, and whether the estimate is called rough."""
    left, at, remaining = TimeLeft(1), 50.0, Counter(sizes)
    for tokens in sizes:
        at += seconds(tokens)
        left.landed(tokens, seconds(tokens), at)
        remaining = +(remaining - Counter([tokens]))
        estimate = left.seconds(remaining, at)
        assert estimate is not None
        yield estimate, sum(n * seconds(t) for t, n in remaining.items()), left.is_rough(remaining)


SIZES = [500, 1_000, 2_000, 4_000, 8_000] * 7


def test_two_short_trials_of_35_already_tell_the_time_of_the_rest() -> None:
    """Trials left times the time of one would say 3 times too little."""
    estimates = list(one_after_the_other(SIZES, lambda tokens: tokens * 0.0033))
    estimate, truth, rough = estimates[1]
    assert estimate == pytest.approx(truth, rel=0.01)
    assert rough
    assert not estimates[10][2]


@pytest.mark.slow
@given(
    st.floats(0, 5), st.floats(1e-4, 1e-2), st.floats(0, 1e-6), st.permutations(SIZES),
)  # fmt: skip
def test_a_time_of_any_such_form_is_learnt_by_the_middle_of_a_sweep(
    constant: float, slope: float, square: float, sizes: list[int]
) -> None:
    for done, (estimate, truth, _) in enumerate(
        one_after_the_other(sizes, lambda tokens: constant + slope * tokens + square * tokens**2), 1
    ):
        if done >= 20:
            assert estimate == pytest.approx(truth, rel=0.15, abs=1.0)


def test_a_square_is_taken_where_it_explains_and_only_there() -> None:
    assert set(Timings((n, 0.003 * n) for n in SIZES).fit()) == {1}
    square = [(n, 0.001 * n + 1e-6 * n**2) for n in SIZES]
    assert 2 in Timings(square).fit()
    assert seconds_of(Timings(square).fit(), 16_000) == pytest.approx(16 + 256, rel=0.05)
    assert set(Timings(square[:2]).fit()) == {1}  # two trials explain nothing more


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.001, 1_000)), min_size=1, max_size=40))
def test_no_term_of_a_fit_is_negative_so_that_longer_never_costs_less(
    measured: list[tuple[int, float]],
) -> None:
    fit = Timings(measured).fit()
    assert min(fit.values()) >= 0
    times = [seconds_of(fit, n) for n in (1, 1_000, 10**6)]
    assert times == sorted(times)


def test_the_shipped_run_of_a_real_model_was_foreseen_within_a_quarter() -> None:
    """Trial by trial as it went: from the second trial to the middle the estimate is never more
    than 25 % off."""
    _, stored = read_log(REPOSITORY / "results" / "example")
    timed = [(r.prompt_tokens, r.total_s or 0.0) for r in stored.values()]
    left, at, remaining = TimeLeft(1), 0.0, Counter(tokens for tokens, _ in timed)
    for done, (tokens, seconds) in enumerate(timed[: len(timed) // 2], 1):
        at += seconds
        left.landed(tokens, seconds, at)
        remaining = +(remaining - Counter([tokens]))
        if done >= 2:
            assert left.seconds(remaining, at) == pytest.approx(
                sum(s for _, s in timed[done:]), rel=0.25
            )


def test_trials_together_take_less_time_than_one_after_the_other() -> None:
    left = TimeLeft(8)
    for _ in range(8):
        left.landed(1_000, 10.0, 110.0)  # eight at once
    assert left.seconds({1_000: 80}, 110.0) == pytest.approx(100, rel=0.01)
    assert left.seconds({1_000: 1}, 110.0) == pytest.approx(
        10, rel=0.01
    )  # the last one has the server to itself


def test_time_passes_while_nothing_lands_but_an_outage_is_no_progress() -> None:
    left = TimeLeft(1)
    left.landed(1_000, 10.0, 110.0)
    assert left.seconds({1_000: 9}, 114.0) == pytest.approx(86)
    assert left.seconds({1_000: 9}, 5_000.0) == pytest.approx(80)


def test_what_an_earlier_session_finished_says_nothing_about_the_speed_of_this_one() -> None:
    clock = Clock()
    tokens = {f"old{i}": 1_000 for i in range(90)} | {f"new{i}": 1_000 for i in range(10)}
    resumed = meter_of(tokens, clock, finished=(i for i in tokens if i.startswith("old")))
    assert resumed.progress().left_s is None
    clock.now += 10
    resumed.landed(landed("new0", 1_000, 10.0))
    p = resumed.progress()
    assert (p.done, p.total, p.tokens) == (91, 100, 1_000)
    assert p.left_s == pytest.approx(90)
    assert p.tokens_per_s == pytest.approx(100)
    assert p.trials_per_min == pytest.approx(6)


def test_a_trial_that_is_known_to_be_too_long_takes_no_time() -> None:
    clock = Clock()
    tokens = {"a": 1_000, "b": 1_000, "c": 8_000, "d": 16_000, "e": 16_000}
    meter = meter_of(tokens, clock)
    clock.now += 10
    meter.landed(landed("a", 1_000, 10.0))
    assert meter.progress().left_s == pytest.approx(10 + 80 + 320)
    meter.landed(replace(landed("d", 16_000, None, Outcome.OVERFLOW), attempts=0))
    assert meter.progress().left_s == pytest.approx(10 + 80)


def test_an_error_is_counted_until_its_trial_is_answered() -> None:
    clock = Clock()
    meter = meter_of({"a": 1_000, "b": 1_000}, clock)
    meter.landed(replace(landed("a", 1_000, None, Outcome.ERROR), error="500: internal"))
    p = meter.progress()
    assert (p.errors, p.last_error, p.done) == (1, "500: internal", 0)
    clock.now += 1
    meter.landed(landed("a", 1_000))
    assert (meter.progress().errors, meter.progress().done) == (0, 1)


# --- troubles and words


def test_troubles_are_counted_by_status_and_the_wait_runs_down() -> None:
    clock = Clock()
    meter = meter_of({"a": 1_000}, clock)
    for _ in range(12):
        meter.met(BUSY)
    meter.met(Trouble(kind="fault", reason="ReadTimeout: silent for 60 s", wait_s=1))
    meter.met(BUSY)
    clock.now += 3
    p = meter.progress()
    assert p.retries == {"429": 13, "ReadTimeout": 1}
    assert troubles_words(p) == ["429 x 13, ReadTimeout x 1 · waiting 5 s: 429: Too many requests"]
    clock.now += 6
    assert troubles_words(meter.progress()) == ["429 x 13, ReadTimeout x 1"]


@pytest.mark.parametrize(
    ("reason", "kind", "label"),
    [
        ("429: slow down", "throttled", "429"),
        ("ConnectError: refused", "unreachable", "ConnectError"),
        ("no answer in 60 s", "fault", "fault"), ("", "throttled", "throttled"),
        ("x" * 60, "fault", "fault"),
        ("the server asks: wait", "throttled", "throttled"),
    ],
)  # fmt: skip
def test_a_trouble_is_called_by_its_status_or_error_and_else_by_its_kind(
    reason: str, kind: str, label: str
) -> None:
    assert Trouble(kind=kind, reason=reason, wait_s=1).label == label  # type: ignore[arg-type]  # of the table above


def progress(**others: object) -> Progress:
    usual = Progress(
        done=12, total=35, elapsed_s=100.0, tokens=40_000, tokens_per_s=400.0, trials_per_min=7.2,
        left_s=360.0,
        left_is_rough=False, spent_tokens=41_000, dollars=None, errors=0, last_error=None,
        retries={}, trouble=None,
    )  # fmt: skip
    return replace(usual, **others)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (7.4156, "7 s"),
        (89, "89 s"),
        (90, "2 min"),
        (600, "10 min"),
        (7_200, "2.0 h"),
        (86_400, "24.0 h"),
    ],
)
def test_a_time_has_the_precision_that_it_deserves(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.0973, "0.0973"), (12.54, "12.5"), (99.96, "100"), (1_392.4, "1,392")]
)
def test_a_figure_has_three_digits_and_no_exponent(value: float, words: str) -> None:
    assert digits(value) == words
    assert f"{words} trials/min" in speed_words(progress(trials_per_min=value))


def test_a_status_says_speed_time_left_cost_and_troubles() -> None:
    assert (
        status_line(progress())
        == "12 of 35 trials; about 6 min left; 40,000 tokens in 2 min (400/s, 7.2 trials/min) ·"
        " spent 41,000 tokens"
    )
    assert speed_words(progress(dollars=0.126)).endswith("spent 41,000 tokens, $0.13")
    assert left_words(progress(left_s=None)) == "waiting for the first answer"
    assert left_words(progress(left_is_rough=True)) == "about 6 min left (first guess)"
    assert (
        speed_words(
            progress(tokens=0, tokens_per_s=None, trials_per_min=None, spent_tokens=0, elapsed_s=3)
        )
        == "0 tokens in 3 s"
    )
    (words,) = troubles_words(
        progress(errors=1, last_error="500: " + "x" * 300, retries={"500": 4})
    )
    assert words.startswith("500 x 4 · 1 trial ended in an error (500: x")
    assert len(words) < 140


def test_a_trouble_says_who_what_and_what_will_happen() -> None:
    assert str(BUSY) == "429: Too many requests; asking again in 8 s"
    stopped = replace(BUSY, reason=f"{BUSY.reason}.")  # a sentence of the server's
    assert str(stopped) == str(BUSY)
    patient = replace(BUSY, address="http://127.0.0.1:8000", gives_up_s=1_800.0, wait_s=0.0)
    assert (
        str(patient)
        == "http://127.0.0.1:8000: 429: Too many requests; asking again at once, for up to 30 min"
        " (--patience)"
    )


# --- what is watched


def experiment() -> Experiment:
    flags = {"provider": "simulated", "model": "perfect", "lengths": "500,1k", "depths": "0,50,100"}
    return experiment_of(completed(read_config(None, flags)))


def console_of(file: io.StringIO, *, draws: bool) -> RunConsole:
    console = RunConsole(
        stderr=False, file=file, width=80, height=24, force_terminal=draws, color_system=None
    )
    console.draws = draws
    return console


def watched(
    path: Path, *, draws: bool, work: Callable[[Watch, RunLog, Experiment, Clock], None]
) -> str:
    """What is written while something is watched; the picture is drawn at least once after the
    work."""
    file, clock, of = io.StringIO(), Clock(), experiment()

    async def drawn(watch: Watch) -> None:
        ticking = asyncio.create_task(watch.tick())
        while draws and "trials" not in file.getvalue():
            await asyncio.sleep(0)
        ticking.cancel()

    with open_log(path / "r", of.header()) as log:
        watch = Watch(of, log, console_of(file, draws=draws), 1, clock)
        watch.follow(lambda: Spent(tokens=1_234, dollars=0.05))
        work(watch, log, of, clock)
        with watch:
            asyncio.run(drawn(watch))
    return file.getvalue()


def a_trial_and_a_trouble(watch: Watch, log: RunLog, of: Experiment, clock: Clock) -> None:
    clock.now += 10
    done = replace(result(of.trials[0], 1.0), attempts=1, total_s=10.0)
    log.write(done)
    log.results[done.trial.id] = done
    watch.landed(done)
    for _ in range(12):
        watch.trouble(BUSY)


def test_a_live_picture_shows_speed_cost_and_what_is_waited_for(tmp_path: Path) -> None:
    text = watched(tmp_path, draws=True, work=a_trial_and_a_trouble)
    for part in (
        "1/6 trials",
        "trials/min",
        "spent 1,234 tokens, $0.05",
        "429 x 12",
        "waiting 8 s",
        "left (first gu",
    ):
        assert part in text


def test_the_first_word_of_a_trouble_comes_at_once_and_then_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(watch: Watch, log: RunLog, of: Experiment, clock: Clock) -> None:
        a_trial_and_a_trouble(watch, log, of, clock)
        watch.trouble(Trouble(kind="fault", reason="ReadTimeout: silent for 60 s", wait_s=1))
        clock.now += 31
        watch.trouble(BUSY)

    text = watched(tmp_path, draws=False, work=work)
    assert text.count("429: Too many requests; asking again in 8 s\n") == 2
    assert text.count("ReadTimeout: silent for 60 s; asking again in 1 s\n") == 1
    assert "1/6        500 tokens" in capsys.readouterr().err


def test_a_resumed_sweep_is_watched_by_what_is_new(tmp_path: Path) -> None:
    of, clock = experiment(), Clock()
    with open_log(tmp_path / "r", of.header()) as log:
        for trial in of.trials[:4]:
            log.write(replace(result(trial, 1.0, 100.0), attempts=1))
    with open_log(tmp_path / "r", of.header()) as log:
        watch = Watch(of, log, console_of(io.StringIO(), draws=False), 1, clock)
        clock.now += 2
        watch.landed(replace(result(of.trials[4], 1.0), attempts=1, total_s=2.0))
        p = watch.progress()
    assert (p.done, p.total) == (5, 6)
    assert p.left_s == pytest.approx(2.0, rel=0.01)
    assert p.tokens == of.prompt_tokens(of.trials[4])


@pytest.mark.slow
def test_throttled_and_failed_attempts_of_a_real_server_are_told(niah: Niah) -> None:
    reads = answers_with(task_of("single").solve)
    busy = fails(429, {"error": {"message": "slow down"}}, retry_after="0")
    grid = (
        "--lengths",
        "500",
        "--depths",
        "0,50",
        "--model",
        "m",
        "--name",
        "r",
        "--concurrency",
        "1",
        "--progress-file",
        "e",
    )
    with serving(busy, fails(500, {}), otherwise=reads, preflight=reads) as server:
        ended = niah(*sweep_at(server), *grid)
    assert ended.exit_code == 0
    assert re.search(r"429: slow down; asking again (at once|in \d+ s)", ended.err)
    assert re.search(r"500: .*; asking again (at once|in \d+ s)", ended.err)
    events = [json.loads(line) for line in Path("e").read_text(encoding="utf-8").splitlines()]
    troubles = [(e["label"], e["kind"]) for e in events if e["event"] == "trouble"]
    assert troubles == [("429", "throttled"), ("500", "fault")]


def test_a_picture_is_folded_again_only_when_something_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def work(watch: Watch, log: RunLog, of: Experiment, clock: Clock) -> None:
        monkeypatch.setattr("niah.cli.progress.grid_of", lambda *a: (next(calls), grid_of(*a))[1])
        grids = [watch._grid([]) for _ in range(3)]
        assert grids[0] is grids[2]
        a_trial_and_a_trouble(watch, log, of, clock)
        watch._grid(list(log.results.values()))

    watched(tmp_path, draws=False, work=work)
    assert next(calls) == 2


# --- annotations


def test_a_line_break_in_a_reason_does_not_end_an_annotation() -> None:
    """What follows a line break could be a workflow command of its own."""
    finding = Finding(
        gate="min_found", part="whole\nrun", verdict=Verdict.FAIL,
        reason="100 %\r\n::set-output name=x::y",
        measured=0.1, limit=0.9, n=10,
    )  # fmt: skip
    judgement = Judgement(verdict=Verdict.FAIL, model="m", reasons=(), findings=(finding,))
    (line,) = workflow_commands(judgement)
    assert line.splitlines() == [line]
    assert "100 %25%0D%0A::set-output" in line
    assert "title=niah min_found%3A whole%0Arun::" in line
