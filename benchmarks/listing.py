"""What niah list costs: CPU seconds and peak memory over one run of many trials, and over many runs
of few.

python benchmarks/listing.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measure import Watch, machine, measured

from niah.runs import runs_in

SHAPES = {
    "1 run of 1,000": (1, 1_000),
    "1 run of 100,000": (1, 100_000),
    "10 runs of 100,000": (10, 100_000),
}
ANSWER = "The magic number is 1234567. " * 20


def main() -> None:
    if len(sys.argv) > 1:
        watch = Watch()
        watch.time("list", lambda: sum(1 for _ in runs_in(Path(sys.argv[1]))))
        watch.report()
        return
    print(f"On {machine()}\n\n| runs | log MB | CPU s | peak MB |\n|---|---|---|---|")
    for name, (runs, trials) in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            size = sum(make(Path(folder) / str(number), trials) for number in range(runs))
            found = measured(__file__, folder)
            print(
                f"| {name} | {size / 1e6:,.0f} | {found.cpu_s['list']:.2f} | {found.peak_mb:.0f} |"
            )


def make(folder: Path, trials: int) -> int:
    """A run log of so many trials; its bytes."""
    config = {
        "provider": "openai", "model": "m", "task": "single", "distractors": 2, "haystack": ["en"],
        "lengths": [1_000], "depths": [50], "epochs": trials, "haystack_per": "trial",
    }  # fmt: skip
    head = {
        "kind": "header",
        "schema": 1,
        "version": "0",
        "created": "2026-01-01",
        "config": config,
    }
    folder.mkdir()
    with (folder / "run.jsonl").open("w", encoding="utf-8") as file:
        file.write(json.dumps(head) + "\n")
        for epoch in range(trials):
            trial = {
                "id": f"{epoch:016x}",
                "task": "single",
                "context_length": 1_000,
                "depth_percent": 50,
            }
            response = {"text": ANSWER, "stop_reason": "stop", "usage": {"input_tokens": 1_000}}
            line = {
                "kind": "result",
                "trial": {**trial, "epoch": epoch},
                "outcome": "scored",
                "score": 1.0,
            }
            file.write(
                json.dumps({**line, "targets": ["1234567"], "placements": [], "response": response})
                + "\n"
            )
    return (folder / "run.jsonl").stat().st_size


if __name__ == "__main__":
    main()
