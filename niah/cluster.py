"""Runs on a cluster: a shard is a job of an engine that exists, Ray's tasks or Slurm by submitit.

A job is ``niah run --shard`` in a process of its own, in a folder that all workers see. Both
engines send a job again whose worker died; it goes on where its log ends, so what was answered is
not asked again.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from niah.errors import ConfigError, RunError
from niah.installation import install_hint
from niah.run import Folder
from niah.runs import DEFAULT_RESULTS, check_name, finished_in

ENGINES = ("ray", "slurm")
JOBS_NAME = "jobs.json"
_PR_SET_PDEATHSIG = 1
RETRIES = 100  # times that Ray sends a job again whose process died
_OWN = ("--name", "--results", "--shard", "--progress", "--dry-run")  # flags of niah run
_ENDED = {0: "done", 3: "incomplete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """What was submitted of a run."""

    ids: tuple[str, ...]
    states: tuple[str, ...]
    finished: int  # trials, over all shards

    def words(self) -> list[str]:
        """For people, a line for each job."""
        rows = zip(self.ids, self.states, strict=True)
        return [
            *(f"{job}  {state}" for job, state in rows),
            f"{self.finished:,} trials are finished",
        ]


def submit(
    arguments: Sequence[str],
    run: str,
    *,
    on: str,
    workers: int,
    results: Folder = DEFAULT_RESULTS,
    options: Mapping[str, Any] | None = None,
) -> Jobs:
    """Run all shards of a run on an engine, and wait where that is Ray; the same call resumes.

    ``arguments`` are those of ``niah run`` without name, results and shard; ``options`` are the
    engine's own (Ray's address, submitit's parameters). Raises ConfigError for an engine that is
    not there or not installed.
    """
    check_name(run)
    if on not in ENGINES or workers < 1:
        use = f"use {' or '.join(ENGINES)}, and at least one worker"
        raise ConfigError(f"--on {on!r} with {workers} workers: {use}")
    for flag in _OWN:
        if any(argument.partition("=")[0] == flag for argument in arguments):
            raise ConfigError(
                f"{flag} has no meaning for jobs; use --run, --results, --workers, or niah plan"
            )
    folder = Path(results).resolve() / run
    place = ("--results", str(folder.parent), "--name", run, "--progress", "lines")
    command = [sys.executable, "-m", "niah", "run", *arguments, *place]
    commands = [[*command, "--shard", f"{n}/{workers}"] for n in range(1, workers + 1)]
    return (_on_ray if on == "ray" else _on_slurm)(folder, commands, options or {})


def look_at_jobs(run: str, results: Folder = DEFAULT_RESULTS) -> Jobs:
    """How the jobs of a run stand. Raises RunError where there are none."""
    folder, engine, ids = _kept(run, results)
    if engine == "ray":
        states = ["see ray status"] * len(ids)
    else:
        states = [_state(job) for job in _jobs(folder, engine, ids)]
    return _standing(folder, ids, states)


def cancel_jobs(run: str, results: Folder = DEFAULT_RESULTS) -> Jobs:
    """Stop the jobs of a run; what is answered stays, and the same submission goes on."""
    folder, engine, ids = _kept(run, results)
    if engine == "ray":
        raise ConfigError(
            "jobs of Ray end with the command that waits for them: interrupt it (Ctrl-C)"
        )
    for job in _jobs(folder, engine, ids):
        with suppress(ProcessLookupError):
            job.cancel() if engine == "slurm" else os.kill(int(job.job_id), signal.SIGINT)
    return look_at_jobs(run, results)


class WorkerDied(Exception):
    """The process of a job was killed: the job may be sent again."""


def work(command: Sequence[str]) -> int:
    """One job: a command in a process of its own, done (0) or incomplete (3).

    Raises WorkerDied where it was killed, RunError for an error that would come again.
    """
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    ended = subprocess.run(command, check=False, preexec_fn=_tied(), **quiet)  # noqa: S603
    if ended.returncode < 0:
        raise WorkerDied(f"killed by signal {-ended.returncode}")
    if ended.returncode not in _ENDED:
        raise RunError(f"a job ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return ended.returncode


def _tied() -> Callable[[], object] | None:
    """On Linux a job ends with its worker: an orphan would hold the log that the next one needs."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


def _on_ray(folder: Path, commands: list[list[str]], options: Mapping[str, Any]) -> Jobs:
    ray = _package("ray", "ray")
    own = not ray.is_initialized()
    if own:
        ray.init(**{"log_to_driver": False, **options})
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=[WorkerDied])(work)
        waiting = [task.remote(command) for command in commands]
        _keep(folder, "ray", [ref.hex() for ref in waiting])
        states = [_ENDED[code] for code in ray.get(waiting)]
    finally:
        if own:
            ray.shutdown()
    return _standing(folder, [f"shard {n}" for n in range(1, len(commands) + 1)], states)


def _on_slurm(folder: Path, commands: list[list[str]], options: Mapping[str, Any]) -> Jobs:
    submitit = _package("submitit", "slurm")
    parameters = {"timeout_min": 24 * 60, **options}
    cluster = parameters.pop("cluster", None)
    executor = submitit.AutoExecutor(folder=folder / "jobs", cluster=cluster)
    executor.update_parameters(**parameters)
    with executor.batch():  # one array
        jobs = [executor.submit(work, command) for command in commands]
    ids = [job.job_id for job in jobs]
    _keep(folder, executor.cluster, ids)
    return _standing(folder, ids, ["submitted"] * len(ids))


def _package(name: str, extra: str) -> Any:
    """An engine's package. Raises ConfigError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        needs = f"--on {extra} needs the package {name}"
        raise ConfigError(f"{needs}: {install_hint(extra)}") from error


def _jobs(folder: Path, engine: str, ids: Sequence[str]) -> list[Any]:
    """Jobs of submitit: of Slurm, or processes of this machine (cluster=local)."""
    submitit = _package("submitit", "slurm")
    kind = submitit.SlurmJob if engine == "slurm" else submitit.LocalJob
    return [kind(folder=folder / "jobs", job_id=job) for job in ids]


def _state(job: Any) -> str:
    """By the result that it left, else by Slurm, whose accounting may know nothing."""
    if not job.paths.result_pickle.exists():
        state = str(job.state).lower()
        return "no result yet" if state in ("unknown", "no process and no result") else state
    return _ENDED[job.result()] if job.exception() is None else f"failed, see {job.paths.stderr}"


def _keep(folder: Path, engine: str, ids: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"engine": engine, "ids": list(ids)})
    (folder / JOBS_NAME).write_text(text, encoding="utf-8")


def _kept(run: str, results: Folder) -> tuple[Path, str, tuple[str, ...]]:
    """The folder of a run, the engine of its jobs and their ids."""
    folder = Path(results).resolve() / run
    try:
        table = json.loads((folder / JOBS_NAME).read_text(encoding="utf-8"))
        return folder, str(table["engine"]), tuple(map(str, table["ids"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder}: no jobs here; submit them with niah submit") from error


def _standing(folder: Path, ids: Sequence[str], states: Sequence[str]) -> Jobs:
    """The jobs of a run, and how much of it is answered."""
    finished = set().union(*map(finished_in, [folder, *folder.glob("shards/*")]))
    return Jobs(ids=tuple(ids), states=tuple(states), finished=len(finished))
