"""Is everything there? One check per thing a sweep may need, and what to do where it is not."""

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
from niah.experiment.environment import settings_given, unknown_variables, variable
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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    said: str
    advice: str | None = None  # what to do; of a check that is ok nothing


def checks(server: RunConfig | None = None) -> Iterator[Check]:
    """Every check in turn, a server's only where one is named; one that breaks down is bad."""
    looks = _CHECKS if server is None else {**_CHECKS, "server": lambda: _server(server)}
    for name, look in looks.items():
        try:
            yield from look()
        except (OSError, NiahError) as error:
            yield Check(name, State.BAD, str(error), "mend that, then try again")


def _python() -> Iterator[Check]:
    here = f"niah {__version__} in {Path(__file__).parent}"
    said = f"{platform.python_version()} ({sys.executable}), {here}"
    if sys.version_info >= OLDEST_PYTHON:
        yield Check("python", State.OK, said)
    else:
        advice = f"niah needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer"
        yield Check("python", State.BAD, said, advice)


def _script() -> Iterator[Check]:
    """Another distribution may install a script of the same name over ours, and pip is silent."""
    scripts = importlib.metadata.entry_points(group="console_scripts", name="niah")
    foreign = [script.dist for script in scripts if not script.value.startswith("niah.cli")]
    others = sorted({dist.name for dist in foreign if dist is not None})
    path = shutil.which("niah")
    if others:
        said = f"{', '.join(others)} installs a command niah, too: {path or 'none on PATH'}"
        yield Check("command", State.BAD, said, "use: python -m niah")
    elif path is None:
        advice = f"use python -m niah, or add {Path(sys.executable).parent} to PATH"
        yield Check("command", State.NOTE, "niah is not on PATH", advice)
    else:
        yield Check("command", State.OK, path)


def _extras() -> Iterator[Check]:
    rows = {f"extra {extra}": (extra, *row) for extra, row in EXTRAS.items()}
    package = LOCAL_MODELS[DEFAULT_MODEL].package
    rows["weights"] = ("local", package, f"{DEFAULT_MODEL}, for provider local")
    for name, (extra, module, purpose) in rows.items():
        if importlib.util.find_spec(module) is None:
            said = f"not installed; needed only for {purpose}"
            yield Check(name, State.NOTE, said, install_hint(extra))
            continue
        try:
            importlib.import_module(module)
        except ImportError as error:
            library = "on Debian or Ubuntu: apt-get install libgomp1"
            advice = library if "gomp" in str(error) else "install it again"
            yield Check(name, State.BAD, f"{module} does not load ({error})", advice)
        else:
            yield Check(name, State.OK, purpose)


def _fonts() -> Iterator[Check]:
    from niah.text.fonts import NO_FONT, fonts_for  # 0.7 s of matplotlib

    families, missing = fonts_for("漢汉")
    if missing:
        advice = "install one (Debian or Ubuntu: apt-get install fonts-noto-cjk)"
        yield Check("fonts", State.NOTE, NO_FONT.partition("; ")[0], advice)
    else:
        yield Check("fonts", State.OK, f"Chinese is drawn in {families[-1]}")


def _cache() -> Iterator[Check]:
    root = cache_root()
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    if _writable(root):
        said = f"{root}: {sum(sizes) / 1e6:,.0f} MB in {len(sizes):,} files"
        yield Check("cache", State.OK, f"{said}; may be deleted at any time")
    else:
        advice = "make it writable, or set XDG_CACHE_HOME"
        without = f"{advice}; until then every haystack is counted anew"
        yield Check("cache", State.NOTE, f"{root} cannot be written", without)


def _folder() -> Iterator[Check]:
    here = Path.cwd()
    if not _writable(here):
        advice = "go to a folder of yours, or name one with --results"
        yield Check("folder", State.BAD, f"{here} cannot be written", advice)
    free = shutil.disk_usage(here).free
    said = f"{free / 1e9:,.1f} GB free in {here}"
    if free >= FEW_FREE:
        yield Check("disk", State.OK, said)
    else:
        state = State.NOTE if free >= LEAST_FREE else State.BAD
        room = "free some disk space; a run log takes about 1 kB a trial"
        yield Check("disk", state, said, room)


def _haystacks() -> Iterator[Check]:
    root = shared_root("haystacks")
    folders = sorted(manifest.parent for manifest in root.glob(f"*/{MANIFEST}"))
    names = [read_manifest(str(folder)).name for folder in folders]  # raises for a damaged one
    if names:
        yield Check("haystacks", State.OK, f"{', '.join(names)} (more: niah haystack list)")
    else:
        yield Check("haystacks", State.BAD, f"none in {root}", "install niah again")


def _keys() -> Iterator[Check]:
    """Names of variables only."""
    known = {provider.key_variable for provider in PROVIDERS.values()}
    names = [name for name in sorted(filter(None, known)) if variable(name)]
    found = [f"{n} ({'environment' if os.environ.get(n) else '.env'})" for n in names]
    if found:
        yield Check("keys", State.OK, ", ".join(found))
    else:
        advice = "set the variable that niah providers names, or write it into .env"
        yield Check("keys", State.NOTE, "none is set; hosted providers need one", advice)


def _settings() -> Iterator[Check]:
    known = (*RunConfig.model_fields, "results")
    given = [setting.origin for setting in settings_given(known).values()]
    if given:
        yield Check("settings", State.OK, f"from the environment: {', '.join(given)}")
    for line in unknown_variables(known):
        yield Check("settings", State.NOTE, line, "mend its name, or ignore this")


def _server(config: RunConfig) -> Iterator[Check]:
    address = config.base_url or PROVIDERS[config.provider].base_url or "inside this process"
    try:
        served = served_models(config, SERVER_S)
    except NiahError as error:
        said, _, advice = str(error).partition("; ")
        state = State.OK if "(404)" in said else State.BAD  # it answers, and has no such list
        yield Check("server", state, said, advice or "see: niah providers, niah run --help")
        return
    names = [model.name for model in served]
    models = "1 model" if len(names) == 1 else f"{len(names)} models"
    said = f"{config.provider} at {address} serves {models}"
    if config.model and config.model not in names:
        advice = f"choose one of: niah models --provider {config.provider}"
        yield Check("server", State.NOTE, f"{said}, none called {config.model!r}", advice)
    else:
        yield Check("server", State.OK, said)


def _writable(folder: Path) -> bool:
    """Whether something can be written there, or in the nearest folder above it that exists."""
    there = next(p for p in (folder, *folder.parents) if p.exists())
    return os.access(there, os.W_OK)


_CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "python": _python,
    "command": _script,
    "extras": _extras,
    "fonts": _fonts,
    "haystacks": _haystacks,
    "cache": _cache,
    "folder": _folder,
    "keys": _keys,
    "settings": _settings,
}
