"""niah submit: what a job is, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Niah

from niah import cluster
from niah.errors import ConfigError

FLAGS = ("--provider", "simulated", "--model", "window:600", "--lengths", "512,1k", "--depths", "0:100:10")


def test_what_cannot_be_submitted_is_one_line(niah: Niah) -> None:
    for wrong, said in ((("--on", "cron"), "use ray or slurm"), (("--on", "ray", "--set", "x"), "write KEY=VALUE")):
        ended = niah("submit", *FLAGS, *wrong, "--run", "r")
        assert (ended.exit_code, ended.err.count("\n"), said in ended.err) == (2, 1, True), ended.err
    assert "no jobs here" in niah("submit", "--on", "ray", "--run", "nothing", "--status").err


def test_a_job_tells_a_kill_from_an_error_that_would_come_again(tmp_path: Path) -> None:
    assert cluster.work(["true"]) == 0
    with pytest.raises(cluster.WorkerDied):
        cluster.work(["bash", "-c", "kill -9 $$"])
    with pytest.raises(Exception, match="ended with 2: wrong"):
        cluster.work(["bash", "-c", "echo wrong >&2; exit 2"])
    with pytest.raises(ConfigError):
        cluster.engine_options(["=1"])
