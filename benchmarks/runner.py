"""What the runner itself costs: sweeps against a loopback server that answers after a fixed
latency.

python benchmarks/runner.py [--quick] [--against CHECKOUT]

The ideal time of a sweep is cells x latency / concurrency; of whole rounds, the same with the last
round counted full and the one lonely trial that warms a cache. The server is a process of its own;
it shares the machine: on a busy one only the CPU column tells anything. ``--against`` measures the
code of another checkout beside this one.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from measure import machine

from niah.runner.progress import Observer

LATENCIES_S = {0.2: (1, 16, 64, 128, 256), 1.0: (16, 64, 128, 256)}  # with what is in flight
CELLS = {225: (15, 15), 640: (32, 20), 1_225: (35, 35)}
HERE = Path(__file__).resolve().parents[1]


async def _answer(
    latency_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection: whole requests in, a fixed latency, one streamed answer each."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
            await asyncio.sleep(latency_s)
            writer.write(_stream(size))
            await writer.drain()


def _stream(size: int) -> bytes:
    events: list[dict[str, Any]] = [
        {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": {"content": "7421830"}}]},
        {
            "id": "c-1",
            "model": "m",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        },
        {
            "id": "c-1",
            "model": "m",
            "choices": [],
            "usage": {"prompt_tokens": size // 4, "completion_tokens": 5},
        },
    ]
    body = (
        b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events) + b"data: [DONE]\n\n"
    )
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id:"
        b" r-1\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(body) + body


def _serve(pipe: Connection, latency_s: float) -> None:
    async def main() -> None:
        server = await asyncio.start_server(
            partial(_answer, latency_s), "127.0.0.1", 0, limit=4_000_000, backlog=512
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _sweep(port: int, cells: int, concurrency: int, length: str, folder: str) -> None:
    """Run one sweep in this process; prints its figures."""
    from niah.experiment.checks import completed
    from niah.experiment.config import read_config
    from niah.experiment.experiment import experiment_of
    from niah.runlog.log import open_log
    from niah.runner.session import open_session
    from niah.runner.sweep import Sweep

    across, down = CELLS[cells]
    longest = int(length)
    config = read_config(
        None,
        {
            "provider": "openai",
            "model": "m",
            "base_url": f"http://127.0.0.1:{port}/v1",
            "lengths": [longest - 2 * k for k in range(across)],  # all of about one length
            "depths": [100 * k / (down - 1) for k in range(down)],
            "order": "length",
            "concurrency": concurrency,
        },
    )
    experiment = experiment_of(completed(config))
    experiment.prompt(
        experiment.trials[0]
    )  # the haystack is read and counted before the clock starts
    lag = _Lag()
    with (
        open_log(Path(folder), experiment.header()) as log,
        open_session(experiment, lambda text: None) as session,
    ):
        sweep = Sweep(experiment, session, log, lag)
        cpu, started = time.process_time(), time.perf_counter()
        asyncio.run(sweep.run())
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        scored = sum(r.score is not None for r in log.results.values())
    size = (Path(folder) / "run.jsonl").stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    after_preflight = time.perf_counter() - lag.started
    figures = {
        "scored": scored, "wall_s": wall, "sweep_s": after_preflight, "cpu_s": cpu, "peak_mb": peak,
        "total_s": median(r.total_s or 0.0 for r in log.results.values()),
        "log_bytes": size, "lag_ms": 1000 * lag.longest_s,
    }  # fmt: skip
    print(json.dumps(figures))


class _Lag(Observer):
    """How long the event loop was kept from a timer, at most."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.started = time.perf_counter()

    def found(self, found: object) -> None:
        self.started = time.perf_counter()
        self.longest_s = 0.0

    @asynccontextmanager
    async def beside(self, sweep: object) -> AsyncIterator[None]:
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.longest_s = max(self.longest_s, time.perf_counter() - before - 0.005)


def _measured(
    code: Path, port: int, cells: int, concurrency: int, length: int, folder: Path
) -> dict[str, float]:
    arguments = [str(port), str(cells), str(concurrency), str(length), str(folder)]
    done = subprocess.run(
        [sys.executable, __file__, "--one", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(code)},
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _row(
    code: Path,
    port: int,
    latency_s: float,
    cells: int,
    concurrency: int,
    folder: Path,
    length: int = 32_000,
) -> None:
    found = _measured(code, port, cells, concurrency, length, folder)
    ideal_s = cells * latency_s / concurrency
    rounds_s = latency_s * (1 + -(-(cells - 1) // concurrency))
    print(
        f"| {code.name} | {latency_s:g} | {cells:,} | {length:,} | {concurrency} |"
        f" {found['sweep_s']:.2f} | {100 * ideal_s / found['sweep_s']:.0f} % |"
        f" {100 * rounds_s / found['sweep_s']:.0f} % | {1000 * found['cpu_s'] / cells:.1f} |"
        f" {found['total_s']:.3f} | {found['peak_mb']:.0f} | {found['lag_ms']:.0f} |"
        f" {found['log_bytes'] / cells:,.0f} |",
        flush=True,
    )


def _resume(folder: Path) -> None:
    """A run of 1,225 finished cells, asked for again by command line: all of it, without the
    picture's drawing."""
    best = {}
    for name, code in {
        "read the log": (
            "from niah.runlog.log import read_log; from pathlib import Path; import sys; "
            "read_log(Path(sys.argv[1]))"
        ),
    }.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
            times.append(time.perf_counter() - started)
        best[name] = min(times)
    print(f"\nreading 1,225 finished cells, process start included: {best['read the log']:.2f} s")


@contextmanager
def _server(latency_s: float) -> Iterator[int]:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there, latency_s), daemon=True
    )
    server.start()
    try:
        yield here.recv()
    finally:
        server.terminate()


def main() -> None:
    quick = "--quick" in sys.argv
    codes = [HERE]
    if "--against" in sys.argv:
        codes.insert(0, Path(sys.argv[sys.argv.index("--against") + 1]).resolve())
    load = os.getloadavg()[0]
    print(f"on {machine()}, load {load:.1f} at the start\n")
    print(
        "| code | latency s | cells | tokens | in flight | took s | of ideal | of whole rounds | ",
        end="",
    )
    print(
        "CPU ms a trial | median total_s | peak MB | loop held ms | log B |\n" + "|---" * 13 + "|"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for latency_s, together in LATENCIES_S.items():
            with _server(latency_s) as port:
                for concurrency in (64,) if quick else together:
                    cells = 225 if quick or concurrency == 1 else 640
                    for code in codes:
                        row = folder / f"{code.name}-{latency_s}-{concurrency}"
                        _row(code, port, latency_s, cells, concurrency, row)
        latency_s = min(LATENCIES_S)
        with _server(latency_s) as port:
            _row(HERE, port, latency_s, 225, 64, folder / "long", length=128_000)
            if not quick:
                _row(HERE, port, latency_s, 1_225, 64, folder / "large")
                _resume(folder / "large")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _sweep(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
    else:
        main()
