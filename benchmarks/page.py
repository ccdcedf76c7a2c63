"""How large a page is, and how fast in Chromium: ``python benchmarks/page.py``, in a few minutes.

Real prompts of the recipe are built again for every needle; answers are those of a simulated
reader. A filter is timed in the page, from the choice to the list that is drawn, at its slowest of
ten.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import niah

SIZES = (
    (5, 7, 1),
    (12, 11, 4),
    (35, 35, 1),
    (35, 35, 4),
    (86, 100, 1),
)  # lengths, depths, trials a cell
FILTER = """(say) => {
  const search = document.querySelector('[data-filter="q"]');
  const begin = performance.now();
  search.value = say;
  search.dispatchEvent(new Event("input"));
  document.body.offsetHeight;
  return performance.now() - begin;
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    print("| cells | trials | page | CPU to write | first paint | ready | slowest filter |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = play.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        for size in SIZES[: int(sys.argv[1]) if sys.argv[1:] else None]:
            print(row(Path(folder), size, chromium), flush=True)
        chromium.close()


def row(folder: Path, size: tuple[int, int, int], chromium: Any) -> str:
    lengths, depths, epochs = size
    run = niah.sweep(
        provider="simulated", model="head-tail", task="multikey", lengths=f"600..8k:{lengths}",
        epochs=epochs,
        depths=[100 * i / (depths - 1) for i in range(depths)], results=folder,
        name="-".join(map(str, size)),
    )  # fmt: skip
    begin = time.process_time()
    path = niah.page(run)
    written = time.process_time() - begin
    tab = chromium.new_context(offline=True).new_page()
    begin = time.perf_counter()
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready]")
    ready = time.perf_counter() - begin
    filters = [
        tab.evaluate(FILTER, say)
        for say in ("1", "12", "not", "the magic", "zzz", "", "7", "42", "0", "")
    ]
    paint, kilobytes = tab.evaluate(PAINT), path.stat().st_size / 1_000
    return (
        f"| {lengths} x {depths} | {len(run.rows):,} | {kilobytes:,.0f} kB | {written:.1f} s |"
        f" {paint:,.0f} ms | {1_000 * ready:,.0f} ms | {max(filters):.0f} ms |"
    )


if __name__ == "__main__":
    main()
