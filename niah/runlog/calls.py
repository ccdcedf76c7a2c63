"""Finished calls of trials that several calls make: ``calls.jsonl`` beside the run log, a line each.

A trial that was cut short in the middle goes on behind its last finished call, and none is paid for twice. A line is
handed to the system at once; a torn last one is a call that is asked again.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import asdict
from pathlib import Path

from niah.errors import RunError
from niah.records import Result
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
        try:
            with self._path.open("ab") as file:
                file.write(line_of("call", asdict(call)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(f"{self._path}: cannot be written ({error.strerror}); free some space") from error

    def _lines(self) -> list[bytes]:
        """Whole lines; what follows the last newline is cut off, so that the next line is whole."""
        try:
            raw = self._path.read_bytes()
            if not raw.endswith(b"\n") and raw:
                os.truncate(self._path, raw.rfind(b"\n") + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"{self._path}: cannot be read ({error.strerror})") from error
        return raw.split(b"\n")[:-1]
