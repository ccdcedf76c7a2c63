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
from pydantic import TypeAdapter
from test_collect import GRID, OVERHEAD, SERVICES, asked_in, failed, replied
from test_deliveries import whole

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
        text += " \u2028\x85"  # end a line for Python, and none of a file
        return replied(self.form, key, text, self._count(prompt) + OVERHEAD)


@pytest.fixture(params=FORMS)
def service(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[BatchServer, Answers]]:
    monkeypatch.setenv("A_KEY", "some-secret-key")
    answers = Answers(request.param)
    server = BatchServer(answers)
    yield server, answers
    server.close()


def submit(niah: Niah, server: BatchServer, answers: Answers, *more: str) -> Any:
    provider = SERVICES[answers.form]
    access = ("--base-url", server.url, "--api-key-env", "A_KEY")
    return niah(
        "batch",
        "submit",
        "--provider",
        provider,
        "--model",
        "m",
        *GRID,
        *access,
        "--run",
        "r",
        *more,
    )


def test_a_batch_is_submitted_waited_for_and_collected(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
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


def test_only_what_is_missing_is_sent_again(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
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
    assert {i for i in answers.asked if not i.startswith("calibrate")} == {
        ids[-1],
        ids[-2],
        ids[-3],
    }
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
        server.behind_s = 60.0
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
    assert "its batches may use" in submit(niah, server, answers, "--max-tokens", "1k").err
    dear = submit(niah, server, answers, "--max-cost", "0.001", "--price", "input=9,output=9")
    assert "its batches may cost" in dear.err
    assert (
        "adaptive has no meaning for a batch"
        in submit(niah, server, answers, "--adaptive", "--epochs", "1").err
    )
    assert "one call is for one model" in submit(niah, server, answers, "--model", "a,b").err
    assert not server.batches
    assert submit(niah, server, answers, "--lengths", "512", "--max-tokens", "12k").exit_code == 3
    longer = submit(niah, server, answers, "--lengths", "512,1k", "--max-tokens", "12k")
    assert (longer.exit_code, "its batches may use" in longer.err, len(server.batches)) == (
        2,
        True,
        1,
    ), longer.err
    local = niah(
        "batch", "submit", *GRID, "--run", "r", "--provider", "simulated", "--model", "perfect"
    )
    assert (local.exit_code, "has no batch service" in local.err) == (2, True)
    assert "no run here" in niah("batch", "status", "nothing").err


def test_a_grid_that_leaves_out_what_a_batch_holds_is_refused(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
    server, answers = service
    submit(niah, server, answers, "--lengths", "512")
    other = submit(niah, server, answers, "--lengths", "1k")
    assert (other.exit_code, "name all lengths" in other.err, len(server.batches)) == (
        2,
        True,
        1,
    ), other.err
    server.finish()
    collected = niah("batch", "collect", "r", "--api-key-env", "A_KEY")
    assert (collected.exit_code, "10 answers taken in" in collected.err) == (0, True), collected.err


def test_plan_tells_the_price_of_a_batch(niah: Niah) -> None:
    api = (
        "plan",
        "--provider",
        "openai",
        "--model",
        "m",
        "--lengths",
        "1k,100k",
        "--depths",
        "50,100",
    )
    said = niah(*api, "--price", "input=10,cached=1,output=0").out
    assert "$2.02" in said
    assert "or $1.01 by niah batch" in said


def test_a_damaged_state_is_one_line(niah: Niah, service: tuple[BatchServer, Answers]) -> None:
    server, answers = service
    submit(niah, server, answers)
    Path("results/r/requests-1.jsonl").unlink()
    lost = submit(niah, server, answers)
    assert (lost.exit_code, lost.err.count("\n"), "which trials are in a batch" in lost.err) == (
        2,
        1,
        True,
    )
    assert len(server.batches) == 1
    Path("results/r/batches.json").write_text(json.dumps([{"x": 1}]))
    assert "not the batches of a run" in niah("batch", "status", "r", "--api-key-env", "A_KEY").err
    Path("results/r/planned.json").write_text("[]")
    assert "not the plan of a run" in niah("batch", "status", "r", "--api-key-env", "A_KEY").err


def openai_fits(method: str, path: str, body: bytes, answer: Any) -> str:
    """What an exchange was judged to be by OpenAI's own types. Raises ValidationError where one
    does not fit."""
    from openai.types import Batch, FileObject, batch_create_params
    from openai.types.chat import ChatCompletion
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    if path == "/v1/files":
        FileObject.model_validate(answer)
        for line in body.split(b"\r\n\r\n")[-1].rpartition(b"\r\n--")[0].splitlines():
            asked = json.loads(line)["body"]
            assert (
                whole(TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(asked))
                == asked
            )
        return "requests"
    if path.startswith("/v1/files/"):
        for line in answer.splitlines():
            ChatCompletion.model_validate(json.loads(line)["response"]["body"])
        return "answers"
    if method == "POST":
        TypeAdapter(batch_create_params.BatchCreateParams).validate_python(json.loads(body))
    for table in answer.get("data", [answer]):
        Batch.model_validate(table)
    return "batch"


def anthropic_fits(method: str, path: str, body: bytes, answer: Any) -> str:
    """The same of Anthropic's."""
    from anthropic.types import messages as types

    if path.endswith("/results"):
        for line in answer.splitlines():
            types.MessageBatchIndividualResponse.model_validate_json(line)
        return "answers"
    for table in answer.get("data", [answer]):
        types.MessageBatch.model_validate(table)
    if method != "POST":
        return "batch"
    kind: Any = types.batch_create_params.BatchCreateParams
    assert whole(TypeAdapter(kind).validate_python(json.loads(body))) == json.loads(body)
    return "requests"


def gemini_fits(method: str, path: str, body: bytes, answer: Any) -> str:
    """The same of Gemini's, whose SDK takes an answer apart before it is held against its types."""
    from google.genai import Client, batches, types

    if "/upload" in path:
        for line in (
            body.splitlines() if "file" in answer else ()
        ):  # the other call only asks where to send them
            asked = json.loads(line)["request"]
            for content in asked.pop("contents"):
                types.Content.model_validate(content)
            types.Content.model_validate(asked.pop("systemInstruction", {}))
            types.GenerationConfig.model_validate(asked.pop("generationConfig"))
            assert not asked
        types.File.model_validate(answer.get("file", {}))
        return "requests"
    if ":download" in path:
        for line in answer.splitlines():
            types.GenerateContentResponse.model_validate(json.loads(line)["response"])
        return "answers"
    if method == "POST":
        about = json.loads(body)["batch"]
        told = types.CreateBatchJobConfig(display_name=about["displayName"])
        source = types.BatchJobSource(file_name=about["inputConfig"]["fileName"])
        asked = types._CreateBatchJobParameters(model="m", src=source, config=told)
        sdk = batches._CreateBatchJobParameters_to_mldev(Client(api_key="k")._api_client, asked)
        assert sdk["batch"] == about
    for table in answer.get("operations", [answer]):
        job = types.BatchJob.model_validate(batches._BatchJob_from_mldev(table))
        assert job.state is not None
        assert (job.dest is not None) == ("response" in table)
    return "batch"


FITS = {"openai-batch": openai_fits, "anthropic-batch": anthropic_fits, "gemini-batch": gemini_fits}


def test_what_is_said_to_a_service_and_by_it_fits_its_own_types(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    judged, carried_out = [], server.carried_out
    fits = FITS[answers.form]

    def watched(method: str, path: str, headers: Any, body: bytes) -> tuple[Any, dict[str, str]]:
        answer, more = carried_out(method, path, headers, body)
        judged.append(fits(method, path.partition("?")[0], body, answer))
        return answer, more

    monkeypatch.setattr(server, "carried_out", watched)
    assert submit(niah, server, answers).exit_code == 3
    server.finish()
    assert niah("batch", "collect", "r", "--api-key-env", "A_KEY").exit_code == 0
    assert set(judged) == {"requests", "batch", "answers"}


def test_a_batch_of_which_nothing_was_answered_is_submitted_again(
    niah: Niah, service: tuple[BatchServer, Answers]
) -> None:
    server, answers = service
    submit(niah, server, answers)
    answers.failing = {asked_in(line)[0] for line in server.batches["batch_1"]["requests"]}
    server.finish()
    assert niah("batch", "collect", "r", "--api-key-env", "A_KEY").exit_code == 3
    answers.failing = set()
    assert submit(niah, server, answers).exit_code == 3
    assert len(server.batches) == 2
    server.finish()
    collected = niah("batch", "collect", "r", "--api-key-env", "A_KEY")
    assert (collected.exit_code, "not checked" in collected.err, "further" in collected.err) == (
        0,
        False,
        False,
    )


def test_the_key_of_a_batch_may_lie_in_a_file_or_be_named_by_the_environment(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    submit(niah, server, answers)
    Path("key").write_text("some-secret-key\n")
    server.finish()
    monkeypatch.setattr(server, "carried_out", keyed := Keyed(server.carried_out))
    assert "ended" in niah("batch", "status", "r", "--api-key-file", "key").out
    monkeypatch.setenv("NIAH_API_KEY_ENV", "A_KEY")
    assert niah("batch", "collect", "r").exit_code == 0
    assert keyed.keys == {"some-secret-key"}


def test_further_headers_and_certificates_are_those_of_a_batch_too(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    monkeypatch.setattr(server, "carried_out", keyed := Keyed(server.carried_out))
    submit(
        niah,
        server,
        answers,
        "--headers",
        "anthropic-beta=long",
        "--headers",
        "x-team=somebody-secret",
    )
    assert keyed.further == {("long", "somebody-secret")}
    assert niah("batch", "status", "r", "--api-key-env", "A_KEY").exit_code == 3
    assert keyed.further == {("long", "somebody-secret"), ("long", None)}
    wrong = niah("batch", "collect", "r", "--api-key-env", "A_KEY", "--ca-file", "none.pem")
    assert (wrong.exit_code, "ca_file 'none.pem' cannot be used" in wrong.err) == (
        2,
        True,
    ), wrong.err


class Keyed:
    """Notes the keys and further headers that came with requests."""

    def __init__(self, carried_out: Any) -> None:
        self.carried_out, self.keys = carried_out, set[str]()
        self.further = set[tuple[str | None, str | None]]()

    def __call__(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        sent = (
            headers[name]
            for name in ("Authorization", "x-api-key", "x-goog-api-key")
            if headers[name]
        )
        self.keys.add(next(sent, "").removeprefix("Bearer "))
        self.further.add((headers["anthropic-beta"], headers["x-team"]))
        return self.carried_out(method, path, headers, body)


def test_a_file_of_answers_by_a_name_that_is_no_address_is_one_line(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    carried_out = server.carried_out

    def named(*request: Any) -> tuple[Any, dict[str, str]]:
        answer, more = carried_out(*request)
        if isinstance(answer, dict):
            text = (
                json.dumps(answer)
                .replace("output_file_id-", "\\u0007")
                .replace("files/out-", "\\u0007")
            )
            answer = json.loads(text)
        return answer, more

    submit(niah, server, answers)
    server.finish()
    monkeypatch.setattr(server, "carried_out", named)
    ended = niah("batch", "collect", "r", "--api-key-env", "A_KEY")
    if answers.form == "anthropic-batch":  # which names no file
        assert ended.exit_code == 0
    else:
        assert (ended.exit_code, ended.err.count("\n"), "broke off" in ended.err) == (
            2,
            1,
            True,
        ), ended.err


def test_results_that_are_refused_say_what_the_service_said(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    carried_out = server.carried_out

    def gone(method: str, path: str, *more: Any) -> tuple[Any, dict[str, str]]:
        if any(part in path for part in ("/content", "/results", ":download")):
            server.status = 404
            return {"error": {"message": "these results were deleted"}}, {}
        return carried_out(method, path, *more)

    submit(niah, server, answers)
    server.finish()
    monkeypatch.setattr(server, "carried_out", gone)
    ended = niah("batch", "collect", "r", "--api-key-env", "A_KEY")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "404: these results were deleted" in ended.err


def test_a_service_that_answers_otherwise_is_one_line(
    niah: Niah, service: tuple[BatchServer, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answers = service
    monkeypatch.setattr(
        server, "carried_out", lambda method, *_: ({} if method == "POST" else {"data": []}, {})
    )
    ended = submit(niah, server, answers)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "no known shape" in ended.err
