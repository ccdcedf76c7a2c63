"""What comes from outside is text: no control sign reaches a terminal, no key a log, an edited log
ends in one line."""

from __future__ import annotations

import copy
import json
import re
import time
import unicodedata
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import header, result, results, trials
from server import Handler, Say, Server, answers, answers_with, fails, serving, sweep_at

from niah.errors import NiahError, RunError
from niah.experiment.config import RunConfig, read_config
from niah.plotter.report_text import report_lines
from niah.records import Header, Outcome, Response
from niah.runlog.log import LOG_NAME, Rows, open_log, read_log, read_rows, write_log
from niah.tasks import task_of
from niah.text.outside import (
    KEY,
    hide,
    json_in,
    plain,
    redacted,
    secrets_kept,
    visible,
    without_secrets,
)
from niah.verdict.report import report_of

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \u202egnp.exe\u2066 \x9b2J\x08\x00"
    " \u200b\ufeff\U000e0041"
)
KEY_GIVEN = "sk-canary-9f86d081884c7d65"
SMALL = (
    "--model",
    "m",
    "--lengths",
    "500,1k",
    "--depths",
    "0,100",
    "--name",
    "r",
    "--attempts",
    "2",
)


def commanding(text: str) -> str:
    """What a terminal would obey or not show."""
    bad = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        c for c in text if unicodedata.category(c) in bad and c not in "\n\t\u200c\u200d"
    )


@given(st.text())
def test_visible_text_commands_no_terminal_and_keeps_every_plain_sign(text: str) -> None:
    shown = visible(text)
    seen = (
        "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]"
        "|[\U00013430-\U0001343f]|[\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
    )
    assert not re.sub(seen, "", commanding(shown))
    assert visible(shown) == shown
    assert [c for c in text if c.isprintable()] == [
        c for c in text if c in shown and c.isprintable()
    ]


@given(st.text())
def test_text_without_control_signs_is_shown_as_it_is(text: str) -> None:
    if not commanding(text):
        assert visible(text) == text == plain(text)


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("\x1b[31m1203407\x1b[0m", "1203407"),
        ("\x1b]8;;http://x/4711\x1b\\1203407\x1b]8;;\x1b\\", "1203407"),
        ("\x1b]0;title 99\x071203407", "1203407"),
        ("\x9b1;31m1203407", "1203407"),
        ("120\u200b3407\u202c", "1203407"),
        ("\u202e1203407", "1203407"),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("四十二\u3000個 👩‍💻", "四十二\u3000個 👩‍💻"),
    ],
)
def test_signs_are_no_part_of_a_number(raw: str, meant: str) -> None:
    assert plain(raw) == meant


def test_stripping_signs_is_linear() -> None:
    """Twenty times the text may not take four hundred times as long; the bound is a hundred."""
    for piece in ("\x1b]", "\x1b[0;", "\x9d", "\x1b", "\u202e1"):
        took = []
        for size in (20_000, 400_000):
            started = time.process_time()
            plain(piece * size)
            took.append(time.process_time() - started)
        assert took[1] < 100 * max(took[0], 0.001)


def test_a_right_answer_in_colour_is_right(niah: Niah) -> None:
    solve = task_of("single").solve
    with serving(otherwise=answers_with(lambda p: f"\x1b[1;31m{solve(p)}\x1b[0m\u202e")) as server:
        assert niah(*sweep_at(server), *SMALL).exit_code == 0
    grid = json.loads(Path("results/r/grid.json").read_text(encoding="utf-8"))
    assert grid["recall"]["mean"] == 1.0


def test_no_screen_obeys_a_hostile_server(niah: Niah) -> None:
    said = []
    with serving(otherwise=answers(f"{HOSTILE} 12", model=f"m{HOSTILE}")) as server:
        said.append(niah(*sweep_at(server), *SMALL, "-v"))
    one = next(iter(read_rows(Path("results/r"))[1]))
    commands: list[tuple[str, ...]] = [
        ("show", "r"),
        ("show", "r", one),
        ("report", "r"),
        ("compare", "r", "r"),
        ("plot", "r"),
    ]
    commands += [("score", "r"), ("gate", "r", "--baseline", "r"), ("show", "r\x1b[2J")]
    said += [niah(*command) for command in commands]
    hostile_error = fails(400, {"error": {"message": f"no {HOSTILE}"}})
    with serving(otherwise=hostile_error, preflight=answers("x")) as server:
        said.append(niah(*sweep_at(server), *SMALL[:-3], "e", "-v"))
    for ended in said:
        assert not commanding(ended.out + ended.err)
    assert "\\x1b[31mred" in said[1].out
    assert "U+202E" in said[2].out


def test_a_hostile_answer_stays_as_it_is_in_the_log(niah: Niah) -> None:
    with serving(otherwise=answers(f"{HOSTILE} 12")) as server:
        niah(*sweep_at(server), *SMALL)
    _, stored = read_log(Path("results/r"))
    assert {r.response.text for r in stored.values() if r.response} == {f"{HOSTILE} 12"}


GIVEN = {
    "header": ("--headers", f"Helicone-Auth=Bearer {KEY_GIVEN}"),
    "another header": ("--headers", f"X-Mine={KEY_GIVEN}"),
    "field by name": ("--extra", f'api_key="{KEY_GIVEN}"'),
    "field by look": ("--extra", f'options={{"whatever": "{KEY_GIVEN}"}}'),
    "address": (),
    "environment": ("--api-key-env", "SOME_KEY"),
}


def repeats_everything(handler: Handler, body: dict[str, Any]) -> None:
    """A server that says the key wherever a server can say something."""
    text = f"The key is {KEY_GIVEN}."
    events = handler.protocol.events(
        text, f"stop-{KEY_GIVEN}" if "stop-it" in str(body) else "stop", None, KEY_GIVEN
    )
    for _, event in events:
        if isinstance(event, dict):
            event["id"] = KEY_GIVEN
    handler.send_stream(events)


def written_under(folder: Path) -> str:
    return "".join(
        p.read_bytes().decode(errors="replace") for p in sorted(folder.rglob("*")) if p.is_file()
    )


@pytest.mark.parametrize("place", GIVEN)
@pytest.mark.parametrize("server_says", ["everything", "an error"])
def test_a_key_is_never_written_wherever_it_is_given(
    niah: Niah, place: str, server_says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY_GIVEN)
    act: Say = repeats_everything
    preflight: Say | None = None
    if server_says == "an error":
        act = fails(400, {"error": {"message": f"{'x' * 280} {KEY_GIVEN}"}})
        preflight = answers("x")
    with serving(otherwise=act, preflight=preflight) as server:
        address = server.base_url + (f"?key={KEY_GIVEN}" if place == "address" else "")
        command = ("run", "--provider", "openai", "--base-url", address, *SMALL, *GIVEN[place])
        said = [
            niah(*command, "-v", "--log-requests", "requests.jsonl"),
            niah("report", "r"),
            niah("show", "r"),
        ]
        assert server.requests
        assert sent_with(server, place)
    everything = "".join(e.out + e.err for e in said) + written_under(Path())
    assert KEY_GIVEN not in everything
    assert "sk-canary" not in everything  # nor the beginning of one that was cut off
    assert KEY in everything


def sent_with(server: Server, place: str) -> bool:
    """Whether the server got the key where it was given."""
    if place == "address":
        return any(KEY_GIVEN in path for path in server.paths)
    if place.startswith("field"):
        return KEY_GIVEN in json.dumps(server.requests)
    return any(KEY_GIVEN in value for headers in server.headers for value in headers.values())


def test_a_run_is_the_same_whatever_its_key() -> None:
    def identity(key: str) -> object:
        flags = {"headers": {"X-Auth-Token": key}, "extra": {"api_key": key}, "base_url": f"http://h/v1?key={key}",
                 "delivery": "retrieve:dense", "embed_url": f"http://e/v1?key={key}",
                 "embed_model": "e"}  # fmt: skip
        return read_config(None, flags).identity()

    assert identity("one-key-of-mine") == identity("another-key-of-mine")
    assert "one-key-of-mine" not in json.dumps(identity("one-key-of-mine"))


@pytest.mark.parametrize(
    "extra",
    [
        {"api_key": "short"},
        {"apiKey": "of-some-kind"},
        {"nested": [{"subscription-key": "of-some-kind"}]},
        {"x": "sk-0123456789"},
        {"x": "9f86d081884c7d659a2feaa0c55ad015"},
        {"x": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln"},
        {"access_token": "of-some-kind"},
        {"proxy_password": "hunter2"},
    ],
)
def test_what_may_be_a_secret_in_a_request_field_is_not_logged(extra: dict[str, Any]) -> None:
    logged = json.dumps(RunConfig(extra=extra).identity()["extra"])
    assert KEY in logged
    assert not [
        word
        for word in ("short", "of-some-kind", "sk-0", "9f86", "eyJ", "hunter2")
        if word in logged
    ]


def test_what_is_no_secret_is_logged_as_it_is() -> None:
    config = RunConfig(
        extra={
            "temperature": 0,
            "reasoning_effort": "none",
            "max_thinking_tokens": 5,
            "stop": ["\n"],
            "prompt_cache_key": "niah",
            "eos_token": "</s>",
            "models": ["accounts/fireworks/models/llama-v3p1-405b-instruct"],
        },
        headers={"anthropic-beta": "context-1m-2025-08-07"},
        base_url="https://h.example/openai/v1?api-version=2024-10-21",
    ).model_dump(mode="json")
    assert without_secrets(config) == config


def test_a_log_of_before_with_plain_headers_is_continued(tmp_path: Path) -> None:
    of = header(lengths=(1_000,), depths=(0.0,), epochs=1, config={"headers": {"X-Team": "blue"}})
    write_log(tmp_path / "r", of, results(of))
    now = header(lengths=(1_000,), depths=(0.0,), epochs=1, config={"headers": {"X-Team": KEY}})
    with open_log(tmp_path / "r", now) as log:
        assert len(log.finished) == 1


@given(st.text(min_size=9, max_size=300), st.integers(min_value=8), st.text(max_size=20))
def test_no_secret_of_any_signs_survives_also_cut_in_two(
    secret: str, size: int, before: str
) -> None:
    with secrets_kept():
        hide(secret)
        assert secret not in redacted(f"{before}{secret}!") or secret in KEY
        cut = secret[: max(8, min(size, len(secret) - 1))]
        assert not redacted(f"{before}{cut}").endswith(cut)
    assert redacted(secret) == secret


# edits of a log


RUN = header(lengths=(1_000, 2_000, 4_000), depths=(0.0, 50.0), epochs=2)
SEARCH = {"adaptive": True, "threshold": 0.8, "trials_per_length": 10, "bisect": False}
ADAPTIVE = header(
    lengths=(1_000, 2_000), depths=(0.0, 50.0), epochs=1, haystack_per="trial", config=SEARCH
)


def lines_of(run: Header) -> list[str]:
    first = {"kind": "header", **{k: v for k, v in asdict(run).items() if k != "extended"}}
    return [json.dumps(first), *(json.dumps({"kind": "result", **asdict(r)}) for r in results(run))]


LINES, ADAPTIVE_LINES = lines_of(RUN), lines_of(ADAPTIVE)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]),
    st.just({}), st.just([[1]]),
    st.sampled_from(["scored", "absent", "1e999", 10**400, -1, 1e308, "single", "simulated"]),
)  # fmt: skip


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(p for k, v in inner for p in places_in(v, (*path, k)))]


@settings(max_examples=200)
@given(data=st.data())
def test_an_edited_log_is_read_or_refused_in_one_line(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    whole = data.draw(st.sampled_from([LINES, ADAPTIVE_LINES]))
    table = copy.deepcopy(json.loads(whole[number := data.draw(st.integers(0, 3))]))
    *where, last = data.draw(st.sampled_from([p for p in places_in(table) if p and p != ("kind",)]))
    holder = table
    for key in where:
        holder = holder[key]
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[last]
    else:
        holder[last] = data.draw(ODD)
    lines = [*whole[:number], json.dumps(table), *whole[number + 1 :]]
    usable_or_one_line(tmp_path_factory.mktemp("edited"), "\n".join(lines).encode() + b"\n")


@given(at=st.integers(0, 1_500), put=st.binary(max_size=4))
def test_a_log_with_other_bytes_is_read_or_refused_in_one_line(
    tmp_path_factory: Any, at: int, put: bytes
) -> None:
    whole = "\n".join(LINES).encode() + b"\n"
    usable_or_one_line(tmp_path_factory.mktemp("bytes"), whole[:at] + put + whole[at + 1 :])


def usable_or_one_line(folder: Path, log: bytes) -> None:
    (folder / LOG_NAME).write_bytes(log)
    try:
        of, rows = read_rows(folder)
        list(report_lines(report_of(of, rows.values())))
        list(read_log(folder)[1].values())
    except NiahError as error:
        assert isinstance(error, RunError)
        assert "\n" not in str(error)
        assert re.search(
            rf"{LOG_NAME}:\d+: |{LOG_NAME}: (?:schema|no header)|no run log", str(error)
        )


def test_rows_do_not_grow_with_answers() -> None:
    rows, text = Rows(), "x" * 1_000_000
    rows["a"] = replace(
        result(trials(RUN)[0], 1.0), response=Response(text=text, stop_reason="stop")
    )
    assert not hasattr(rows["a"].response, "text")
    assert text not in repr(rows["a"])


def test_finished_follows_what_lands() -> None:
    rows, trial = Rows(), trials(RUN)[0]
    rows[trial.id] = result(trial, Outcome.ERROR)
    assert rows.finished == set()
    rows[trial.id] = result(trial, 1.0)
    assert rows.finished == {trial.id}
    rows[trial.id] = result(trial, Outcome.ERROR)
    assert rows.finished == set()


@given(st.integers(0, 200_000), st.sampled_from(["[", '{"a":']))
@settings(max_examples=20)
def test_json_that_nests_without_an_end_is_none(depth: int, opening: str) -> None:
    try:
        json_in(opening * depth)
    except ValueError:
        return
    pytest.fail("it was read")


@pytest.mark.parametrize(
    "command",
    [
        "gate example --baseline {file}",
        "import-results {file} --format kamradt",
        "run --provider simulated --model perfect --dry-run --extra {deep}",
    ],
)
def test_brackets_without_an_end_are_one_line_wherever_they_stand(
    niah: Niah, tmp_path: Path, command: str
) -> None:
    deep, file = "[" * 100_000, tmp_path / "deep.json"
    file.write_text(deep, encoding="utf-8")
    ended = niah(*command.format(deep=deep, file=file).split())
    assert (ended.exit_code, ended.err[:6]) == (2, "niah: ")
    assert "Traceback" not in ended.err
