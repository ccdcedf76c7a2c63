"""What pydantic finds wrong with a setting, in the words of all other errors: what is allowed for this key."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


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
    upper = "".join(f" {w} {bounds[k]:,}" for k, w in (("le", "to"), ("lt", "to below")) if k in bounds)
    if "ge" in bounds:
        return f" from {bounds['ge']:,}{upper}" if upper else f" of {bounds['ge']:,} or more"
    if "gt" in bounds:
        return f" above {bounds['gt']:,}{upper.replace(' to', ' and up to', 1)}"
    return upper.replace(" to", " up to", 1)
