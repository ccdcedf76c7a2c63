"""A run whose prompts went out and whose answers are to come: its header in ``planned.json``, before any result."""

from __future__ import annotations

import json
from pathlib import Path

from niah.errors import RunError
from niah.records import Header
from niah.runlog.extending import check_same_run
from niah.runlog.lines import header_line, header_of
from niah.runlog.log import LOG_NAME, read_rows

PLAN_NAME = "planned.json"


def write_plan(folder: Path, header: Header) -> None:
    """Keep what a folder's run asks for. Raises RunError where it holds another run, or cannot be written."""
    path = folder / PLAN_NAME
    if path.is_file() or (folder / LOG_NAME).is_file():
        check_same_run(folder, planned_header(folder), header)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(header_line(header))
        part.replace(path)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results or --run") from error


def planned_header(folder: Path) -> Header:
    """What a folder's run asks for, whether answers have come or not. Raises RunError where there is none."""
    path = folder / PLAN_NAME
    if not path.is_file():
        if (folder / LOG_NAME).is_file():
            return read_rows(folder)[0]
        raise RunError(f"{folder}: no run here; plan one with niah build --run NAME, or niah batch submit --run NAME")
    try:
        return header_of(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not the plan of a run ({error}); remove it, and build the prompts again") from error
