"""What it costs to type a command: CPU seconds of --help, plan and show, best of five.

python benchmarks/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys

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
    subprocess.run([sys.executable, "-m", "niah", *arguments], capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    print(f"CPU seconds, best of five, on {machine()}\n")
    print("| command | CPU s |\n|---|---|")
    for name, arguments in COMMANDS.items():
        print(f"| {name} | {min(cpu_s(arguments) for _ in range(5)):.2f} |")
    bare = [sys.executable, "-c", "pass"]
    before = os.times().children_user
    subprocess.run(bare, check=True)
    print(f"| python -c pass | {os.times().children_user - before:.2f} |")


if __name__ == "__main__":
    main()
