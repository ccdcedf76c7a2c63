"""Run one side of a benchmark in a process of its own: CPU seconds and peak memory, without the
noise of the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one side took."""

    cpu_s: dict[str, float]
    peak_mb: float


class Watch:
    """Collects CPU seconds by name inside the measured process."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], object]) -> None:
        started = time.process_time()
        work()
        self.cpu_s[name] = time.process_time() - started

    def report(self) -> None:
        """Hand the figures to the process that asked."""
        status = Path("/proc/self/status").read_text(
            encoding="utf-8"
        )  # getrusage would tell the parent's peak, too
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        print(json.dumps({"cpu_s": self.cpu_s, "peak_mb": peak}))


def measured(
    script: str,
    *arguments: str,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
) -> Measured:
    """Run ``python script arguments``; its last line is a Watch's report."""
    done = subprocess.run(
        [python, script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def machine() -> str:
    """Processor, cores and Python, for the table's caption."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        "unknown processor",
    )
    return (
        f"{model}, {os.cpu_count()} cores, Python {sys.version.split()[0]},"
        f" {time.strftime('%Y-%m-%d')}"
    )
