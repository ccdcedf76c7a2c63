"""Batches at OpenAI, Anthropic and Gemini: submit, look, fetch results. Safe to kill at any point.

The state of a run's batches is ``batches.json`` in its folder, and is written before and after
every step that costs: a batch is first intended, under a name of its own, then created with that
name. After a kill between the two the service is asked whether it has a batch of that name, so
nothing is submitted twice. Results go into files beside it, which ``collect`` takes in; what failed
or expired is missing there, and is submitted again by the same command.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from niah.errors import ProviderError, RunError
from niah.experiment.access import service_of
from niah.experiment.config import RunConfig
from niah.providers import provider_of
from niah.providers.failures import message_of
from niah.runlog.disk import write_anew
from niah.runner.exchange import ODD_SHAPE
from niah.runner.session import trust_of
from niah.text.outside import KEY, json_in, redacted

STATE_NAME = "batches.json"
# the words of all services for a batch of which nothing more will come
_ENDED = ("ended", "completed", "succeeded", "partially_succeeded", "expired", "cancelled")
_SECOND = timedelta(seconds=1)  # by so much a date in a header may fall short
_TIMES = httpx.Timeout(30.0, read=600.0, write=600.0)  # of files of hundreds of megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of a run."""

    name: str  # ours, by which the service finds it again
    file: str  # of its requests, in the run's folder
    requests: int
    at: str  # when it was intended; ISO 8601, UTC
    id: str | None = None  # the service's; None: intended, and perhaps created
    state: str = "intended"  # then waiting, ended or failed
    said: str = ""  # what the service says of it
    results: str | None = None  # file of its results, once they are here


class BatchService(ABC):
    """One service's routes. Every function may raise ProviderError."""

    def __init__(self, config: RunConfig) -> None:
        """Raises ConfigError for a key or certificates that cannot be used."""
        self._http = _Http(config)

    @abstractmethod
    def find(self, batch: Batch, known: set[str]) -> str | None:
        """The id of a batch that was created as intended, though nobody noted it.

        It is none of those ``known``: a batch of which nothing was answered is submitted again
        under its own name.
        """

    @abstractmethod
    def create(self, name: str, file: Path) -> str:
        """Create a batch of a file of requests; its id."""

    @abstractmethod
    def look(self, batch: Batch) -> tuple[str, str]:
        """Its state (waiting, ended or failed), and what to say of it."""

    @abstractmethod
    def results(self, batch: Batch) -> Iterator[bytes]:
        """The lines of its results, as they come."""


def read_state(folder: Path) -> list[Batch]:
    """The batches of a run; none where it has none. Raises RunError."""
    path = folder / STATE_NAME
    if not path.is_file():
        return []
    try:
        return [Batch(**table) for table in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError) as error:
        said = f"{path}: not the batches of a run ({error})"
        raise RunError(f"{said}; move it away, and nothing is known of them") from None


def write_state(folder: Path, batches: list[Batch]) -> None:
    """On disk when this returns. Raises RunError."""
    write_anew(folder / STATE_NAME, json.dumps([asdict(b) for b in batches], indent=1).encode())


def intended(folder: Path, file: Path) -> Batch:
    """A batch for a file of requests, before anything is sent."""
    whole, lines = hashlib.sha256(str(folder.resolve()).encode()), 0
    with file.open("rb") as source:
        for line in source:
            whole.update(line)
            lines += 1
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Batch(name=f"niah-{whole.hexdigest()[:24]}", file=file.name, requests=lines, at=at)


def create(folder: Path, service: BatchService) -> None:
    """Create what is intended; every step is kept: after a ProviderError the same call goes on."""
    batches = read_state(folder)
    for number, batch in enumerate(batches):
        if batch.id is None:
            with _asking(folder):
                found = service.find(batch, {b.id for b in batches if b.id})
                found = found or service.create(batch.name, folder / batch.file)
            batches[number] = replace(batch, id=found, state="waiting")
            write_state(folder, batches)


def looked_at(folder: Path, service: BatchService) -> list[Batch]:
    """The batches as the service has them now."""
    batches = read_state(folder)
    for number, batch in enumerate(batches):
        if batch.state == "waiting":
            with _asking(folder):
                state, said = service.look(batch)
            batches[number] = replace(batch, state=state, said=said)
            write_state(folder, batches)
    return batches


def fetched(folder: Path, service: BatchService) -> list[Path]:
    """The files of all results, partial ones among them; each is fetched once."""
    batches = looked_at(folder, service)
    for number, batch in enumerate(batches):
        if batch.state in ("ended", "failed") and batch.results is None:
            path = folder / batch.file.replace(".jsonl", "-results.jsonl")
            part = path.with_suffix(".part")
            with _asking(folder), part.open("wb") as file:
                for line in service.results(batch):
                    file.write(line + b"\n")
            part.replace(path)
            batches[number] = replace(batch, results=path.name)
            write_state(folder, batches)
    return [folder / b.results for b in batches if b.results]


@contextmanager
def _asking(folder: Path) -> Iterator[None]:
    """An answer of an odd shape, and a file that cannot be read or written, as errors of ours."""
    try:
        yield
    except ODD_SHAPE as odd:
        shape = f"an answer of no known shape ({type(odd).__name__}: {odd})"
        raise ProviderError(f"{shape}; is base_url that of a batch service?") from odd
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be read or written ({error.strerror}); free some space"
        ) from error


class _Http:
    """Plain requests to the address of a config. Raises ProviderError for whatever is no answer."""

    def __init__(self, config: RunConfig) -> None:
        """Raises ConfigError where the key or the certificates of the config cannot be used."""
        self.service = service_of(config)
        # of a planned run, which keeps no secrets, only the header's name may be known
        further = {name: value for name, value in config.headers.items() if value != KEY}
        headers = {**further, **provider_of(self.service).models_request().headers}
        trust = trust_of(config.ca_file)
        self._open = partial(httpx.Client, headers=headers, verify=trust, timeout=_TIMES)

    def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        with self._reply(method, path, "no answer", **what) as reply:
            reply.read()
        return reply

    def table(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        return dict(json_in(self.ask(method, path, **what).text))

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file, as they come. Only LF ends one: an answer may hold U+2028."""
        rest = b""
        with self._reply("GET", path, "broke off") as reply:
            for chunk in reply.iter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(bytes.strip, lines)
        if rest.strip():
            yield rest

    @contextmanager
    def _reply(self, method: str, path: str, failed: str, **what: Any) -> Iterator[httpx.Response]:
        """A reply whose body is still to be read; ``failed`` says that it did not come whole."""
        url = path if path.startswith("http") else self.service.url(path)
        try:
            with self._open() as client, client.stream(method, url, **what) as reply:
                if reply.status_code >= 300:
                    reply.read()
                    said = redacted(message_of(reply.text))[:300]
                    raise ProviderError(f"{method} {path}: {reply.status_code}: {said}")
                yield reply
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderError(
                f"{method} {path}: {failed} ({error}); the same command goes on"
            ) from error


class OpenAIBatches(BatchService):
    """``/files`` and ``/batches``; the name stands in the metadata."""

    def find(self, batch: Batch, known: set[str]) -> str | None:
        for table in self._http.table("GET", "/batches?limit=100").get("data") or []:
            if (table.get("metadata") or {}).get("niah") == batch.name and table["id"] not in known:
                return str(table["id"])
        return None

    def create(self, name: str, file: Path) -> str:
        with file.open("rb") as source:
            first = json_in(source.readline().decode())
            source.seek(0)
            files = {"file": (f"{name}.jsonl", source, "application/jsonl")}
            uploaded = self._http.table("POST", "/files", data={"purpose": "batch"}, files=files)
        body = {
            "input_file_id": uploaded["id"],
            "endpoint": first["url"],
            "completion_window": "24h",
            "metadata": {"niah": name},
        }
        return str(self._http.table("POST", "/batches", json=body)["id"])

    def look(self, batch: Batch) -> tuple[str, str]:
        table = self._http.table("GET", f"/batches/{batch.id}")
        counts, status = table.get("request_counts") or {}, str(table.get("status"))
        errors = ((table.get("errors") or {}).get("data") or [{}])[0].get("message")
        done, of = counts.get("completed", 0), counts.get("total", batch.requests)
        said = f"{status}, {done} of {of} done"
        return _state_of(status), f"{said}: {errors}" if errors else said

    def results(self, batch: Batch) -> Iterator[bytes]:
        table = self._http.table("GET", f"/batches/{batch.id}")
        for key in ("output_file_id", "error_file_id"):
            if table.get(key):
                yield from self._http.lines(f"/files/{table[key]}/content")


class AnthropicBatches(BatchService):
    """``/messages/batches``. None has a name there: one of as many requests, made since, is it."""

    def find(self, batch: Batch, known: set[str]) -> str | None:
        reply = self._http.ask("GET", "/messages/batches?limit=100")
        since = datetime.fromisoformat(batch.at) - _SECOND
        if told := reply.headers.get("date"):  # by the service's clock
            since += parsedate_to_datetime(told) - datetime.now(UTC)
        for table in json_in(reply.text).get("data") or []:
            if sum((table.get("request_counts") or {}).values()) != batch.requests:
                continue
            made = datetime.fromisoformat(table["created_at"])
            if made >= since and table["id"] not in known:
                return str(table["id"])
        return None

    def create(self, name: str, file: Path) -> str:
        def body() -> Iterator[bytes]:
            yield b'{"requests":['
            with file.open("rb") as source:
                for number, line in enumerate(source):
                    yield (b"," if number else b"") + line.rstrip()
            yield b"]}"

        sent = {"content": body(), "headers": {"Content-Type": "application/json"}}
        return str(self._http.table("POST", "/messages/batches", **sent)["id"])

    def look(self, batch: Batch) -> tuple[str, str]:
        table = self._http.table("GET", f"/messages/batches/{batch.id}")
        counts = (table.get("request_counts") or {}).items()
        status, said = table.get("processing_status"), [f"{n} {what}" for what, n in counts if n]
        return _state_of(status), f"{status}, {', '.join(said)}"

    def results(self, batch: Batch) -> Iterator[bytes]:
        table = self._http.table("GET", f"/messages/batches/{batch.id}")
        if table.get("results_url"):
            yield from self._http.lines(f"/messages/batches/{batch.id}/results")


class GeminiBatches(BatchService):
    """Uploads a file, then ``models/M:batchGenerateContent``; the name is its display name."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        root, _, version = self._http.service.base_url.rstrip("/").rpartition("/")
        self._upload = f"{root}/upload/{version}/files"
        self._download = f"{root}/download/{version}"
        self._model = str(config.model).removeprefix("models/")

    def find(self, batch: Batch, known: set[str]) -> str | None:
        table = self._http.table("GET", "/batches?pageSize=100")
        for entry in table.get("operations") or table.get("batches") or []:
            name = (entry.get("metadata") or entry).get("displayName")
            if name == batch.name and entry["name"] not in known:
                return str(entry["name"])
        return None

    def create(self, name: str, file: Path) -> str:
        size = str(file.stat().st_size)
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": size,
            "X-Goog-Upload-Header-Content-Type": "application/jsonl",
        }
        about = {"file": {"display_name": name}}
        started = self._http.ask("POST", self._upload, json=about, headers=start)
        send = {
            "X-Goog-Upload-Command": "upload, finalize",
            "X-Goog-Upload-Offset": "0",
            "Content-Length": size,
        }
        with file.open("rb") as source:
            where = started.headers["x-goog-upload-url"]
            uploaded = self._http.table("POST", where, content=source, headers=send)["file"]
        batch = {"displayName": name, "inputConfig": {"fileName": uploaded["name"]}}
        route = f"/models/{self._model}:batchGenerateContent"
        return str(self._http.table("POST", route, json={"batch": batch})["name"])

    def look(self, batch: Batch) -> tuple[str, str]:
        table = self._http.table("GET", f"/{batch.id}")
        about = table.get("metadata") or table
        status = (str(about.get("state", "")).rpartition("STATE_")[2] or "PENDING").lower()
        return _state_of(status), status

    def results(self, batch: Batch) -> Iterator[bytes]:
        table = self._http.table("GET", f"/{batch.id}")
        about = table.get("metadata") or {}
        answer = table.get("response") or about.get("output") or table.get("dest") or {}
        name = answer.get("responsesFile") or answer.get("fileName")
        if name:
            yield from self._http.lines(f"{self._download}/{name}:download?alt=media")


SERVICES: Mapping[str, type[BatchService]] = {
    "openai-batch": OpenAIBatches,
    "anthropic-batch": AnthropicBatches,
    "gemini-batch": GeminiBatches,
}  # by the form of the files that they take


def _state_of(status: str | None) -> str:
    """Waiting, ended or failed."""
    if status in _ENDED:
        return "ended"
    return "failed" if status == "failed" else "waiting"
