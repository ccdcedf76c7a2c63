"""Servers that lie in every way we could think of, in four protocols: no score is wrong, none is
lost."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from liar import NOTHING_FOUND, Liar, Lie, has_needle, lying
from lie_kinds import Kind, kinds
from lies import cut_short, never, of_all_that_was_said, trials_only
from protocols import PROVIDER_PATHS

from niah.errors import NiahError
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.records import Row
from niah.runlog.log import open_log
from niah.runlog.warnings import run_warnings
from niah.runner.progress import Observer
from niah.runner.session import open_session
from niah.runner.sweep import Sweep

PROTOCOLS = ("openai", "anthropic", "gemini", "openai-responses")
DEPTHS = (0.0, 50.0, 100.0)
KINDS = kinds()


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How a sweep ended."""

    results: tuple[Row, ...]
    said: str
    stopped: str | None
    spent: int  # tokens


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    with lying() as server:
        yield server


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts are as short as can be: what is tested is what comes of them."""
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.001)
    for name, seconds in {
        "FOR_THE_CONNECTION_S": 0.05,
        "FOR_THE_END_S": 0.1,
        "FOR_USAGE_S": 1.0,
        "MAY_GO_ON_S": 1.0,
    }.items():
        monkeypatch.setattr(f"niah.runner.exchange.{name}", seconds)
    monkeypatch.setattr("niah.runner.trial_runner.RECOVERY_S", 0.001)


@cache
def _experiment(lengths: tuple[int, ...]) -> Experiment:
    return experiment_of(RunConfig(provider="openai", model="m", lengths=lengths, depths=DEPTHS))


class Warned(Observer):
    """Keeps what a sweep warns of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def swept(liar: Liar, kind: Kind, protocol: str, folder: Path) -> Swept:
    liar.tell(kind.lie)
    experiment = _experiment(kind.lengths)
    settings = {
        "provider": protocol,
        "base_url": liar.root + PROVIDER_PATHS[protocol],
        "concurrency": kind.concurrency,
        "canary": kind.canary,
        "attempts": kind.attempts,
        "timeout_s": kind.timeout_s,
        "max_tokens": kind.max_tokens,
    }
    experiment = replace(experiment, config=experiment.config.model_copy(update=settings))
    observer = Warned()
    with (
        open_session(experiment, lambda text: None) as session,
        open_log(folder, experiment.header()) as log,
    ):
        sweep = Sweep(experiment, session, log, observer)
        stopped = None
        try:
            asyncio.run(asyncio.wait_for(sweep.run(), 300))
        except NiahError as error:
            stopped = str(error)
        results = tuple(log.results.values())
        said = [*observer.warnings, *run_warnings(log.header, results)]
    return Swept(
        results=results,
        said="\n".join(said),
        stopped=stopped or sweep.stopped_because,
        spent=sweep.spent.tokens,
    )


def check(liar: Liar, kind: Kind, protocol: str, folder: Path) -> None:
    """What must hold of every kind: nothing lost, nothing wrong, every outcome as constructed, no
    answer paid twice."""
    run = swept(liar, kind, protocol, folder)
    if kind.stops is not None:
        assert kind.stops in (run.stopped or "")
        assert not run.results
        return
    ended = [(r.trial.context_length, r.outcome.value, r.error) for r in run.results]
    ends = kind.ends or {}
    fatal = run.stopped is not None and set(ends.values()) == {"error"}
    assert fatal or len(run.results) == len(kind.lengths) * len(DEPTHS), run.stopped
    assert not [r.response for r in run.results if r.score is not None and r.score < 1]
    assert not [e for e in ended if e[1] not in ends.get(e[0], "scored").split("|")]
    assert (kind.warns or "") in run.said
    assert not [p for p, n in liar.answered.items() if n > 1]
    if kind.once and not kind.canary:
        assert (
            sum(n for p, n in liar.asked.items() if not has_needle(p)) <= 4
        )  # bare, sample, one more prompt twice
    if kind.once:
        assert not [n for p, n in liar.asked.items() if n > 1 and has_needle(p)]


def cases(*protocols: str) -> list[ParameterSet]:
    """Every kind in these protocols; without any, each kind in one of them, in turn."""
    return [
        pytest.param(kind, protocol, id=f"{kind.name}, {protocol}")
        for number, kind in enumerate(KINDS)
        for protocol in protocols or (PROTOCOLS[number % len(PROTOCOLS)],)
        if protocol not in kind.without
    ]


@pytest.mark.parametrize(("kind", "protocol"), cases())
def test_a_lie_costs_no_score(liar: Liar, kind: Kind, protocol: str, tmp_path: Path) -> None:
    """Every kind in one protocol, in turn."""
    check(liar, kind, protocol, tmp_path / "r")
    shutil.rmtree(tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "protocol"), cases(*PROTOCOLS))
def test_a_lie_costs_no_score_in_any_protocol(
    liar: Liar, kind: Kind, protocol: str, tmp_path: Path
) -> None:
    check(liar, kind, protocol, tmp_path / "r")
    shutil.rmtree(tmp_path)


def test_no_two_kinds_are_one() -> None:
    assert len(KINDS) >= 200
    assert not [name for name, n in Counter(k.name for k in KINDS).items() if n > 1]


def kind_of(name: str) -> Kind:
    return next(k for k in KINDS if k.name == name)


def test_an_answer_that_was_doubted_is_paid_for(liar: Liar, tmp_path: Path) -> None:
    run = swept(liar, kind_of("once: the wrong answer, not counted"), "openai", tmp_path / "r")
    trials = sum(r.prompt_tokens for r in run.results)
    assert {r.attempts for r in run.results} == {2}
    assert 2 * trials < run.spent < 2.3 * trials + 2_000


def test_what_lasts_is_not_asked_again_for_ever(liar: Liar, tmp_path: Path) -> None:
    many = replace(
        kind_of("drops 1% at the front, counts exactly"),
        lengths=(5_000, 5_500, 6_000),
        concurrency=1,
    )
    run = swept(liar, many, "openai", tmp_path / "r")
    assert [r.attempts for r in run.results] == [3, 3, 3, 1, 1, 1, 1, 1, 1]


def test_a_server_that_spoils_each_answer_in_the_same_way_is_doubted_at_the_end(
    liar: Liar, tmp_path: Path
) -> None:
    spoils = Lie(name="spoils", when=trials_only, answers=cut_short, counts=of_all_that_was_said)
    run = swept(liar, Kind(lie=spoils, lengths=(600, 700)), "openai", tmp_path / "r")
    assert {r.score for r in run.results} == {0.0}
    assert (
        f"{len(run.results)} wrong answers counted with more or fewer tokens than shown" in run.said
    )
    assert "niah show RUN --wrong" in run.said


def test_a_weak_model_is_not_taken_for_a_server_that_cuts(liar: Liar, tmp_path: Path) -> None:
    weak = Lie(name="weak", answers=lambda asked: NOTHING_FOUND, counts=never)
    run = swept(liar, Kind(lie=weak, lengths=(600, 6_000), canary=True), "openai", tmp_path / "r")
    assert run.stopped is None
    assert {r.score for r in run.results} == {0.0}
    assert "canary: the model does not answer even without a haystack" in run.said


def test_a_canary_check_that_has_no_room_in_the_budget_sends_nothing_more(
    liar: Liar, tmp_path: Path
) -> None:
    honest = replace(kind_of("canary: honest, counts not"), max_tokens=8_000)
    run = swept(liar, honest, "openai", tmp_path / "r")
    assert "no room for the canary check: max_tokens 8,000" in (run.stopped or "")
    assert not run.results
    assert not [p for p in liar.asked if has_needle(p)]
