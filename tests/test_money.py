"""What a run may cost holds under faults and kills: every attempt is admitted, noted before it is
sent, and counted."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import runs
from conftest import Niah
from protocols import Counts
from server import (
    Handler,
    Say,
    Server,
    answers_with,
    cuts_the_stream,
    fails,
    resets,
    serving,
    stalls,
    sweep_at,
)
from test_sweep import SMALL, SOLVE, niah_process

import niah as package
from niah.errors import RunError
from niah.experiment.config import RunConfig
from niah.generator.tokenizers import tokenizer_of
from niah.providers.prices import Pricing, pricing_of
from niah.records import Response, Usage
from niah.runlog.attempts import AttemptLog, dollars_of, read_attempts
from niah.runlog.disk import write_whole
from niah.runlog.log import open_log, read_rows
from niah.runner.budget import Budget
from niah.verdict.power import EPOCHS

KILLS = int(os.environ.get("NIAH_KILLS", "8"))


class Bill:
    """Counts every prompt that reaches it, answered or not, as a server that takes money for all of
    them."""

    def __init__(self, act: Say | None = None) -> None:
        self.act = act
        self.tokens = 0

    def __call__(self, handler: Handler, body: dict[str, Any]) -> None:
        prompt = tokenizer_of("o200k_base").count(handler.protocol.prompt(body))
        with handler.server.lock:
            self.tokens += prompt + 7
        if self.act is not None:
            self.act(handler, body)
        else:
            text = SOLVE(handler.protocol.prompt(body))
            handler.send_stream(handler.protocol.events(text, "stop", Counts(input=prompt), "m"))


def attempts_noted(folder: str = "results/r") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / "attempts.jsonl").read_text().splitlines()]


GRID = (
    "--lengths",
    "1k",
    "--depths",
    "0:100:2",
    "--model",
    "m",
    "--name",
    "r",
    "--concurrency",
    "4",
)


def finishes_null(handler: Handler, _: dict[str, Any]) -> None:
    handler.send_stream(handler.protocol.events("The magic num", "stop", None, "m")[:1])


@pytest.mark.parametrize("fault", [cuts_the_stream, finishes_null, resets, stalls(0.3)])
def test_a_cap_holds_where_every_attempt_is_cut(
    niah: Niah, fault: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.01)
    small, bill = Bill(), Bill(fault)
    with serving(otherwise=bill, preflight=small) as server:
        command = (*sweep_at(server), *GRID, "--max-tokens", "12k")
        first = niah(*command)
        assert niah(*command).exit_code == 3  # nor does the same command once more pass it
    assert first.exit_code == 3
    assert "stopped early (max_tokens 12,000 is reached" in first.err
    assert 9_000 < bill.tokens + small.tokens <= 12_000
    assert (
        "broke off or ended with the process, and the server reported no cost: up to" in first.err
    )
    assert "may have been paid for nothing" in niah("report", "r").out


def test_refused_attempts_cost_nothing(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.001)
    bill = Bill()
    refusals = [fails(500, {}), fails(429, {}), fails(502, {})] * 5
    with serving(*refusals, otherwise=bill, preflight=bill) as server:
        ended = niah(
            *sweep_at(server),
            *SMALL,
            "--concurrency",
            "1",
            "--attempts",
            "20",
            "--max-tokens",
            "14k",
        )
    assert ended.exit_code == 0, ended.err
    assert "may have been paid" not in ended.err
    assert [line["cost"] for line in attempts_noted() if "cost" in line].count({}) == 15


def test_an_odd_ending_is_counted_once_and_over_again_when_it_is_asked_again(niah: Niah) -> None:
    def calls_a_tool(handler: Handler, body: dict[str, Any]) -> None:
        tokens = tokenizer_of("o200k_base").count(handler.protocol.prompt(body))
        usage = {"prompt_tokens": tokens, "completion_tokens": 7}
        choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": "tool_calls"}
        handler.send_events({"choices": [choice], "usage": usage}, "[DONE]")

    small, bill = Bill(), Bill(calls_a_tool)
    with serving(otherwise=bill, preflight=small) as server:
        for _ in range(4):
            assert niah(*sweep_at(server), *GRID, "--max-tokens", "12k").exit_code == 3
    assert 10_000 < bill.tokens + small.tokens <= 12_000


def test_every_attempt_is_noted_before_it_is_sent(niah: Niah) -> None:
    noted: list[int] = []
    reads = answers_with(SOLVE)

    def act(handler: Handler, body: dict[str, Any]) -> None:
        noted.append(sum("may" in line for line in attempts_noted()))
        reads(handler, body)

    with serving(otherwise=act, preflight=act) as server:
        assert niah(*sweep_at(server), *SMALL, "--concurrency", "1").exit_code == 0
    assert noted == list(
        range(1, 14)
    )  # two small requests, two more once a cache is seen, and nine trials
    assert [line["n"] for line in attempts_noted() if "cost" in line] == list(range(1, 14))


@pytest.mark.slow
def test_kills_at_random_instants_do_not_pass_a_budget(niah: Niah, tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311  # instants, no secrets
    cap, bill, cuts = 4_000 * KILLS, Bill(), Bill(cuts_the_stream)

    def slowly(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(0.02)
        (cuts if chance.random() < 0.2 else bill)(handler, body)

    grid = (
        "--lengths",
        "500,600",
        "--depths",
        "0:100:0.2",
        "--model",
        "m",
        "--name",
        "r",
        "--concurrency",
        "4",
    )
    with serving(otherwise=slowly, preflight=bill) as server:
        command = (*sweep_at(server), *grid, "--max-tokens", str(cap))
        kills = _killed(server, command, tmp_path, chance)
        ended = niah(*command)
    assert kills == KILLS
    assert ended.exit_code == 3
    assert f"max_tokens {cap:,} is reached" in ended.err
    assert 0.6 * cap < bill.tokens + cuts.tokens <= cap


def _killed(server: Server, command: tuple[str, ...], folder: Path, chance: random.Random) -> int:
    """Kill a run at random instants; how often, before it ended by itself."""
    for number in range(KILLS):
        process = niah_process(*command, cwd=folder)
        progress = len(server.requests) + chance.randrange(4)
        while len(server.requests) < progress and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        if process.poll() is not None:
            process.communicate()
            return number
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return KILLS


def test_an_attempt_without_an_end_counts_as_the_most_it_may_cost(tmp_path: Path) -> None:
    with AttemptLog(tmp_path) as log:
        first = log.sent("a", Usage(input_tokens=100, output_tokens=10))
        log.sent("b", Usage(input_tokens=200, output_tokens=10))
        third = log.sent(None, Usage(input_tokens=50, output_tokens=10))
        fourth = log.sent("a", Usage(input_tokens=100, output_tokens=10))
        log.ended(first, Usage(input_tokens=90, output_tokens=3, dollars=0.5))
        log.ended(third, Usage())
        log.ended(fourth, None)
    with (tmp_path / "attempts.jsonl").open("a") as file:
        file.write('{"n":2,"cost":{}')  # torn by a kill
    counted = [a.counted for a in read_attempts(tmp_path)]
    assert [((u.input_tokens or 0) + (u.output_tokens or 0), u.dollars) for u in counted] == [
        (93, 0.5),
        (210, None),
        (0, None),
        (110, None),
    ]
    with AttemptLog(tmp_path) as again:
        assert again.sent("c", Usage()) == 5
        assert len(again.past) == 4
    assert len(read_attempts(tmp_path)) == 5


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"n": 1}',
        "x",
        '{"n":1,"trial":"a","may":{"input_tokens":"x"}}',
        '{"n":"1","trial":"a","may":{}}',
        '{"n":1,"trial":["a"],"may":{}}',
    ],
)
def test_a_damaged_file_of_attempts_is_one_clear_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "attempts.jsonl").write_text(line + "\n")
    with pytest.raises(RunError, match=r"attempts.jsonl:1: damaged line .* remove that line"):
        read_attempts(tmp_path)


def test_half_a_line_on_a_full_disk_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    resource = pytest.importorskip(
        "resource", reason="this system does not limit the size of files"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    may = Usage(input_tokens=100, output_tokens=10)
    with AttemptLog(tmp_path) as log:
        number = log.sent("a", may)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 9, hard))
        try:
            log.ended(number, Usage(input_tokens=90))
            with pytest.raises(RunError, match="cannot be written"):
                log.sent("b", may)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.sent("c", may)  # there is room again
    assert [(a.trial, a.counted) for a in read_attempts(tmp_path)] == [("a", may), ("c", may)]


def test_dollars_are_counted_as_the_server_or_the_price_says(tmp_path: Path) -> None:
    pricing = Pricing(source="test", per_million={"input": 1.0, "output": 10.0})
    budget = Budget(RunConfig(model="m", max_cost=0.001), pricing)
    may = Usage(input_tokens=500, output_tokens=10)
    assert budget.refuses(may) is None
    budget.hold(may)
    assert "max_cost $0.00 is reached" in str(budget.refuses(may))
    budget.release(may)
    assert budget.idle
    budget.pay(Usage(dollars=0.0005))
    assert budget.refuses(may) is not None


def test_a_server_that_leaves_out_what_it_cached_is_priced_by_the_table_as_by_a_price() -> None:
    pytest.importorskip("genai_prices")
    table = pricing_of("openai", "gpt-4o", None, None)
    assert table is not None
    cached = table.dollars(Usage(input_tokens=100, cached_tokens=100))
    assert table.dollars(Usage(input_tokens=10, cached_tokens=100)) == pytest.approx(cached)
    assert table.dollars(Usage(cached_tokens=60, cache_write_tokens=40)) > 0


def said_to_cost(model: str, *usages: Usage) -> float | None:
    """What a report says that a finished run of OpenRouter's has cost."""
    header = runs.header(model=model, config={"provider": "openrouter"})
    one = runs.results(header)[0]
    replies = (Response(text="1", stop_reason="stop", usage=usage) for usage in usages)
    return dollars_of(header, [replace(one, response=reply) for reply in replies], None)


@pytest.mark.slow
def test_plan_power_and_report_look_a_price_up_at_the_same_address() -> None:
    pytest.importorskip("genai_prices")
    grid: dict[str, Any] = {"lengths": "1k", "depths": "50", "haystack_per": "trial"}
    there: dict[str, Any] = {"provider": "openrouter", "model": "google/gemini-2.5-pro", **grid}
    planned = package.plan(**there, epochs=EPOCHS[0]).price.dollars
    assert planned
    assert package.power(**there).rows[0].dollars == pytest.approx(planned)
    assert (
        said_to_cost("google/gemini-2.5-pro", Usage(input_tokens=1_000, output_tokens=10))
        is not None
    )
    here = {
        "provider": "vllm",
        "model": "gpt-4o",
        **grid,
    }  # on this machine: what it is called costs nothing
    assert package.power(**here).rows[0].dollars == package.plan(**here).price.dollars == 0


def test_what_the_server_has_priced_is_known_without_a_table() -> None:
    assert said_to_cost("nobody/knows", Usage(dollars=0.25), Usage(dollars=0.25)) == 0.5
    assert said_to_cost("nobody/knows", Usage(dollars=0.25), Usage()) is None
    assert said_to_cost("nobody/knows") is None


def test_a_simulated_run_costs_what_its_price_says(niah: Niah) -> None:
    command = ("run", "--provider", "simulated", "--model", "perfect", *GRID[:4], "--name", "r")
    capped = niah(*command, "--price", "input=1000,output=0", "--max-cost", "10")
    assert (capped.exit_code, "max_cost $10.00 is reached" in capped.err) == (3, True), capped.err
    assert 8 < sum(t["prompt_tokens"] for t in package.open_run("r").trials) / 1_000 <= 10


def test_a_price_that_a_command_names_is_that_of_its_finished_run(niah: Niah) -> None:
    with serving(otherwise=Bill(), preflight=Bill()) as server:
        assert niah(*sweep_at(server), *SMALL, "--price", "input=1000,output=0").exit_code == 0
    run = package.open_run("r")
    assert run.dollars == pytest.approx(sum(t["prompt_tokens"] for t in run.trials) / 1_000)


def test_what_is_under_way_has_not_broken_off(niah: Niah) -> None:
    with serving(otherwise=Bill(), preflight=Bill()) as server:
        assert niah(*sweep_at(server), *SMALL).exit_code == 0
    folder = Path("results/r")
    with open_log(folder, read_rows(folder)[0]), AttemptLog(folder) as log:
        log.sent("t", Usage(input_tokens=100, output_tokens=10))
        assert "broke off" not in niah("report", "r").out
    assert "1 attempt broke off" in niah("report", "r").out


def test_a_run_that_cannot_note_an_attempt_sends_nothing(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: FileIO, lines: bytes) -> None:
        if b'"may"' in lines:
            raise OSError(28, "No space left on device")
        write_whole(file, lines)

    bill = Bill()
    with serving(otherwise=bill, preflight=bill) as server, monkeypatch.context() as patch:
        patch.setattr("niah.runlog.attempts.write_whole", full)
        ended = niah(*sweep_at(server), *SMALL)
    assert (ended.exit_code, bill.tokens) == (3, 0)
    assert (
        "attempts.jsonl: cannot be written (No space left on device); free some space" in ended.err
    )


def test_a_run_stops_after_so_many_errors(niah: Niah) -> None:
    fault = fails(400, {"error": {"message": "no"}})
    with serving(otherwise=fault, preflight=answers_with(SOLVE)) as server:
        ended = niah(*sweep_at(server), *SMALL, "--max-errors", "4", "--concurrency", "1")
    assert (ended.exit_code, len(server.requests)) == (3, 4)
    assert "stopped early (max_errors 4: 400: no)" in ended.err


def test_a_server_that_reports_no_tokens_is_counted_as_what_may_have_been_used(niah: Niah) -> None:
    def reads(handler: Handler, body: dict[str, Any]) -> None:
        handler.send_stream(
            handler.protocol.events(SOLVE(handler.protocol.prompt(body)), "stop", None, "m")
        )

    small, bill = Bill(), Bill(reads)
    with serving(otherwise=bill, preflight=small) as server:
        ended = niah(*sweep_at(server), *GRID, "--max-tokens", "6k")
    assert ended.exit_code == 3
    assert 4_000 < bill.tokens + small.tokens <= 6_000
    assert {line["cost"]["output_tokens"] for line in attempts_noted() if line.get("cost")} == {
        7,
        32,
    }
    assert "may have been paid" not in ended.err


def test_a_gateway_that_waited_no_longer_may_have_cost(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.001)
    with serving(fails(504, {}), otherwise=Bill(), preflight=Bill()) as server:
        ended = niah(*sweep_at(server), *SMALL, "--concurrency", "1")
    assert (
        "1 attempt broke off or ended with the process, and the server reported no cost: up to 5"
        in ended.err
    )


def test_a_run_whose_cost_cannot_be_known_leaves_no_folder(niah: Niah) -> None:
    with serving(otherwise=Bill()) as server:
        ended = niah(*sweep_at(server), *SMALL, "--max-cost", "1")
    assert ended.exit_code == 2
    assert "max_cost needs a price" in ended.err
    assert not list(Path().glob("results/*"))


def test_a_run_that_paid_and_measured_nothing_says_what_it_leaves(niah: Niah) -> None:
    bill = Bill()
    with serving(otherwise=bill, preflight=bill) as server:
        ended = niah(*sweep_at(server), *SMALL, "--max-tokens", "1300")
    assert ended.exit_code == 3
    assert bill.tokens > 0
    assert ended.err.rstrip().endswith("nothing was measured, results/r keeps what was paid")
    assert [path.name for path in Path("results/r").iterdir()] == ["attempts.jsonl"]


@pytest.mark.usefixtures("niah")
def test_a_sweep_in_python_that_paid_and_measured_nothing_says_so_too() -> None:
    asked: dict[str, Any] = {"provider": "openai", "model": "m", "lengths": "500,1k,2k"}
    kept = pytest.raises(RunError, match="nothing was measured, results/r keeps what was paid")
    with serving(otherwise=Bill(), preflight=Bill()) as server, kept:
        package.sweep(**asked, base_url=server.base_url, max_tokens=1_300, name="r")
    assert [path.name for path in Path("results/r").iterdir()] == ["attempts.jsonl"]


def test_a_provider_whose_address_has_blanks_is_priced_by_its_model() -> None:
    pytest.importorskip("genai_prices")
    azure, openai = (pricing_of(name, "gpt-4.1", None, None) for name in ("azure", "openai"))
    assert azure is not None and openai is not None
    used = Usage(input_tokens=1_000, output_tokens=10)
    assert azure.dollars(used) == openai.dollars(used)
