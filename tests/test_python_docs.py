"""The Python of the documentation runs, from top to bottom, and prints what it says it prints."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from server import answers_with, serving

from niah.tasks import task_of

PAGE = REPOSITORY / "docs" / "python.md"
NOTEBOOK = REPOSITORY / "docs" / "notebook.ipynb"
SERVER = "http://127.0.0.1:8000/v1"  # what the page calls a server of one's own
SPEECH = "\n".join(
    f"Guest {n} told of boat number {n * n} and of the harbour at noon." for n in range(400)
)
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, kernel_name="python3").execute()
nbformat.write(book, "done.ipynb")
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)


def promised(block: str) -> list[str]:
    """What a block says that it prints: the comment behind a print, up to its dots."""
    comments = re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.M)
    return [comment.removesuffix(" ...") for comment in comments if not comment.startswith("what ")]


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("pandas") is None, reason="the page shows pandas: pip install '.[dev]'"
)
def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("harbour.txt").write_text(SPEECH, encoding="utf-8")
    page, said, names = PAGE.read_text(encoding="utf-8"), 0, dict[str, Any](__name__="page")
    with serving(otherwise=answers_with(task_of("single").solve)) as server:
        for block in blocks(page):
            assert "8000" not in block or SERVER in block
            exec(compile(block.replace(SERVER, server.base_url), str(PAGE), "exec"), names)  # noqa: S102 - our own page
            printed = capsys.readouterr().out
            for line in promised(block):
                assert line in printed
                said += 1
    assert said >= 4
    assert server.requests
    assert Path("candidate.png").stat().st_size > 10_000


def test_every_verb_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    verbs = ("sweep", "async_sweep", "plan", "build", "haystack", "open_run", "gate", "power")
    assert [verb for verb in verbs if f"niah.{verb}(" not in page] == []
    for name in ("compare", "gate", "report", "heatmap", "summary"):
        assert f".{name}(" in page


@pytest.mark.slow
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("nbclient", "nbformat", "ipykernel")),
    reason="nbclient, nbformat and ipykernel run a notebook: pip install '.[notebook]'",
)
def test_the_notebook_sweeps_shows_its_picture_and_judges(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK)], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    book = json.loads((tmp_path / "done.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", ())]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    shown = outputs[0]["data"]
    assert shown["image/png"].startswith("iVBOR")
    assert "loses the middle" in "".join(shown["text/html"])
    printed = "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")
    assert printed.startswith("fail\nmin_found, whole run: 40 % found (n = 75)")
    assert "45 lost, 0 gained of 75 pairs" in printed
    assert (tmp_path / "results" / "notebook" / "run.jsonl").is_file()


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert {len(cell.get("outputs", ())) for cell in cells} == {0}
