"""niah batch: submitted once whatever breaks off, collected in parts, and judged as a sweep."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer, Table
from conftest import Niah
from test_collect import GRID, OVERHEAD, SERVICES, asked_in, failed, replied

import niah as package
from niah.generator.tokenizers import tokenizer_of
from niah.tasks import task_of

FORMS = [form for form in SERVICES if form != "vllm-batch"]


class Answers:
    """What a service says to a line of requests; some fail, some it never gets to."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.failing: set[str] = set()
        self.expired: set[str] = set()
        self.asked: list[str] = []
        self._count = tokenizer_of("o200k_base").count

    def __call__(self, line: Table) -> Table | None:
        key, prompt = asked_in(line)
        self.asked.append(key)
        if key in self.expired:
            return failed(self.form, key) if self.form == "anthropic-batch" else None
        if key in self.failing:
            return failed(self.form, key)
        text = "Hm." if key.startswith("calibrate") else task_of("single").solve(prompt)
        return replied(self.form, key, text, self._count(prompt) + OVERHEAD)


@pytest.fixture(params=FORMS)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[BatchServer, Answers]]:
    monkeypatch.setenv("A_KEY", "some-secret-key")
    answers = Answers(request.param)
    server = BatchServer(answers)
    yield server, answers
    server.close()


def submit(niah: Niah, server: BatchServer, answers: Answers, *more: str) -> Any:
    provider = SERVICES[answers.form]
    access = ("--base-url", server.url, "--api-key-env", "A_KEY")
    return niah("batch", "submit", "--provider", provider, "--model", "m", *GRID, *access, "--run", "r", *more)


def test_a_batch_is_submitted_waited_for_and_collected(niah: Niah, service: tuple[BatchServer, Answers]) -> None:
    server, answers = service
    ended = submit(niah, server, answers)
    assert (ended.exit_code, "0 of 20 trials are answered" in ended.out) == (3, True), ended.err
    key = ("--api-key-env", "A_KEY")
    assert "waiting" in niah("batch", "status", "r", *key).out
    waiting = niah("batch", "collect", "r", *key)
    assert (waiting.exit_code, "20 trials are missing" in waiting.err) == (3, True), waiting.err
    server.finish()
    assert "ended" in niah("batch", "status", "r", *key).out
    collected = niah("batch", "collect", "r", *key)
    assert (collected.exit_code, "20 answers taken in" in collected.err) == (0, True), collected.err
    assert "not checked" not in collected.err
    assert niah("batch", "status", "r", *key).exit_code == 0
    assert {t["score"] for t in package.open_run("r").trials} == {1.0}
    assert submit(niah, server, answers).exit_code == 0  # nothing is left to be sent
    assert len(server.batches) == 1
    folder = Path("results/r")
    assert not [p for p in folder.iterdir() if b"some-secret-key" in p.read_bytes()]


def test_only_what_is_missing_is_sent_again(niah: Niah, service: tuple[BatchServer, Answers]) -> None:
    server, answers = service
    submit(niah, server, answers)
    ids = [asked_in(line)[0] for line in server.batches["batch_1"]["requests"]]
    answers.failing, answers.expired = {ids[-1], ids[-2]}, {ids[-3]}
    server.finish()
    partial = niah("batch", "collect", "r", "--api-key-env", "A_KEY")
    assert (partial.exit_code, "17 answers taken in" in partial.err) == (3, True)
    assert "3 trials are missing" in partial.err
    answers.failing, answers.expired, answers.asked = set(), set(), []
    assert submit(niah, server, answers).exit_code == 3
    server.finish()
    assert {i for i in answers.asked if not i.startswith("calibrate")} == {ids[-1], ids[-2], ids[-3]}
    assert niah("batch", "collect", "r", "--api-key-env", "A_KEY").exit_code == 0
    assert len(package.open_run("r").trials) == 20


def test_whatever_request_breaks_off_nothing_is_submitted_twice(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
    server, answers = service
    for number in range(1, 6):
        shutil.rmtree("results", ignore_errors=True)
        server.batches.clear()
        server.seen, server.drop_at = 0, number
        first = submit(niah, server, answers)
        if "no answer" not in first.err:
            assert number > 2  # every request of a submission was broken off once
            break
        assert (first.exit_code, first.err.count("\n")) == (2, 1)
        assert submit(niah, server, answers).exit_code == 3
        assert len(server.batches) == 1
        server.finish()
        assert niah("batch", "collect", "r", "--api-key-env", "A_KEY").exit_code == 0
    else:
        pytest.fail("more requests than a submission has")


def test_a_submission_of_another_provider_or_beyond_a_budget_is_refused(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
    server, answers = service
    assert "this batch may use" in submit(niah, server, answers, "--max-tokens", "1k").err
    assert (
        "this batch may cost" in submit(niah, server, answers, "--max-cost", "0.001", "--price", "input=9,output=9").err
    )
    assert not server.batches
    local = niah("batch", "submit", *GRID, "--run", "r", "--provider", "simulated", "--model", "perfect")
    assert (local.exit_code, "has no batch service" in local.err) == (2, True)
    assert "no run here" in niah("batch", "status", "nothing").err


def test_plan_tells_the_price_of_a_batch(niah: Niah) -> None:
    api = ("plan", "--provider", "openai", "--model", "m", "--lengths", "1k,100k", "--depths", "50,100")
    said = niah(*api, "--price", "input=10,cached=1,output=0").out
    assert "$2.02" in said
    assert "or $1.01 by niah batch" in said


def test_a_damaged_state_is_one_line(niah: Niah, service: tuple[BatchServer, Answers]) -> None:
    server, answers = service
    submit(niah, server, answers)
    Path("results/r/batches.json").write_text(json.dumps([{"x": 1}]))
    assert "not the batches of a run" in niah("batch", "status", "r", "--api-key-env", "A_KEY").err
