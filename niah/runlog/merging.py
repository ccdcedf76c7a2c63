"""Several logs of one run as one: parts that workers answered, or runs of several machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from niah.errors import RunError
from niah.records import Header, Outcome, Result
from niah.runlog.attempts import ATTEMPTS_NAME, read_attempts
from niah.runlog.disk import read_lines, write_anew
from niah.runlog.extending import check_same_run
from niah.runlog.log import open_log, read_log

_PART = "part"  # key of an attempt's line that came from another folder


def merge_logs(folders: Sequence[Path], into: Path) -> tuple[int, int]:
    """Take all results of some folders into one run; how many came in, and how many it holds.

    Raises RunError, before anything is written, for two that are not of one run, and for a trial
    with two answers.
    """
    headers: list[Header] = []
    found: dict[str, Result] = {}
    # one that is named twice is one part
    folders = list({folder.resolve(): folder for folder in folders}.values())
    for folder in (*folders, into):
        read_attempts(folder)  # says what is damaged
    for folder in folders:
        header, stored = read_log(folder)
        if headers:
            check_same_run(folder, headers[0], header)
        headers.append(header)
        for result in stored.values():
            found[result.trial.id] = _better(found.get(result.trial.id), result, folder)
    order = sorted(
        found.values(), key=lambda r: (r.trial.epoch, r.trial.context_length, r.trial.depth_percent)
    )
    first, *further = sorted(headers, key=lambda h: h.created)
    with open_log(into, first) as log:
        for header in further:
            log.extend(header)
        held = log.stored()
        new = [r for r in order if _better(old := held.get(r.trial.id), r, into) != old]
        if new:
            log.append(*new)
        _merge_attempts([f for f in folders if f.resolve() != into.resolve()], into)
        return len(new), len(log.results)


def _better(old: Result | None, new: Result, folder: Path) -> Result:
    """The one that has ended; of two answers either. Raises RunError where these differ."""
    if old is None or old.outcome is Outcome.ERROR:
        return new
    if new.outcome is Outcome.ERROR:
        return old
    said = [None if r.response is None else r.response.text for r in (old, new)]
    if said[0] != said[1] or old.prompt_digest != new.prompt_digest:
        raise RunError(
            f"{folder}: trial {new.trial.id} has another answer in another part; "
            "remove one of the two"
        )
    return old


def _merge_attempts(folders: Sequence[Path], into: Path) -> None:
    """Put the attempts of parts beside the run's own, in the place of what came of them before."""
    path, names = into / ATTEMPTS_NAME, {folder.name for folder in folders}
    lines = [table for table in read_lines(path, json.loads) if table.get(_PART) not in names]
    for folder in folders:
        first = max((table["n"] for table in lines), default=0)
        parts = read_lines(folder / ATTEMPTS_NAME, json.loads)
        lines += [{**table, "n": first + table["n"], _PART: folder.name} for table in parts]
    if lines:
        text = "".join(json.dumps(table, separators=(",", ":")) + "\n" for table in lines)
        write_anew(path, text.encode())
