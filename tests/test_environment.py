"""Settings from variables and .env: a flag goes before a variable, that before .env, that before
the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from server import answers_with, serving, sweep_at

from niah.experiment.config import RunConfig, read_config
from niah.experiment.environment import settings_given, unknown_variables, variable
from niah.tasks import task_of
from niah.templates import _EXAMPLES, _SET

RUN = ("--depths", "50", "--name", "r")
SECRET = "sk-very-secret-1234567890"


def header_of(run: str = "r") -> dict[str, Any]:
    table: dict[str, Any] = json.loads(
        Path(f"results/{run}/run.jsonl").read_text(encoding="utf-8").split("\n")[0]
    )
    return table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "variable_", "dotenv", "file", "length", "origin"),
    [
        ("500", "600", "700", "800", 500, None),
        (None, "600", "700", "800", 600, "NIAH_LENGTHS"),
        (None, None, "700", "800", 700, ".env: NIAH_LENGTHS"),
        (None, "", "700", "800", 700, ".env: NIAH_LENGTHS"),
        (None, None, None, "800", 800, None),
    ],
)
def test_a_flag_goes_before_a_variable_before_dotenv_before_the_file(
    niah: Niah,
    monkeypatch: pytest.MonkeyPatch,
    flag: str | None,
    variable_: str | None,
    dotenv: str | None,
    file: str,
    length: int,
    origin: str | None,
) -> None:
    Path("c.toml").write_text(f'lengths = "{file}"\nprovider = "simulated"\nmodel = "perfect"\n')
    if variable_ is not None:
        monkeypatch.setenv("NIAH_LENGTHS", variable_)
    if dotenv is not None:
        Path(".env").write_text(f'# mine\nexport NIAH_LENGTHS="{dotenv}"\n')
    ended = niah("run", "c.toml", *RUN, *(("--lengths", flag) if flag else ()))
    assert ended.exit_code == 0, ended.err
    assert header_of()["config"]["lengths"] == [length]
    assert header_of()["environment"] == ({} if origin is None else {"lengths": origin})
    assert ("from the environment: lengths" in ended.err) == (origin is not None)


@pytest.mark.parametrize(
    "key", [key for key in RunConfig.model_fields if key not in ("extra", "engine", "headers")]
)
def test_every_key_can_be_a_variable(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    default = RunConfig.model_fields[key].default
    value = {**_EXAMPLES, **_SET}.get(key, default)
    if isinstance(value, dict):
        value = ",".join(f"{k}={v}" for k, v in value.items())
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    monkeypatch.setenv(f"NIAH_{key.upper()}", text)
    given = settings_given(RunConfig.model_fields)
    assert (list(given), given[key].origin) == ([key], f"NIAH_{key.upper()}")
    assert read_config(None, {key: given[key].value}) == read_config(None, {key: value})


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        ("NIAH_EXTRA", "temperature=0", {"temperature": 0}),
        ("NIAH_EXTRA", '{"temperature": 0, "top_p": 1}', {"temperature": 0, "top_p": 1}),
        ("NIAH_EXTRA", "user=me", {"user": "me"}),
        ("NIAH_HEADERS", "beta=1", {"beta": "1"}),
    ],
)
def test_tables_are_written_as_a_row_or_as_json(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, table: object
) -> None:
    monkeypatch.setenv(name, text)
    assert settings_given(("extra", "headers"))[name[5:].lower()].value == table


def test_a_flag_adds_to_a_table_of_the_environment(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIAH_EXTRA", '{"top_p": 1, "temperature": 1}')
    niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "500",
        *RUN,
        "--extra",
        "temperature=0",
    )
    assert header_of()["config"]["extra"] == {"top_p": 1, "temperature": 0}


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("NIAH_EPOCHS", "x", "niah: NIAH_EPOCHS 'x': use a whole number from 1 to 1,000"),
        ("NIAH_EXTRA", "a=[1,", "niah: NIAH_EXTRA: a: begins like JSON and is none"),
        ("NIAH_EXTRA", "temperature", "niah: NIAH_EXTRA: write KEY=VALUE, or a table of JSON"),
        ("NIAH_TASK", "singel", "did you mean 'single'"),
        ("NIAH_DEPTHS", "101", "niah: NIAH_DEPTHS: depth '101'"),
    ],
)
def test_a_wrong_variable_is_one_line_with_its_name(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = niah("run", "--provider", "simulated", "--model", "perfect")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert line in ended.err


def test_what_only_looks_like_a_setting_is_named_once_and_stops_nothing(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIAH_MODLE", SECRET)
    monkeypatch.setenv(
        "NIAH_SERVICE_HOST", "10.0.0.1"
    )  # Kubernetes names the address of a service called niah so
    Path(".env").write_text("NIAH_DEPTH=5\nthis is no setting\nOTHER_TOOL=1\n")
    ended = niah("run", "--provider", "simulated", "--model", "perfect", "--lengths", "500", *RUN)
    assert ended.exit_code == 0
    lines = [line for line in ended.err.splitlines() if line.startswith("niah: ")]
    assert lines == [
        "niah: .env, line 2: no NAME=VALUE; passed over",
        "niah: NIAH_MODLE is no setting and has no effect; did you mean NIAH_MODEL?",
        "niah: NIAH_SERVICE_HOST is no setting and has no effect",
        "niah: .env: NIAH_DEPTH is no setting and has no effect; did you mean NIAH_DEPTHS?",
    ]
    assert SECRET not in ended.err + ended.out


@pytest.mark.parametrize("content", [b"\xff\xfe\x00NIAH_MODEL=x\n", None])
def test_a_dotenv_that_cannot_be_read(niah: Niah, content: bytes | None) -> None:
    if content is None:
        Path(".env").mkdir()  # a folder is no file of settings
    else:
        Path(".env").write_bytes(content)
    ended = niah(
        "plan", "--provider", "simulated", "--model", "perfect", "--lengths", "500", "--depths", "0"
    )
    assert ended.exit_code == (0 if content is None else 2)
    assert ended.err.count("\n") == (0 if content is None else 1)


@pytest.mark.slow
def test_a_key_in_dotenv_is_sent_and_written_nowhere(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    Path(".env").write_text(f"MY_KEY={SECRET}\n")
    grid = (
        "--lengths",
        "500",
        "--depths",
        "0,100",
        "--name",
        "r",
        "--api-key-env",
        "MY_KEY",
        "--model",
        "m",
    )
    with serving(otherwise=answers_with(task_of("single").solve)) as server:
        ended = niah(*sweep_at(server), *grid)
    assert ended.exit_code == 0, ended.err
    assert set(server.keys) == {f"Bearer {SECRET}"}
    assert SECRET not in ended.err + ended.out
    written = [p.read_bytes() for p in Path("results").rglob("*") if p.is_file()]
    assert not [text for text in written if SECRET.encode() in text]
    assert variable("MY_KEY") == SECRET
    monkeypatch.setenv("MY_KEY", "another")
    assert variable("MY_KEY") == "another"


def test_the_folder_of_all_runs_is_a_setting_too(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("NIAH_RESULTS=elsewhere\n")
    niah("run", "--provider", "simulated", "--model", "perfect", "--lengths", "500", *RUN)
    assert Path("elsewhere/r/run.jsonl").is_file()
    assert " r " in niah("list").out
    assert niah("report", "r").exit_code == 0
    assert unknown_variables(("results",)) == []
    monkeypatch.setenv("NIAH_RESULTS", "nowhere")
    assert "nowhere: no such folder" in niah("list").err
    assert niah("list", "elsewhere").exit_code == 0


@pytest.mark.slow
def test_a_suite_takes_settings_of_the_environment(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PROVIDER", "simulated"),
        ("MODEL", "perfect"),
        ("LENGTHS", "1k"),
        ("DEPTHS", "50"),
    ):
        monkeypatch.setenv(f"NIAH_{name}", value)
    ended = niah("run", "--suite", "quick", "--name", "s")
    assert ended.exit_code == 0, ended.err
    assert header_of("s/single")["environment"]["lengths"] == "NIAH_LENGTHS"
    monkeypatch.setenv("NIAH_TASK", "single")
    assert "leave out --task (or NIAH_TASK)" in niah("run", "--suite", "quick", "--name", "s").err
