"""Settings and keys from the environment: variables NIAH_*, and below them the .env of this folder.

Only names are ever told: a value may be a secret. No .env is put into this process's environment.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from niah.errors import ConfigError
from niah.experiment.config import TABLES
from niah.text.outside import json_in, json_or_text
from niah.text.renamed import new_name

PREFIX = "NIAH_"
DOTENV = Path(".env")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A setting as the environment gives it."""

    value: Any = field(repr=False)
    origin: str  # "NIAH_MODEL", or ".env: NIAH_MODEL"


def settings_given(known: Iterable[str]) -> dict[str, Given]:
    """The settings among the known keys that a variable or .env gives, by key.

    A variable goes before .env; an empty value is none. Raises ConfigError for a table that is
    neither KEY=VALUE nor JSON.
    """
    found: dict[str, Given] = {}
    sources = ((f"{DOTENV}: ", _dotenv()[0]), ("", os.environ))
    for key in known:
        name = PREFIX + key.upper()
        for place, values in sources:
            if text := values.get(name, "").strip():
                value = _table(key, name, text) if key in TABLES else text
                found[key] = Given(value=value, origin=place + name)
    return found


def unknown_variables(known: Iterable[str]) -> list[str]:
    """A line for every NIAH_ name that is no setting, with a guess, and for broken lines of .env.

    They may be meant for another program, and stop nothing.
    """
    names = {PREFIX + key.upper() for key in known}
    in_file, broken = _dotenv()
    lines = [f"{DOTENV}, line {number}: no NAME=VALUE; passed over" for number in broken]
    for place, values in (("", os.environ), (f"{DOTENV}: ", in_file)):
        for name in sorted(n for n in values if n.startswith(PREFIX) and n not in names):
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
            guess = f"; did you mean {near[0]}?" if near else ""
            if new := new_name(name.removeprefix(PREFIX).lower()):
                guess = f"; it is called {PREFIX}{new.upper()} now"
            lines.append(f"{place}{name} is no setting and has no effect{guess}")
    return lines


def variable(name: str) -> str:
    """The value of a variable, or of .env, or nothing. For keys: nothing of it may be printed."""
    return os.environ.get(name, "").strip() or _dotenv()[0].get(name, "").strip()


def _dotenv() -> tuple[dict[str, str], list[int]]:
    """What .env says, if it is there, and the lines that say nothing. Raises ConfigError."""
    if not DOTENV.is_file():
        return {}, []
    try:
        with DOTENV.open(encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f".env of this folder cannot be read ({error.__class__.__name__}); mend or move it"
        ) from None
    values = {b.key: b.value for b in bindings if b.key and b.value is not None and not b.error}
    return values, [b.original.line for b in bindings if b.error]


def _table(key: str, name: str, text: str) -> dict[str, Any]:
    """A table of JSON, or of one row KEY=VALUE: a header's value is text, a field's JSON."""
    with suppress(ValueError):
        table = json_in(text)
        if isinstance(table, dict):
            return table
    row, equals, value = text.partition("=")
    if not row.strip() or not equals or text.startswith("{"):
        raise ConfigError(f'{name}: write KEY=VALUE, or a table of JSON like {{"temperature": 0}}')
    row, value = row.strip(), value.strip()
    return {row: value if key == "headers" else json_or_text(value, f"{name}: {row}")}
