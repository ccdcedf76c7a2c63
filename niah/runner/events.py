"""Cut a byte stream into server-sent events, whatever the chunks: data lines only, comments and names ignored."""

from __future__ import annotations


class EventStream:
    """Feed bytes, get the data of finished events. Lines end at LF or CRLF only: text may hold U+2028."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = []
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                self._lines.append(line[5:].removeprefix(b" ").decode(errors="replace"))
            elif not line and self._lines:
                events.append("\n".join(self._lines))
                self._lines = []
        return events

    def finish(self) -> list[str]:
        """The event that a stream without a closing blank line leaves behind."""
        return self.feed(b"\n\n") if self._rest or self._lines else []
