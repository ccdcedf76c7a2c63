"""Cut a byte stream into events, whatever the chunks: server-sent events, JSON lines, one reply.

Servers and the proxies before them name content types as they like, so the first sign decides: a
brace or bracket begins JSON, ``<`` a web page, anything else server-sent events. A byte order mark
is dropped; lines end in LF, CR or CRLF, as the standard allows
(https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import json
from typing import Any

from niah.text.outside import json_in

MOST_EVENT_BYTES = 4_000_000
_BOM = b"\xef\xbb\xbf"


class WebPage(ValueError):
    """A page for people where a reply should be."""


class StreamReader:
    """Looks at the first sign of a stream and reads on as what it is.

    Raises WebPage for a page, ValueError for a line or an event without an end.
    """

    def __init__(self) -> None:
        self._start = b""
        self._reader: EventStream | JsonReader | None = None

    def feed(self, chunk: bytes) -> list[str]:
        if self._reader is None:
            self._start = (self._start + chunk).lstrip().removeprefix(_BOM).lstrip()
            if _BOM.startswith(self._start):  # nothing yet, or a mark that comes in pieces
                return []
            if self._start.startswith(b"<"):
                raise WebPage("a web page instead of a reply; is base_url right?")
            chunk = self._start
            self._reader = JsonReader() if chunk.startswith((b"{", b"[")) else EventStream()
        return self._reader.feed(chunk)

    def finish(self) -> list[str]:
        return [] if self._reader is None else self._reader.finish()


class _Lines:
    """Whole lines out of chunks. Only LF, CR and CRLF end one: a text may hold U+2028."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._ended_in_cr = False

    @property
    def rest(self) -> bytes:
        """The line that is not finished."""
        return b"".join(self._parts)

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._ended_in_cr and chunk:  # the other half of a CRLF
            chunk = chunk.removeprefix(b"\n")
            self._ended_in_cr = False
        lines: list[bytes] = []
        if b"\n" in chunk or b"\r" in chunk:  # else nothing is joined: a line may come byte by byte
            lines = (self.rest + chunk).splitlines(keepends=True)
            chunk = b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop()
            self._parts, self._size = [], 0
            self._ended_in_cr = not chunk and lines[-1].endswith(b"\r")
        self._parts += [chunk] if chunk else []
        self._size += len(chunk)
        _check(self._size, "a line")
        return [line.rstrip(b"\r\n") for line in lines]


class EventStream:
    """Server-sent events: their data lines. An event named error becomes an error object."""

    def __init__(self) -> None:
        self._cut = _Lines()
        self._lines: list[str] = []
        self._size = 0
        self._is_error = False

    def feed(self, chunk: bytes) -> list[str]:
        events = []
        for line in self._cut.feed(chunk):
            if line.startswith(b"data:"):
                self._lines.append(line[5:].removeprefix(b" ").decode(errors="replace"))
                self._size += len(line)
                _check(self._size, "an event")
            elif line.startswith(b"event:"):
                self._is_error = line[6:].strip() == b"error"
            elif not line:
                events += self._event()
        return events

    def finish(self) -> list[str]:
        return self.feed(b"\n\n")

    def _event(self) -> list[str]:
        lines, is_error = self._lines, self._is_error
        self._lines, self._size, self._is_error = [], 0, False
        text = "\n".join(lines)
        if is_error:
            return [_as_error(text)]
        return [text] if lines else []


class JsonReader:
    """JSON lines, or one object in one piece: the first line of that is no JSON by itself."""

    def __init__(self) -> None:
        self._cut = _Lines()
        self._start: list[bytes] | None = []  # up to the end of the first line
        self._whole: list[bytes] | None = None

    def feed(self, chunk: bytes) -> list[str]:
        if self._whole is not None:
            self._whole.append(chunk)
            return []
        if self._start is not None:
            self._start.append(chunk)
        lines = [line for line in self._cut.feed(chunk) if line.strip()]
        if lines and self._start is not None:
            start, self._start = self._start, None
            if _parsed(lines[0]) is None:
                self._whole = start
                return []
        return [line.decode(errors="replace") for line in lines]

    def finish(self) -> list[str]:
        left = self._cut.rest if self._whole is None else b"".join(self._whole)
        return [left.decode(errors="replace")] if left.strip() else []


def _check(size: int, what: str) -> None:
    """Raises ValueError where it is too large."""
    if size > MOST_EVENT_BYTES:
        raise ValueError(f"{what} of more than {MOST_EVENT_BYTES // 1_000_000} MB in the stream")


def _parsed(text: str | bytes) -> Any:
    """The value of some JSON; None for what is none."""
    try:
        return json_in(text)
    except ValueError:
        return None


def _as_error(text: str) -> str:
    """The data of an event named error, as an object that says so itself."""
    table = _parsed(text)
    if isinstance(table, dict) and table.get("error"):
        return text
    return json.dumps({"error": table or text.strip() or "an error event without a message"})
