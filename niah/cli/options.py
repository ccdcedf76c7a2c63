"""Flags shared by run and plan: one for every key of RunConfig, made from its fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from niah.config import RunConfig, read_config
from niah.errors import ConfigError, UnknownName
from niah.plotter.colours import PALETTES

DEFAULT_RESULTS = Path("results")
PALETTE = click.option(
    "--palette", type=click.Choice(PALETTES), default=PALETTES[0], show_default=True, help="Colours of the picture."
)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add CONFIG and a flag per config key; the command gets them as ``config`` and ``overrides``."""
    for name, field in reversed(RunConfig.model_fields.items()):
        flag = f"--{name.replace('_', '-')}"
        default = field.default
        shown = "" if default is None or name == "extra" else f"  [default: {_shown(default)}]"
        option = click.option(
            flag, name, multiple=name == "extra", metavar=_metavar(name), help=f"{field.description}{shown}"
        )
        command = option(command)
    return click.argument("config", required=False)(command)


def config_from(config: str | None, flags: dict[str, Any]) -> RunConfig:
    """The config of a file (by path, or by the name of a shipped one) with the flags on top."""
    extra = _extra(flags.pop("extra"))
    overrides = {**flags, "extra": extra or None}
    return read_config(_config_path(config), overrides)


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


def _extra(items: tuple[str, ...]) -> dict[str, Any]:
    """Request fields from KEY=JSON; what is no JSON is taken as text."""
    table: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise ConfigError(f"--extra {item!r}: write KEY=VALUE, like temperature=0")
        try:
            table[key] = json.loads(value)
        except ValueError:
            table[key] = value
    return table


def run_folder(run: str, results: Path) -> Path:
    """A run by folder or by name under the results folder. Another folder of that name is none."""
    folder = Path(run)
    return folder if (folder / "run.jsonl").is_file() else results / run


def _shown(default: Any) -> str:
    return ",".join(str(d) for d in default) if isinstance(default, tuple) else str(default)


def _metavar(name: str) -> str:
    return {"extra": "KEY=VALUE", "lengths": "LIST", "depths": "LIST"}.get(name, "VALUE")
