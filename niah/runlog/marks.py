"""Marks that people give to answers, in a file beside the log. Scores by machine stay as they are.

One line a mark, with who and when; the last one of a trial holds, and none is ever taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from niah.errors import ConfigError
from niah.runlog.disk import append, drop_torn_line, read_lines
from niah.text.outside import visible

MARKS_NAME = "marks.jsonl"
MARKS = ("right", "wrong", "unclear")
MOST_WHO = 80  # characters of a name


def add_mark(folder: Path, trial: str, mark: str, who: str) -> dict[str, str]:
    """Append a mark. Raises ConfigError for one that is none, RunError for a file as it is."""
    if mark not in MARKS:
        raise ConfigError(f"mark {mark!r}: use {', '.join(MARKS)}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"trial": trial, "mark": mark, "who": visible(who)[:MOST_WHO] or "unknown", "when": when}
    path = folder / MARKS_NAME
    drop_torn_line(path)
    append(path, json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return line


def read_marks(folder: Path) -> Mapping[str, dict[str, str]]:
    """The last mark of each trial, without a torn line. Raises RunError for a damaged one."""
    return {mark["trial"]: mark for mark in read_lines(folder / MARKS_NAME, _mark_in)}


def _mark_in(line: bytes) -> dict[str, str]:
    table = json.loads(line)
    mark = {key: str(table[key]) for key in ("trial", "mark", "who", "when")}
    if mark["mark"] not in MARKS:
        raise ValueError(f"no mark: {mark['mark']}")
    return mark
