"""The composite action: its steps run as plain shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from conftest import REPOSITORY

from niah.verdict.gate_config import GateConfig, read_gate_config

ACTION = (REPOSITORY / "action.yml").read_text(encoding="utf-8")


def steps() -> dict[str, str]:
    """The shell script of every step, by name."""
    parts = re.split(r"^    - name: ", ACTION, flags=re.M)[1:]
    return {p.split("\n", 1)[0]: textwrap.dedent(p.split("      run: |\n", 1)[1]) for p in parts}


def run_step(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    github = {
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output.txt"),
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", steps()[name]],
        cwd=folder,
        env={**os.environ, "PATH": path, **github, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("reader", "code", "verdict"), [("perfect", 0, "pass"), ("head-tail", 1, "fail")]
)
def test_the_steps_sweep_and_gate(tmp_path: Path, reader: str, code: int, verdict: str) -> None:
    (tmp_path / "gate.toml").write_text("min_found = 0.85\n")
    grid = "--lengths 1k,2k --depths 0,50,100 --epochs 5 --haystack-per trial"
    run = {"NAME": "ci", "RESULTS": "results"}
    swept = run_step(
        "Sweep", tmp_path, CONFIG="ci", FLAGS=f"--provider simulated --model {reader} {grid}", **run
    )
    assert swept.returncode == 0, swept.stderr
    gated = run_step("Gate", tmp_path, GATE="gate.toml", BASELINE="", **run)
    assert gated.returncode == code, gated.stderr
    assert f"verdict={verdict}" in (tmp_path / "output.txt").read_text()
    assert f"### niah: {verdict}" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert (tmp_path / "results" / "ci" / "junit.xml").is_file()
    run_step(
        "Sweep",
        tmp_path,
        CONFIG="ci",
        FLAGS=f"--provider simulated --model {reader} {grid}",
        **run | {"NAME": "new"},
    )
    against = run_step("Gate", tmp_path, GATE="", BASELINE="ci", **run | {"NAME": "new"})
    assert "no change: 0 lost, 0 gained of 30 pairs" in against.stdout


def test_flags_may_stand_on_several_lines_and_a_wrong_one_stays_a_wrong_setting(
    tmp_path: Path,
) -> None:
    run = {"NAME": "ci", "RESULTS": "results", "CONFIG": "ci"}
    grid = "--provider simulated\n--model perfect\n--lengths 1k --depths 0,50\n--epochs 1\n"
    (tmp_path / "ci").mkdir()
    assert run_step("Sweep", tmp_path, FLAGS=grid, **run).returncode == 0
    assert len((tmp_path / "results" / "ci" / "run.jsonl").read_text().splitlines()) == 3
    (tmp_path / "gate.toml").write_text("min_found = 0.01\n")
    assert run_step("Gate", tmp_path, GATE="gate.toml", BASELINE="", **run).returncode in (0, 3)
    assert run_step("Sweep", tmp_path, FLAGS="--model x --provider none", **run).returncode == 2


def test_caches_are_of_one_run_and_saved_after_a_failure() -> None:
    text = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
    assert "github.sha" not in text
    assert "CI_COMMIT_SHA" not in text
    assert "cache/save@v4" in text
    assert "test $? -eq 3" not in text + ACTION


def test_inputs_reach_the_shell_through_the_environment_only() -> None:
    assert set(steps()) == {"Install niah", "Sweep", "Gate"}
    assert not [script for script in steps().values() if "${{" in script]


def test_the_documented_gate_toml_is_read_and_names_every_key(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "verdicts.md").read_text(encoding="utf-8")
    block = text.split("### gate.toml", 1)[1].split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "gate.toml").write_text(block, encoding="utf-8")
    assert read_gate_config(tmp_path / "gate.toml").min_effective_length == 16_000
    assert set(tomllib.loads(block)) == set(GateConfig.model_fields)
