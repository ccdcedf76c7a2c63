"""TOML files into tables and tables into models, with every fault in the words of all other
errors."""

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
    """The table of a TOML file. Raises ConfigError; ``advice`` stands behind the name of a file
    that is not there."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        json.dumps(table)  # a date is valid TOML, and nothing here is one
        return table
    except TypeError as error:
        raise ConfigError(f"{path}: dates and times have no meaning here; quote them") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}){advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error


def path_of(text: str) -> Path:
    """A path with its ``~`` filled in; that of a user who is not there stays as it is: no such
    file."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def model_from(model: type[_M], table: Mapping[str, Any], what: str, prefix: str = "") -> _M:
    """The model of a table. Raises UnknownName for a key that it lacks (called ``what``),
    ConfigError for a value."""
    for key in table:
        if key not in model.model_fields:
            if name := new_name(key):
                raise ConfigError(f"{what} {key!r} is called {name!r} now")
            raise UnknownName(what, key, model.model_fields)
    numbers = {
        key for key, field in model.model_fields.items() if plain_type(field) in (int, float)
    }
    for key, value in table.items():
        if key in numbers and isinstance(value, bool):  # which Python takes for 1 and 0
            raise ConfigError(f"{prefix}{key} = {value}: use {allowed_in(model.model_fields[key])}")
    folded = {
        k: normalize("NFKC", v) if k in numbers and isinstance(v, str) else v
        for k, v in table.items()
    }
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
    bounds = {
        name: bound
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (bound := getattr(rule, name, None)) is not None
    }
    upper = "".join(
        f" {w} {bounds[k]:,}" for k, w in (("le", "to"), ("lt", "to below")) if k in bounds
    )
    if "ge" in bounds:
        return f" from {bounds['ge']:,}{upper}" if upper else f" of {bounds['ge']:,} or more"
    if "gt" in bounds:
        return f" above {bounds['gt']:,}{upper.replace(' to', ' and up to', 1)}"
    return upper.replace(" to", " up to", 1)
