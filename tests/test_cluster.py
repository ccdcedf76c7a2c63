"""niah submit: what a job is, how it stands, and what becomes of it when its worker is killed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import REPOSITORY, Niah

from niah import cluster

FLAGS = (
    "--provider",
    "simulated",
    "--model",
    "window:600",
    "--lengths",
    "512,1k",
    "--depths",
    "0:100:10",
)
LOCAL = ("--on", "slurm", "--set", "cluster=local")


def missing(engine: str) -> str | None:
    """Why an engine cannot run here."""
    package = "ray" if engine == "ray" else "submitit"
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed (extras ray and slurm)"
    if engine == "slurm" and (
        os.geteuid() or not all(map(shutil.which, ("munged", "slurmctld", "slurmd")))
    ):
        return "daemons of Slurm are not installed, or this is not root"
    return None


def test_what_cannot_be_submitted_is_one_line(niah: Niah) -> None:
    for wrong, said in (
        (("--on", "cron"), "use ray or slurm"),
        (("--on", "ray", "--set", "x"), "write KEY=VALUE"),
        (
            ("--on", "ray", "--dry-run"),
            "--dry-run has no meaning for jobs; use --run, --results, --workers, or",
        ),
        (("--on", "ray", "--name=mine"), "--name has no meaning for jobs"),
        (("--on", "ray", "--shard", "1/2"), "--shard has no meaning for jobs"),
    ):
        ended = niah("submit", *FLAGS, *wrong, "--run", "r")
        assert (ended.exit_code, ended.err.count("\n"), said in ended.err) == (
            2,
            1,
            True,
        ), ended.err
    Path("results/torn").mkdir(parents=True)
    Path("results/torn/jobs.json").write_text("[]")
    for run in ("nothing", "torn"):
        assert "no jobs here" in niah("submit", "--on", "ray", "--run", run, "--status").err


def test_a_job_tells_a_kill_from_an_error_that_would_come_again() -> None:
    assert cluster.work(["true"]) == 0
    with pytest.raises(cluster.WorkerDied):
        cluster.work(["bash", "-c", "kill -9 $$"])
    with pytest.raises(Exception, match="ended with 2: wrong"):
        cluster.work(["bash", "-c", "echo wrong >&2; exit 2"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_job_ends_with_its_worker_and_leaves_no_orphan_that_holds_the_log(tmp_path: Path) -> None:
    told = f"echo $$ > {tmp_path}/job.part; mv {tmp_path}/job.part {tmp_path}/job; exec sleep 60"
    script = f"from niah.cluster import work; work(['bash', '-c', {told!r}])"
    worker = subprocess.Popen([sys.executable, "-c", script])
    while not (tmp_path / "job").exists():
        time.sleep(0.01)
    job = Path("/proc") / (tmp_path / "job").read_text().strip()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    for _ in range(1000):
        if not job.exists() or b"\nState:\tZ" in (job / "status").read_bytes():
            return
        time.sleep(0.01)
    raise AssertionError("the job outlived its worker")


def test_an_option_of_the_engine_goes_before_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    executor = SimpleNamespace(
        cluster="slurm",
        update_parameters=told.update,
        batch=nullcontext,
        submit=lambda work, command: SimpleNamespace(job_id="7"),
    )
    engine = SimpleNamespace(AutoExecutor=lambda folder, cluster: executor)
    monkeypatch.setitem(sys.modules, "submitit", engine)
    options = {"timeout_min": 60, "slurm_partition": "gpu"}
    jobs = cluster.submit((), "r", on="slurm", workers=1, results=tmp_path, options=options)
    assert (told, jobs.words()[0]) == (options, "7  submitted")


@pytest.mark.slow
@pytest.mark.skipif(missing("submitit") is not None, reason=str(missing("submitit")))
def test_the_status_of_jobs_is_what_they_left(niah: Niah) -> None:
    def standing(run: str) -> tuple[int, list[str]]:
        ended = niah("submit", "--on", "slurm", "--run", run, "--status")
        return ended.exit_code, [line.split("  ", 1)[-1].strip() for line in ended.out.splitlines()]

    submit = (
        sys.executable,
        "-m",
        "niah",
        "submit",
        *FLAGS,
        *LOCAL,
    )  # jobs outlive the command that begins them
    subprocess.run([*submit, "--run", "r", "--workers", "2"], check=False)
    subprocess.run([*submit, "--depths", "101", "--run", "wrong", "--workers", "1"], check=False)
    while standing("r")[0] == 3 or "no result yet" in standing("wrong")[1]:
        time.sleep(0.2)
    assert standing("r") == (0, ["done", "done", "22 trials are finished"])
    code, words = standing("wrong")
    assert (code, words[0].startswith("failed, see ")) == (3, True)
    assert niah("merge", "r").exit_code == 0


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["submitit", "slurm", "ray"])
def test_killed_workers_lose_nothing_and_ask_nothing_again_that_was_answered(engine: str) -> None:
    why = missing(engine)
    if why is not None:
        pytest.skip(why)
    command = [sys.executable, str(REPOSITORY / "benchmarks/workers.py"), "kills", engine, "2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
    assert "2 kills" in ended.stdout
    assert " 0 results lost, 0 answered trials asked again" in ended.stdout
