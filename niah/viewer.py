"""A local server of a folder of runs: lists them, shows pages, follows a running one, takes marks.

It answers on loopback only and only to its own name, so that no page of the internet can reach it
through the browser; what changes something also needs a token that stands in its own pages alone.
"""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from niah.errors import ConfigError, NiahError, RunError
from niah.plotter.page import document, page_data, page_html
from niah.run import open_run
from niah.runlog.log import LOG_NAME, read_log, read_rows
from niah.runlog.marks import MARKS_NAME, add_mark
from niah.runs import RunSummary, run_folders, runs_in
from niah.share import QUICK_TOKENS, Built, comparisons, history_of, told_of
from niah.text.outside import json_in
from niah.text.shares import percent

LOOPBACK = "127.0.0.1"
MOST_BODY = 10_000  # bytes of a mark
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class Viewer:
    """The runs of a folder and what was built for their pages."""

    results: Path
    who: str  # whose marks are taken
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _built: dict[str, Built] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def listing(self) -> str:
        """All runs, the newest first."""
        runs = sorted(runs_in(self.results), key=lambda r: getattr(r, "created", ""), reverse=True)
        names = ("run", "model", "task", "found", "trials", "date")
        head = "".join(f"<th scope=col>{name}</th>" for name in names)
        rows = "".join(f"<tr>{_row(run)}</tr>" for run in runs)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        many = "<p><button>open the chosen runs side by side</button></p>"
        title = f"Runs in {html.escape(str(self.results))}"
        form = f"<form action=/page><div class=scroll tabindex=0>{table}</div>{many}</form>"
        body = f"<h1>{title}</h1>{form}"
        return document(f"{title} · niah", body, scripts=("list.js",), served=True)

    def data(self, names: Sequence[str]) -> dict[str, Any]:
        """The data of the page of some runs. Raises RunError for what is no run of the folder."""
        with self._lock:
            runs = [open_run(self._folder(name)) for name in names]
            runs.sort(key=lambda run: run.header.created)  # the oldest is what others differ from
            names = [self._name(run.folder) for run in runs]
            built = [self._built.setdefault(name, Built(QUICK_TOKENS)) for name in names]
            told = list(map(told_of, runs, built))
            data = page_data(told, comparisons(runs), history_of(runs))
        served = {"token": self.token, "names": names, "stamp": self.stamp(names)}
        return {**data, "served": served}

    def stamp(self, names: Sequence[str]) -> str:
        """Another one whenever a log or its marks have changed."""
        paths = [self._folder(name) / file for name in names for file in (LOG_NAME, MARKS_NAME)]
        states = [p.stat() for p in paths if p.exists()]
        return "-".join(f"{s.st_size}.{s.st_mtime_ns}" for s in states)

    def answer(self, name: str, trial: str) -> str:
        """Everything that was answered in one trial, where a page holds only the beginning."""
        result = read_log(self._folder(name))[1].get(trial)
        if result is None or result.response is None:
            raise RunError(f"no answer of a trial {trial!r} in this run")
        return result.response.text

    def mark(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Keep a mark. Raises RunError and ConfigError for what is none."""
        folder = self._folder(str(body.get("run")))
        trial = str(body.get("trial"))
        if trial not in read_rows(folder)[1]:
            raise RunError(f"no trial {trial!r} in this run")
        return add_mark(folder, trial, str(body.get("mark")), str(body.get("who") or self.who))

    def _folder(self, name: str) -> Path:
        """Only what the listing shows: no path leads out of the folder."""
        for folder in run_folders(self.results):
            if self._name(folder) == name:
                return folder
        raise RunError(f"{name}: no run in {self.results}")

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self.results).as_posix()


def server_of(viewer: Viewer, port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback that is ready to serve; port 0 is a free one.

    Raises ConfigError for a port that is taken, RunError for a folder that is not there.
    """
    if not viewer.results.is_dir():
        raise RunError(
            f"{viewer.results}: no such folder; "
            "runs are written there by 'niah run', or name another folder"
        )
    handler = type("Handler", (_Handler,), {"viewer": viewer})
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise ConfigError(
            f"--port {port}: cannot be used ({error.strerror}); 0 takes a free one"
        ) from error
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    viewer: Viewer
    timeout = 30

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        asked = parse_qs(at.query)
        names, trials = asked.get("run", []), asked.get("trial", [])
        if at.path == "/":
            self._answer(self.viewer.listing, "text/html")
        elif at.path == "/page" and names:
            self._answer(lambda: page_html(self.viewer.data(names), served=True), "text/html")
        elif at.path == "/answer" and names and trials:
            self._answer(lambda: self.viewer.answer(names[0], trials[0]))
        elif at.path == "/stamp" and names:
            self._answer(lambda: self.viewer.stamp(names))
        else:
            self._send(HTTPStatus.NOT_FOUND, "nothing here; the list of runs is at /")

    def do_POST(self) -> None:
        given, size = self.headers.get("X-Niah-Token", ""), self.headers.get("Content-Length", "")
        mine = secrets.compare_digest(given.encode(), self.viewer.token.encode())
        own = self.headers.get("Origin") == f"http://{self.headers.get('Host')}"
        if self.path != "/mark" or not mine or not own:
            self._send(HTTPStatus.FORBIDDEN, "only a page of this server may tell marks")
        elif not size.isdecimal() or int(size) > MOST_BODY:
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a mark is a short JSON object")
        else:
            body = self.rfile.read(int(size))
            self._answer(lambda: json.dumps(self.viewer.mark(_object(body))), "application/json")

    def log_message(self, *args: object) -> None:
        """Nothing: who looks at what is nobody's business."""

    def _answer(self, made: Callable[[], str], kind: str = "text/plain") -> None:
        """What a function makes, unless somebody else asks, who came by another name."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self._send(HTTPStatus.MISDIRECTED_REQUEST, f"open http://{LOOPBACK}:{port}/")
            return
        try:
            text = made()
        except NiahError as error:
            self._send(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send(HTTPStatus.OK, text, kind)

    def _send(self, status: HTTPStatus, text: str, kind: str = "text/plain") -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        more = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        for name, value in {**_HEADERS, **more}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # the page is closed
            self.end_headers()
            self.wfile.write(body)


def _object(body: bytes) -> Mapping[str, Any]:
    table = None
    with suppress(ValueError):
        table = json_in(body)
    if not isinstance(table, dict):
        raise ConfigError("a mark is a JSON object with run, trial and mark")
    return table


def _row(run: RunSummary | RunError) -> str:
    if isinstance(run, RunError):
        return f"<th scope=row></th><td colspan=5>{html.escape(str(run))}</td>"
    name = html.escape(run.name)
    address = html.escape(f"/page?{urlencode({'run': run.name})}")
    simulated = "simulated" if run.provider == "simulated" else ""
    kind = "imported" if run.imported else simulated
    chip = f' <span class="chip {kind}">{kind}</span>' if kind else ""
    box = f'<input type=checkbox name=run value="{name}" aria-label="choose {name}"> '
    model = f"<td>{html.escape(run.model)}{chip}</td>"
    found = f"{percent(run.found.mean)} (n = {run.found.n:,})"
    date = run.created[:16].replace("T", " ")
    cells = (run.task, found, f"{run.ended:,} of {run.planned:,}", date)
    rest = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f'<th scope=row>{box}<a href="{address}">{name}</a></th>{model}{rest}'
