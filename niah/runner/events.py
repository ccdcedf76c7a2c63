"""Cut a byte stream into events, whatever the chunks: server-sent events, JSON lines, or one plain reply."""

from __future__ import annotations

from typing import Protocol

_MOST_LINE = 4_000_000  # bytes


class EventReader(Protocol):
    """Feed bytes, get the finished events."""

    def feed(self, chunk: bytes) -> list[str]: ...

    def finish(self) -> list[str]:
        """What a stream leaves behind that ends without closing its last event."""
        ...


def reader_of(content_type: str) -> EventReader:
    """The reader for a content type. A server that does not stream answers with one JSON object."""
    kind = content_type.partition(";")[0].strip().casefold()
    if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        return LineStream()
    return WholeReply() if kind == "application/json" else EventStream()


class _Lines:
    """Whole lines out of chunks. Lines end at LF or CRLF only: text may hold U+2028."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises ValueError for a line without an end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MOST_LINE:
            raise ValueError(f"a line of more than {_MOST_LINE // 1_000_000} MB in the stream")
        return [line.rstrip(b"\r") for line in lines]


class EventStream:
    """Server-sent events: data lines only, comments and names ignored."""

    def __init__(self) -> None:
        self._cut = _Lines()
        self._lines: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        events = []
        for line in self._cut.feed(chunk):
            if line.startswith(b"data:"):
                self._lines.append(line[5:].removeprefix(b" ").decode(errors="replace"))
            elif not line and self._lines:
                events.append("\n".join(self._lines))
                self._lines = []
        return events

    def finish(self) -> list[str]:
        return self.feed(b"\n\n")


class LineStream:
    """JSON lines."""

    def __init__(self) -> None:
        self._cut = _Lines()

    def feed(self, chunk: bytes) -> list[str]:
        return [line.decode(errors="replace") for line in self._cut.feed(chunk) if line.strip()]

    def finish(self) -> list[str]:
        return self.feed(b"\n")


class WholeReply:
    """One reply in one piece."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> list[str]:
        self._chunks.append(chunk)
        return []

    def finish(self) -> list[str]:
        return [b"".join(self._chunks).decode(errors="replace")]
