"""TOML files into tables, tables into models, and every fault in the words of all other errors."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin
from unicodedata import normalize

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from niah.errors import ConfigError, UnknownName
from niah.text.renamed import new_name

_M = TypeVar("_M", bound=BaseModel)


def table_in(path: Path, advice: str = "") -> dict[str, Any]:
    """The table of a TOML file. Raises ConfigError, with ``advice`` where it cannot be opened."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        json.dumps(table)  # a date is valid TOML, and nothing here is one
        return table
    except TypeError as error:
        raise ConfigError(f"{path}: dates and times have no meaning here; quote them") from error
    except RecursionError:
        raise ConfigError(f"{path}: nested too deep to be read") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}){advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error


def path_of(text: str) -> Path:
    """A path with its ``~`` filled in; that of an unknown user stays as it is: no such file."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def model_from(model: type[_M], table: Mapping[str, Any], what: str, prefix: str = "") -> _M:
    """The model of a table. Raises UnknownName for a key (a ``what``), ConfigError for a value."""
    fields = model.model_fields
    for key in table:
        if key not in fields and (name := new_name(key)):
            raise ConfigError(f"{what} {key!r} is called {name!r} now")
        if key not in fields:
            raise UnknownName(what, key, fields)
    folded = dict(table)
    for key in (k for k in table if plain_type(fields[k]) in (int, float)):
        if isinstance(table[key], bool):  # which Python takes for 1 and 0
            raise ConfigError(f"{prefix}{key} = {table[key]}: use {allowed_in(fields[key])}")
        if isinstance(table[key], str):
            folded[key] = normalize("NFKC", table[key])
    try:
        return model(**folded)
    except ValidationError as error:
        raise ConfigError(f"{prefix}{explained(error, model)}") from error


def explained(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault as "epochs = 'x': use a whole number from 1 to 1,000"."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    field = model.model_fields.get(str(first["loc"][0])) if len(first["loc"]) == 1 else None
    allowed = allowed_in(field) if field is not None else None
    if allowed and first["type"] == "finite_number":
        allowed = allowed.replace("a number", "a finite number")
    return f"{key} = {first['input']!r}: {f'use {allowed}' if allowed else first['msg'].lower()}"


def allowed_in(field: FieldInfo) -> str | None:
    """What a key takes, in words; None where a validator of its own knows better."""
    kind = plain_type(field)
    if get_origin(kind) is Literal:
        *others, last = (str(choice) for choice in get_args(kind))
        return f"{', '.join(others)} or {last}"
    if kind is bool:
        return "true or false"
    if kind is str:
        return "text"
    if kind in (int, float):
        return f"{'a whole number' if kind is int else 'a number'}{_range_of(field)}"
    return None


def plain_type(field: FieldInfo) -> Any:
    """The type of a key without its None."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _range_of(field: FieldInfo) -> str:
    """ " from 1 to 1,000", " of 1 or more", " above 0": as far as there are bounds."""

    def bound(name: str) -> str | None:
        told = (getattr(rule, name, None) for rule in field.metadata)
        return next((f"{value:,}" for value in told if value is not None), None)

    least, above, most, below = map(bound, ("ge", "gt", "le", "lt"))
    upper = f" to {most}" if most else ""
    if below:
        upper = f" to below {below}"
    if least:
        return f" from {least}{upper}" if upper else f" of {least} or more"
    if above:
        return f" above {above}{upper.replace(' to', ' and up to', 1)}"
    return upper.replace(" to", " up to", 1)
