"""--log-requests and --verbose: what was sent, what came back, why again; keys hidden, prompts cut,
size bounded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from server import answers_with, cuts_the_stream, fails, serving, sweep_at

from niah.providers import HttpRequest
from niah.records import Outcome
from niah.runner.exchange import Answer, Attempt
from niah.runner.request_log import RequestLog
from niah.tasks import task_of

READS = answers_with(task_of("single").solve)
ONE = ("--model", "m", "--lengths", "8k", "--depths", "50", "--name", "r")
FAILED = Answer(outcome=Outcome.ERROR)
KEY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.01)


def logged(niah: Niah, *flags: str, provider: str = "openai") -> tuple[list[dict[str, Any]], str]:
    busy = fails(500, {"error": {"message": f"engine busy with {KEY}"}})
    with serving(busy, cuts_the_stream, otherwise=READS, preflight=READS) as server:
        address = server.base_url + ("beta" if provider == "gemini" else "")
        ended = niah("run", "--provider", provider, "--base-url", address, *ONE, "--api-key-env",
                     "SOME_KEY",
                     "--log-requests", "requests.jsonl", *flags)  # fmt: skip
    assert ended.exit_code == 0
    lines = Path("requests.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines], ended.err


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "openai-responses"])
def test_every_attempt_has_a_line_with_what_came_back(
    niah: Niah, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    lines, err = logged(niah, "-v", provider=provider)
    trials = [line for line in lines if line["for"] != "a small request"]
    assert len(lines) - len(trials) >= 2
    assert [(t["attempt"], t["status"], t["outcome"]) for t in trials] == [
        (1, 500, "error"),
        (2, 200, "error"),
        (3, 200, "scored"),
    ]
    assert all("8,000 tokens, depth 50 %, epoch 0" in t["for"] for t in trials)
    assert "engine busy with [key]" in trials[0]["reply"]
    assert 0 < trials[1]["reply_characters"] < trials[2]["reply_characters"]
    assert trials[0]["again_in_s"] > 0
    assert trials[2]["again_in_s"] is None
    assert trials[0]["request"]["url"].startswith("http://127.0.0.1")
    assert KEY not in json.dumps(lines) + err
    assert "[key]" in json.dumps(trials[0]["request"]["headers"])
    assert err.count("again in") == 2
    assert "attempt 1: 500: engine busy with [key]; again in" in err


@pytest.mark.slow
def test_prompts_are_cut_unless_they_are_asked_for(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    cut, _ = logged(niah)
    Path("requests.jsonl").unlink()
    whole, _ = logged(niah, "--log-prompts", "--name", "other")
    assert len(cut[-1]["request"]["body"]) < 5_000 < cut[-1]["request"]["body_bytes"]
    assert "bytes left out" in cut[-1]["request"]["body"]
    assert len(whole[-1]["request"]["body"].encode()) == whole[-1]["request"]["body_bytes"]
    assert json.loads(whole[-1]["request"]["body"])["messages"]


def test_the_file_has_a_size_that_it_does_not_pass(tmp_path: Path) -> None:
    said: list[str] = []
    log = RequestLog(tmp_path / "r.jsonl", say=said.append, most_bytes=4_000)
    for number in range(50):
        log.take(
            HttpRequest(url="u", headers={}),
            Attempt(answer=replace(FAILED, attempts=number), wait_s=1.0),
        )
    assert (tmp_path / "r.jsonl").stat().st_size <= 4_000
    assert len(said) == 1
    again = RequestLog(tmp_path / "r.jsonl", say=said.append, most_bytes=4_000)
    again.take(HttpRequest(url="u" * 4_000, headers={}), Attempt(answer=FAILED))
    assert (tmp_path / "r.jsonl").stat().st_size <= 4_000


def test_a_file_that_cannot_be_written_is_one_line_before_anything_is_sent(niah: Niah) -> None:
    with serving(otherwise=READS) as server:
        ended = niah(*sweep_at(server), *ONE, "--log-requests", "no/such/f")
        assert (ended.exit_code, server.requests, server.preflights) == (2, [], [])
    assert ended.err.count("\n") == 1
    assert "--log-requests 'no/such/f': cannot be written" in ended.err
    assert not Path("results").exists()


def test_without_trouble_verbose_says_nothing_more(niah: Niah) -> None:
    with serving(otherwise=READS, preflight=READS) as server:
        ended = niah(*sweep_at(server), *ONE, "-v")
    assert "attempt" not in ended.err
