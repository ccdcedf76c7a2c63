"""niah build and collect: prompts go out in any service's form, and answers come back as the run of
a sweep."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from hypothesis import example, given
from hypothesis import strategies as st

import niah as package
from niah.experiment import export
from niah.generator.tokenizers import tokenizer_of
from niah.providers.batches import FORMS, BatchForm, answer_in
from niah.runlog.log import read_rows

GRID = ("--lengths", "512,1k", "--depths", "0:100:25", "--epochs", "2")
SERVICES = {
    "openai-batch": "openai",
    "anthropic-batch": "anthropic",
    "gemini-batch": "gemini",
    "vllm-batch": "vllm",
}
OVERHEAD = 7  # tokens that the service adds to every prompt
Table = dict[str, Any]


def tables(path: Path | str) -> list[Table]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def asked_in(line: Table) -> tuple[str, str]:
    """Id and prompt of a line of any form."""
    if "request" in line:
        return line["key"], line["request"]["contents"][0]["parts"][0]["text"]
    body = line.get("params") or line.get("body") or line
    return line.get("custom_id") or line["id"], body["messages"][0]["content"]


def replied(form: str, key: str, text: str, tokens: int, stop: str | None = None) -> Table:
    """A result line, as each service writes it."""
    if form == "jsonl":
        return {
            "id": key,
            "text": text,
            "stop_reason": stop,
            "usage": {"input_tokens": tokens, "output_tokens": 9},
        }
    if form == "anthropic-batch":
        usage = {"input_tokens": tokens, "output_tokens": 9}
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "usage": usage,
            "content": [{"type": "text", "text": text}], "stop_reason": stop or "end_turn",
            "stop_sequence": None,
        }  # fmt: skip
        return {"custom_id": key, "result": {"type": "succeeded", "message": message}}
    if form == "gemini-batch":
        content = {
            "content": {"parts": [{"text": text}], "role": "model"},
            "finishReason": stop or "STOP",
            "index": 0,
        }
        counts = {"promptTokenCount": tokens, "candidatesTokenCount": 9}
        return {
            "key": key,
            "response": {"candidates": [content], "usageMetadata": counts, "modelVersion": "m"},
        }
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": stop or "stop", "logprobs": None}
    counts = {"prompt_tokens": tokens, "completion_tokens": 9, "total_tokens": tokens + 9}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": counts,
    }
    return {
        "id": "b",
        "custom_id": key,
        "response": {"status_code": 200, "request_id": "r", "body": body},
        "error": None,
    }


def failed(form: str, key: str) -> Table:
    if form == "anthropic-batch":
        return {"custom_id": key, "result": {"type": "expired"}}
    if form == "gemini-batch":
        return {"key": key, "error": {"code": 13, "message": "internal"}}
    if form == "jsonl":
        return {"id": key, "error": "out of memory"}
    return {
        "custom_id": key,
        "response": None,
        "error": {"code": "batch_expired", "message": "not reached in time"},
    }


def written(path: str, lines: list[Table], *, torn: bool = False) -> str:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    Path(path).write_text(text[:-9] if torn else text, encoding="utf-8")
    return path


@pytest.fixture
def swept(niah: Niah) -> Callable[..., dict[str, Table]]:
    """The trials of a sweep by a reader that sees both ends only, by id."""

    def sweep(*grid: str) -> dict[str, Table]:
        assert (
            niah(
                "run", "--provider", "simulated", "--model", "window:600", *grid, "--name", "sync"
            ).exit_code
            == 0
        )
        return {trial["id"]: trial for trial in package.open_run("sync").trials}

    return sweep


def built(niah: Niah, form: str, *grid: str) -> list[Table]:
    provider = SERVICES.get(form, "openai")
    ended = niah(
        "build",
        "--provider",
        provider,
        "--model",
        "m",
        *grid,
        "--format",
        form,
        "--run",
        "r",
        "--out",
        "p.jsonl",
    )
    assert ended.exit_code == 0, ended.err
    return tables("p.jsonl")


def answers(form: str, asked: list[Table], swept: dict[str, Table]) -> list[Table]:
    count = tokenizer_of("o200k_base").count
    return [
        replied(
            form, key, swept[key]["answer"] if key in swept else "Hm.", count(prompt) + OVERHEAD
        )
        for key, prompt in map(asked_in, asked)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", *FORMS])
def test_a_run_by_files_has_the_scores_of_the_same_run_by_calls(
    niah: Niah, swept: Callable[..., dict[str, Table]], form: str
) -> None:
    sync = swept(*GRID)
    written(
        "answers.jsonl", answers(form, built(niah, form, *GRID), sync)[::-1]
    )  # services keep no order
    ended = niah("collect", "answers.jsonl", "--run", "r")
    assert (ended.exit_code, "20 answers" in ended.err) == (0, True), ended.err
    run = package.open_run("r")
    assert {t["id"]: (t["outcome"], t["score"], t["prompt_digest"]) for t in run.trials} == {
        i: (t["outcome"], t["score"], t["prompt_digest"]) for i, t in sync.items()
    }
    assert {t["score"] for t in run.trials} == {0.0, 1.0}
    assert all(
        t["total_s"] is t["first_token_s"] is None and t["attempts"] == 1 for t in run.trials
    )
    assert any("no times" in warning for warning in run.warnings)
    assert ("not checked for dropped parts" in ended.err) == (
        form == "jsonl"
    )  # which has no small prompts
    again = niah("collect", "answers.jsonl", "--run", "r")
    assert (again.exit_code, again.err.split("\n")[0]) == (0, "niah: 0 answers taken in")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", *FORMS])
def test_what_is_missing_failed_twice_there_or_torn_is_counted(
    niah: Niah, swept: Callable[..., dict[str, Table]], form: str
) -> None:
    sync = swept(*GRID)
    lines = answers(form, built(niah, form, *GRID), sync)
    ids = [asked_in(line)[0] for line in tables("p.jsonl")]
    mixed = [*lines[3:-3], failed(form, ids[-3]), failed(form, ids[-2]), lines[-4], lines[-1]]
    ended = niah("collect", written("a.jsonl", mixed, torn=True), "--run", "r")
    small = len(lines) - 20
    gone = (
        3 - small + 1 + 2
    )  # of the first three those that are trials, the torn one, and the failures
    assert ended.exit_code == 3
    assert f"{20 - gone} answers taken in" in ended.err
    assert "1 further answers" in ended.err
    assert "1 last lines were cut short" in ended.err
    assert f"{gone} trials are missing, 2 of them failed" in ended.err
    rest = niah(
        "collect", written("b.jsonl", lines), "--run", "r"
    )  # what failed before is replaced
    assert (rest.exit_code, f"{gone} answers taken in" in rest.err) == (0, True), rest.err
    assert {t["id"]: t["score"] for t in package.open_run("r").trials} == {
        i: t["score"] for i, t in sync.items()
    }


def test_a_prompt_of_which_a_part_was_dropped_has_no_score(
    niah: Niah, swept: Callable[..., dict[str, Table]]
) -> None:
    lines = answers("openai-batch", built(niah, "openai-batch", *GRID), swept(*GRID))
    lines[-1]["response"]["body"]["usage"]["prompt_tokens"] -= 100
    ended = niah("collect", written("a.jsonl", lines), "--run", "r")
    assert ended.exit_code == 0
    assert "THE SERVER DROPPED A PART OF 1 OF 20 PROMPTS" in ended.err
    outcomes = [t["outcome"] for t in package.open_run("r").trials]
    assert (outcomes.count("mismatch"), outcomes.count("scored")) == (1, 19)


@pytest.mark.slow
def test_an_answer_with_another_trials_value_has_no_score(
    niah: Niah, swept: Callable[..., dict[str, Table]]
) -> None:
    lines = answers("jsonl", built(niah, "jsonl", *GRID), swept(*GRID))
    values = {line["id"]: line["targets"][0] for line in tables("p.jsonl")}
    lines[4]["text"] = values[lines[5]["id"]]
    assert (
        "THE ANSWER OF ANOTHER TRIAL TO 1"
        in niah("collect", written("a.jsonl", lines), "--run", "r").err
    )


@pytest.mark.slow
def test_what_belongs_to_no_trial_or_contradicts_is_refused_before_anything_is_written(
    niah: Niah, swept: Callable[..., dict[str, Table]]
) -> None:
    lines = answers("jsonl", built(niah, "jsonl", *GRID), swept(*GRID))
    refused = {
        "no such trials": [*lines, {**lines[0], "id": "f" * 16}],
        "differs from the first": [*lines, {**lines[0], "text": "another"}],
        "another prompt": [{**lines[0], "digest": "0" * 64}, *lines[1:]],
        "no line of results": [lines[0], {"id": "x"}, *lines[1:]],
    }
    for why, mixed in refused.items():
        ended = niah("collect", written("a.jsonl", mixed), "--run", "r")
        assert (ended.exit_code, ended.err.count("\n"), why in ended.err) == (2, 1, True), ended.err
        assert not Path("results/r/run.jsonl").exists()
    assert niah("collect", written("a.jsonl", lines), "--run", "r").exit_code == 0
    changed = niah("collect", written("a.jsonl", [{**lines[0], "text": "another"}]), "--run", "r")
    assert (changed.exit_code, "has another answer" in changed.err) == (2, True)
    assert "no run here" in niah("collect", "a.jsonl", "--run", "elsewhere").err
    assert "cannot be read" in niah("collect", "none.jsonl", "--run", "r").err


def test_a_planned_run_is_one_run(niah: Niah) -> None:
    built(niah, "openai-batch", *GRID)
    other = niah(
        "build", "--provider", "openai", "--model", "n", *GRID, "--run", "r", "--out", "q.jsonl"
    )
    assert (other.exit_code, "another config (model was 'm', is 'n')" in other.err) == (2, True)
    built(niah, "openai-batch", *GRID[:-1], "3")  # more epochs extend it
    assert read_plan_epochs() == 3
    less = niah(
        "build", "--provider", "openai", "--model", "m", *GRID, "--run", "r", "--out", "q.jsonl"
    )
    assert (
        less.exit_code,
        "name all lengths, depths and epochs" in less.err,
        read_plan_epochs(),
    ) == (2, True, 3)


def read_plan_epochs() -> int:
    return int(json.loads(Path("results/r/planned.json").read_text())["config"]["epochs"])


@pytest.mark.slow
def test_files_end_at_the_limits_of_a_service(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    built(niah, "openai-batch", *GRID)
    lines = Path("p.jsonl").read_bytes().splitlines(keepends=True)
    small = BatchForm(
        provider="openai", speaks=FORMS["openai-batch"].speaks, most_lines=9, most_bytes=20_000
    )
    monkeypatch.setattr(export, "BATCH_FORMS", {**FORMS, "openai-batch": small})
    build = ("build", "--provider", "openai", "--model", "m", *GRID)
    command = (*build, "--format", "openai-batch", "--out", "q.jsonl")
    niah(*command)
    parts = [
        Path(f"q-{n}.jsonl").read_bytes() for n in range(1, len(list(Path().glob("q-*.jsonl"))) + 1)
    ]
    assert len(parts) > 2
    assert b"".join(parts) == b"".join(lines)
    assert all(len(p) <= 20_000 and p.count(b"\n") <= 9 for p in parts)
    assert not list(Path().glob("*.part*"))
    fewer = niah(*command, "--depths", "0")
    assert "q-1.jsonl is none of these: another build left it there" in fewer.err
    monkeypatch.setattr(
        export, "BATCH_FORMS", {**FORMS, "openai-batch": replace(small, most_bytes=900)}
    )
    ended = niah(*command)
    assert (ended.exit_code, "bytes, a file of openai-batch at most 900" in ended.err) == (
        2,
        True,
    ), ended.err
    assert not list(Path().glob("*.part*"))


def test_a_form_wants_a_provider_of_its_protocol(niah: Niah) -> None:
    form = (
        "build",
        "--format",
        "anthropic-batch",
        "--lengths",
        "512",
        "--depths",
        "0",
        "--out",
        "p.jsonl",
    )
    assert (
        "another protocol than provider 'openai'"
        in niah(*form, "--provider", "openai", "--model", "m").err
    )
    assert niah(*form, "--model", "m").exit_code == 0  # none named: the form's own
    line = tables("p.jsonl")[-1]
    assert set(line) == {"custom_id", "params"}
    assert set(line["params"]) == {"model", "max_tokens", "messages"}


NAMES = (
    "id custom_id key text response result error body message usage status_code candidates choices"
    " type code"
)
VALUES = st.none() | st.text() | st.integers() | st.just("succeeded")
TABLES = st.recursive(
    VALUES,
    lambda x: (
        st.dictionaries(st.sampled_from(NAMES.split()), x, max_size=5) | st.lists(x, max_size=3)
    ),
)


@example(b'{"custom_id": "a", "result": {"type": "errored", "error": "out of order"}}')
@example(b'{"custom_id": "a", "result": {"type": "errored", "error": {"error": "out of order"}}}')
@example(
    b'{"custom_id": "a", "response": {"body": {"object": "response", "status": "completed",'
    b' "output": [{"type": "message", "content": [{"type": "output_text", "text": 7}]}]}}}'
)
@given(st.binary() | TABLES.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_an_answer_or_refused(line: bytes) -> None:
    try:
        answer = answer_in(line)
    except ValueError:
        return
    assert isinstance(answer.id, str)
    if answer.reply is not None:
        answer.reply.response()


@pytest.mark.slow
def test_log_lines_of_a_collected_run_are_those_of_a_sweep(
    niah: Niah, swept: Callable[..., dict[str, Table]]
) -> None:
    lines = answers("jsonl", built(niah, "jsonl", *GRID), swept(*GRID))
    niah("collect", written("a.jsonl", lines), "--run", "r")
    by_calls, by_files = (read_rows(Path("results") / name)[1] for name in ("sync", "r"))
    assert [r.targets for r in sorted(by_calls.values(), key=lambda r: r.trial.id)] == [
        r.targets for r in sorted(by_files.values(), key=lambda r: r.trial.id)
    ]
    assert niah("show", "r", next(iter(by_files))).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--sent-as", "chat"), ("--delivery", "window:400")])
def test_a_delivery_goes_out_as_a_run_sends_it(
    niah: Niah, swept: Callable[..., dict[str, Table]], flags: tuple[str, str]
) -> None:
    sync = swept(*GRID, *flags)
    lines = built(niah, "openai-batch", *GRID, *flags)
    roles = {m["role"] for m in lines[-1]["body"]["messages"]}
    assert roles == {"user", "assistant"} if "chat" in flags else {"user"}
    count = tokenizer_of("o200k_base").count
    answered = []
    for key, texts in {
        x["custom_id"]: [m["content"] for m in x["body"]["messages"]] for x in lines
    }.items():
        tokens = sum(OVERHEAD + count(text) for text in texts)  # every turn takes some
        answered.append(
            replied("openai-batch", key, sync[key]["answer"] if key in sync else "Hm.", tokens)
        )
    collected = niah("collect", written("a.jsonl", answered), "--run", "r")
    assert ("not checked for dropped parts" in collected.err) == ("chat" in flags)
    assert {t["id"]: t["score"] for t in package.open_run("r").trials} == {
        i: t["score"] for i, t in sync.items()
    }
