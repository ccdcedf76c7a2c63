"""Finished calls of trials that several calls make: ``calls.jsonl`` beside the run log, a line each.

A trial that was cut short in the middle goes on behind its last finished call, and none is paid for twice. A torn last
line is a call that is asked again.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict
from pathlib import Path

from niah.errors import RunError
from niah.records import Result
from niah.runlog.disk import append, drop_torn_line
from niah.runlog.lines import line_of, result_of, table_of

CALLS_NAME = "calls.jsonl"


class CallLog:
    """The finished calls of one run. The folder's run log keeps other processes out."""

    def __init__(self, folder: Path, ended: Container[str]) -> None:
        """``ended``: ids of trials that need no call any more. Raises RunError for a damaged line."""
        self._path = folder / CALLS_NAME
        self._calls: dict[tuple[str, str | None], Result] = {}
        for number, line in enumerate(self._lines(), 1):
            try:
                call = result_of(table_of(line))
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(f"{self._path}:{number}: damaged line ({error!r:.80}); remove it, run again") from error
            if call.trial.id not in ended:
                self._calls[call.trial.id, call.prompt_digest] = call

    def finished(self, trial: str, digest: str) -> Result | None:
        """The call of a trial with that prompt, if it ended before."""
        return self._calls.get((trial, digest))

    def keep(self, call: Result) -> None:
        """Append a call that has ended. Raises RunError where the file cannot be written."""
        if (call.trial.id, call.prompt_digest) in self._calls:
            return
        self._calls[call.trial.id, call.prompt_digest] = call
        append(self._path, line_of("call", asdict(call)))

    def _lines(self) -> list[bytes]:
        """Whole lines; what follows the last newline is cut off, so that the next line is whole."""
        if not self._path.exists():
            return []
        drop_torn_line(self._path)
        return self._path.read_bytes().split(b"\n")[:-1]
