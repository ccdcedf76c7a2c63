"""Lines of a run log: from a record to JSON, and back with every value checked.

A log may have been edited: whatever a line holds, it becomes a record whose values have their
kinds, or a ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator

from niah.errors import NiahError
from niah.experiment.config import RunConfig
from niah.records import CONTROLS, Header, Outcome, Part, Result, Row, checked_score
from niah.text.lengths import MOST_COUNT
from niah.text.outside import redacted_in
from niah.text.renamed import class_name, new_names, task_label_today

_R = TypeVar("_R", bound=Row)
_T = TypeVar("_T")
# by the beginning of pydantic's name of a fault
_KINDS = {"int": "int", "float": "float or int", "string": "str"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked(Part):
    """What the config of any run has, also of another tool's."""

    provider: str
    model: str
    task: str
    haystack: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Searched:
    """What the recipe of an adaptive run says of its search."""

    seed: int
    bisect: bool
    threshold: float  # above 0 and below 1
    trials_per_length: int  # from 1


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
    config = new_names(_object(table, "config"))
    asked = record_of(_Asked, config)
    if not asked.haystack:
        raise ValueError("haystack is empty")
    _check_part(asked)
    if table.get("imported") is None:
        _check_config(config)
    if "design" in table:
        known = _object(table, "design")
    else:
        from niah.experiment.design import design_of  # brings the tasks, which new logs do not need

        known = asdict(design_of(config))
    recipe = new_names(_object(known, "recipe"))
    free = {"config": {}, "design": {**known, "recipe": {}}, "extended": []}  # of any keys
    header = record_of(Header, {**table, **free})
    if header.price is not None and not {"input", "output"} <= header.price.keys():
        raise ValueError("price lacks input or output")
    part_of(known)
    for cell in header.design.cells:
        _check_part(cell)
    if header.design.adaptive:
        _check_search(recipe)
    task = task_label_today(header.design.task)
    return replace(header, config=config, design=replace(header.design, recipe=recipe, task=task))


def _check_config(config: Mapping[str, Any]) -> None:
    try:
        RunConfig(**{k: v for k, v in config.items() if k in RunConfig.model_fields})
    except ValidationError as error:
        raise ValueError(f"config {_place(error.errors()[0])} cannot be used") from None
    except NiahError as error:
        raise ValueError(f"config: {error}") from None


def _check_search(recipe: Mapping[str, Any]) -> None:
    search = record_of(_Searched, recipe)
    if not (0 < search.threshold < 1 and search.trials_per_length >= 1):
        raise ValueError("threshold is not between 0 and 1, or trials_per_length is below 1")


def _object(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {_short(value)}, not an object")
    return value


def part_of(table: Mapping[str, Any]) -> Part:
    """The grid in a config or an extension. Raises ValueError."""
    part = record_of(Part, table)
    _check_part(part)
    return part


def _check_part(part: Part) -> None:
    if not part.lengths or not part.depths:
        raise ValueError("lengths or depths are empty")
    if part.epochs < 1:
        raise ValueError(f"epochs is {part.epochs}")
    if min(part.lengths) < 1 or not all(0 <= depth <= 100 for depth in part.depths):
        raise ValueError("lengths below 1, or depths that are not from 0 to 100")


def entry_of(line: bytes) -> Row | Part | None:
    """A finished trial without its words, or a further grid; None for what a newer niah wrote.

    Raises ValueError.
    """
    table = table_of(line)
    if table.get("kind") == "extended":
        return part_of(table)
    return _judged(Row, line, table) if table.get("kind") == "result" else None


def result_of(line: bytes) -> Result:
    """A finished trial. Raises ValueError for values that are not what they should be."""
    return _judged(Result, line, table_of(line))


def _judged(kind: type[_R], line: bytes, table: Mapping[str, Any]) -> _R:
    """The trial in a line, if its score, outcome and answer fit each other."""
    checked_score(table.get("score"), Outcome(str(table.get("outcome"))))
    row = _read(kind, line)
    if row.outcome is Outcome.SCORED and row.response is None and row.attempts:
        raise ValueError("scored, but there is no response")
    if row.trial.control is not None and row.trial.control not in CONTROLS:
        known = ", ".join(CONTROLS)
        raise ValueError(f"control is {_short(row.trial.control)}, one of {known} is known")
    if any(share > 1 for share in row.parts.values()):
        raise ValueError("parts hold more than 1")
    today = row.answer_class and class_name(row.answer_class)
    return row if today == row.answer_class else replace(row, answer_class=today)


def record_of(kind: type[_T], table: Mapping[str, Any]) -> _T:
    """A record from a table; fields that a newer niah wrote are passed over. Raises ValueError."""
    return _read(kind, json.dumps(table).encode())


def _read(kind: type[_T], text: bytes) -> _T:
    try:
        record: _T = _reader(cast(Any, kind)).validate_json(text, strict=True)
        return record
    except ValidationError as error:
        raise ValueError(_words(error)) from None


@cache
def _reader(kind: type[Any]) -> SchemaValidator:
    return SchemaValidator(_bounded(TypeAdapter(kind).core_schema))


def _bounded(schema: Any) -> Any:
    """A schema in which no number is an amount below 0, and none beyond all measure."""
    match schema:
        case {"type": "int" | "float"}:
            return {**schema, "ge": 0, "le": MOST_COUNT}
        case dict():
            return {key: _bounded(value) for key, value in schema.items()}
        case list():
            return [_bounded(value) for value in schema]
    return schema


def _words(error: ValidationError) -> str:
    """The first fault, as "trial.context_length: None where int should be"."""
    first = error.errors(include_url=False)[0]
    place, kind = _place(first), first["type"]
    if kind == "missing":
        return f"{place} is missing"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"{place}: {_short(first['input'])} is not from 0 to {MOST_COUNT:.0e}"
    wanted = _KINDS.get(kind.partition("_")[0])
    said = f"where {wanted} should be" if wanted else f"({first['msg']})"
    return f"{place}: {_short(first['input'])} {said}"


def _place(fault: ErrorDetails) -> str:
    return ".".join(map(str, fault["loc"]))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
