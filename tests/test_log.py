"""The run log survives crashes, and refuses what it cannot continue."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from filelock import FileLock
from test_grid import HEADER, result

from niah.errors import RunError
from niah.records import Outcome, Placement, Response, Result, Usage
from niah.runlog.log import LOG_NAME, RunLog, open_log, read_log, read_rows, write_log

FULL = replace(
    result(1_000, 50, 0, 1.0),
    placements=(
        Placement(key="Oslo", depth_percent=50, actual_depth_percent=50.2, tokens_before=400),
    ),
    response=Response(
        text="七百 \u2028 7421830", stop_reason="stop", usage=Usage(input_tokens=5), model="m"
    ),
    first_token_s=0.5,
)


EDITED = json.dumps({"kind": "result", **asdict(FULL)})
_RESPONSE = json.dumps(asdict(FULL)["response"])


def written(folder: Path, *results: Result) -> RunLog:
    with open_log(folder, HEADER) as log:
        for one in results:
            log.append(one)
    return log


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    with (
        open_log(tmp_path, HEADER),
        pytest.raises(RunError, match="another niah is running"),
        open_log(tmp_path, HEADER),
    ):
        raise AssertionError("refused")
    written(tmp_path, FULL)


def test_a_process_that_ends_without_a_result_takes_nothing_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = FileLock.acquire

    def late(lock: FileLock, timeout: float) -> object:
        (tmp_path / LOG_NAME).unlink(missing_ok=True)  # by the other one, just before it let go
        return acquire(lock, timeout=timeout)

    monkeypatch.setattr(FileLock, "acquire", late)
    written(tmp_path, FULL)
    assert len(read_rows(tmp_path)[1]) == 1


def test_a_whole_run_that_finds_no_room_leaves_no_half(tmp_path: Path) -> None:
    resource = pytest.importorskip(
        "resource", reason="this system does not limit the size of files"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        with pytest.raises(RunError, match="cannot be written"):
            write_log(tmp_path, HEADER, [FULL] * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
    write_log(tmp_path, HEADER, [FULL])


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    with open_log(tmp_path / "run", HEADER) as log:
        log.append(FULL)
        log.append(result(2_000, 0, 0, None, Outcome.OVERFLOW))
    header, results = read_log(tmp_path / "run")
    assert header == HEADER
    assert results[FULL.trial.id] == FULL
    assert list(results.values()) == [FULL, result(2_000, 0, 0, None, Outcome.OVERFLOW)]
    assert read_rows(tmp_path / "run") == (HEADER, log.results)
    with open_log(tmp_path / "run", HEADER) as again:
        assert again.finished == log.finished


def test_errors_are_sent_again_and_the_last_line_of_a_trial_counts(tmp_path: Path) -> None:
    failed = result(1_000, 0, 0, None, Outcome.ERROR)
    with open_log(tmp_path, HEADER) as log:
        log.append(failed)
        assert failed.trial.id not in log.finished
        log.append(result(1_000, 0, 0, 1.0))
    assert read_log(tmp_path)[1][failed.trial.id].score == 1.0


def test_a_line_torn_at_any_byte_costs_that_line_only(tmp_path: Path) -> None:
    written(tmp_path, result(1_000, 0, 0, 1.0))
    whole = (tmp_path / LOG_NAME).read_bytes()
    written(tmp_path, FULL)
    torn = (tmp_path / LOG_NAME).read_bytes()
    for size in range(len(whole), len(torn)):
        (tmp_path / LOG_NAME).write_bytes(torn[:size])
        assert len(read_log(tmp_path)[1]) == 1
        written(tmp_path, FULL)
        assert (tmp_path / LOG_NAME).read_bytes() == torn


def test_a_header_torn_by_a_crash_begins_again(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    whole = (tmp_path / LOG_NAME).read_bytes()
    (tmp_path / LOG_NAME).write_bytes(whole[:20])
    assert set(written(tmp_path, FULL).results) == {FULL.trial.id}
    assert (tmp_path / LOG_NAME).read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {**HEADER.config, "task": "multikey"}}, "task was 'single', is 'multikey'"),
        (
            {"config": {**HEADER.config, "seed": 1}},
            "seed was 0, is 1; further --epochs of the old seed",
        ),
        ({"haystack_digest": "other"}, "haystack has changed"),
        ({"tokenizer": "cl100k_base"}, "tokenizer was o200k_base"),
        ({"task_version": 2}, "task's version was 1, is 2"),
    ],
)
def test_another_config_is_refused_with_what_differs(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    written(tmp_path, FULL)
    other = replace(HEADER, **change)  # type: ignore[arg-type]  # fields by name
    with pytest.raises(RunError, match=message), open_log(tmp_path, other):
        raise AssertionError("refused")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "run.jsonl:2: damaged line"),
        ('{"kind": "result"}', "run.jsonl:2: damaged line"),
        (EDITED.replace('"score": 1.0', '"score": "1.0"'), "score '1.0' of a trial that is scored"),
        (
            EDITED.replace('"context_length": 1000', '"context_length": null'),
            "context_length: None where int should be",
        ),
        (
            EDITED.replace('"total_s": null', '"total_s": "x"'),
            "total_s: 'x' where float or int should be",
        ),
        ("[" * 100_000, "brackets inside brackets"),
        (
            EDITED.replace('"attempts": 0', '"attempts": 1').replace(_RESPONSE, "null"),
            "there is no response",
        ),
        (
            EDITED.replace('"control": null', '"control": "sham"'),
            "control is 'sham', one of absent",
        ),
        (EDITED.replace('"parts": {}', '"parts": {"what": 2}'), "parts hold more than 1"),
        (EDITED.replace('"input_tokens": 5', '"input_tokens": -5'), "is not from 0"),
        (EDITED.replace('"input_tokens": 5', '"input_tokens": 1' + "0" * 400), "is not from 0"),
        (EDITED.replace('"total_s": null', '"total_s": NaN'), "total_s: nan is not from 0"),
        (
            EDITED.replace('"id": "', '"id": ["').replace('", "task"', '"], "task"'),
            "where str should be",
        ),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    written(tmp_path, FULL)
    header = (tmp_path / LOG_NAME).read_text(encoding="utf-8").split("\n")[0]
    (tmp_path / LOG_NAME).write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(RunError, match=message):
        read_log(tmp_path)


def test_what_a_newer_version_adds_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    path = tmp_path / LOG_NAME
    header, line, _ = path.read_text().split("\n")
    newer = [{**json.loads(text), "mood": "calm"} for text in (header, line)]
    newer[1]["response"]["usage"]["joules"] = 3
    path.write_text(
        "".join(json.dumps(t) + "\n" for t in [newer[0], {"kind": "weather"}, newer[1]])
    )
    old, results = read_log(tmp_path)
    assert (old, dict(results)) == (HEADER, {FULL.trial.id: FULL})


def test_a_log_of_an_older_version_is_read_and_continued(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    path = tmp_path / LOG_NAME
    header, line, _ = path.read_text().split("\n")
    older = json.loads(line)
    for name in ("output_tokens_per_s", "expected_input_tokens", "request_id"):
        del older[name]
    for name in ("cache_write_tokens", "reasoning_tokens", "dollars"):
        del older["response"]["usage"][name]
    path.write_text(header + "\n" + json.dumps(older) + "\n")
    assert dict(read_log(tmp_path)[1]) == {FULL.trial.id: FULL}


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path: Path) -> None:
    resource = pytest.importorskip(
        "resource", reason="this system does not limit the size of files"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lines = [
        replace(FULL, trial=replace(FULL.trial, id=str(k)), explanation="x" * 500)
        for k in range(12)
    ]
    with open_log(tmp_path, HEADER) as log:
        log.append(lines[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 3_000, hard))
        try:
            with pytest.raises(RunError, match="cannot be written"):
                for k in range(1, 12):
                    log.append(lines[k])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept = len(log.results)
        assert 2 <= kept < 12
        assert read_rows(tmp_path)[1] == log.results
        log.append(lines[kept])
    assert len(read_log(tmp_path)[1]) == kept + 1


def test_other_files_and_schemas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        read_log(tmp_path)
    (tmp_path / LOG_NAME).write_text('{"some": "json"}\n')
    with pytest.raises(RunError, match="no run log of niah"):
        read_log(tmp_path)
    (tmp_path / LOG_NAME).unlink()
    write_log(tmp_path, replace(HEADER, schema=99), [FULL])
    with pytest.raises(RunError, match="schema 99"), open_log(tmp_path, HEADER):
        raise AssertionError("refused")


def test_a_header_with_half_a_price_is_none(tmp_path: Path) -> None:
    write_log(tmp_path, replace(HEADER, price={"input": 1.0}), [FULL])
    with pytest.raises(RunError, match="price lacks input or output"):
        read_rows(tmp_path)


def test_the_fields_that_others_read_are_there(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    header, line = (json.loads(text) for text in (tmp_path / LOG_NAME).read_text().split("\n")[:2])
    assert header["kind"] == "header"
    assert line["kind"] == "result"
    assert set(line["trial"]) == {
        "id",
        "task",
        "context_length",
        "depth_percent",
        "epoch",
        "control",
    }
    assert {
        "outcome",
        "placements",
        "prompt_tokens",
        "prompt_digest",
        "response",
        "score",
        "answer_class",
        "attempts",
        "error",
    } <= set(line)
    assert set(line["response"]) == {"text", "stop_reason", "usage", "model"}
    assert {"depth_percent", "actual_depth_percent"} <= set(line["placements"][0])
