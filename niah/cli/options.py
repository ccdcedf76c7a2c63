"""Flags shared by run and plan: one for every key of RunConfig, made from its fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from niah.config import RunConfig, read_config
from niah.errors import ConfigError, UnknownName
from niah.plotter.colours import PALETTES

DEFAULT_RESULTS = Path("results")
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
    """A run by folder or by name under the results folder. Another folder of that name is none."""
    folder = Path(run)
    return folder if (folder / "run.jsonl").is_file() else results / run


def _shown(default: Any) -> str:
    return ",".join(str(d) for d in default) if isinstance(default, tuple) else str(default)


def _metavar(name: str) -> str:
    return {"extra": "KEY=VALUE", "headers": "NAME=VALUE", "lengths": "LIST", "depths": "LIST"}.get(name, "VALUE")
