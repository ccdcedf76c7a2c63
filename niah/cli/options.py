"""Flags shared by run and plan: one for every key of RunConfig, made from its fields."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from niah.config import RunConfig, read_config
from niah.errors import ConfigError, RunError, UnknownName
from niah.plotter.colours import PALETTES

DEFAULT_RESULTS = Path("results")
EXAMPLE = "example"  # the run that is shipped
MOST_NAMES = 8  # listed in a message
_LOG = "run.jsonl"
_REPEATED = {"extra": "temperature=0", "headers": "anthropic-beta=context-1m-2025-08-07"}  # with an example
PALETTE = click.option(
    "--palette", type=click.Choice(PALETTES), default=PALETTES[0], show_default=True, help="Colours of the picture."
)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add CONFIG and a flag per config key; the command gets them as ``config`` and ``overrides``."""
    for name, field in reversed(RunConfig.model_fields.items()):
        flag = f"--{name.replace('_', '-')}"
        default = field.default
        shown = "" if default in (None, ()) or name in _REPEATED else f"  [default: {_shown(default)}]"
        text = f"{field.description}{shown}"
        if field.annotation is bool:
            option = click.option(f"{flag}/--no-{name.replace('_', '-')}", name, default=None, help=text)
        else:
            option = click.option(flag, name, multiple=name in _REPEATED, metavar=_metavar(name), help=text)
        command = option(command)
    return click.argument("config", required=False)(command)


def config_from(config: str | None, flags: dict[str, Any]) -> RunConfig:
    """The config of a file (by path, or by the name of a shipped one) with the flags on top."""
    return read_config(_config_path(config), {**flags, **tables_in(flags)})


def _config_path(config: str | None) -> Path | None:
    if config is None:
        return None
    path = Path(config)
    if path.is_file():
        return path
    from niah.generator.store import shared_root  # 0.2 s that commands about finished runs do not need

    shipped = {p.stem: p for p in sorted(shared_root("configs").glob("*.toml"))}
    if config not in shipped:
        raise UnknownName("config file", config, shipped)
    return shipped[config]


def tables_in(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the repeated flags say: request fields (KEY=JSON, else text) and headers; None where nothing is said."""
    extra = {key: _json(text) for key, text in _pairs("extra", flags.get("extra", ())).items()}
    return {"extra": extra or None, "headers": _pairs("headers", flags.get("headers", ())) or None}


def _pairs(flag: str, items: tuple[str, ...]) -> dict[str, str]:
    """A table from KEY=VALUE, KEY=VALUE ..."""
    table: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise ConfigError(f"--{flag} {item!r}: write KEY=VALUE, like {_REPEATED[flag]}")
        table[key] = value
    return table


def _json(text: str) -> Any:
    """A value of JSON; what is none is taken as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def run_folder(run: str, results: Path) -> Path:
    """A run by folder, by name under the results folder, or the shipped example. Another folder of that name is none.

    Raises RunError, which says where it looked and which runs there are.
    """
    for folder in (Path(run), results / run):
        if (folder / _LOG).is_file():
            return folder
    if run == EXAMPLE and (_shipped_example() / _LOG).is_file():
        return _shipped_example()
    known = sorted({EXAMPLE, *(path.parent.name for path in results.glob(f"*/{_LOG}"))})
    shown = ", ".join(known[:MOST_NAMES]) + (f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else "")
    near = difflib.get_close_matches(run, known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise RunError(f"{run}: no run here, nor in {results}{guess} (runs there: {shown})")


def own_run_folder(run: str, results: Path) -> Path:
    """A run that may be written to. Raises RunError for the shipped example: it stays as it is."""
    folder = run_folder(run, results)
    if _is_shipped(folder):
        raise RunError(f"{run} came with niah and stays as it is; make one of your own: niah run demo --name demo")
    return folder


def beside(folder: Path, results: Path, name: str) -> Path:
    """Where a further picture of a run goes by default: into its folder, but never into that of the shipped example."""
    return results / f"{folder.name}-{name}" if _is_shipped(folder) else folder / name


def _is_shipped(folder: Path) -> bool:
    return folder.name == EXAMPLE and folder.resolve() == _shipped_example()


def _shipped_example() -> Path:
    from niah.generator.store import shared_root  # 0.2 s that commands about finished runs do not need

    return (shared_root("results") / EXAMPLE).resolve()


def _shown(default: Any) -> str:
    return ",".join(str(d) for d in default) if isinstance(default, tuple) else str(default)


def _metavar(name: str) -> str:
    return {"extra": "KEY=VALUE", "headers": "NAME=VALUE", "lengths": "LIST", "depths": "LIST"}.get(name, "VALUE")
