"""Requests and replies as JSON lines, for whoever must find out why a server answers oddly.

Keys are hidden, prompts are cut to their ends unless asked for, and the file has a size that it
does not pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from niah.errors import ConfigError
from niah.providers import HttpRequest
from niah.runner.exchange import Attempt
from niah.text.outside import redacted_in

MOST_BYTES = 100_000_000  # of the file
_ENDS = 2_000  # bytes kept of a long body, at its beginning and at its end


class RequestLog:
    """Appends to one file. It never stops a run: where it cannot be written, it says so once."""

    def __init__(
        self,
        path: Path,
        *,
        prompts: bool = False,
        headers: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda text: None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """``headers`` go with every request. Raises ConfigError for a file that cannot be."""
        self._path = path
        self._prompts = prompts
        self._headers = dict(headers or {})
        self._say = say
        self._most = most_bytes
        try:
            with path.open("ab") as file:
                self._size = file.tell()
        except OSError as error:
            raise ConfigError(
                f"--log-requests {str(path)!r}: cannot be written ({error.strerror})"
            ) from error

    def take(self, request: HttpRequest, attempt: Attempt) -> None:
        """Take in how an attempt ended."""
        answer, heard = attempt.answer, attempt.heard
        table = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "for": request.label or "a small request",
            "attempt": answer.attempts,
            "request": {
                "method": request.method,
                "url": request.url,
                "headers": {**self._headers, **request.headers},
                "body": self._body(request),
                "body_bytes": sum(map(len, request.body)),
            },
            "status": heard.status,
            "reply": "\n".join(heard.parts),
            "reply_characters": heard.size,
            "outcome": answer.outcome,
            "error": answer.error,
            "first_token_s": answer.first_token_s,
            "total_s": answer.total_s,
            "request_id": answer.request_id,
            "again_in_s": attempt.wait_s,
        }
        self._write(table)

    def _body(self, request: HttpRequest) -> str:
        size = sum(map(len, request.body))
        if self._prompts or size <= 2 * _ENDS:
            return b"".join(request.body).decode(errors="replace")
        head = b"".join(part[:_ENDS] for part in request.body)[:_ENDS]
        tail = b"".join(part[-_ENDS:] for part in request.body)[-_ENDS:]
        cut = f" ... {size - 2 * _ENDS:,} bytes left out (--log-prompts keeps them) ... "
        return head.decode(errors="ignore") + cut + tail.decode(errors="ignore")

    def _write(self, table: dict[str, Any]) -> None:
        if self._size >= self._most:
            return
        text = json.dumps(redacted_in(table), ensure_ascii=False) + "\n"
        line = text.encode(errors="replace")
        if self._size + len(line) > self._most:
            self._size = self._most
            reached = f"{self._path} has reached {self._most // 1_000_000} MB"
            self._say(f"{reached}: no more requests are logged")
            return
        try:
            with self._path.open("ab") as file:
                file.write(line)
            self._size += len(line)
        except OSError as error:
            self._size = self._most
            self._say(f"{self._path}: cannot be written any more ({error.strerror})")


def told(request: HttpRequest, attempt: Attempt) -> str | None:
    """Why an attempt failed and what comes next, for ``--verbose``; None for one that did not."""
    answer = attempt.answer
    if answer.error is None:
        return None
    after = "not tried again" if attempt.wait_s is None else f"again in {attempt.wait_s:.1f} s"
    which = f"{request.label or 'a small request'}, attempt {answer.attempts}"
    return f"{time.strftime('%H:%M:%S')}  {which}: {answer.error}; {after}"
