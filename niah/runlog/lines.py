"""Lines of a run log: from a record to JSON, and back with every value checked.

A log may have been edited: whatever a line holds, it becomes a record whose values have their kinds, or a ValueError.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from niah.errors import NiahError
from niah.experiment.config import RunConfig
from niah.messages import Chunk, Delivered
from niah.records import (
    CONTROLS,
    CallResult,
    Design,
    Header,
    Outcome,
    Part,
    Placement,
    Reported,
    Response,
    Result,
    Row,
    Trial,
    Usage,
    checked_score,
)
from niah.text.outside import redacted_in
from niah.text.renamed import class_name, new_names

MOST = 10**15  # of anything that is counted or measured
_R = TypeVar("_R")
_RECORDS = (Trial, Placement, Reported, Response, Usage, Part, Design, Delivered, Chunk, CallResult)


def line_of(kind: str, table: Mapping[str, Any]) -> bytes:
    """One line. No key that is known to be one is in it."""
    whole = {"kind": kind, **redacted_in(dict(table))}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n"
    return text.encode(errors="replace")


def header_line(header: Header) -> bytes:
    table = asdict(header)
    del table["extended"]  # its lines are its own
    return line_of("header", table)


def result_line(result: Result) -> bytes:
    return line_of("result", asdict(result))


def table_of(line: bytes) -> dict[str, Any]:
    """The object in a line. Raises ValueError for anything else."""
    try:
        table = json.loads(line)
    except RecursionError:
        raise ValueError("brackets inside brackets, far too deep") from None
    if not isinstance(table, dict):
        raise ValueError("no object")
    return table


def header_of(table: Mapping[str, Any]) -> Header:
    """Raises ValueError for a header whose values are not what they should be."""
    config = new_names(_expected(table.get("config"), dict))
    for key in ("provider", "model", "task"):
        _expected(config.get(key), str)
    _list_of(config, "haystack", str)
    part_of(config)
    if table.get("imported") is None:
        try:
            RunConfig(**{k: v for k, v in config.items() if k in RunConfig.model_fields})
        except ValidationError as error:
            raise ValueError(f"config {'.'.join(map(str, error.errors()[0]['loc']))} cannot be used") from None
        except NiahError as error:
            raise ValueError(f"config: {error}") from None
    known = dict(_expected(table["design"], dict)) if "design" in table else _design_of_old(config)
    known["recipe"] = new_names(_expected(known.get("recipe"), dict))
    return record_of(Header, {**table, "config": config, "design": _as_read(known), "extended": []})


def _design_of_old(config: Mapping[str, Any]) -> dict[str, Any]:
    from niah.experiment.design import design_of  # brings the tasks, which new logs do not need

    return asdict(design_of(config))


def _as_read(design: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in design.items()}


def part_of(table: Mapping[str, Any]) -> Part:
    """The grid in a config or an extension. Raises ValueError."""
    lengths, depths = _list_of(table, "lengths", int), _list_of(table, "depths", int, float)
    epochs = table.get("epochs")
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs is {_short(epochs)}")
    if min(lengths) < 1 or not all(0 <= depth <= 100 for depth in depths):
        raise ValueError("lengths below 1, or depths that are not from 0 to 100")
    return Part(lengths=tuple(lengths), depths=tuple(float(d) for d in depths), epochs=epochs)


def row_of(table: Mapping[str, Any]) -> Row:
    """A finished trial without its words. Raises ValueError for values that are not what they should be."""
    return record_of(Row, _judged(table))


def result_of(table: Mapping[str, Any]) -> Result:
    """A finished trial. Raises ValueError for values that are not what they should be."""
    return record_of(Result, _judged(table))


def _judged(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table, if its score, outcome and answer fit each other."""
    outcome = table.get("outcome")
    checked_score(table.get("score"), Outcome(str(outcome)))
    if outcome == Outcome.SCORED and table.get("response") is None and table.get("attempts"):
        raise ValueError("scored, but there is no response")
    control = table["trial"].get("control") if isinstance(table.get("trial"), dict) else None
    if control is not None and control not in CONTROLS:
        raise ValueError(f"control is {_short(control)}, one of {', '.join(CONTROLS)} is known")
    if any(share > 1 for share in _numbers(table.get("parts", {})).values()):
        raise ValueError("parts hold more than 1")
    answer_class = table.get("answer_class")
    return {**table, "answer_class": class_name(answer_class)} if isinstance(answer_class, str) else table


def record_of(kind: type[_R], table: object) -> _R:
    """A record from a table; fields that a newer niah wrote are passed over. Raises ValueError."""
    if not isinstance(table, dict):
        raise ValueError(f"{_short(table)} where {kind.__name__.lower()} should be")
    values = {}
    for name, needed, as_it_is, convert in _converters(cast(Any, kind)):
        if name in table:
            value = table[name]
            try:
                values[name] = value if type(value) in as_it_is else convert(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        elif needed:
            raise ValueError(f"{name} is missing")
    return kind(**values)


@cache
def _converters(kind: Any) -> tuple[tuple[str, bool, frozenset[type], Callable[[Any], Any]], ...]:
    """Of every field its name, whether it must be there, which kinds pass as they are, and what checks the others."""
    hints = get_type_hints(kind)
    return tuple(
        (
            f.name,
            f.default is MISSING and f.default_factory is MISSING,
            frozenset(k for k in (str, type(None)) if k in _alternatives(hints[f.name])),
            _converter(hints[f.name]),
        )
        for f in fields(kind)
    )


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _converter(hint: Any) -> Callable[[Any], Any]:
    """What turns a JSON value into a value of that type. It raises ValueError for a value of another."""
    origin, arguments = get_origin(hint), get_args(hint)
    if len(_alternatives(hint)) > 1:
        inner = _converter(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        one = _converter(arguments[0])
        return lambda value: tuple(map(one, _expected(value, list)))
    if hint in _RECORDS:
        return lambda value: record_of(hint, value)
    if hint is Outcome:
        return Outcome
    if hint is float:
        return _float
    if hint is int:
        return lambda value: _number(value, int)
    if origin is not None:  # a mapping
        return _numbers if arguments[1] is float else lambda value: _expected(value, dict)
    return lambda value: _expected(value, hint)


def _number(value: object, *kinds: type) -> Any:
    """A number that is no amount below 0 and none beyond all measure."""
    number = _expected(value, *kinds)
    if not 0 <= number <= MOST:
        raise ValueError(f"{_short(number)} is not from 0 to {MOST:.0e}")
    return number


def _float(value: object) -> float:
    """A number, as it was written: 50 stays 50."""
    number: float = _number(value, float, int)
    return number


def _numbers(value: object) -> dict[str, float]:
    return {key: _float(number) for key, number in _expected(value, dict).items()}


def _expected(value: object, *kinds: type) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{_short(value)} where {' or '.join(k.__name__ for k in kinds)} should be")
    return value


def _list_of(table: Mapping[str, Any], key: str, *kinds: type) -> list[Any]:
    items: list[Any] = _expected(table.get(key), list)
    if not items:
        raise ValueError(f"{key} is empty")
    return [_expected(i, str) if str in kinds else _number(i, *kinds) for i in items]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
