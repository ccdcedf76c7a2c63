"""A sweep to trust with a night: every protocol, a fifth of faults, kills, a full disk, budgets,
overflow, secrets."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import NEEDS_PROC, Niah
from protocols import PROVIDER_PATHS, Counts
from server import (
    Handler,
    Say,
    answers_with,
    counted,
    cuts_the_stream,
    drops_the_front,
    ends_without_a_stop,
    fails,
    fails_inside_the_stream,
    resets,
    resets_after_the_first_byte,
    sends_a_web_page,
    serving,
    stalls,
    sweep_at,
    throttles_until_a_date,
    trickles,
)
from test_grid import HEADER, result

from niah.generator.tokenizers import tokenizer_of
from niah.runlog.log import RunLog, open_log, read_log
from niah.runner.sweep import LogWriter
from niah.tasks import task_of

SOLVE = task_of("single").solve
READS = answers_with(SOLVE)
SMALL = ("--lengths", "500,1k,2k", "--depths", "0,50,100", "--model", "m", "--name", "r")
loopback = partial(serving, preflight=READS)


def logged(folder: Path = Path("results/r")) -> list[dict[str, Any]]:
    lines = (folder / "run.jsonl").read_text(encoding="utf-8").split("\n")[1:-1]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("provider", PROVIDER_PATHS)
def test_a_sweep_over_every_protocol_is_green_timed_and_counted(niah: Niah, provider: str) -> None:
    with loopback(otherwise=READS) as server:
        ended = niah(*sweep_at(server, provider), *SMALL)
    assert ended.exit_code == 0, ended.err
    results = logged()
    assert [r["score"] for r in results] == [1.0] * 9
    for line in results:
        usage, sent = line["response"]["usage"], line["prompt_tokens"]
        assert usage["output_tokens"] == 7
        assert 0.9 < usage["input_tokens"] / line["expected_input_tokens"] < 1.1
        assert usage["input_tokens"] != sent
        assert provider == "ollama" or usage["cached_tokens"] == usage["input_tokens"] // 2
        assert 0 < line["first_token_s"] <= line["total_s"]
        assert line["request_id"] == "req-1"
        assert line["response"]["model"] == "m"
        assert len(json.dumps(line)) < 2_000


@pytest.mark.parametrize("provider", PROVIDER_PATHS)
def test_a_front_that_is_dropped_in_silence_is_never_red(niah: Niah, provider: str) -> None:
    cut = drops_the_front(SOLVE, 4_000)
    with serving(otherwise=cut, preflight=cut) as server:
        ended = niah(*sweep_at(server, provider), "--lengths", "500,4k", *SMALL[2:])
    assert ended.exit_code == 0
    assert {(r["trial"]["context_length"], r["outcome"], r["score"]) for r in logged()} == {
        (500, "scored", 1.0),
        (4_000, "mismatch", None),
    }
    assert "THE SERVER DROPPED A PART OF 3 OF 6 PROMPTS, from 4k on" in ended.err


@pytest.mark.parametrize(
    "haystack", ["en", "es", "zh-hant", "mixed", "synthetic:zh-Hant", "zh-hans,en", "en,zh-hant"]
)
def test_a_server_that_reads_everything_is_no_mismatch_in_any_language(
    niah: Niah, haystack: str
) -> None:
    grid = (
        "--lengths",
        "264,500,1k,2k,8k,32k",
        "--depths",
        "0,30,100",
        "--model",
        "m",
        "--name",
        "r",
    )
    with loopback(otherwise=READS) as server:
        assert niah(*sweep_at(server), *grid, "--haystack", haystack).exit_code == 0
    assert {r["outcome"] for r in logged()} == {"scored"}


def test_a_server_that_counts_long_prompts_a_little_otherwise_is_no_mismatch(niah: Niah) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        counts = Counts(input=round(counted(prompt) * (1.02 if len(prompt) > 12_000 else 1)))
        handler.send_stream(handler.protocol.events(SOLVE(prompt), "stop", counts, "m"))

    grid = (
        "--lengths",
        "3k:30k:500",
        "--depths",
        "20",
        "--model",
        "m",
        "--name",
        "r",
        "--order",
        "length",
    )
    with serving(otherwise=act, preflight=act) as server:
        niah(*sweep_at(server), *grid, "--concurrency", "32")
    assert {r["outcome"] for r in logged()} == {"scored"}


def test_a_window_that_cuts_is_not_followed_in_small_steps(niah: Niah) -> None:
    cut = drops_the_front(SOLVE, 36_000)
    grid = (
        "--lengths",
        "4k:12k:100",
        "--depths",
        "0",
        "--model",
        "m",
        "--name",
        "r",
        "--concurrency",
        "1",
    )
    for order in ("cache", "length"):
        with serving(otherwise=cut, preflight=cut) as server:
            niah(*sweep_at(server), *grid, "--order", order)
        outcomes = Counter((r["outcome"], r["score"]) for r in logged())
        assert (
            outcomes["scored", 0.0] <= 7
        )  # what is dropped there is less than counts of tokenizers differ by
        assert outcomes["mismatch", None] >= 20
        Path("results/r/run.jsonl").unlink()


def test_a_server_that_leaves_out_what_it_read_from_its_cache_is_no_mismatch(niah: Niah) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        read = counted(prompt) // 2 if handler.server.requests else 0
        counts = Counts(input=counted(prompt) - read, cached=read)
        handler.send_stream(handler.protocol.events(SOLVE(prompt), "stop", counts, "m"))

    with serving(otherwise=act, preflight=act) as server:
        niah(*sweep_at(server), *SMALL)
    assert {r["outcome"] for r in logged()} == {"scored"}


def sends_garbled_gzip(handler: Handler, body: dict[str, Any]) -> None:
    fails(200, b"no gzip", Content_Encoding="gzip")(handler, body)


def counts_in_words(handler: Handler, body: dict[str, Any]) -> None:
    counts = Counts(input="500", cached=10**9)  # type: ignore[arg-type]  # as some servers do
    handler.send_stream(
        handler.protocol.events(SOLVE(handler.protocol.prompt(body)), "stop", counts, "m")
    )


@pytest.mark.parametrize(
    ("odd", "exit_code"),
    [
        (sends_garbled_gzip, 3),
        (counts_in_words, 0),
        (lambda h, _: h.send_events("[" * 100_000), 3),
        (
            lambda h, _: h.send_events(
                '{"choices": [{"delta": {"content": "\\ud83d"}, "finish_reason": "stop"}]}'
            ),
            0,
        ),
        (fails(400, b'{"error": {"message": "lone \\ud83d half"}}'), 3),
    ],
)
def test_an_odd_reply_ends_its_trial_and_no_more(niah: Niah, odd: Say, exit_code: int) -> None:
    with loopback(READS, odd, odd, otherwise=READS) as server:
        command = (
            *sweep_at(server),
            *SMALL,
            "--attempts",
            "1",
            "--concurrency",
            "1",
            "--max-tokens",
            "1M",
        )
        server.script[3:] = [READS] * 6 + [odd, odd]
        ended = niah(*command)
        assert ended.exit_code == exit_code, ended.err
        assert len(logged()) >= 9
        server.script.clear()
        assert niah(*command).exit_code == 0


def test_a_firewall_that_dislikes_one_prompt_costs_that_prompt_only(niah: Niah) -> None:
    with loopback(READS, fails(403, b"<html>blocked</html>"), otherwise=READS) as server:
        ended = niah(*sweep_at(server), *SMALL, "--concurrency", "1")
    assert (ended.exit_code, len(server.requests)) == (3, 9)
    assert [r["outcome"] for r in logged()].count("scored") == 8


def test_a_refusal_of_a_length_that_others_passed_is_asked_again(niah: Niah) -> None:
    fluke = fails(400, {"error": {"message": "maximum context length is 700 tokens"}})
    with loopback(READS, READS, READS, READS, fluke, otherwise=READS) as server:
        assert (
            niah(*sweep_at(server), *SMALL, "--order", "length", "--concurrency", "1").exit_code
            == 0
        )
    assert Counter(r["outcome"] for r in logged()) == {"scored": 9}
    assert len(server.requests) == 10


def test_a_refusal_that_lasts_does_not_skip_longer_prompts_that_others_of_its_length_passed(
    niah: Niah,
) -> None:
    fluke = fails(400, {"error": {"message": "maximum context length is 700 tokens"}})
    with loopback(*[READS] * 4, *[fluke] * 4, otherwise=READS) as server:
        assert (
            niah(*sweep_at(server), *SMALL, "--order", "length", "--concurrency", "1").exit_code
            == 0
        )
    assert Counter(r["outcome"] for r in logged()) == {"scored": 8, "overflow": 1}
    assert len(server.requests) == 12  # it must fit, so it is asked three times alone


def test_a_model_that_reasons_away_its_reply_budget_is_stopped_before_the_sweep(niah: Niah) -> None:
    def act(handler: Handler, _: dict[str, Any]) -> None:
        handler.send_stream(handler.protocol.events("", "length", Counts(input=50), "m"))

    with serving(otherwise=act, preflight=act) as server:
        ended = niah(*sweep_at(server), *SMALL)
    assert (ended.exit_code, ended.err.count("\n"), server.requests) == (2, 1, [])
    assert "give more with --reply-tokens 4k" in ended.err


def test_answers_that_landed_are_written_also_when_nobody_waits_any_more(tmp_path: Path) -> None:
    results = [result(1_000, depth, 0, 1.0) for depth in range(0, 100, 10)]

    async def main(log: RunLog) -> None:
        journal = LogWriter(log)
        waiting = [asyncio.create_task(journal.write(r)) for r in results]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await journal.close()

    with open_log(tmp_path, HEADER) as log:
        asyncio.run(main(log))
    assert len(read_log(tmp_path)[1]) == 10


FAULTS: dict[str, Say] = {
    "429, seconds": fails(429, {"error": {"message": "slow down"}}, Retry_After="0"),
    "429, milliseconds": fails(429, {}, retry_after_ms="1"),
    "429, date": throttles_until_a_date,
    "500": fails(500, b"oops", Retry_After="0"),
    "503": fails(503, {"error": "overloaded"}, Retry_After="0"),
    "529": fails(
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
        Retry_After="0",
    ),
    "reset before the first byte": resets,
    "reset after the first byte": resets_after_the_first_byte,
    "stall": stalls(0.6),
    "cut": cuts_the_stream,
    "end without a stop": ends_without_a_stop,
    "error event": fails_inside_the_stream,
    "trickle": trickles(0.05, 10),
    "web page": sends_a_web_page,
}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_soak_a_fifth_of_faults_loses_nothing_and_repeats_nothing(
    niah: Niah, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.01)
    chance = random.Random(7)  # noqa: S311  # faults, no secrets
    injected: Counter[str] = Counter()
    answered: Counter[str] = Counter()

    def act(handler: Handler, body: dict[str, Any]) -> None:
        with handler.server.lock:
            fault = chance.choice(sorted(FAULTS)) if chance.random() < 0.2 else None
            injected[fault or "none"] += 1
        if fault:
            FAULTS[fault](handler, body)
            return
        READS(handler, body)
        with handler.server.lock:
            answered[handler.protocol.prompt(body)] += 1

    grid = ("--lengths", "500:1900:100", "--depths", "0:98:7", "--model", "m", "--name", "r")
    with loopback(otherwise=act) as server:
        ended = niah(*sweep_at(server, provider), *grid, "--concurrency", "32", "--timeout-s", "10")
        sent = len(server.requests)
    assert ended.exit_code == 0, ended.err
    results = logged()
    assert len(results) == len({r["trial"]["id"] for r in results}) == 225
    assert {(r["outcome"], r["score"]) for r in results} == {("scored", 1.0)}
    assert sum(r["attempts"] for r in results) == sent == sum(injected.values()) < 225 * 2
    assert len(answered) == 225
    assert (
        injected["none"] == sum(answered.values()) == 225
    )  # nothing that was answered was asked again
    assert len(injected) == len(FAULTS) + 1


def niah_process(*arguments: str, cwd: Path, **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "niah", *arguments],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **settings,
    )


KILLS = int(os.environ.get("NIAH_KILLS", "6"))


def test_kills_at_random_instants_lose_nothing_and_repeat_nothing_that_was_logged(
    niah: Niah, tmp_path: Path
) -> None:
    chance = random.Random(3)  # noqa: S311  # instants, no secrets
    grid = (
        "--lengths",
        "500,600,700",
        "--depths",
        f"0:100:{100 / 8 / KILLS:g}",
        "--model",
        "m",
        "--name",
        "r",
    )
    log = tmp_path / "results/r/run.jsonl"
    killed = []  # after each kill: the log's lines, and the requests that had been sent

    def slowly(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(0.05)
        READS(handler, body)

    with loopback(otherwise=slowly) as server:
        command = (*sweep_at(server), *grid, "--concurrency", "3")
        for _ in range(KILLS):
            process = niah_process(*command, cwd=tmp_path)
            progress = len(server.requests) + chance.randrange(25)
            while len(server.requests) < progress and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.1)  # what was in flight reaches the server
            whole = log.read_bytes().rpartition(b"\n")[0].split(b"\n")[1:]
            killed.append(([json.loads(line) for line in whole], len(server.requests)))
        assert niah(*command).exit_code == 0
        prompts = [_digest(body) for body in server.requests]
    results = logged()
    for lines, sent in killed:
        assert results[: len(lines)] == lines  # every line that was there is there still
        assert not {r["prompt_digest"] for r in lines} & set(
            prompts[sent:]
        )  # and is not asked again
    assert (
        len(results)
        == len({r["trial"]["id"] for r in results})
        == len(set(prompts))
        == 3 * (8 * KILLS + 1)
    )
    # a trial is asked again only where a kill came between its request and its line
    assert len(prompts) - len(set(prompts)) <= 3 * KILLS
    assert len({len(lines) for lines, _ in killed}) > KILLS / 2


def _digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(request["messages"][0]["content"].encode()).hexdigest()


def test_a_picture_that_was_not_finished_is_drawn_by_the_same_command(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, picture = fails(400, {"error": {"message": "no"}}), Path("results/r/heatmap.png")
    with loopback(READS, fault, otherwise=READS) as server:
        command = (*sweep_at(server), *SMALL, "--concurrency", "1")
        assert niah(*command).exit_code == 3
        older = picture.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(
                "niah.plotter.heatmap.save_heatmaps", lambda *_: sys.exit(9)
            )  # killed before the picture
            assert niah(*command).exit_code == 9
        assert niah(*command).exit_code == 0
    assert picture.read_bytes() != older


@pytest.mark.parametrize(("ratio", "said"), [(1.5, True), (1.0, False)])
def test_lengths_beyond_a_told_window_are_said_as_the_server_counts_them(
    niah: Niah, ratio: float, said: bool
) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        counts = Counts(input=round(ratio * tokenizer_of("o200k_base").count(prompt)))
        handler.send_stream(handler.protocol.events(SOLVE(prompt), "stop", counts, "m"))

    with serving(otherwise=act, preflight=act) as server:
        server.facts = {"/v1/models": {"data": [{"id": "m", "max_model_len": 2_100}]}}
        ended = niah(*sweep_at(server), *SMALL)
    assert ended.exit_code == 0
    assert ("its window is 2,100 tokens: 2k will not fit" in ended.err) is said


def test_a_disk_that_is_full_leaves_whole_lines_and_a_resumable_run(
    niah: Niah, tmp_path: Path
) -> None:
    resource = pytest.importorskip(
        "resource", reason="this system does not limit the size of files"
    )

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    def wordy(handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        counts = Counts(
            input=counted(prompt)
        )  # as for the small requests: else it would be asked again
        handler.send_stream(
            handler.protocol.events(SOLVE(prompt) + " " * 400_000, "stop", counts, "m")
        )

    with loopback(otherwise=wordy) as server:
        assert niah(*sweep_at(server), *SMALL[:-1], "caches-are-filled").exit_code == 0
        server.requests.clear()
        command = (*sweep_at(server), *SMALL)
        process = niah_process(*command, cwd=tmp_path, preexec_fn=little_room)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert b"cannot be written (File too large); what is in it is kept" in err
        assert b"Traceback" not in err
        raw = (tmp_path / "results/r/run.jsonl").read_bytes()
        assert raw.endswith(b"\n")
        kept = len(logged(tmp_path / "results/r"))
        assert kept == 3
        sent = len(server.requests)
        assert niah(*command).exit_code == 0
        assert len(server.requests) - sent == 9 - kept


def test_a_full_disk_takes_the_reserve_for_what_is_in_flight_and_stops(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def full(file: int) -> None:
        if Path("results/r/.reserve").exists() and len(server.requests) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    with loopback(otherwise=READS) as server:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            ended = niah(*sweep_at(server), *SMALL, "--concurrency", "2")
        assert ended.exit_code == 3
        assert "stopped early (the disk is full" in ended.err
        assert 3 < len(logged()) == len(server.requests) < 9
        assert niah(*sweep_at(server), *SMALL).exit_code == 0
        assert len(server.requests) == len(logged()) == 9


@NEEDS_PROC
def test_a_results_folder_that_cannot_be_written_costs_no_request(niah: Niah) -> None:
    with loopback(otherwise=READS) as server:
        ended = niah(*sweep_at(server), *SMALL, "--results", "/proc/read-only")
    assert (ended.exit_code, ended.err.count("\n"), server.requests, server.preflights) == (
        2,
        1,
        [],
        [],
    )
    assert "choose another --results or --name" in ended.err


def test_clocks_that_jump_change_nothing(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(0, 10**9, 10**5))
    monkeypatch.setattr(time, "time", lambda: 1e9 - next(jumps))
    throttled = fails(
        429, {}, Retry_After="Thu, 01 Jan 2026 12:00:00 GMT", Date="Thu, 01 Jan 2026 12:00:00 GMT"
    )
    with loopback(throttled, otherwise=READS) as server:
        assert niah(*sweep_at(server), *SMALL).exit_code == 0
    assert all(r["total_s"] < 60 for r in logged())


def test_once_a_length_is_refused_longer_ones_are_not_sent(niah: Niah) -> None:
    long = fails(
        400,
        {
            "error": {
                "message": "maximum context length is 1500 tokens",
                "code": "context_length_exceeded",
            }
        },
    )

    def act(handler: Handler, body: dict[str, Any]) -> None:
        (long if len(handler.protocol.prompt(body)) > 6_000 else READS)(handler, body)

    grid = (
        "--lengths",
        "500,1k,2k,4k,8k",
        "--depths",
        "0,50,100",
        "--model",
        "m",
        "--name",
        "r",
        "--order",
        "length",
    )
    with loopback(otherwise=act) as server:
        ended = niah(*sweep_at(server), *grid, "--concurrency", "1")
        assert ended.exit_code == 0
        assert len(server.requests) == 10  # the first refusal is asked again, and believed then
        assert niah(*sweep_at(server), *grid).exit_code == 0
        assert len(server.requests) == 10
    over = [r for r in logged() if r["outcome"] == "overflow"]
    assert {r["attempts"] for r in over if r["trial"]["context_length"] > 2_000} == {0}
    assert len(over) == 9
    assert "not sent: 2,000 tokens were already too long" in over[-1]["error"]
    assert niah("show", "r", over[-1]["trial"]["id"]).exit_code == 0


@pytest.mark.slow
def test_what_was_refused_is_told_by_what_was_sent_of_it_also_by_a_later_command(
    niah: Niah,
) -> None:
    long = fails(
        400, {"error": {"message": "maximum context length", "code": "context_length_exceeded"}}
    )
    retrieved = ("--delivery", "retrieve:bm25", "--chunk-count", "4", "--model", "m", "--name", "r")
    with loopback(
        otherwise=lambda h, body: (long if len(h.protocol.prompt(body)) > 3_000 else READS)(h, body)
    ) as at:
        command = (
            *sweep_at(at),
            *retrieved,
            "--lengths",
            "4k,8k",
            "--depths",
            "0:100:10",
            "--concurrency",
            "1",
        )
        niah(*command, "--limit", "17")
        niah(*command)
    said = [r["error"].split()[2] for r in logged() if not r["attempts"]]
    assert said
    assert all(int(tokens.replace(",", "")) < 1_200 for tokens in said)


@pytest.mark.parametrize(
    ("budget", "reason", "most"),
    [
        (("--max-tokens", "4k"), "max_tokens 4,000 is reached", 4_000),
        (
            ("--max-cost", "0.5", "--price", "input=100,output=100,cached=0"),
            "max_cost $0.50 is reached",
            None,
        ),
        (("--max-minutes", "0.000001"), "max_minutes 1e-06 are over", 0),
    ],
)
def test_a_budget_stops_cleanly_and_exits_3(
    niah: Niah, budget: tuple[str, ...], reason: str, most: int | None
) -> None:
    with loopback(otherwise=READS) as server:
        ended = niah(*sweep_at(server), *SMALL, *budget)
        assert ended.exit_code == 3
        assert f"stopped early ({reason}" in ended.err
        kept = (
            logged() if Path("results/r/run.jsonl").exists() else []
        )  # where nothing was measured, only what was paid
        assert len(kept) == len(server.requests) < 9
        usages = [r["response"]["usage"] for r in kept]
        if most is not None:
            assert sum(u["input_tokens"] + u["output_tokens"] for u in usages) <= most
        else:
            paid = (
                sum(u["input_tokens"] - u["cached_tokens"] + u["output_tokens"] for u in usages)
                * 100
                / 1e6
            )
            assert 0.2 < paid <= 0.5
        assert niah(*sweep_at(server), *SMALL).exit_code == 0
        assert len(server.requests) == 9


def test_a_budget_in_dollars_needs_a_price(niah: Niah) -> None:
    with loopback(otherwise=READS) as server:
        ended = niah(*sweep_at(server), *SMALL, "--max-cost", "5")
    assert (ended.exit_code, server.preflights) == (2, [])
    assert "give --price input=DOLLARS,output=DOLLARS" in ended.err


def test_an_outage_of_every_trial_stops_the_run(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("niah.runner.stop_rules.MOST_ERRORS_IN_A_ROW", 4)
    monkeypatch.setattr("niah.runner.stop_rules.LEAST_OUTAGE_S", 0)
    with loopback(otherwise=fails(500, {})) as server:
        ended = niah(*sweep_at(server), *SMALL, "--attempts", "1", "--concurrency", "1")
    assert (ended.exit_code, len(server.requests)) == (3, 4)
    assert "stopped early (4 trials in a row failed: 500: {})" in ended.err


def test_a_wait_of_hours_or_an_empty_account_stops_the_run_at_once(niah: Niah) -> None:
    no_money = fails(
        429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    )
    for stop, asked in (
        (fails(429, {}, Retry_After="36000"), 1),
        (no_money, 3),
        (fails(401, {}), 3),
    ):
        with loopback(READS, otherwise=stop) as server:
            ended = niah(*sweep_at(server), *SMALL, "--concurrency", "1")
        assert (ended.exit_code, len(server.requests)) == (3, 1 + asked)
        assert "the server refuses requests" in ended.err
        Path("results/r/run.jsonl").unlink()


def test_aliases_and_changing_models_are_reported(niah: Niah) -> None:
    with loopback(otherwise=answers_with(SOLVE, model="m-2026-11-01")) as server:
        assert "m answered as m-2026-11-01" in niah(*sweep_at(server), *SMALL).err
    Path("results/r/run.jsonl").unlink()
    with loopback(answers_with(SOLVE, model="m-quantised"), otherwise=READS) as server:
        assert (
            "under several names during this run: m, m-quantised"
            in niah(*sweep_at(server), *SMALL).err
        )


CANARY = "sk-canary-0f9e8d7c6b5a"


@NEEDS_PROC
@pytest.mark.parametrize(
    ("provider", "source"), [("openai", "file"), ("anthropic", "environment"), ("gemini", "file")]
)
def test_a_key_is_sent_and_written_nowhere(
    niah: Niah, tmp_path: Path, provider: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path.parent / f"{tmp_path.name}-secrets"
    secrets.mkdir()
    (secrets / "key").write_text(CANARY + "\n")
    monkeypatch.setenv("SOME_KEY", CANARY)
    key = (
        ("--api-key-env", "SOME_KEY")
        if source == "environment"
        else ("--api-key-file", str(secrets / "key"))
    )
    telltale = fails(400, {"error": {"message": f"bad request with key {CANARY}"}})
    with loopback(
        READS, telltale, fails(302, b"", Location="http://127.0.0.1:9/"), otherwise=READS
    ) as server:
        command = (*sweep_at(server, provider), *SMALL, *key)
        said = [
            niah(*command),
            niah("probe", *command[1:-4], *key),
            niah("show", "r"),
            niah("plan", *command[1:]),
        ]
        process = niah_process(*command[:-4], "--name", "other", *key, cwd=tmp_path)
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        said_by_process = process.communicate()[1]
    assert any(CANARY in value for headers in server.headers for value in headers.values())
    written = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert len(written) > 5
    assert not [p for p, content in written.items() if CANARY.encode() in content]
    assert CANARY.encode() not in arguments + said_by_process
    assert not [ended for ended in said if CANARY in ended.out + ended.err]
    assert any("bad request with key [key]" in ended.err for ended in said)


def test_a_key_file_that_is_missing_empty_or_no_key_is_one_line(niah: Niah) -> None:
    Path("empty").write_text("\n")
    Path("odd").write_text("two words")
    for name, message in (("none", "cannot be read"), ("empty", "is empty"), ("odd", "no key has")):
        ended = niah("run", "--provider", "openai", "--model", "m", "--api-key-file", name)
        assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
        assert message in ended.err


@pytest.mark.parametrize("provider", PROVIDER_PATHS)
def test_probe_tells_counts_cache_and_window(niah: Niah, provider: str) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        long = len(handler.protocol.prompt(body)) > 20_000
        refuses = fails(
            400, {"error": {"message": "prompt is too long: 5000 tokens > 4000 maximum"}}
        )
        (refuses if long else READS)(handler, body)

    with serving(otherwise=act, preflight=act) as server:
        server.facts = {
            "/v1/models": {"data": [{"id": "m", "max_model_len": 5_005}]},
            "/v1/models/m": {"id": "m", "max_input_tokens": 5_005},
            "/v1beta/models/m": {"inputTokenLimit": 5_005},
            "/api/show": {"model_info": {"llama.context_length": 5_005}},
        }
        at = (
            "--base-url",
            server.root + PROVIDER_PATHS[provider],
            "--model",
            "m",
            "--lengths",
            "500",
        )
        ended = niah("probe", "--provider", provider, *at, "--window")
    assert ended.exit_code == 0, ended.err
    assert (
        "told window  none" in ended.out
        if provider == "openai-responses"
        else "told window  5,005" in ended.out
    )
    assert "of the server's for one of o200k_base" in ended.out
    last = ended.out.splitlines()[-1]
    fits, too_long = (
        int(word.replace(",", "")) for word in last.split() if word.replace(",", "").isdigit()
    )
    assert too_long - fits <= 0.011 * too_long
    assert fits < too_long


class MarkedCache:
    """A cache that writes where a request marks and reads the longest prefix that an earlier
    request wrote."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.written: set[str] = set()

    def __call__(self, handler: Handler, body: dict[str, Any]) -> None:
        message = body["messages"][0] if "messages" in body else body["input"][0]
        text, marks = "", []
        for block in message["content"]:
            text += block["text"]
            marks += [text] if self.mark in block else []
        assert len(marks) <= 4
        with handler.server.lock:
            read = max((counted(m) for m in marks if m in self.written), default=0)
            self.written.update(marks)
        counts = Counts(input=counted(text), cached=read)
        handler.send_stream(handler.protocol.events(SOLVE(text), "stop", counts, "m"))


@pytest.mark.parametrize(
    ("provider", "mark", "haystack"),
    [
        ("anthropic", "cache_control", "en"),
        ("anthropic", "cache_control", "zh-hant"),
        ("qwen", "cache_control", "zh-hant"),
        ("openai-responses", "prompt_cache_breakpoint", "en"),
    ],
)
def test_marks_let_a_cache_serve_almost_half_of_a_sweep(
    niah: Niah, provider: str, mark: str, haystack: str
) -> None:
    cache = MarkedCache(mark)
    grid = (
        "--lengths",
        "8k:40k:8k",
        "--depths",
        "0:100:12.5",
        "--model",
        "m",
        "--name",
        "r",
        "--haystack",
        haystack,
    )
    with serving(otherwise=cache, preflight=cache) as server:
        at = (
            "run",
            "--provider",
            provider,
            "--base-url",
            server.base_url,
            "--cache-marks",
            "--concurrency",
            "1",
        )
        ended = niah(*at, *grid)
    assert ended.exit_code == 0, ended.err
    usages = [r["response"]["usage"] for r in logged()]
    assert {r["score"] for r in logged()} == {1.0}
    share = sum(u["cached_tokens"] for u in usages) / sum(u["input_tokens"] for u in usages)
    assert 0.4 < share < 0.5


def test_probe_finds_a_window_that_cuts_in_silence(niah: Niah) -> None:
    cut = drops_the_front(SOLVE, 20_000)
    with serving(otherwise=cut, preflight=cut) as server:
        at = ("--base-url", server.base_url, "--model", "m", "--lengths", "500")
        ended = niah("probe", "--provider", "openai", *at, "--window", "--up-to", "16k")
    assert "cut in silence" in ended.out
    assert "tokens fit" in ended.out


def test_a_window_is_looked_for_from_the_shortest_length_however_long_that_is(niah: Niah) -> None:
    asked = (
        "probe",
        "--provider",
        "openai",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--model",
        "m",
        "--window",
    )
    ended = niah(*asked, "--lengths", "129k", "--attempts", "1")
    assert (ended.exit_code, "nobody answers" in ended.err) == (3, True), ended.err
    assert (
        "length '1k': use whole tokens from 2000"
        in niah(*asked, "--lengths", "2k", "--up-to", "1k").err
    )


def test_probe_of_a_server_that_refuses_or_is_not_there_is_one_line(niah: Niah) -> None:
    wrong = fails(400, {"error": {"message": "Unsupported parameter: 'seed'"}})
    with serving(otherwise=wrong) as server:
        at = ("--base-url", server.base_url, "--model", "m", "--attempts", "1")
        ended = niah("probe", "--provider", "openai", *at, "--extra", "seed=1")
        assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
        assert "Unsupported parameter: 'seed'" in ended.err
    assert niah("probe", "--provider", "openai", *at).exit_code == 3
    assert niah("probe", "--provider", "simulated", "--model", "perfect").exit_code == 2
