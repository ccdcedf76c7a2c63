"""A server on loopback that speaks the batch protocols of OpenAI, Anthropic and Gemini, in the
shapes of their SDKs.

A batch waits until ``finish`` is called, which answers its requests. ``drop_at`` closes the
connection after that request was carried out, as a kill or an outage would at that point.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Table = dict[str, Any]


class BatchServer:
    """One service. ``answer`` makes a result line of a line of requests, or None where it never
    gets to it."""

    def __init__(self, answer: Callable[[Table], Table | None]) -> None:
        self.answer = answer
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Table] = {}
        self.seen = 0  # requests so far
        self.status = 200
        self.drop_at: int | None = None
        self.behind_s = 0.0  # its clock
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def finish(self) -> None:
        """Answer what waits."""
        for batch in self.batches.values():
            if batch["results"] is None:
                batch["results"] = [r for r in map(self.answer, batch["requests"]) if r is not None]

    def carried_out(
        self, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[Any, dict[str, str]]:
        """What a request is answered with: a table or bytes, and headers."""
        path = path.removeprefix("/v1").partition("?")[0]
        if path.startswith(("/files", "/batches")) and "x-goog-api-key" not in headers:
            return self._openai(method, path, body), {}
        if path.startswith("/messages/batches"):
            return self._anthropic(method, path, body), {}
        return self._gemini(method, path, headers, body)

    def _now(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self.behind_s)

    def _create(self, requests: bytes | list[Table], **about: Any) -> str:
        lines = (
            [json.loads(line) for line in requests.splitlines()]
            if isinstance(requests, bytes)
            else requests
        )
        name = f"batch_{len(self.batches) + 1}"
        self.batches[name] = {"id": name, "requests": lines, "results": None, **about}
        return name

    def _openai(self, method: str, path: str, body: bytes) -> Any:
        if method == "POST" and path == "/files":
            part = body.split(b"\r\n\r\n")[-1].rpartition(b"\r\n--")[0]
            name = f"file-{len(self.files) + 1}"
            self.files[name] = part
            about = {
                "id": name,
                "object": "file",
                "bytes": len(part),
                "created_at": 1,
                "filename": "niah.jsonl",
            }
            return {**about, "purpose": "batch", "status": "processed"}
        if path.startswith("/files/"):
            return self.files[path.split("/")[2]]
        if method == "POST":
            wanted = json.loads(body)
            lines = self.files[wanted["input_file_id"]]
            return self._openai_batch(
                self._create(lines, metadata=wanted["metadata"], endpoint=wanted["endpoint"])
            )
        if path == "/batches":
            return {
                "object": "list",
                "data": [self._openai_batch(name) for name in self.batches],
                "has_more": False,
            }
        return self._openai_batch(path.split("/")[2])

    def _openai_batch(self, name: str) -> Table:
        batch = self.batches[name]
        done = batch["results"]
        table = {
            "id": name, "object": "batch", "endpoint": batch["endpoint"],
            "completion_window": "24h",
            "created_at": 1, "input_file_id": "file-1", "metadata": batch["metadata"],
            "status": "in_progress" if done is None else "completed",
            "request_counts": {"total": len(batch["requests"]), "completed": len(done or []),
                               "failed": 0},
        }  # fmt: skip
        if done is not None:
            good = [line for line in done if line.get("response")]
            for key, lines in (
                ("output_file_id", good),
                ("error_file_id", [x for x in done if x not in good]),
            ):
                if lines:
                    table[key] = f"{key}-{name}"
                    self.files[table[key]] = b"".join(_raw(line) + b"\n" for line in lines)
        return table

    def _anthropic(self, method: str, path: str, body: bytes) -> Any:
        if method == "POST":
            name = self._create(json.loads(body)["requests"], created_at=self._now().isoformat())
            return self._anthropic_batch(name)
        if path == "/messages/batches":
            return {
                "data": [self._anthropic_batch(name) for name in self.batches],
                "has_more": False,
            }
        name = path.split("/")[3]
        if path.endswith("/results"):
            return b"".join(_raw(line) + b"\n" for line in self.batches[name]["results"])
        return self._anthropic_batch(name)

    def _anthropic_batch(self, name: str) -> Table:
        batch, done = self.batches[name], self.batches[name]["results"]
        whole = len(batch["requests"])
        good = sum(line["result"]["type"] == "succeeded" for line in done or [])
        counts = {
            "processing": 0 if done is not None else whole,
            "succeeded": good,
            "errored": 0,
            "canceled": 0,
        }
        counts["expired"] = 0 if done is None else whole - good
        return {
            "id": name, "type": "message_batch",
            "processing_status": "in_progress" if done is None else "ended",
            "request_counts": counts, "created_at": batch["created_at"],
            "expires_at": "2999-01-01T00:00:00Z",
            "results_url": None if done is None else f"{self.url}/messages/batches/{name}/results",
        }  # fmt: skip

    def _gemini(
        self, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[Any, dict[str, str]]:
        if path == "/upload/v1/files":
            return {}, {
                "x-goog-upload-url": (
                    f"{self.url}/uploads/{json.loads(body)['file']['display_name']}"
                )
            }
        if path.startswith("/uploads/"):
            name = f"files/{path.rpartition('/')[2]}"
            self.files[name] = body
            return {"file": {"name": name, "state": "ACTIVE"}}, {}
        if path.startswith("/download/"):
            return self.files[path.removeprefix("/download/v1/").removesuffix(":download")], {}
        if path.endswith(":batchGenerateContent"):
            wanted = json.loads(body)["batch"]
            lines = self.files[wanted["inputConfig"]["fileName"]]
            return self._gemini_batch(self._create(lines, display_name=wanted["displayName"])), {}
        if path == "/batches":
            return {"operations": [self._gemini_batch(name) for name in self.batches]}, {}
        return self._gemini_batch(path.rpartition("/")[2]), {}

    def _gemini_batch(self, name: str) -> Table:
        batch = self.batches[name]
        done = batch["results"]
        state = "BATCH_STATE_RUNNING" if done is None else "BATCH_STATE_SUCCEEDED"
        table: Table = {
            "name": f"batches/{name}",
            "metadata": {"displayName": batch["display_name"], "state": state},
        }
        if done is not None:
            self.files[f"files/out-{name}"] = b"".join(_raw(line) + b"\n" for line in done)
            table["metadata"]["output"] = {"responsesFile": f"files/out-{name}"}
            table |= {"done": True, "response": {"responsesFile": f"files/out-{name}"}}
        return table

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                chunked = self.headers.get("Transfer-Encoding") == "chunked"
                body = (
                    self._chunks()
                    if chunked
                    else self.rfile.read(int(self.headers.get("Content-Length") or 0))
                )
                server.seen += 1
                answer, headers = server.carried_out(self.command, self.path, self.headers, body)
                if server.seen == server.drop_at:
                    self.close_connection = True
                    self.connection.close()
                    return
                raw = answer if isinstance(answer, bytes) else _raw(answer)
                self.send_response(server.status)
                for key, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(raw)

            def _chunks(self) -> bytes:
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            do_GET = do_POST = _serve  # noqa: N815

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(
                    server._now().timestamp() if timestamp is None else timestamp
                )

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _raw(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()
