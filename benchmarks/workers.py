"""Workers of a sharded run killed at random, and their shared limits, against a server that counts
what it is asked.

python benchmarks/workers.py kills shards|submitit|slurm|ray [KILLS] [SEED]
python benchmarks/workers.py limits [WORKERS]

``kills`` sends SIGKILL to a process that sends trials, or to the worker of Ray or submitit above
it, after a random time, until there were so many; a run that is whole is followed by another. A
result is lost if it was on disk after a kill and is not in the end; an answered trial is asked
again if the server is asked for it once more after it was on disk. ``slurm`` starts daemons of its
own, as root, from Debian's slurm-wlm and munge.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from protocols import Counts
from server import Handler, serving

WORKERS = 3
IN_FLIGHT = 2  # of each worker
LATENCY_S = 0.1
TRIALS = 2 * 41 * 6
GRID = (
    "--lengths",
    "512,1k",
    "--depths",
    "0:100:2.5",
    "--epochs",
    "6",
    "--concurrency",
    str(IN_FLIGHT),
)
SQUEUE = ("squeue", "-h")
SINFO = ("sinfo", "-h", "-o", "%T")
PATIENCE_S = (
    15.0  # without a process before the same command is given again: engines take a while to begin
)
NIAH = (sys.executable, "-m", "niah")
SUBMIT: dict[str, tuple[str, ...]] = {
    "submitit": ("--on", "slurm", "--set", "cluster=local"),
    "slurm": ("--on", "slurm", "--set", "slurm_mem=500MB"),
}


@dataclass
class Asked:
    """What the server was asked, by the digest of the prompt, in order."""

    digests: list[str] = field(default_factory=list)
    tokens: int = 0
    at: list[float] = field(default_factory=list)

    def act(self, handler: Handler, body: dict[str, Any]) -> None:
        prompt = handler.protocol.prompt(body)
        self.digests.append(hashlib.sha256(prompt.encode()).hexdigest())
        self.at.append(time.monotonic())
        counts = Counts(input=len(prompt) // 4, cached=0)
        self.tokens += counts.input + 10
        time.sleep(LATENCY_S)
        handler.send_stream(handler.protocol.events("It is 7421830.", "stop", counts, "m"))


def results_in(folder: Path) -> dict[str, str]:
    """Prompt digests of what is on disk, by trial; a line twice would be a trial answered twice."""
    found: dict[str, str] = {}
    for path in folder.glob("shards/*/run.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            table = json.loads(line)
            if table["kind"] == "result":
                assert table["trial"]["id"] not in found, "a trial with two answers"
                found[table["trial"]["id"]] = table["prompt_digest"]
    return found


def processes(run: str) -> list[tuple[int, int]]:
    """Those that send trials of a run, each with its parent."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[1:4] == [b"-m", b"niah", b"run"] and run.encode() in words:
                found.append(
                    (
                        int(entry.name),
                        int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]),
                    )
                )
    return sorted(found)


def is_worker(pid: int) -> bool:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"ray::" in command or b"submitit.core._submit" in command
    return False


def written(run: str) -> int:
    return sum(path.stat().st_size for path in Path("results").glob(f"{run}/shards/*/run.jsonl"))


@dataclass
class Tally:
    kills: int = 0
    runs: int = 0
    trials: int = 0
    lost: int = 0
    again: int = 0
    repeated: int = 0  # of what was in flight
    workers_killed: int = 0

    def words(self) -> str:
        return (
            f"{self.kills} kills, {self.workers_killed} of them of the worker above; {self.runs}"
            f" runs, {self.trials} trials: {self.lost} results lost, {self.again} answered trials"
            f" asked again, {self.repeated} requests repeated that were in flight (at most"
            f" {self.kills * IN_FLIGHT})"
        )


def killed_run(
    engine: str, run: str, kills: int, draw: random.Random, tally: Tally, options: tuple[str, ...]
) -> None:
    """One run until it is whole, with kills on the way."""
    asked, folder = Asked(), Path("results") / run
    with serving(otherwise=asked.act) as server:
        grid = (
            *GRID,
            "--provider",
            "openai",
            "--model",
            "m",
            "--base-url",
            server.base_url,
            "--seed",
            str(tally.runs),
        )
        seen: list[tuple[int, set[str]]] = []
        begin = started(engine, run, grid, options)
        jobs, busy_at = begin(), time.monotonic()
        while True:
            if tally.kills < kills and _kill_one(engine, run, draw, tally):
                answered = results_in(folder)
                seen.append((len(asked.digests), set(answered.values())))
            if processes(run) or any(job.poll() is None for job in jobs):
                busy_at = time.monotonic()
            elif len(results_in(folder)) == TRIALS:
                break
            elif engine == "shards" or time.monotonic() > busy_at + PATIENCE_S:
                jobs, busy_at = begin(), time.monotonic()
            time.sleep(0.3)
        for job in jobs:
            job.wait()
        end = set(results_in(folder).values())
        assert end <= set(asked.digests)
        tally.lost += len(set().union(*(there for _, there in seen)) - end)
        tally.again += len(
            {d for place, there in seen for d in asked.digests[place:] if d in there}
        )
        counted = Counter(d for d in asked.digests if d in end)
        tally.repeated += sum(counted.values()) - len(end)
        tally.trials += len(end)
        tally.runs += 1


def _kill_one(engine: str, run: str, draw: random.Random, tally: Tally) -> bool:
    """Whether somebody was killed: mostly a little after a new result, sometimes at any time,
    before the first too."""
    before, early = written(run), draw.random() < 0.2
    while not early and written(run) == before and processes(run):
        time.sleep(0.1)
    time.sleep(draw.uniform(0, 2))
    there = processes(run)
    if not there:
        return False
    sender, worker = draw.choice(there)
    above = is_worker(worker) and draw.random() < 0.5
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker if above else sender, signal.SIGKILL)
        tally.kills += 1
        tally.workers_killed += above
        print(f"{time.strftime('%X')} {tally.kills} killed", file=sys.stderr, flush=True)
        while (
            Path(f"/proc/{sender}/cmdline").exists()
            and Path(f"/proc/{sender}/cmdline").read_bytes()
        ):
            time.sleep(0.01)  # until it is dead
        return True
    return False


def started(
    engine: str, run: str, grid: tuple[str, ...], options: tuple[str, ...]
) -> Callable[[], list[Any]]:
    """Begins the workers of a run; the same commands go on with it."""
    log = Path(f"{run}.log").open("ab")  # noqa: SIM115  # of all commands, for whoever looks into a fault
    quiet = {"stdout": log, "stderr": log}
    if engine == "shards":
        shards = [f"{n}/{WORKERS}" for n in range(1, WORKERS + 1)]
        commands = [
            [*NIAH, "run", *grid, "--name", run, "--progress", "lines", "--shard", shard]
            for shard in shards
        ]
    else:
        commands = [[*NIAH, "submit", *grid, "--run", run, "--workers", str(WORKERS), *options]]
    return lambda: [subprocess.Popen(command, **quiet) for command in commands]  # type: ignore[call-overload]


SLURM = """ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
ReturnToService=2
MessageTimeout=60
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={workers} RealMemory=4000 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextlib.contextmanager
def one_node_of_slurm() -> Iterator[None]:
    """Daemons of Slurm for this process and its children, of one node; root and Debian's slurm-wlm
    are needed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        folder, host = Path(name), os.uname().nodename.split(".")[0]
        (folder / "state").mkdir()
        conf, key = folder / "slurm.conf", folder / "munge.key"
        conf.write_text(SLURM.format(host=host, folder=folder, workers=WORKERS))
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        os.environ["SLURM_CONF"] = str(conf)
        files = [
            f"--{what}={folder}/munge.{what}"
            for what in ("socket", "log-file", "pid-file", "seed-file")
        ]
        daemons = (
            ["munged", "--foreground", "--force", f"--key-file={key}", *files],
            ["slurmctld", "-D"],
            ["slurmd", "-D"],
        )
        for daemon in daemons:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = stack.enter_context(subprocess.Popen(daemon, **quiet))  # type: ignore[call-overload]
            stack.callback(process.terminate)
            time.sleep(1)
        for _ in range(60):
            if b"idle" in subprocess.run(SINFO, capture_output=True, check=False).stdout:
                break
            time.sleep(1)
        yield
        for _ in range(60):  # jobs that are about to end
            if not subprocess.run(SQUEUE, capture_output=True, check=False).stdout:
                break
            time.sleep(1)


@contextlib.contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a cluster of Ray with two small nodes on this machine."""
    os.environ |= {
        "RAY_raylet_start_wait_time_s": "300",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
    }
    small = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = importlib.import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args=small
    )
    try:
        cluster.add_node(**small)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


def kills(engine: str, count: int = 20, seed: int = 0) -> None:
    draw, tally = random.Random(seed), Tally()  # noqa: S311
    with contextlib.ExitStack() as stack:
        options = SUBMIT.get(engine, ())
        if engine == "slurm":
            stack.enter_context(one_node_of_slurm())
        if engine == "ray":
            options = ("--on", "ray", "--set", f"address={stack.enter_context(two_nodes())}")
        os.chdir(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        while tally.kills < count:
            killed_run(engine, f"killed-{os.getpid()}-{tally.runs}", count, draw, tally, options)
            print(f"{engine}: {tally.words()}", flush=True)
        os.chdir("/")
    sys.exit(1 if tally.lost or tally.again else 0)


def limits(workers: int = 4) -> None:
    """Workers that begin at once under a budget of 60 requests, then under 240 requests a
    minute."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, flag, value in (
            ("budget", "--max-tokens", "20000"),
            ("rate", "--requests-per-minute", "240"),
        ):
            asked = Asked()
            with serving(otherwise=asked.act) as server:
                grid = (
                    "--lengths",
                    "512",
                    "--depths",
                    "0:100:5",
                    "--epochs",
                    "8",
                    "--concurrency",
                    "4",
                )
                told = (
                    "--provider",
                    "openai",
                    "--model",
                    "m",
                    "--base-url",
                    server.base_url,
                    flag,
                    value,
                )
                shards = [f"{n}/{workers}" for n in range(1, workers + 1)]
                commands = [
                    [
                        *NIAH,
                        "run",
                        *grid,
                        *told,
                        "--name",
                        name,
                        "--progress",
                        "lines",
                        "--shard",
                        s,
                    ]
                    for s in shards
                ]
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                jobs = [subprocess.Popen(c, **quiet) for c in commands]  # type: ignore[call-overload]
                for job in jobs:
                    job.wait()
            each = asked.tokens / len(asked.digests)
            print(
                f"{workers} workers, {flag} {value}: {len(asked.digests)} requests,"
                f" {asked.tokens:,} tokens",
                end="; ",
            )
            if name == "budget":
                print(f"beyond the budget {max(0, asked.tokens - int(value)) / each:.1f} requests")
            else:
                print(
                    f"beyond the rate {_beyond(asked.at, int(value)):.1f} requests in the worst"
                    " stretch of time"
                )
        os.chdir("/")


def _beyond(at: list[float], per_minute: int) -> float:
    """Requests of any stretch of time beyond what a bucket of six seconds holds, and what flows."""
    held = per_minute / 10
    return max(
        j - i + 1 - (at[j] - at[i]) * per_minute / 60 - held
        for i in range(len(at))
        for j in range(i, len(at))
    )


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "kills":
        kills(rest[0], *map(int, rest[1:]))
    else:
        limits(*map(int, rest))
