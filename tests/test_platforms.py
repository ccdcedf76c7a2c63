"""What some systems do not have: without fcntl, signal handlers of the loop or user ids, everything
still runs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Niah

from niah.cli.progress import handled
from niah.errors import ConfigError, RunError
from niah.providers.local import LocalModel
from niah.runlog.log import reopen_log
from niah.runner import local_server as server
from niah.text import fonts

WITHOUT = """
import asyncio, importlib.abc, os, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "pwd", "grp", "termios", "resource"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def no_handlers(*_):
    raise NotImplementedError

for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())
asyncio.SelectorEventLoop.add_signal_handler = no_handlers
for name in ("getuid", "memfd_create"):
    delattr(os, name) if hasattr(os, name) else None

from niah.cli import main
for line in sys.argv[1:]:
    try:
        main(line.split())
    except SystemExit as ended:
        assert not ended.code, line
"""
GRID = "--lengths 500,1k --depths 0,50"
RUN = f"run --provider simulated --model perfect {GRID} --name r"


def without(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Commands in a Python that lacks what Windows lacks, one after the other."""
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, *lines]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.slow
def test_every_kind_of_command_runs_without_what_windows_lacks(tmp_path: Path) -> None:
    ended = without(
        tmp_path,
        "plan demo",
        "show --task single",
        f"build --haystack en {GRID} --out prompts.jsonl",
        RUN,
        RUN,
        "show r",
        "plot r --out r.svg",
        "report r",
        "score r",
        "haystack list",
    )
    assert ended.returncode == 0, ended.stderr
    log = (tmp_path / "results" / "r" / "run.jsonl").read_text(encoding="utf-8")
    assert len(log.splitlines()) == 5


def test_the_block_of_the_test_above_blocks(tmp_path: Path) -> None:
    code = WITHOUT.replace("from niah.cli import main", "import fcntl")
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "No module named 'fcntl'" in ended.stderr


def test_a_signal_is_heard_in_the_loop_and_the_old_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def heard_once() -> int:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        calls: list[int] = []

        def hear() -> None:
            calls.append(1)
            heard.set()

        with handled([signal.SIGINT], loop, hear):
            signal.raise_signal(signal.SIGINT)
            async with asyncio.timeout(10):
                await heard.wait()
        return len(calls)

    with asyncio.Runner() as runner:
        assert runner.get_loop().run_until_complete(heard_once()) == 1
    assert signal.getsignal(signal.SIGINT) in (before, signal.default_int_handler)


def test_a_run_in_use_is_one_clear_line(niah: Niah) -> None:
    assert niah(*RUN.split()).exit_code == 0
    folder = Path("results/r")
    busy = pytest.raises(RunError, match="another niah is running here")
    with reopen_log(folder), busy, reopen_log(folder):
        raise AssertionError("two at once")
    with reopen_log(folder):
        pass  # and free again


PARTS = (b"GGUF first, ", b"second")


@pytest.fixture
def in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    """A model whose weights are an installed package with two files."""
    package = tmp_path / "weights_in_parts"
    package.mkdir()
    for number, part in enumerate(PARTS):
        (package / f"part{number}").write_bytes(part)
    (package / "__init__.py").write_text(
        "from pathlib import Path\n\n\ndef chunk_paths():\n"
        "    return [Path(__file__).with_name(f'part{n}') for n in range(2)]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "weights_in_parts", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digest = hashlib.sha256(b"".join(PARTS)).hexdigest()
    return LocalModel(
        package="weights_in_parts", file="w.gguf", sha256=digest, licence="none", window=1_000
    )


@pytest.mark.parametrize("in_memory", [True, False])
def test_weights_in_parts_are_one_file_and_lie_on_disk_twice_only_where_there_is_no_other_way(
    in_parts: LocalModel, in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_memory and not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    said: list[str] = []
    for _ in range(2):
        with server.weights("m", in_parts, said.append) as path:
            assert path.read_bytes() == b"".join(PARTS)
    on_disk = [p for p in tmp_path.rglob("w.gguf") if p.is_file()]
    assert (len(on_disk), len(said)) == ((0, 0) if in_memory else (1, 1))


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_parts_that_are_damaged_are_one_clear_line(
    in_parts: LocalModel, damage: str, tmp_path: Path
) -> None:
    part = tmp_path / "weights_in_parts" / "part1"
    part.unlink() if damage == "missing" else part.write_bytes(b"other")
    with (
        pytest.raises(ConfigError, match="install them again"),
        server.weights("m", in_parts, print),
    ):
        raise AssertionError("these must not be served")


def test_a_font_of_one_weight_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("matplotlib.font_manager")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    monkeypatch.setattr(fonts, "_known", lambda: iter([("A font", "a.ttf")]))
    monkeypatch.setattr(fonts, "_draws", lambda path, characters: True)
    assert fonts.fonts_for("plain") == ([fonts.BASE], [])
    assert logger.level == logging.WARNING
    assert fonts.fonts_for("模型") == ([fonts.BASE, "A font"], [])
    assert logger.level == logging.ERROR
