"""Marks that people give to answers, in a file beside the log. Scores by machine stay as they are.

One line a mark, with who and when; the last one of a trial holds, and none is ever taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from niah.errors import ConfigError, RunError
from niah.runlog.disk import append, drop_torn_line
from niah.text.outside import visible

MARKS_NAME = "marks.jsonl"
MARKS = ("right", "wrong", "unclear")
MOST_WHO = 80  # characters of a name


def add_mark(folder: Path, trial: str, mark: str, who: str) -> dict[str, str]:
    """Append a mark. Raises ConfigError for one that is none, RunError where the file cannot be written."""
    if mark not in MARKS:
        raise ConfigError(f"mark {mark!r}: use {', '.join(MARKS)}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"trial": trial, "mark": mark, "who": visible(who)[:MOST_WHO] or "unknown", "when": when}
    path = folder / MARKS_NAME
    try:
        if path.exists():
            drop_torn_line(path)
        append(path, json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror})") from error
    return line


def read_marks(folder: Path) -> Mapping[str, dict[str, str]]:
    """The last mark of each trial. Raises RunError for a file that is damaged before its last line."""
    path = folder / MARKS_NAME
    if not path.is_file():
        return {}
    marks: dict[str, dict[str, str]] = {}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            table = json.loads(line)
            mark = {key: str(table[key]) for key in ("trial", "mark", "who", "when")}
            if mark["mark"] not in MARKS:
                raise ValueError(mark["mark"])
        except (ValueError, LookupError, TypeError) as error:
            if number == len(lines):
                continue  # torn by whatever ended its writing
            raise RunError(f"{path}, line {number}: no mark ({error}); take the line out") from error
        marks[mark["trial"]] = mark
    return marks
