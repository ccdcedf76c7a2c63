"""niah doctor and niah models: what there is on this machine, and what a server says that it
serves."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Niah
from server import Handler, answers, fails, serving

from niah import doctor
from niah.doctor import Check, State, checks
from niah.errors import OutageError, ProviderError
from niah.experiment.config import RunConfig
from niah.installation import install_hint
from niah.providers import PROVIDERS
from niah.runner import models
from niah.runner.models import served_models

NAMES = (
    "python",
    "command",
    "extra local",
    "extra hf",
    "extra prices",
    "weights",
    "fonts",
    "haystacks",
    "cache",
    "disk",
)
SECRET = "sk-very-secret-1234567890"
LISTS: dict[str, tuple[str, object, list[tuple[str, int | None]]]] = {
    "openai": ("/v1/models", {"data": [{"id": "b"}, {"id": "a"}]}, [("a", None), ("b", None)]),
    "openai-responses": ("/v1/models", {"data": [{"id": "a"}]}, [("a", None)]),
    "vllm": ("/v1/models", {"data": [{"id": "a", "max_model_len": 4_096}]}, [("a", 4_096)]),
    "llama.cpp": ("/v1/models", {"data": [{"id": "a", "meta": {"n_ctx": 2_048}}]}, [("a", 2_048)]),
    "openrouter": (
        "/v1/models",
        {"data": [{"id": "a/b", "context_length": 8_000}]},
        [("a/b", 8_000)],
    ),
    "anthropic": (
        "/v1/models?limit=1000",
        {"data": [{"type": "model", "id": "c", "max_input_tokens": 200_000}, {"id": "d"}]},
        [("c", 200_000), ("d", None)],
    ),
    "gemini": (
        "/v1/models?pageSize=1000",
        {
            "models": [
                {
                    "name": "models/g",
                    "inputTokenLimit": 1_000_000,
                    "supportedGenerationMethods": ["generateContent"],
                },
                {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
            ]
        },
        [("g", 1_000_000)],
    ),
    "ollama": ("/api/tags", {"models": [{"name": "q:7b", "size": 5}]}, [("q:7b", None)]),
}


def found(server: RunConfig | None = None) -> dict[str, Check]:
    return {check.name: check for check in checks(server)}


# models


@pytest.mark.parametrize("provider", LISTS)
def test_every_protocol_lists_its_models(niah: Niah, provider: str) -> None:
    path, body, expected = LISTS[provider]
    with serving(otherwise=answers("")) as server:
        server.facts = {path: body}
        ended = niah("models", "--provider", provider, "--base-url", server.base_url)
    assert ended.exit_code == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()] == [
        [name, f"{window:,}"] if window else [name] for name, window in expected
    ]
    assert (
        ended.err
        == f"{len(expected)} model{'' if len(expected) == 1 else 's'} of provider {provider}\n"
    )


def test_a_list_sends_the_key_to_the_named_server_and_prints_it_nowhere(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []

    def refused(handler: Handler) -> None:
        seen.append(dict(handler.headers))
        _refuse(handler)

    monkeypatch.setattr(Handler, "do_GET", refused)
    Path(".env").write_text(f"MY_KEY={SECRET}\n")
    with serving(otherwise=answers("")) as server:
        arguments = ("--base-url", server.base_url, "--api-key-env", "MY_KEY")
        ended = niah("models", "--provider", "openai", *arguments)
    assert [headers["Authorization"] for headers in seen] == [f"Bearer {SECRET}"]
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "401" in ended.err
    assert SECRET not in ended.err + ended.out


def test_a_refusal_on_this_machine_names_the_flag_for_a_key(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr(Handler, "do_GET", _refuse)
    with serving(otherwise=fails(500, {"error": {"message": "Internal Server Error"}})) as server:
        asked = ("--provider", "openai", "--base-url", server.base_url, "--model", "m")
        for ended in (niah("models", *asked[:4]), niah("run", *asked, "--attempts", "1")):
            assert (ended.exit_code in (2, 3), ended.err.count("\n")) == (True, 1)
            assert ended.err.rstrip().endswith(
                "wants one, name its variable with --api-key-env VARIABLE"
            )


def _refuse(handler: Any) -> None:
    body = f'{{"error": {{"message": "wrong key {SECRET}"}}}}'.encode()
    handler.send_response(401)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_models_inside_this_process_need_no_server(niah: Niah) -> None:
    assert "gemma3-270m" in niah("models").out
    for provider in ("simulated", "ocr", "listener"):
        assert "window:TOKENS" in niah("models", "--provider", provider).out
    assert "ocr at inside this process serves" in niah("doctor", "--provider", "ocr").out
    assert "did you mean 'openai'" in niah("models", "--provider", "opnai").err
    assert "base_url has no meaning" in niah("models", "--base-url", "http://127.0.0.1:9/v1").err


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (None, "/v1/models: this server lists no models (404); its documentation names them"),
        ({"object": "list"}, "the answer is no list of models; is this the right --base-url?"),
        ([1, 2], "the answer is no list of models"),
        ("<html>", "the answer is no list of models"),
    ],
)
def test_a_server_without_a_list_says_so_in_one_line(niah: Niah, body: object, line: str) -> None:
    with serving(otherwise=answers("")) as server:
        server.facts = {} if body is None else {"/v1/models": body}
        ended = niah("models", "--provider", "vllm", "--base-url", server.base_url)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert line in ended.err


def config_at(url: str) -> RunConfig:
    return RunConfig(provider="vllm", base_url=url)


def test_time_and_size_of_a_list_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as silent:  # the kernel takes the connection, nobody answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(OutageError, match=r"no whole answer within 0\.2 s"):
            served_models(config_at(url), 0.2)
    with pytest.raises(OutageError, match="nobody answers; start the server"):
        served_models(config_at(url))
    monkeypatch.setattr(models, "MOST_BYTES", 1_000)
    with serving(otherwise=answers("")) as server:
        server.facts = {"/v1/models": {"data": [{"id": "m" * 2_000}]}}
        with pytest.raises(ProviderError, match="which is no list"):
            served_models(config_at(server.base_url))


def test_a_name_from_a_server_does_not_reach_the_terminal_as_it_is(niah: Niah) -> None:
    with serving(otherwise=answers("")) as server:
        server.facts = {"/v1/models": {"data": [{"id": "a\x1b[31mb\n"}]}}
        out = niah("models", "--provider", "vllm", "--base-url", server.base_url).out
    assert out == "a [31mb \n"


# the doctor


def test_a_whole_installation_is_told_line_by_line(niah: Niah) -> None:
    ended = niah("doctor")
    lines = ended.out.splitlines()
    assert ended.exit_code == 0, ended.out
    assert all(line.split()[0] in ("ok", "note") for line in lines)
    assert [name for name in NAMES if any(line[6:].startswith(name) for line in lines)] == list(
        NAMES
    )
    assert "en, es, mixed, zh-hans, zh-hant" in ended.out
    assert ended.err.endswith("0 bad\n")


def test_everything_that_is_not_ok_says_what_to_do() -> None:
    assert all(
        check.advice
        for check in checks(config_at("http://127.0.0.1:9/v1"))
        if check.state is not State.OK
    )


def test_keys_are_told_by_name_only(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in PROVIDERS.values():
        if known.key_variable:
            monkeypatch.delenv(known.key_variable, raising=False)
    assert found()["keys"].state is State.NOTE
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    Path(".env").write_text(f"GEMINI_API_KEY={SECRET}\nNIAH_MODEL=m\nNIAH_MODLE=x\n")
    ended = niah("doctor")
    assert "GEMINI_API_KEY (.env), OPENAI_API_KEY (environment)" in ended.out
    assert "from the environment: .env: NIAH_MODEL" in ended.out
    assert "NIAH_MODLE is no setting" in ended.out
    assert SECRET not in ended.out + ended.err


def test_a_missing_extra_is_a_note_and_a_broken_one_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert {found()[f"extra {extra}"].state for extra in doctor.EXTRAS} == {State.NOTE}
    assert {found()[f"extra {extra}"].advice for extra in doctor.EXTRAS} == set(
        map(install_hint, doctor.EXTRAS)
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    def broken(name: str) -> None:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    check = found()["extra local"]
    assert (check.state, check.advice) == (
        State.BAD,
        "on Debian or Ubuntu: apt-get install libgomp1",
    )


@pytest.mark.parametrize(
    ("value", "state"), [("niah.cli:main", State.OK), ("needlehaystack.run:main", State.BAD)]
)
def test_a_command_of_another_package_is_found(
    monkeypatch: pytest.MonkeyPatch, value: str, state: State
) -> None:
    script = SimpleNamespace(value=value, dist=SimpleNamespace(name="another"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [script])
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/niah")
    check = found()["command"]
    assert check.state is state
    assert state is State.OK or check.advice == "use: python -m niah"


@pytest.mark.parametrize(
    ("free", "state", "code"),
    [(10**7, State.BAD, 3), (5 * 10**8, State.NOTE, 0), (10**11, State.OK, 0)],
)
def test_a_full_disk_is_bad(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, free: int, state: State, code: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert found()["disk"].state is state
    assert niah("doctor").exit_code == code


def test_a_folder_that_cannot_be_written_is_bad(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_writable", lambda folder: False)
    assert (found()["folder"].state, found()["cache"].state) == (State.BAD, State.NOTE)


def test_a_damaged_haystack_is_bad_and_hides_no_other_check(
    niah: Niah, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shipped" / "en").mkdir(parents=True)
    (tmp_path / "shipped" / "en" / "haystack.toml").write_text("nothing")
    monkeypatch.setattr(doctor, "shared_root", lambda kind: tmp_path / "shipped")
    ended = niah("doctor")
    assert ended.exit_code == 3
    assert "bad   haystacks" in ended.out
    assert "ok    disk" in ended.out


@pytest.mark.parametrize(
    ("body", "model", "state", "said"),
    [
        ({"data": [{"id": "m"}]}, "m", State.OK, "serves 1 model"),
        ({"data": [{"id": "m"}]}, "x", State.NOTE, "none called 'x'"),
        (None, "m", State.OK, "lists no models (404)"),
        ({"data": 5}, "m", State.BAD, "no list of models"),
    ],
)
def test_a_server_is_asked_where_one_is_named(
    niah: Niah, body: object, model: str, state: State, said: str
) -> None:
    with serving(otherwise=answers("")) as server:
        server.facts = {} if body is None else {"/v1/models": body}
        asked = ("--provider", "vllm", "--base-url", server.base_url, "--model", model)
        ended = niah("doctor", *asked)
    (line,) = [line for line in ended.out.splitlines() if line[6:].startswith("server")]
    assert line.startswith(state.value)
    assert said in line
    assert ended.exit_code == (3 if state is State.BAD else 0)


def test_a_server_that_is_not_there_is_bad(niah: Niah) -> None:
    ended = niah("doctor", "--provider", "vllm", "--base-url", "http://127.0.0.1:9/v1")
    assert ended.exit_code == 3
    assert "nobody answers -> start the server, or give its --base-url" in ended.out
