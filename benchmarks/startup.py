"""What it costs to type a command: CPU seconds of --help, plan, and of judging a run of 1,225
cells, best of five.

python benchmarks/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import machine

COMMANDS = {
    "niah --help": ["--help"],
    "niah run --help": ["run", "--help"],
    "niah plan, 225 cells": [
        "plan", "--provider", "simulated", "--model", "perfect",
        "--lengths", "1k..128k:15", "--depths", "0:100:7.142857",
    ],
}  # fmt: skip


def cpu_s(arguments: list[str]) -> float:
    """User and system seconds of one command."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "niah", *arguments], capture_output=True, check=False
    )
    if done.returncode not in (0, 1):  # 1 is a gate that fails, as it should
        raise SystemExit(done.stderr.decode())
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


GATES = """min_found = 0.9
min_found_per_length = 0.8
min_found_per_band = 0.8
min_effective_length = "35k"
max_p95_s = 30
drop_per_length = true
drop_per_band = true
"""


def with_a_large_run(folder: Path) -> dict[str, list[str]]:
    """Commands about a run of 35 lengths x 35 depths, which is made first."""
    grid = [
        "--lengths",
        "1k:35k:1k",
        "--depths",
        ",".join(f"{i * 100 / 34:.3f}" for i in range(35)),
    ]
    results = ["--results", str(folder)]
    for name, model in (("old", "perfect"), ("new", "head-tail")):
        cpu_s(
            [
                "run",
                "--provider",
                "simulated",
                "--model",
                model,
                *grid,
                "--haystack-per",
                "trial",
                "--name",
                name,
                *results,
            ]
        )
    (folder / "gate.toml").write_text(GATES, encoding="utf-8")
    gate = ["gate", "new", "--baseline", "old", "--config", str(folder / "gate.toml"), *results]
    return {
        "niah gate, 1,225 cells, a baseline and 80 gates": gate,
        "niah report, 1,225 cells": ["report", "new", *results],
    }


def main() -> None:
    print(f"CPU seconds, best of five, on {machine()}\n")
    print("| command | CPU s |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in {**COMMANDS, **with_a_large_run(Path(folder))}.items():
            print(f"| {name} | {min(cpu_s(arguments) for _ in range(5)):.2f} |")
    bare = [sys.executable, "-c", "pass"]
    before = os.times().children_user
    subprocess.run(bare, check=True)
    print(f"| python -c pass | {os.times().children_user - before:.2f} |")


if __name__ == "__main__":
    main()
