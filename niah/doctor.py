"""Is everything there? One check per thing a sweep may need, each with what to do where it is not."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from niah import __version__
from niah.errors import NiahError
from niah.experiment.config import RunConfig
from niah.experiment.environment import DOTENV, dotenv_values, settings_given, unknown_variables
from niah.generator.cache import cache_root
from niah.generator.library import MANIFEST, read_manifest, shared_root
from niah.installation import install_hint
from niah.providers import PROVIDERS
from niah.providers.local import DEFAULT_MODEL, LOCAL_MODELS
from niah.runner.models import served_models

SERVER_S = 3.0
OLDEST_PYTHON = (3, 11)
LEAST_FREE, FEW_FREE = 100_000_000, 1_000_000_000  # bytes
EXTRAS = {  # extra -> its module, and what it is for
    "local": ("xllamacpp", "a model inside this process (provider local)"),
    "hf": ("tokenizers", "lengths in a model's own tokenizer (file:tokenizer.json)"),
    "prices": ("genai_prices", "prices of hosted models"),
}


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    NOTE = "note"  # not needed by everybody
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    said: str
    advice: str | None = None  # what to do


def checks(server: RunConfig | None = None) -> Iterator[Check]:
    """Every check in turn; that of a server only where one is named. A check that breaks down is a bad one."""
    for name, look in _CHECKS.items():
        yield from _guarded(name, look)
    if server is not None:
        yield from _guarded("server", lambda: _server(server))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except (OSError, NiahError) as error:
        yield Check(name=name, state=State.BAD, said=str(error), advice="mend that, then try again")


def _python() -> Iterator[Check]:
    version, fits = platform.python_version(), sys.version_info >= OLDEST_PYTHON
    yield Check(
        name="python",
        state=State.OK if fits else State.BAD,
        said=f"{version} ({sys.executable}), niah {__version__} in {Path(__file__).parent}",
        advice=None if fits else f"niah needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer",
    )


def _script() -> Iterator[Check]:
    """Another distribution may install a script of the same name over ours, and pip says nothing of it."""
    scripts = importlib.metadata.entry_points(group="console_scripts", name="niah")
    others = sorted({s.dist.name for s in scripts if s.dist is not None and not s.value.startswith("niah.cli")})
    path = shutil.which("niah")
    if others:
        said = f"{', '.join(others)} installs a command niah, too: {path or 'none on PATH'}"
        yield Check(name="command", state=State.BAD, said=said, advice="use: python -m niah")
    elif path is None:
        folder = Path(sys.executable).parent
        advice = f"use python -m niah, or add {folder} to PATH"
        yield Check(name="command", state=State.NOTE, said="niah is not on PATH", advice=advice)
    else:
        yield Check(name="command", state=State.OK, said=path)


def _extras() -> Iterator[Check]:
    for extra, (module, purpose) in EXTRAS.items():
        name = f"extra {extra}"
        if importlib.util.find_spec(module) is None:
            said = f"not installed; needed only for {purpose}"
            yield Check(name=name, state=State.NOTE, said=said, advice=install_hint(extra))
            continue
        try:
            importlib.import_module(module)
        except ImportError as error:
            advice = "on Debian or Ubuntu: apt-get install libgomp1" if "gomp" in str(error) else "install it again"
            yield Check(name=name, state=State.BAD, said=f"{module} does not load ({error})", advice=advice)
        else:
            yield Check(name=name, state=State.OK, said=purpose)


def _weights() -> Iterator[Check]:
    known = LOCAL_MODELS[DEFAULT_MODEL]
    there = importlib.util.find_spec(known.package) is not None
    yield Check(
        name="weights",
        state=State.OK if there else State.NOTE,
        said=f"{DEFAULT_MODEL} {'installed' if there else 'not installed; needed only for provider local'}",
        advice=None if there else install_hint("local"),
    )


def _fonts() -> Iterator[Check]:
    from niah.text.fonts import NO_FONT, fonts_for  # 0.7 s of matplotlib

    families, missing = fonts_for("漢汉")
    said = NO_FONT.partition("; ")[0] if missing else f"Chinese is drawn in {families[-1]}"
    advice = "install one (Debian or Ubuntu: apt-get install fonts-noto-cjk)" if missing else None
    yield Check(name="fonts", state=State.NOTE if missing else State.OK, said=said, advice=advice)


def _cache() -> Iterator[Check]:
    root = cache_root()
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()] if root.is_dir() else []
    said = f"{root}: {sum(sizes) / 1e6:,.0f} MB in {len(sizes):,} files; may be deleted at any time"
    if _writable(root):
        yield Check(name="cache", state=State.OK, said=said)
    else:
        advice = "make it writable, or set XDG_CACHE_HOME; until then every haystack is counted anew"
        yield Check(name="cache", state=State.NOTE, said=f"{root} cannot be written", advice=advice)


def _folder() -> Iterator[Check]:
    here = Path.cwd()
    writable, free = _writable(here), shutil.disk_usage(here).free
    if not writable:
        advice = "go to a folder of yours, or name one with --results"
        yield Check(name="folder", state=State.BAD, said=f"{here} cannot be written", advice=advice)
    state = State.BAD if free < LEAST_FREE else State.NOTE if free < FEW_FREE else State.OK
    room = None if state is State.OK else "free some disk space; a run log takes about 1 kB a trial"
    yield Check(name="disk", state=state, said=f"{free / 1e9:,.1f} GB free in {here}", advice=room)


def _haystacks() -> Iterator[Check]:
    folders = sorted(p.parent for p in shared_root("haystacks").glob(f"*/{MANIFEST}"))
    names = [read_manifest(str(folder)).name for folder in folders]  # raises for a damaged one
    if names:
        yield Check(name="haystacks", state=State.OK, said=f"{', '.join(names)} (more: niah haystack list)")
    else:
        said = f"none in {shared_root('haystacks')}"
        yield Check(name="haystacks", state=State.BAD, said=said, advice="install niah again")


def _keys() -> Iterator[Check]:
    """Names of variables only."""
    inside = dotenv_values()
    found = [
        f"{name} ({'environment' if os.environ.get(name) else DOTENV})"
        for name in sorted({k.key_variable for k in PROVIDERS.values() if k.key_variable})
        if os.environ.get(name, "").strip() or inside.get(name, "").strip()
    ]
    if found:
        yield Check(name="keys", state=State.OK, said=", ".join(found))
    else:
        advice = "set the variable that niah providers names, or write it into .env"
        yield Check(name="keys", state=State.NOTE, said="none is set; hosted providers need one", advice=advice)


def _settings() -> Iterator[Check]:
    known = (*RunConfig.model_fields, "results")
    given = [setting.origin for setting in settings_given(known).values()]
    if given:
        yield Check(name="settings", state=State.OK, said=f"from the environment: {', '.join(given)}")
    for line in unknown_variables(known):
        yield Check(name="settings", state=State.NOTE, said=line, advice="mend its name, or ignore this")


def _server(config: RunConfig) -> Iterator[Check]:
    address = config.base_url or PROVIDERS[config.provider].base_url or "inside this process"
    try:
        served = served_models(config, SERVER_S)
    except NiahError as error:
        reached = "(404)" in str(error)  # it answers, and has no such list
        said, _, advice = str(error).partition("; ")
        state = State.OK if reached else State.BAD
        yield Check(name="server", state=state, said=said, advice=advice or "see: niah providers, niah run --help")
        return
    names = [model.name for model in served]
    said = f"{config.provider} at {address} serves {len(names)} model{'' if len(names) == 1 else 's'}"
    if config.model and config.model not in names:
        advice = f"choose one of: niah models --provider {config.provider}"
        yield Check(name="server", state=State.NOTE, said=f"{said}, none called {config.model!r}", advice=advice)
    else:
        yield Check(name="server", state=State.OK, said=said)


def _writable(folder: Path) -> bool:
    """Whether something can be written there, or in the nearest folder above it that exists."""
    there = next(p for p in (folder, *folder.parents) if p.exists())
    return os.access(there, os.W_OK)


_CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "python": _python,
    "command": _script,
    "extras": _extras,
    "weights": _weights,
    "fonts": _fonts,
    "haystacks": _haystacks,
    "cache": _cache,
    "folder": _folder,
    "keys": _keys,
    "settings": _settings,
}
