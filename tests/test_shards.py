"""A run in parts: merged they are the run that one process makes, under one budget and one rate."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah

from niah.api import experiment_for
from niah.errors import ConfigError
from niah.experiment.experiment import Experiment
from niah.experiment.planning import _shape
from niah.experiment.shards import parts_of, shard_of
from niah.experiment.trials import cacheable_tokens, waves_of
from niah.records import Usage
from niah.runlog.attempts import AttemptLog, read_attempts
from niah.runner.budget import Budget, RunLedger
from niah.runner.throttle import Shared, Throttle

SIMULATED = ("--provider", "simulated", "--model", "window:600")
GRID = ("--lengths", "512,1k", "--depths", "0:100:25", "--epochs", "3", "--controls")
MEASURED = {
    "first_token_s",
    "total_s",
    "output_tokens_per_s",
    "finished",
}  # differ from one process to the next


def results_in(folder: str) -> list[dict[str, Any]]:
    """The results of a run by id, without what is measured in seconds."""
    tables = [
        json.loads(line)
        for line in (Path("results") / folder / "run.jsonl").read_text().splitlines()
    ]
    found = [
        {k: v for k, v in t.items() if k not in MEASURED} for t in tables if t["kind"] == "result"
    ]
    return sorted(found, key=lambda t: t["trial"]["id"])


def experiment(**settings: Any) -> Experiment:
    return experiment_for(
        None, {"provider": "simulated", "model": "perfect", **settings}, key_needed=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 7])
def test_merged_shards_are_line_for_line_the_run_of_one_process(niah: Niah, count: int) -> None:
    assert niah("run", *SIMULATED, *GRID, "--name", "whole").exit_code == 0
    for number in range(1, count + 1):
        ended = niah("run", *SIMULATED, *GRID, "--name", "parts", "--shard", f"{number}/{count}")
        assert ended.exit_code == 0, ended.err
    merged = niah("merge", "parts")
    assert merged.exit_code == 0, merged.err
    assert results_in("parts") == results_in("whole")
    attempts = Path("results/parts/attempts.jsonl").read_bytes()
    assert niah("merge", "parts").err.startswith("niah: 0 trials of")  # and nothing is doubled
    assert Path("results/parts/attempts.jsonl").read_bytes() == attempts
    assert "Nothing to do" in niah("run", *SIMULATED, *GRID, "--name", "parts").err


@pytest.mark.slow
@pytest.mark.parametrize("written", ["", '{"kind":"header","sch'])
def test_a_worker_that_has_just_begun_or_was_killed_then_holds_up_nobody(
    niah: Niah, written: str
) -> None:
    half = (*SIMULATED, "--lengths", "512", "--depths", "0,50,100", "--name", "r")
    begun = Path("results/r/shards/1of2")
    begun.mkdir(parents=True)
    (begun / "run.jsonl").write_text(written)
    assert niah("run", *half, "--shard", "2/2").exit_code == 0
    assert niah("merge", "r").exit_code == 3
    assert niah("run", *half, "--shard", "1/2").exit_code == 0  # the same command goes on
    assert niah("merge", "r").exit_code == 0


def test_a_part_without_a_trial_of_its_own_is_finished(niah: Niah) -> None:
    one = (*SIMULATED, "--lengths", "512", "--depths", "50", "--name", "r")
    assert niah("run", *one, "--shard", "2/2").exit_code == 0
    ended = niah("run", *one, "--shard", "1/2", "--progress", "json")
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert (ended.exit_code, events[-1]["event"], events[-1]["complete"]) == (0, "finished", True)
    assert [e["text"] for e in events if e["event"] == "message"] == [
        "Nothing to do: every trial that is asked for is finished."
    ]


@pytest.mark.slow
def test_runs_from_several_machines_are_merged_unless_they_contradict(niah: Niah) -> None:
    half = (*SIMULATED, "--lengths", "512", "--depths", "0,50,100")
    niah("run", *half, "--limit", "2", "--name", "a")
    niah("run", *half, "--name", "b")
    assert "name it with --name" in niah("merge", "a", "b").err
    assert niah("merge", "a", "b", "--name", "both").exit_code == 0
    assert results_in("both") == results_in("b")
    text = Path("results/b/run.jsonl").read_text()
    last = json.loads(text.splitlines()[1])
    Path("results/b/run.jsonl").write_text(
        text.replace(json.dumps(last["response"]["text"]), '"another"')
    )
    assert "another answer in another part" in niah("merge", "a", "b", "--name", "c").err
    assert (
        "another answer in another part" in niah("merge", "b", "b", "--name", "both").err
    )  # which holds the first
    niah("run", *half, "--seed", "5", "--name", "d")
    assert "another config (seed was 0, is 5" in niah("merge", "b", "d", "--name", "e").err
    assert "no shards here" in niah("merge", "a").err
    niah(
        "run",
        *SIMULATED,
        "--lengths",
        "512,1k",
        "--depths",
        "0,50,100",
        "--epochs",
        "2",
        "--name",
        "larger",
    )
    assert niah("merge", "a", "larger", "--name", "grown").exit_code == 0
    assert json.loads(niah("report", "grown", "--json").out)["planned"] == 12
    for grid in (
        ("--lengths", "512", "--depths", "0,50,100"),
        ("--lengths", "1k", "--depths", "50"),
    ):
        niah("run", *SIMULATED, *grid, "--name", "extended")
    assert niah("merge", "extended", "a", "--name", "both grids").exit_code == 0
    assert json.loads(niah("report", "both grids", "--json").out)["planned"] == 4


@pytest.mark.slow
def test_the_attempts_of_every_part_are_kept_once(niah: Niah) -> None:
    for name, limit in (("a", "1"), ("b", "2"), ("c", "3")):
        niah(
            "run",
            *SIMULATED,
            "--lengths",
            "512",
            "--depths",
            "0,50,100",
            "--limit",
            limit,
            "--name",
            name,
        )
    sent = {name: len(read_attempts(Path("results") / name)) for name in "abc"}
    niah("merge", "a", "a", "b", "--name", "all")
    assert len(read_attempts(Path("results/all"))) == sent["a"] + sent["b"]
    niah("merge", "b", "c", "--name", "all")
    assert len(read_attempts(Path("results/all"))) == sum(sent.values())
    with Path("results/a/attempts.jsonl").open("a") as file:
        file.write("5\n")
    ended = niah("merge", "a", "b", "--name", "none")
    assert (ended.exit_code, "damaged line" in ended.err, Path("results/none").exists()) == (
        2,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("count", "grid"),
    [(4, {"lengths": "1k,2k,4k,8k,16k", "depths": "0:100:10", "epochs": 8}),
     (3, {"lengths": "1k,2k,4k,8k,16k", "depths": "0:100:10", "epochs": 8}),
     (4, {"lengths": "8k:64k:8k", "depths": "0:100:5", "epochs": 1})],
)  # fmt: skip
def test_four_shards_leave_nine_tenths_of_what_a_prefix_cache_can_serve(
    count: int, grid: dict[str, Any]
) -> None:
    whole = experiment(**grid)
    shapes, tokens = partial(_shape, whole), sum(map(whole.prompt_tokens, whole.trials))

    def share(parts: list[Any]) -> float:
        served = sum(
            cacheable_tokens(waves_of(p, "cache", seed=0, haystack_shared=True, together=1), shapes)
            for p in parts
        )
        return served / tokens

    parts = parts_of(whole, count)
    assert sorted(t.id for p in parts for t in p) == sorted(t.id for t in whole.trials)
    assert share(parts) >= 0.9 * share([list(whole.trials)])
    sizes = [sum(map(whole.prompt_tokens, p)) for p in parts]
    assert max(sizes) <= 2 * tokens / count


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "x/y", "1/0"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="like 1/4 to 4/4"):
        shard_of(text)


def ledger_of(attempts: AttemptLog, max_tokens: int) -> RunLedger:
    throttle = Throttle(cap=8, in_flight_tokens=10**9, clock=time.monotonic)
    return RunLedger(
        Budget(experiment(max_tokens=max_tokens).config, None),
        attempts,
        throttle,
        [],
        may_cost=lambda tokens: Usage(input_tokens=tokens, output_tokens=10),
        on_refusal=lambda why: throttle.stop(),
        shared=Shared(attempts.path.parents[1]),
    )


def test_four_workers_keep_to_one_budget_without_a_request_beyond_it(tmp_path: Path) -> None:
    async def work(ledger: RunLedger) -> None:
        for _ in range(40):
            async with ledger.holding(90, "t") as held:
                if held is None or not held.note():
                    return
                await asyncio.sleep(0)
                held.paid = Usage(input_tokens=90, output_tokens=10)

    async def all_of_them() -> list[int]:
        folders = [tmp_path / "shards" / f"{n}of4" for n in range(1, 5)]
        with ExitStack() as stack:
            for folder in folders:
                folder.mkdir(parents=True)
            ledgers = [
                ledger_of(stack.enter_context(AttemptLog(folder)), 5_000) for folder in folders
            ]
            await asyncio.gather(*(work(ledger) for ledger in ledgers for _ in range(3)))
            return [ledger.spent.tokens for ledger in ledgers]

    spent = asyncio.run(all_of_them())
    assert 4_600 <= sum(spent) <= 5_000
    assert sum(1 for tokens in spent if tokens) > 1


def test_the_attempts_of_other_workers_are_read_on_and_counted_once(tmp_path: Path) -> None:
    own, other = tmp_path / "1of2", tmp_path / "2of2"
    other.mkdir()
    shared, budget = Shared(tmp_path), Budget(experiment(max_tokens=10**6).config, None)
    may = Usage(input_tokens=90, output_tokens=10)

    def others() -> int:
        budget.paid_elsewhere(shared.news_of_others(own))
        return budget.others.tokens

    with AttemptLog(other) as log:
        first, second = log.sent("a", may), log.sent("b", may)
        assert [others(), others()] == [200, 200]
        log.path.write_bytes(
            log.path.read_bytes().replace(b'{"n":1,', b"[[[[[[[")
        )  # is not read again
        log.ended(first, Usage(input_tokens=90, output_tokens=1))
        assert others() == 191
        log.ended(second, None)
        assert others() == 191
    log.path.unlink()
    with AttemptLog(other) as log:
        number = log.sent("c", may)
        assert others() == 100
        log.ended(number, Usage())
    assert not log.path.exists()  # it could not start
    assert others() == 0
    with AttemptLog(other) as log:
        log.ended(log.sent("c", may), Usage(input_tokens=90, output_tokens=5))
        assert others() == 95


@pytest.mark.slow
def test_four_workers_keep_to_one_rate(tmp_path: Path) -> None:
    per_minute, seconds = 1_200.0, 1.5
    rates = [Shared(tmp_path).rate("requests", 20.0, per_minute) for _ in range(4)]

    async def count(rate: Any, end: float) -> int:
        sent = 0
        while time.monotonic() < end:
            await rate.acquire()
            sent += time.monotonic() < end
        return sent

    async def all_of_them() -> list[int]:
        end = time.monotonic() + seconds  # of all: a busy machine may begin them one after another
        return await asyncio.gather(*(count(rate, end) for rate in rates))

    sent = asyncio.run(all_of_them())
    assert (
        sum(sent) <= 20 + per_minute * seconds / 60 + 4
    )  # what the bucket holds, what flows, and one a worker
    assert min(sent) > 0


def test_a_killed_worker_loses_nothing_and_asks_nothing_again_that_was_answered(
    tmp_path: Path,
) -> None:
    command = [
        sys.executable,
        "-m",
        "niah",
        "run",
        *SIMULATED,
        "--lengths",
        "512,1k,2k",
        "--depths",
        "0:100:5",
    ]
    command += ["--epochs", "4", "--name", "r", "--shard", "1/2", "--progress", "lines"]
    log = tmp_path / "results/r/shards/1of2/run.jsonl"
    answered: set[str] = set()
    for _ in range(3):
        worker = subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        before = len(answered)
        while worker.poll() is None and (
            not log.is_file() or log.read_bytes().count(b'"kind":"result"') < before + 9
        ):
            time.sleep(0.01)
        if worker.poll() is None:
            os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        lines = [json.loads(line) for line in log.read_bytes().split(b"\n")[:-1]]
        ids = [line["trial"]["id"] for line in lines if line["kind"] == "result"]
        assert len(ids) == len(set(ids))  # nothing that was answered was asked again
        assert answered <= set(ids)
        answered = set(ids)
    assert (
        subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL, check=False).returncode
        == 0
    )
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    ids = [line["trial"]["id"] for line in lines if line["kind"] == "result"]
    assert len(ids) == len(set(ids)) == 126
