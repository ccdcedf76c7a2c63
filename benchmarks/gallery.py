"""Make the pictures of docs/gallery.md and docs/sharing.md anew: ``python benchmarks/gallery.py``,
in a minute.

Pages are photographed in Chromium (Debian: apt-get install chromium).

Every picture is what the command line draws of a real run by a simulated reader, made small. The
hatched one is of a server that runs while it is asked: it reads the prompts it is sent and refuses
what is longer than its window.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import niah
from niah.generator.tokenizers import tokenizer_of

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 1_200  # pixels, of two panels
MOST_BYTES = 60_000
COLOURS = 96
WINDOW = 10_000  # tokens that the server takes
GRID = ("--lengths", "1k,4k,16k", "--depths", "0:100:25")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, drawn in (*pictures(Path(folder)), *page_pictures(Path(folder))):
            with Image.open(drawn) as picture:
                _small(picture).save(PICTURES / f"{name}.png", optimize=True)
            size = (PICTURES / f"{name}.png").stat().st_size
            assert size < MOST_BYTES, (name, size)
            print(f"{name}.png, {size:,} bytes")


def pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    """The name of each picture, and where it was drawn."""
    for reader in ("perfect", "blind", "head-tail", "window:4k"):
        _niah(folder, "run", *_simulated(reader), *GRID, "--name", reader.replace(":", "-"))
    yield "readers", _plot(folder, "perfect", "blind")
    yield "faults", _plot(folder, "head-tail", "window-4k")
    _niah(folder, "compare", "perfect", "head-tail", "--out", "compare.png")
    yield "compare", folder / "compare.png"
    controls = ("--task", "multikey", "--controls", "--epochs", "3", "--name", "controls")
    _niah(folder, "run", *_simulated("search"), *GRID, *controls)
    yield "controls", folder / "results/controls/heatmap.png"
    with _server() as address:
        served = ("--provider", "openai", "--base-url", address, "--model", "a-10k-window")
        _niah(folder, "run", *served, *GRID, "--name", "hatched")
    yield "hatched", folder / "results/hatched/heatmap.png"
    _niah(folder, "plot", "head-tail", "--card", "--out", "card.png")
    yield "card", folder / "card.png"


ATTACK = (
    "</script><script>alert(1)</script> <img src=x onerror=alert(2)> \u202ebackwards\u202c"
    " \x1b[31mred\x00 שלום 😀"
)
WIDE, TALL, PHONE = ({"width": w, "height": h} for w, h in ((1100, 830), (1100, 1380), (360, 700)))


def page_pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    """The name of each picture of a page, and where it is; every page is a file, and there is no
    network."""
    more = ("--task", "multikey", "--controls", "--epochs", "3")
    for reader in ("perfect", "head-tail"):
        _niah(folder, "run", *_simulated(reader), *GRID, *more, "--name", f"page-{reader}")
    _niah(folder, "page", "page-head-tail", "--out", "one.html")
    _niah(folder, "page", "page-perfect", "page-head-tail", "--out", "two.html")
    hostile = niah.sweep(
        model=lambda prompt: ATTACK, lengths="1k", depths="50", results=folder, name="hostile"
    )
    red = '#heat .cell[aria-label^="4k tokens, depth 50 %"]'
    example = Path(__file__).resolve().parents[1] / "results" / "example" / "page.html"
    shots: tuple[tuple[str, Path, dict[str, Any], tuple[str, ...]], ...] = (
        ("page", example, {}, ()),
        (
            "page-trial",
            example,
            {},
            ('#heat .cell[aria-label^="1k tokens, depth 50 %"]', "#list a"),
        ),
        ("page-two", folder / "two.html#run=page-head-tail", {"viewport": TALL}, ()),
        ("page-dark", folder / "one.html", {"color_scheme": "dark"}, (f"hover {red}",)),
        ("page-phone", folder / "one.html", {"viewport": PHONE}, ()),
        ("page-hostile", hostile.folder / "page.html", {}, ("#list a",)),
    )
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        for name, path, view, steps in shots:
            tab = chromium.new_context(offline=True, **{"viewport": WIDE, **view}).new_page()
            tab.goto(f"file://{path}")
            tab.wait_for_selector("html[data-ready]")
            for step in steps:
                spot = tab.locator(step.removeprefix("hover ")).first
                spot.hover() if step.startswith("hover ") else spot.click()
            tab.screenshot(path=folder / f"{name}.png")
            yield name, folder / f"{name}.png"
        chromium.close()


def _simulated(reader: str) -> tuple[str, ...]:
    return ("--provider", "simulated", "--model", reader)


def _plot(folder: Path, *runs: str) -> Path:
    _niah(folder, "plot", *runs, "--out", f"{runs[0]}.png")
    return folder / f"{runs[0]}.png"


def _niah(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "niah", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)


def _small(picture: Image.Image) -> Image.Image:
    width = min(picture.width, WIDTH if picture.width > 2 * picture.height else WIDTH * 2 // 3)
    size = (width, round(picture.height * width / picture.width))
    scaled = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return scaled.quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE)


class _Handler(BaseHTTPRequestHandler):
    """Answers with the seven digits of the prompt, and refuses what does not fit."""

    def do_POST(self) -> None:  # the base class calls it so
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        tokens = tokenizer_of("o200k_base").count(prompt)
        if tokens > WINDOW:
            refused = f"This model's maximum context length is {WINDOW} tokens, not {tokens}."
            return self._send(
                400, {"error": {"code": "context_length_exceeded", "message": refused}}
            )
        found = re.search(r"\d{7}", prompt)
        message = {"role": "assistant", "content": found[0] if found else "Yes."}
        usage = {"prompt_tokens": tokens, "completion_tokens": 4}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self._send(200, {"model": body["model"], "choices": [choice], "usage": usage})

    def do_GET(self) -> None:  # the base class calls it so
        self._send(404, {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class
        """Silence."""

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def _server() -> Iterator[str]:
    """A server on this machine, while it is used."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()


if __name__ == "__main__":
    main()
