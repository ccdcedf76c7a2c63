"""Pages and sound that are uploaded once and referenced: by a server that keeps files as the
services do."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from protocols import PROVIDER_PATHS, Counts, framed, protocol_of
from test_deliveries import PROVIDERS, accepted_by_the_sdk, sent
from test_pages_and_speech import SMALL, media, prompts

from niah.deliveries.pages import Pages, look_of
from niah.generator.tokenizers import tokenizer_of
from niah.messages import MediaPart, Message, TextPart
from niah.providers import Service
from niah.providers.files import ResumableFiles
from niah.records import Prompt

PER_FILE = 100  # tokens
COUNT = tokenizer_of("o200k_base").count
KEY = "planted-key-4711"
SERVICES = ("openai", "openai-responses", "anthropic", "gemini")
VOICE = "flite -voice rms -f {text} -o {wav}"


class FileServer(ThreadingHTTPServer):
    """Keeps files by OpenAI's and Anthropic's form, or by Gemini's resumable protocol; then answers
    from what it has.

    ``fails`` are statuses for the next uploads; ``forget`` loses every file.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.uploads: list[tuple[str, bytes]] = []  # form of the file, content
        self.bodies: list[dict[str, Any]] = []  # of trials and small requests
        self.looks: list[str] = []
        self.keys_at_upload: list[str | None] = []
        self.fails: list[int] = []
        self.begun: dict[str, str] = {}
        self.lock = threading.Lock()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def keep(self, mime: str, content: bytes) -> str:
        with self.lock:
            name = f"file-{len(self.uploads)}"
            self.uploads.append((mime, content))
            self.files[name] = content
        return name

    def contents(self, body: dict[str, Any]) -> list[bytes]:
        """The files of a request, in its order. Raises KeyError for one that is not there."""
        named = re.findall(r'"(?:file_id|fileUri)": "([^"]+)"', json.dumps(body))
        return [self.files[name.rpartition("/")[2]] for name in named]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece
    server: FileServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/files"):
            if self.server.fails:
                self.told({"error": {"message": "planted"}}, self.server.fails.pop(0))
            else:
                (self.begin if self.path.startswith("/upload/") else self.take_form)(content)
        elif self.path.startswith("/bytes/"):
            self.server.keys_at_upload.append(self.headers.get("x-goog-api-key"))
            name = self.server.keep(self.server.begun[self.path], content)
            self.told({"file": self.gemini_file(name, "PROCESSING")})
        else:
            self.answer(json.loads(content))

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.looks.append(name)
        if name not in self.server.files:
            self.told({"error": {"message": "no such file", "code": 404}}, 404)
        elif "v1beta" in self.path:
            self.told(self.gemini_file(name, "ACTIVE"))
        else:
            self.told(self.form_file(name))

    def take_form(self, content: bytes) -> None:
        bound = self.headers["Content-Type"].partition("boundary=")[2]
        *fields, file = [part.strip(b"-") for part in content.split(f"--{bound}".encode())[1:-1]]
        head, _, payload = file.partition(b"\r\n\r\n")
        assert b'name="file"; filename="' in head
        assert [b"purpose" in f or b"expires_in_seconds" in f for f in fields].count(True) == 1
        mime = head.decode().rpartition("Content-Type: ")[2]
        self.told(self.form_file(self.server.keep(mime, payload.removesuffix(b"\r\n"))))

    def form_file(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "file", "status": "processed", "expires_at": 4_000_000_000}

    def begin(self, content: bytes) -> None:
        assert self.headers["X-Goog-Upload-Command"] == "start"
        assert json.loads(content)["file"]["display_name"]
        place = f"/bytes/{len(self.server.begun)}"
        self.server.begun[place] = self.headers["X-Goog-Upload-Header-Content-Type"]
        self.told({}, headers={"X-Goog-Upload-URL": f"{self.server.root}{place}"})

    def gemini_file(self, name: str, state: str) -> dict[str, Any]:
        uri = f"{self.server.root}/v1beta/files/{name}"
        return {
            "name": f"files/{name}",
            "uri": uri,
            "state": state,
            "expirationTime": "2096-10-02T07:06:40Z",
        }

    def answer(self, body: dict[str, Any]) -> None:
        self.server.bodies.append(body)
        protocol = protocol_of(self.path)
        texts = re.findall(r'"text": "((?:[^"\\]|\\.)*)"', json.dumps(body, ensure_ascii=False))
        plain = [m["content"] for m in body.get("messages", []) if isinstance(m["content"], str)]
        said = [json.loads(f'"{text}"') for text in texts] + plain
        tokens = 7 + sum(map(COUNT, said)) + PER_FILE * len(self.server.contents(body))
        events = protocol.events(
            "nothing", "stop", Counts(input=tokens, output=COUNT("nothing")), "m"
        )
        self.told(
            b"".join(framed(protocol, event) for event in events),
            headers={"Content-Type": protocol.content_type},
        )

    def told(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, text in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Silence."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as files:
        threading.Thread(
            target=files.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        yield files
        files.shutdown()


@pytest.fixture
def upload(niah: Niah, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that uploads its pages."""
    monkeypatch.setenv("OWN_KEY", KEY)

    def run(provider: str, *more: str) -> Any:
        where = ("--base-url", server.root + PROVIDER_PATHS[provider], "--api-key-env", "OWN_KEY")
        grid = (
            "--lengths",
            "600",
            "--depths",
            "0,50,100",
            "--tokenizer",
            "o200k_base",
            "--name",
            "up",
        )
        return niah(
            "run",
            "--provider",
            provider,
            "--model",
            "m",
            *where,
            *grid,
            *SMALL,
            "--media",
            "upload",
            *more,
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("provider", SERVICES)
def test_every_page_is_uploaded_once_and_referenced_in_its_place(
    upload: Any, server: FileServer, provider: str
) -> None:
    ended = upload(provider)
    assert ended.exit_code == 0, ended.err
    contents = [content for _, content in server.uploads]
    assert len(contents) == len(set(contents)) > 3
    assert {mime for mime, _ in server.uploads} == {"image/png"}
    look = look_of("640x400", 18)
    shown = [
        [part.load() for part in media(Pages(look=look).present(prompt))]
        for prompt in prompts(lengths=(600,), provider=provider, model="m")
    ]
    trials = [server.contents(body) for body in server.bodies][-len(shown) :]
    assert sorted(trials) == sorted(shown)
    rows = [json.loads(line) for line in Path("results/up/run.jsonl").read_text().splitlines()[1:]]
    assert {row["outcome"] for row in rows} == {"scored"}
    assert not any(
        "base64" in json.dumps(body) or "inlineData" in json.dumps(body) for body in server.bodies
    )
    assert server.keys_at_upload == ([None] * len(contents) if provider == "gemini" else [])
    assert not any(
        KEY in path.read_text(errors="replace")
        for path in Path("results").rglob("*")
        if path.is_file()
    )


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_run_that_goes_on_uploads_only_what_is_no_longer_there(
    upload: Any, server: FileServer, provider: str
) -> None:
    upload(provider)
    first = list(server.uploads)
    lost = server.uploads[1]
    del server.files["file-1"]
    server.looks.clear()
    assert upload(provider, "--epochs", "2").exit_code == 0
    again = [u for u in server.uploads[len(first) :] if u in first]
    assert again == [lost]  # a page of a small request
    known = [name for name in server.looks if name[:5] == "file-" and int(name[5:]) < len(first)]
    assert len(known) == len(set(known)) > 1  # each was asked for once


@pytest.mark.slow
@pytest.mark.parametrize(("fails", "code"), [([500, 429], 0), ([404] * 9, 2)])
def test_an_upload_is_tried_again_where_that_may_help_and_refused_in_a_line(
    upload: Any, server: FileServer, monkeypatch: pytest.MonkeyPatch, fails: list[int], code: int
) -> None:
    monkeypatch.setattr("niah.runner.throttle.FIRST_PAUSE_S", 0.01)
    server.fails = fails
    ended = upload("openai")
    assert ended.exit_code == code, ended.err
    assert ("use --media inline" in ended.err) == bool(code)
    assert KEY not in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sound", [False, True])
def test_the_vendors_own_types_accept_references(provider: str, sound: bool) -> None:
    if sound and provider == "anthropic":
        pytest.skip("it takes no sound")
    form: dict[str, Any] = (
        {"mime": "audio/mpeg", "seconds": 1.0} if sound else {"mime": "image/png", "pixels": (1, 1)}
    )
    part = MediaPart(digest="d", load=lambda: b"never", reference="file-1", **form)
    prompt = prompts()[0]
    parts = (TextPart(utf8=b"Look."), part, TextPart(utf8=b"What?"))
    body = sent(provider, _with(prompt, parts))
    accepted_by_the_sdk(provider, body)
    assert "file-1" in json.dumps(body)


def _with(prompt: Prompt, parts: tuple[TextPart | MediaPart, ...]) -> Prompt:
    from dataclasses import replace

    return replace(prompt, messages=(Message(role="user", parts=parts),))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--provider", "openai", "--model", "m"), "media has no meaning here"),
        (("--provider", "ocr", "--model", "search", "--as", "pages"), "takes no files"),
        (("--provider", "ollama", "--model", "m", "--as", "pages"), "takes no files"),
    ],
)
def test_uploading_where_it_means_nothing_is_one_line(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    ended = niah("run", *words, "--lengths", "1k", "--depths", "50", "--media", "upload")
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1)
    assert why in ended.err


def test_files_of_requests_hold_their_pages(niah: Niah) -> None:
    words = (
        "--model",
        "m",
        "--as",
        "pages",
        "--lengths",
        "1k",
        "--depths",
        "50",
        "--media",
        "upload",
    )
    ended = niah("build", "--format", "openai-batch", *words)
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1)
    assert "use --media inline" in ended.err


@pytest.mark.slow
def test_a_damaged_note_of_an_upload_costs_an_upload(upload: Any, server: FileServer) -> None:
    upload("openai")
    note = Path("results/up/uploads.jsonl")
    lines = note.read_bytes().splitlines(keepends=True)
    note.write_bytes(b"".join([b"{}\n", b"not json\n", *lines[2:], lines[1][:20]]))
    before = len(server.uploads)
    assert upload("openai", "--epochs", "2").exit_code == 0
    assert {u for u in server.uploads[before:] if u in server.uploads[:before]} <= set(
        server.uploads[:2]
    )


def test_a_form_is_the_file_to_the_byte(server: FileServer, upload: Any) -> None:
    upload("openai")
    from PIL import Image

    for _, content in server.uploads:
        Image.open(io.BytesIO(content)).verify()


def test_what_stands_behind_the_address_goes_with_an_upload_as_with_every_request() -> None:
    service = Service(
        provider="gemini", model="m", base_url="https://gate.example/gemini/v1beta?team=blue"
    )
    part = MediaPart(mime="image/png", digest="d" * 64, load=lambda: b"x", pixels=(8, 8))
    request = next(ResumableFiles().upload(service, {}, part))
    assert request.url == "https://gate.example/gemini/upload/v1beta/files?team=blue"
