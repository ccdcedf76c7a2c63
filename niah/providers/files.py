"""Media that are uploaded once and referenced: how a service takes a file and tells of it. No I/O.

An upload is a generator that yields requests and is sent their replies; it returns what the service
keeps. Shapes: the ``/files`` of OpenAI and Anthropic (one form of several parts), and Gemini's
resumable one, whose files live 48 hours.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from niah.messages import MediaPart
from niah.providers import HttpRequest, Service, json_request
from niah.text.outside import json_in

LIVES_S = 48 * 3_600  # as asked for where a service lets one ask


class Received(NamedTuple):
    """The reply to a request of an upload."""

    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that a service keeps."""

    reference: str  # that stands in a prompt's request in the place of its bytes
    name: str  # by which the service tells of it
    expires: float | None = None  # seconds since 1970; None: it does not say
    ready: bool = True


Steps = Generator[HttpRequest, Received, Stored]


class FormFiles:
    """POST /files with a form: the file, and ``fields`` beside it. ``route`` tells of a file."""

    route = "/files/{name}"

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def upload(self, service: Service, headers: Mapping[str, str], part: MediaPart) -> Steps:
        bound = f"niah-{part.digest[:32]}"
        head = f"--{bound}\r\nContent-Disposition: form-data; name="
        texts = [f'{head}"{name}"\r\n\r\n{text}\r\n' for name, text in self._fields.items()]
        name = f"{part.digest[:16]}.{part.mime.rpartition('/')[2].replace('mpeg', 'mp3')}"
        texts.append(f'{head}"file"; filename="{name}"\r\nContent-Type: {part.mime}\r\n\r\n')
        body = ("".join(texts).encode(), part.load(), f"\r\n--{bound}--\r\n".encode())
        form = {**headers, "Content-Type": f"multipart/form-data; boundary={bound}"}
        reply = yield HttpRequest(url=service.url("/files"), headers=form, body=body)
        return self.told(reply.body)

    def told(self, body: str) -> Stored:
        """What a service says of a file. Raises whatever an odd shape raises."""
        table = json_in(body)
        failed = table.get("status") == "error" or table.get("deleted")
        name, expires = table["id"], _time(table.get("expires_at"))
        return Stored(reference=name, name=name, expires=expires, ready=not failed)


class ResumableFiles:
    """Gemini's: one request tells where to send the bytes; a long sound is not ready at once.

    No key goes to that place: its address holds what it needs.
    """

    route = "/{name}"

    def upload(self, service: Service, headers: Mapping[str, str], part: MediaPart) -> Steps:
        content = part.load()
        base, mark, query = service.base_url.partition("?")
        root, _, version = base.rstrip("/").rpartition("/")
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(len(content)),
            "X-Goog-Upload-Header-Content-Type": part.mime,
        }
        asked = {"file": {"display_name": f"niah-{part.digest[:16]}"}}
        url = f"{root}/upload/{version}/files{mark}{query}"
        begun = yield json_request(url, {**headers, **start}, asked)
        url = begun.headers["x-goog-upload-url"]
        send = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        reply = yield HttpRequest(url=url, headers=send, body=(content,))
        stored = self.told(reply.body)
        while not stored.ready:
            url = service.url(self.route.format(name=stored.name))
            reply = yield HttpRequest(url=url, headers=headers, method="GET")
            stored = self.told(reply.body)
        return stored

    def told(self, body: str) -> Stored:
        """What a service says of a file. Raises ValueError for one that it could not read."""
        table: dict[str, Any] = json_in(body)
        table = table.get("file", table)
        state = table.get("state", "ACTIVE")
        if state == "FAILED":
            why = (table.get("error") or {}).get("message", "no reason")
            raise ValueError(f"the service could not read it: {why}")
        expires = _time(table.get("expirationTime"))
        return Stored(
            reference=table["uri"], name=table["name"], expires=expires, ready=state == "ACTIVE"
        )


Files = FormFiles | ResumableFiles


def _time(value: Any) -> float | None:
    """Seconds since 1970, or a time of day in ISO 8601."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return float(value) if isinstance(value, int | float) else None
