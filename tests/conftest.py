"""Fixtures: small haystacks in every language, real transcripts where they are, a command line that returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from niah.cli import main
from niah.config import RunConfig
from niah.generator.haystack import Haystack
from niah.generator.store import shared_root
from niah.generator.transcripts import read_transcript
from niah.records import Transcript, Trial
from niah.runner.recipe import options_of
from niah.tasks import Site

settings.register_profile("niah", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("niah")

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_TRANSCRIPTS = REPOSITORY.parent / "shared" / "transcripts"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


Niah = Callable[..., Ended]


def site_of(trial: Trial, haystack: Haystack, language: str = "en", **keys: Any) -> Site:
    """Where a task plants, with the config's options and some of them set."""
    return Site(trial=trial, haystack=haystack, language=language, options=options_of(RunConfig(**keys)))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own: an older one must not make them pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def niah(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Niah:
    """The command line in an empty folder with an empty data folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("COLUMNS", raising=False)  # lines stay whole

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            main([str(a) for a in arguments])
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture(scope="session")
def real_transcripts() -> Path:
    """A folder of real podcast transcripts that cannot be part of the project."""
    if not REAL_TRANSCRIPTS.is_dir():
        pytest.skip(f"real transcripts are not on this machine ({REAL_TRANSCRIPTS.name} beside the clone)")
    return REAL_TRANSCRIPTS


@pytest.fixture(scope="session")
def shipped() -> dict[str, list[Transcript]]:
    """The shipped episodes by haystack."""

    def episodes(folder: Path) -> Iterator[Transcript]:
        for path in sorted(folder.iterdir()):
            if path.suffix != ".toml":
                yield read_transcript(path)

    return {f.name: list(episodes(f)) for f in sorted(shared_root("haystacks").iterdir()) if f.is_dir()}
