"""Whole sweeps through the command line: control readers, faults, interruption, resume, and every
wrong input."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import NEEDS_PROC, Niah
from protocols import Counts
from server import Handler, Say, answers, answers_with, drops_the_front, fails, sweep_at
from server import serving as serving_all
from tokenizers import Tokenizer as HuggingFace
from tokenizers import models, trainers

from niah.tasks import task_of
from niah.tasks._planter import PLACES

SIMULATED = ("run", "--provider", "simulated", "--model", "perfect")
GRID = ("--lengths", "1k,4k,16k", "--depths", "0,25,50,75,100")


def cells(folder: Path) -> dict[tuple[int, float], float | None]:
    table = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    return {(c["context_length"], c["depth_percent"]): c["mean"] for c in table["cells"]}


@pytest.mark.parametrize("task", ["single", "multikey"])
@pytest.mark.parametrize("haystack", ["en", "zh-hant", "zh-hans", "mixed"])
@pytest.mark.parametrize(("reader", "mean"), [("perfect", 1.0), ("blind", 0.0)])
def test_control_readers_guard_the_instrument(
    niah: Niah, task: str, haystack: str, reader: str, mean: float
) -> None:
    ended = niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        reader,
        "--task",
        task,
        "--haystack",
        haystack,
        *GRID,
        "--name",
        "r",
    )
    assert ended.exit_code == 0
    assert cells(Path("results/r")) == {
        (n, d): mean for n in (1_000, 4_000, 16_000) for d in (0, 25, 50, 75, 100)
    }
    assert Path("results/r/heatmap.png").stat().st_size > 5_000


@pytest.mark.slow
def test_an_english_needle_in_chinese_speech(niah: Niah) -> None:
    ended = niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--haystack",
        "zh-hant",
        "--language",
        "en",
        *GRID,
    )
    assert ended.exit_code == 0
    assert "100 % found (n = 15" in ended.err


@pytest.mark.slow
def test_a_reader_of_the_ends_is_green_at_the_ends_only(niah: Niah) -> None:
    niah("run", "--provider", "simulated", "--model", "head-tail", *GRID, "--name", "r")
    assert {k: v for k, v in cells(Path("results/r")).items() if v} == {
        (n, d): 1.0 for n in (1_000, 4_000, 16_000) for d in (0, 100)
    }


@pytest.mark.slow
def test_a_reader_of_a_window_shows_its_edge(niah: Niah) -> None:
    niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "window:8k",
        "--lengths",
        "4k,16k",
        "--depths",
        "0,40,60,100",
        "--name",
        "r",
    )
    assert cells(Path("results/r")) == {
        (4_000, 0): 1, (4_000, 40): 1, (4_000, 60): 1, (4_000, 100): 1,
        (16_000, 0): 0, (16_000, 40): 0, (16_000, 60): 1, (16_000, 100): 1,
    }  # fmt: skip


SMALL = ("--lengths", "500,1k,2k", "--depths", "0,50,100", "--model", "m", "--name", "r")
TOO_LONG = fails(
    400,
    {
        "error": {
            "message": "maximum context length is 1500 tokens",
            "code": "context_length_exceeded",
        }
    },
)
READS: Say = answers_with(task_of("single").solve)
serving = partial(serving_all, preflight=READS)


def test_over_long_prompts_are_hatched_and_not_red(niah: Niah) -> None:
    def act(handler: object, body: dict[str, object]) -> None:
        long = len(json.dumps(body)) > 6_000
        (TOO_LONG if long else READS)(handler, body)  # type: ignore[arg-type]  # a Handler

    with serving(otherwise=act) as server:
        ended = niah(*sweep_at(server), *SMALL)
    assert ended.exit_code == 0
    found = cells(Path("results/r"))
    assert {k[0]: v for k, v in found.items()} == {500: 1.0, 1_000: 1.0, 2_000: None}
    assert "3 overflow" in ended.err


def test_errors_are_not_scored_and_the_same_command_sends_them_again(niah: Niah) -> None:
    command = ("run", "--provider", "openai", "--attempts", "1", "--concurrency", "1", *SMALL)
    faults = [fails(500, {}), fails(502, {})]
    with serving(READS, *faults, *[READS] * 6, *faults, otherwise=READS) as server:
        first = niah(*command, "--base-url", server.base_url)
        assert first.exit_code == 3
        assert "2 ended in an error" in first.err
        assert list(cells(Path("results/r")).values()).count(None) == 2
        second = niah(*command, "--base-url", server.base_url)
        assert second.exit_code == 0
        assert len(server.requests) == 13
        assert set(cells(Path("results/r")).values()) == {1.0}
        third = niah(*command, "--base-url", server.base_url)
        assert third.exit_code == 0
        assert len(server.requests) == 13


def test_default_depths_and_the_same_ones_written_out_are_one_run(niah: Niah) -> None:
    run = (*SIMULATED, "--lengths", "500,1k", "--name", "r")
    assert niah(*run).exit_code == 0
    assert "Nothing to do" in niah(*run, "--depths", "0,25,50,75,100").err
    assert "Nothing to do" in niah(*run, "--depths", "0:100:25").err


def test_a_bad_key_costs_one_request_and_is_one_line(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-canary-1234")
    wrong = fails(401, {"error": {"message": "Incorrect API key provided, Bearer sk-canary-1234"}})
    with serving(otherwise=wrong, preflight=wrong) as server:
        ended = niah(*sweep_at(server), "--api-key-env", "SOME_KEY", *SMALL)
    assert (ended.exit_code, len(server.requests), len(server.preflights)) == (2, 0, 1)
    assert "Incorrect API key" in ended.err
    assert server.keys == ["Bearer sk-canary-1234"]
    written = [p.read_bytes() for p in Path("results").rglob("*") if p.is_file()]
    assert not [w for w in written if b"sk-canary" in w]
    assert "sk-canary" not in ended.err + ended.out


def test_a_key_for_openai_is_not_sent_to_other_servers(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234")
    with serving(otherwise=READS) as server:
        niah(*sweep_at(server), *SMALL)
    assert set(server.keys) == {None}


@pytest.mark.slow
def test_only_what_the_config_says_is_added_to_requests(niah: Niah) -> None:
    with serving(otherwise=READS) as server:
        niah(
            *sweep_at(server),
            *SMALL,
            "--extra",
            "temperature=0",
            "--extra",
            "seed=7",
            "--headers",
            "x-beta=long-context",
        )
    assert {(b["temperature"], b["seed"]) for b in server.requests} == {(0, 7)}
    assert {h.get("x-beta") for h in server.headers} == {"long-context"}


def niah_process(*arguments: str, cwd: Path, **settings: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "niah", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ},
        **settings,
    )


def slowly(seconds: float) -> Say:
    def act(handler: object, body: dict[str, object]) -> None:
        time.sleep(seconds)
        READS(handler, body)  # type: ignore[arg-type]  # a Handler

    return act


def wait_for_lines(path: Path, lines: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.005)
    raise AssertionError(f"{path} never had {lines} lines")


def test_after_kill_9_only_missing_trials_are_sent_and_the_grid_is_the_same(
    niah: Niah, tmp_path: Path
) -> None:
    command = ["run", "--provider", "openai", *SMALL, "--epochs", "2", "--concurrency", "2"]
    with serving(otherwise=slowly(0.02)) as server:
        command += ["--base-url", server.base_url]
        killed = niah_process(*command, cwd=tmp_path)
        wait_for_lines(tmp_path / "results/r/run.jsonl", 6)
        killed.kill()
        killed.communicate()
        answered = (tmp_path / "results/r/run.jsonl").read_bytes().count(b"\n") - 1
        sent_before = len(server.requests)
        assert 5 <= answered < 18
        assert niah(*command).exit_code == 0
        assert len(server.requests) - sent_before == 18 - answered
        interrupted = (tmp_path / "results/r/grid.json").read_text()
        assert niah(*command[:-2], "--base-url", server.base_url, "--name", "whole").exit_code == 0
        assert (tmp_path / "results/whole/grid.json").read_text() == interrupted


def test_control_c_drains_and_leaves_a_resumable_run(niah: Niah, tmp_path: Path) -> None:
    command = ["run", "--provider", "openai", *SMALL, "--concurrency", "2"]
    with serving(otherwise=slowly(0.15)) as server:
        command += ["--base-url", server.base_url]
        process = niah_process(*command, cwd=tmp_path)
        wait_for_lines(tmp_path / "results/r/run.jsonl", 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 3
        assert b"Finishing what is in flight" in err
        assert b"Traceback" not in err
        logged = (tmp_path / "results/r/run.jsonl").read_bytes().count(b"\n") - 1
        assert logged == len(server.requests) < 9
        assert niah(*command).exit_code == 0
        assert len(server.requests) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*SIMULATED, "--lengths", "120"), "or more"),
        ((*SIMULATED, "--depths", "101"), "depth '101': depths are percent from 0"),
        ((*SIMULATED, "--lengths", "11M"), "length '11M'"),
        ((*SIMULATED, "--task", "singel"), "did you mean 'single'"),
        ((*SIMULATED, "--haystack", "eng"), "unknown haystack 'eng'; did you mean 'en'"),
        ((*SIMULATED, "--tokenizer", "p50k"), "unknown tokenizer 'p50k'"),
        ((*SIMULATED, "--tokenizer", "file:none.json"), "no such file"),
        ((*SIMULATED, "--tokenizer", "file:~nobody-of-this-name/t.json"), "no such file"),
        ((*SIMULATED, "--language", "fr"), "unknown language 'fr'"),
        ((*SIMULATED, "--epochs", "0"), "--epochs '0': use a whole number from 1 to 1,000"),
        ((*SIMULATED, "--epochs", "many"), "--epochs 'many': use a whole number from 1"),
        ((*SIMULATED, "--extra", "temperature"), "write KEY=VALUE"),
        ((*SIMULATED, "--extra", "a={bad"), "--extra a: begins like JSON and is none"),
        ((*SIMULATED, "--name", "../up"), "plain name"),
        (("show", "a" * 300), "255 bytes at most; use a shorter --name or path"),
        (
            (*SIMULATED, "--model", "window:0"),
            "simulated model 'window:0': length '0': use whole tokens",
        ),
        ((*SIMULATED, "--headers", "X-Api-Key=abc"), "holds a key; use --api-key-env"),
        ((*SIMULATED, "--headers", "beta"), "write KEY=VALUE"),
        ((*SIMULATED, "--headers", "a b=c"), "cannot be sent"),
        ((*SIMULATED, "--headers", "beta=1"), "headers has no meaning for provider 'simulated'"),
        (
            (*SIMULATED, "--cache-marks"),
            "only for openai, openai-responses, anthropic, bedrock-anthropic, qwen",
        ),
        ((*SIMULATED, "--cache", "marks"), "--cache is called --cache-marks now"),
        ((*SIMULATED, "--min-recall", "1"), "no option --min-recall"),
        ((*SIMULATED, "--max-cost", "-1"), "--max-cost '-1': use a number above 0"),
        ((*SIMULATED, "--tokens-per-minute", "0"), "--tokens-per-minute"),
        ((*SIMULATED, "--extra", "max_tokens=5"), "use --reply-tokens"),
        ((*SIMULATED, "--extra", 'generationConfig={"maxOutputTokens": 5}'), "use --reply-tokens"),
        (("run", "--provider", "openai", "--model", "m", "--reply-field", "model"), "niah's own"),
        (
            ("run", "--provider", "openai", "--model", "m", "--api-key-file", "~nosuchuser/key"),
            "cannot be read",
        ),
        (
            ("probe", "--provider", "vllm", "--model", "m", "--max-tokens", "5k"),
            "no meaning for probe",
        ),
        (
            ("probe", "--provider", "vllm", "--model", "m", "--up-to", "64k"),
            "the longest prompt of --window",
        ),
        ((*SIMULATED, "--log-prompts"), "--log-prompts keeps whole prompts in --log-requests FILE"),
        (("probe", "--provider", "vllm", "--model", "a,b"), "one call is for one model"),
        (
            ("effective", "--provider", "simulated", "--model", "perfect,blind"),
            "one call is for one model",
        ),
        (("show", "example", "--length", "1k"), "for a cell: niah show RUN LENGTH DEPTH"),
        (("show", "--diff", "a", "b", "--set", "epochs=2"), "--set is for the example of a --task"),
        ((*SIMULATED, "--base-url", "http://x/v1"), "base_url has no meaning"),
        (
            (*SIMULATED, "--distractor-count", "3"),
            "distractor_count has no meaning for task 'single'",
        ),
        ((*SIMULATED, "--order", "deepest"), "--order 'deepest': use cache, length or shuffled"),
        ((*SIMULATED, "--price", "input=2"), "give input and output"),
        ((*SIMULATED, "--aligned", "--depths", "0,30,100"), "depths that run evenly"),
        ((*SIMULATED, "--depths", "0:100:0.00001"), "at most 999"),
        ((*SIMULATED, "--haystack", "en,synthetic:en"), "cannot be joined"),
        ((*SIMULATED, "--haystack", "synthetic:fr"), "unknown synthetic language 'fr'"),
        ((*SIMULATED, "--haystack", "~nouser"), "unknown haystack"),
        ((*SIMULATED, "--haystack", "en,en"), "named twice"),
        ((*SIMULATED, "--price", "input=nan,output=1"), "are 0 or more"),
        ((*SIMULATED, "--extra", "messages=[]"), "niah's own"),
        ((*SIMULATED, "--aligned", "--haystack-per", "trial"), "leave it out"),
        (("plan", *SIMULATED[1:], "--speed", "nan"), "above 0"),
        (("build", "--provider", "nonsense"), "unknown provider"),
        (("build", "--distractor-count", "7"), "distractor_count has no meaning"),
        (("run", "nosuchdir/quick.toml"), "unknown config file"),
        (
            ("run", "--provider", "openai", "--model", "m", "--base-url", "localhost:8000/v1"),
            "write an address like",
        ),
        (
            (
                "run",
                "--provider",
                "openai",
                "--model",
                "m",
                "--base-url",
                "http://localhost:port/v1",
            ),
            "write an address",
        ),
        (
            ("run", "--provider", "openai", "--model", "m", "--base-url", "http://u:pw@h/v1"),
            "user name or password",
        ),
        (("run", "--provider", "simulated", "--model", "perfekt"), "did you mean 'perfect'"),
        (("run", "--provider", "simulated"), "needs a model"),
        (("run", "--provider", "openia", "--model", "m"), "did you mean 'openai'"),
        (("run", "--provider", "openai", "--model", "m"), "OPENAI_API_KEY"),
        (("run", "--provider", "local", "--model", "gemma"), "did you mean 'gemma3-270m'"),
        (("run", "--provider", "local", "--model", "none.gguf"), "no such file"),
        (("run", "--provider", "local", "--model", "~nosuchuser/m.gguf"), "no such file"),
        (
            ("run", "--provider", "local", "--model", "m.gguf", "--mmproj", "~nosuchuser/m.gguf"),
            "no such file",
        ),
        (
            ("probe", "--provider", "vllm", "--model", "m", "--ca-file", "~nosuchuser/ca"),
            "cannot be used",
        ),
        (("run", "none.toml"), "unknown config file 'none.toml'"),
        (("show", "none"), "no run here"),
        (("plot", "none"), "no run here"),
        (("haystack", "add", "none.txt", "--name", "n"), "no such file or folder"),
        (("haystack", "check", "none"), "unknown haystack"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_2(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ended = niah(*arguments)
    assert ended.exit_code == 2
    assert message in ended.err
    assert ended.err.startswith("niah: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("lenghts = '1k'", "unknown config key in c.toml 'lenghts'; did you mean 'lengths'?"),
        ("lengths = ", "c.toml: not a TOML file"),
        ("lengths = " + "[" * 5_000, "c.toml: nested too deep to be read"),
        (f"[lengths{'.a' * 4_000}]", "c.toml: nested too deep to be read"),
        ("epochs = 'x'", "epochs = 'x': use a whole number"),
        ("depths = [0, 120]", "depth 120"),
        ("haystack_per = 'cell'", "haystack_per = 'cell'"),
        ("haystack = 5", "haystack = 5"),
    ],
)
def test_wrong_configs_are_one_clear_line(niah: Niah, toml: str, message: str) -> None:
    Path("c.toml").write_text(toml)
    ended = niah("run", "c.toml", "--provider", "simulated", "--model", "perfect")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_the_folder_of_another_config_is_refused(niah: Niah) -> None:
    command = (*SIMULATED, "--depths", "50", "--name", "r", "--lengths", "500", "--seed")
    assert niah(*command, "0").exit_code == 0
    before = Path("results/r/run.jsonl").read_bytes()
    ended = niah(*command, "1")
    assert ended.exit_code == 2
    assert "seed was 0, is 1" in ended.err
    assert Path("results/r/run.jsonl").read_bytes() == before


def test_a_results_folder_that_cannot_be_written_is_one_line(niah: Niah) -> None:
    Path("results").write_text("a file")
    ended = niah(*SIMULATED, "--lengths", "500", "--depths", "0")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "cannot be written" in ended.err


@pytest.mark.slow
def test_answers_that_are_no_answers_leave_the_run_complete_and_unscored(niah: Niah) -> None:
    empty = answers_with(lambda prompt: "")
    with serving(
        READS, empty, answers("cut", "length"), answers("", "filter"), otherwise=READS
    ) as server:
        ended = niah(*sweep_at(server), *SMALL, "--concurrency", "1")
    assert ended.exit_code == 0
    assert "1 empty, 1 refused, 1 truncated" in ended.err
    assert list(cells(Path("results/r")).values()).count(None) == 3


def test_a_server_that_drops_the_front_is_a_mismatch_and_not_red(niah: Niah) -> None:
    lengths = ("--lengths", "500,1k,4k", "--depths", "0,100", "--model", "m", "--name", "r")
    cut = drops_the_front(task_of("single").solve, 4_000)
    with serving(otherwise=cut, preflight=cut) as server:
        ended = niah(*sweep_at(server), *lengths)
    assert "2 mismatch" in ended.err
    assert "THE SERVER DROPPED A PART OF 2 OF 6 PROMPTS, from 4k on" in ended.err
    assert {k: v for k, v in cells(Path("results/r")).items() if k[0] == 4_000} == {
        (4_000, 0): None,
        (4_000, 100): None,
    }


def test_a_first_request_that_fails_stops_the_run_with_one_line(niah: Niah) -> None:
    odd = fails(400, {"error": {"message": "Unsupported parameter: [/INST]"}})
    with serving(otherwise=odd, preflight=odd) as server:
        ended = niah(*sweep_at(server), *SMALL)
        assert (ended.exit_code, len(server.requests), len(server.preflights)) == (2, 0, 1)
        assert "Unsupported parameter: [/INST]" in ended.err
    nobody = niah(*sweep_at(server), *SMALL, "--attempts", "1")
    assert nobody.exit_code == 3
    assert "the first request failed, and nothing more was sent" in nobody.err


@pytest.mark.slow
def test_an_odd_error_later_is_printed_as_it_is(niah: Niah) -> None:
    with serving(
        READS, otherwise=fails(400, {"error": {"message": "bad [/INST] here [model]"}})
    ) as server:
        ended = niah(*sweep_at(server), *SMALL, "--concurrency", "2")
    assert ended.exit_code == 3
    assert "last error: 400: bad [/INST] here [model]" in ended.err


@pytest.mark.slow
def test_proxies_of_the_environment_are_not_asked_about_this_machine(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(otherwise=READS) as server:
        assert niah(*sweep_at(server), *SMALL).exit_code == 0


@pytest.mark.slow
def test_scores_are_not_touched_when_the_haystack_has_changed(niah: Niah) -> None:
    Path("talk.txt").write_text(
        "(00:00~01:00) A boat came in at noon.\n(01:00~02:00) It left again at three.\n"
    )
    niah("haystack", "add", "talk.txt", "--name", "boats", "--into", "h")
    niah(
        *SIMULATED,
        "--haystack",
        "h/boats",
        "--lengths",
        "500",
        "--depths",
        "0:100:10",
        "--name",
        "r",
    )
    manifest = Path("h/boats/haystack.toml")
    places = " ".join(PLACES["en"][:60])
    Path("h/boats/talk.txt").write_text(
        f"(00:00~01:00) A boat to {places}.\n(01:00~02:00) It left.\n"
    )
    digest = hashlib.sha256(Path("h/boats/talk.txt").read_bytes()).hexdigest()
    manifest.write_text(re.sub(r'sha256 = "\w+"', f'sha256 = "{digest}"', manifest.read_text()))
    before = Path("results/r/run.jsonl").read_bytes()
    ended = niah("score", "r")
    assert ended.exit_code == 2
    assert "scores are left as they are" in ended.err
    assert Path("results/r/run.jsonl").read_bytes() == before


def test_runs_with_a_tokenizer_file_can_be_shown_and_scored(niah: Niah) -> None:
    tokenizer = HuggingFace(models.BPE(byte_fallback=True, unk_token="<unk>"))
    special = ["<unk>", *[f"<0x{b:02X}>" for b in range(256)]]
    tokenizer.train_from_iterator(
        ["some words of the boats"], trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    )
    tokenizer.save("tokenizer.json")
    ended = niah(
        *SIMULATED,
        "--tokenizer",
        "file:tokenizer.json",
        "--lengths",
        "2k",
        "--depths",
        "50",
        "--name",
        "r",
    )
    assert ended.exit_code == 0, ended.err
    trial = niah("show", "r").out.split()[0]
    assert "digest checked" in niah("show", "r", trial).out
    assert "0 of 1 scores changed" in niah("score", "r").out


def test_a_haystack_that_talks_about_the_needle_is_reported(niah: Niah) -> None:
    Path("talk.txt").write_text(
        "(00:00~01:00) The Magic  Number is 42, said the host.\n(01:00~02:00) It is.\n"
    )
    niah("haystack", "add", "talk.txt", "--name", "boats", "--into", "h")
    ended = niah(*SIMULATED, "--haystack", "h/boats", "--lengths", "500", "--depths", "50")
    assert "the haystack itself says 'magic number'" in ended.err


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("seed", range(6))
def test_aligned_runs_can_be_resumed_shown_and_scored(niah: Niah, seed: int) -> None:
    run = (
        *SIMULATED,
        "--lengths",
        "1k,2k,4k",
        "--depths",
        "0:100:10",
        "--aligned",
        "--seed",
        seed,
        "--name",
        "r",
    )
    assert niah(*run).exit_code == 0
    assert "Nothing to do" in niah(*run).err
    assert "0 of 33 scores changed; 100 % found" in niah("score", "r").out
    for line in niah("show", "r").out.splitlines()[::8]:
        assert "digest checked" in niah("show", "r", line.split()[0]).out


@pytest.mark.slow
def test_a_server_that_wraps_prompts_is_no_mismatch(niah: Niah) -> None:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        text = handler.protocol.prompt(body)
        counts = Counts(input=700 + len(text) // 4)
        handler.send_stream(
            handler.protocol.events(task_of("single").solve(text), "stop", counts, "m")
        )

    with serving(otherwise=act, preflight=act) as server:
        ended = niah(*sweep_at(server), *SMALL[:1], "500,8k", *SMALL[2:])
    assert "100 % found (n = 6" in ended.err


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal that hangs up here")
def test_a_terminal_that_closes_lets_what_is_in_flight_finish_and_draws(tmp_path: Path) -> None:
    with serving(otherwise=slowly(0.3)) as server:
        command = (*sweep_at(server), *SMALL, "--concurrency", "2")
        heeds = partial(
            signal.signal, signal.SIGHUP, signal.SIG_DFL
        )  # also where the suite runs under nohup
        process = niah_process(*command, cwd=tmp_path, preexec_fn=heeds)
        wait_for_lines(tmp_path / "results" / "r" / "run.jsonl", 2)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)  # of the shell
        _, err = process.communicate(timeout=30)
        sent = len(server.requests)
    assert process.returncode == 3
    assert b"stopped early (the terminal was closed)" in err
    lines = (tmp_path / "results" / "r" / "run.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == sent < 9  # every request that was sent has its line
    assert (tmp_path / "results" / "r" / "heatmap.png").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal that hangs up here")
def test_under_nohup_a_closed_terminal_stops_nothing(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup hands it on
    with serving(otherwise=slowly(0.05)) as server:
        try:
            command = (*sweep_at(server), *SMALL, "--concurrency", "2")
            process = niah_process(*command, cwd=tmp_path)
        finally:
            signal.signal(signal.SIGHUP, before)
        wait_for_lines(tmp_path / "results" / "r" / "run.jsonl", 2)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, b"stopped early" in err) == (0, False), err


@pytest.mark.slow
def test_a_reader_of_events_that_is_gone_costs_no_picture(tmp_path: Path) -> None:
    command = (
        *SIMULATED,
        "--lengths",
        "500",
        "--depths",
        "0,50,100",
        "--name",
        "r",
        "--progress",
        "json",
    )
    with niah_process(*command, cwd=tmp_path) as process:
        assert process.stdout and process.stderr
        assert b'"started"' in process.stderr.readline()
        process.stderr.close()
        assert process.stdout.read().decode().strip() == "results/r/heatmap.png"
    assert (tmp_path / "results/r/page.html").exists()


def test_control_c_before_the_first_answer_is_no_outage(tmp_path: Path) -> None:
    with serving(otherwise=fails(429, {}, Retry_After="60"), preflight=None) as server:
        process = niah_process(*sweep_at(server), *SMALL, cwd=tmp_path)
        deadline = time.monotonic() + 30
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert b"stopped early (interrupted)" in err
    assert b"does not say how many prompt tokens" not in err


@NEEDS_PROC
def test_a_synthetic_haystack_per_trial_keeps_no_files_open(niah: Niah) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    grid = (
        "--lengths",
        "100k",
        "--depths",
        "0:100:10",
        "--haystack-per",
        "trial",
        "--haystack",
        "synthetic:en",
    )
    assert niah("build", *grid, "--out", "p.jsonl").exit_code == 0
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_what_a_run_found_is_told_where_its_picture_cannot_be_written(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    sweep = [
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "1k",
        "--depths",
        "0,100",
        "--name",
        "r",
    ]
    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", full)
        ended = niah(*sweep)
    assert ended.exit_code == 2
    assert "100 % found (n = 2" in ended.err
    assert "heatmap.png: cannot be written (No space left on device); make room there" in ended.err
    assert ended.out == ""
    assert "Nothing to do" in niah(*sweep).err
    assert Path("results/r/heatmap.png").exists()
