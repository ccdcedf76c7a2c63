"""niah build and plan: prompts for other harnesses, recounted from what was written; and what a
sweep would send."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from conftest import NEEDS_PROC, Niah

from niah.generator.tokenizers import tokenizer_of

FIELDS = {
    "id", "messages", "context_length", "reply_tokens", "prompt_tokens", "depth_percent",
    "actual_depth_percent",
    "targets", "question", "digest", "unique_share", "haystack",
}  # fmt: skip


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def recounted(line: dict[str, Any]) -> None:
    """Check a line with tiktoken and nothing of ours."""
    tokenizer_of("o200k_base").count("x")  # puts the vocabulary where tiktoken looks
    encoding = tiktoken.get_encoding("o200k_base")
    [message] = line["messages"]
    text, needle = message["content"], line["needles"][0]["text"]
    assert message["role"] == "user"
    assert (
        len(encoding.encode_ordinary(text))
        == line["prompt_tokens"]
        == line["context_length"] - line["reply_tokens"]
    )
    assert hashlib.sha256(text.encode()).hexdigest() == line["digest"]
    assert text.count(needle) == 1
    assert text.count(line["targets"][0]) == 1
    assert (
        abs(line["actual_depth_percent"] - line["depth_percent"]) * line["prompt_tokens"] / 100
        <= 22
    )
    before, behind = text.split(needle)
    assert before.endswith("\n")
    assert behind.startswith("\n")
    place = len(encoding.encode_ordinary(before)) / (line["prompt_tokens"] - 20) * 100
    assert abs(place - line["actual_depth_percent"]) <= 100 * 120 / line["prompt_tokens"]


@pytest.mark.parametrize(
    "haystack",
    ["en", "es", "zh-hant", "zh-hans", "en,zh-hans", "synthetic:en", "synthetic:zh-Hant"],
)
def test_written_prompts_stand_up_to_a_recount(niah: Niah, haystack: str) -> None:
    lengths = ("--lengths", "512,4k,128k", "--depths", "0,33,50,100")
    ended = niah("build", "--haystack", haystack, *lengths, "--out", "p.jsonl", "--verify")
    assert ended.exit_code == 0, ended.err
    lines = lines_of(Path("p.jsonl"))
    assert len(lines) == 12
    for line in lines:
        assert set(line) >= FIELDS
        recounted(line)
    assert {line["unique_share"] == 1 for line in lines if line["context_length"] <= 4_000} == {
        True
    }
    assert (lines[-1]["unique_share"] == 1) == haystack.startswith("synthetic")


@pytest.mark.slow
def test_prompts_are_the_same_bytes_again_and_in_another_grid(niah: Niah) -> None:
    command = ("build", "--haystack", "zh-hant", "--epochs", "2")
    niah(*command, "--lengths", "512,4k", "--depths", "0,50,100", "--out", "a.jsonl")
    niah(*command, "--lengths", "512,4k", "--depths", "0,50,100", "--out", "b.jsonl")
    niah(*command, "--lengths", "4k,8k", "--depths", "25,50", "--out", "c.jsonl")
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()
    ours = {line["id"]: line for line in lines_of(Path("a.jsonl"))}
    shared = [line for line in lines_of(Path("c.jsonl")) if line["id"] in ours]
    assert len(shared) == 2
    assert all(ours[line["id"]] == line for line in shared)


@pytest.mark.slow
def test_synthetic_text_does_not_repeat_within_an_epoch_or_between_two(niah: Niah) -> None:
    lengths = ("--lengths", "200k", "--depths", "50", "--epochs", "2")
    niah("build", "--haystack", "synthetic:zh-Hans", *lengths, "--out", "p.jsonl")
    spoken = [
        set(line["messages"][0]["content"].split("\n")[2:-5]) for line in lines_of(Path("p.jsonl"))
    ]
    longest = [line["messages"][0]["content"].count("\n") for line in lines_of(Path("p.jsonl"))]
    assert all(len(s) >= n - 10 for s, n in zip(spoken, longest, strict=True))
    assert len(spoken[0] & spoken[1]) <= 1


def test_batch_files_are_what_the_endpoint_takes(niah: Niah) -> None:
    batch = ("--format", "openai-batch", "--lengths", "512", "--depths", "50", "--out", "b.jsonl")
    assert "needs a model" in niah("build", *batch).err
    assert (
        niah("build", *batch, "--provider", "openai", "--model", "m", "--extra", "seed=7").exit_code
        == 0
    )
    *small, line = lines_of(Path("b.jsonl"))
    assert [s["custom_id"] for s in small] == ["calibrate-0", "calibrate-1"]
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert set(line["body"]) == {"model", "messages", "max_completion_tokens", "seed"}
    assert line["custom_id"]


def test_an_unwritable_file_is_one_line(niah: Niah) -> None:
    Path("a-file").write_text("in the way")
    for out in ("none/p.jsonl", "a-file/p.jsonl"):
        ended = niah("build", "--lengths", "512", "--depths", "0", "--out", out)
        assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
        assert f"{out}: cannot be written" in ended.err


def alike(text: str, other: str) -> int:
    """Characters that two texts begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b),
        min(len(text), len(other)),
    )


@pytest.mark.slow
def test_an_aligned_grid_shares_what_is_behind_the_needle(niah: Niah) -> None:
    grid = (
        "--haystack",
        "synthetic:en",
        "--lengths",
        "1k:8k:1k",
        "--depths",
        "0:100:12.5",
        "--aligned",
    )
    assert niah("build", *grid, "--out", "p.jsonl", "--verify").exit_code == 0
    lines = lines_of(Path("p.jsonl"))
    for line in lines:
        assert line["prompt_tokens"] + line["reply_tokens"] == line["context_length"]
        error_tokens = (
            abs(line["actual_depth_percent"] - line["depth_percent"]) / 100 * line["prompt_tokens"]
        )
        assert (
            error_tokens <= 22
        )  # half a segment, and a needle may be some tokens shorter than another
    texts = [
        line["messages"][0]["content"]
        for line in sorted(lines, key=lambda n: int(n["prompt_tokens"]))
    ]
    shared = sum(
        max((alike(t, other) for other in texts[:i]), default=0) for i, t in enumerate(texts)
    )
    assert shared / sum(map(len, texts)) > 0.55
    planned = [
        niah("plan", *grid[:-1], flag, *SIMULATED).out for flag in ("--no-aligned", "--aligned")
    ]
    shares = [int(p.split("cacheable")[1].split("%")[0]) for p in planned]
    assert shares[0] < 50 < shares[1]


SIMULATED = ("--provider", "simulated", "--model", "perfect")


def test_plan_tells_price_and_time(niah: Niah) -> None:
    api = (
        "plan",
        "--provider",
        "openai",
        "--model",
        "some-model",
        "--lengths",
        "1k,100k",
        "--depths",
        "50,100",
    )
    priced = niah(*api, "--price", "input=10,cached=1,output=0", "--speed", "1000").out
    assert "price       $2.02, or $1." in priced
    assert "by the config" in priced
    assert "time        3 min one after the other at 1,000 tokens/s" in priced
    unknown = niah(*api).out
    assert "price       unknown" in unknown
    assert "time        unknown" in unknown
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    known = niah(
        "plan",
        "--provider",
        "openai",
        "--model",
        "gpt-5.4-mini",
        "--lengths",
        "100k",
        "--depths",
        "0",
    ).out
    assert "price       $0.0" in known
    assert "genai-prices" in known


@pytest.mark.slow
def test_plan_takes_the_speed_of_a_finished_run(niah: Niah) -> None:
    run = ("--lengths", "500,1k", "--depths", "0,50")
    niah("run", *SIMULATED, *run, "--name", "r")
    assert "tokens/s" in niah("plan", *SIMULATED, *run, "--speed", "r").out
    assert "no run here" in niah("plan", *SIMULATED, *run, "--speed", "none").err
    assert "above 0" in niah("plan", *SIMULATED, *run, "--speed", "-3").err


@NEEDS_PROC  # and no device that is always full
def test_a_reader_that_has_enough_ends_the_writing_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m niah build --lengths 4k --depths 0:100:1 | head -c 100"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith('{"id":')
    assert "Traceback" not in done.stderr
    full = subprocess.run(
        ["bash", "-c", command.split("|")[0] + "> /dev/full"], capture_output=True, text=True
    )
    assert full.returncode == 2
    assert full.stderr == "niah: standard output cannot be written (No space left on device)\n"


def test_joined_haystacks_that_overlap_are_not_called_unique(niah: Niah) -> None:
    niah(
        "build", "--haystack", "mixed,en", "--lengths", "100k", "--depths", "50", "--out", "p.jsonl"
    )
    [line] = lines_of(Path("p.jsonl"))
    assert 0.65 < line["unique_share"] < 0.75  # en shares an episode with mixed
