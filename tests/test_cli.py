"""Commands that look at finished runs, and help that is fast because it imports nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Niah
from runs import header, run

from niah.cli import COMMANDS
from niah.tasks import task_names, task_of

RUN = (
    "run",
    "--provider",
    "simulated",
    "--model",
    "perfect",
    "--lengths",
    "500,1k",
    "--depths",
    "0,50",
    "--name",
    "r",
)


def test_a_bug_is_no_verdict(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("niah.cli.look.open_run", broken)
    ended = niah("report", "r")
    assert (ended.exit_code, "ZeroDivisionError: a bug" in ended.err) == (70, True)


def test_a_folder_that_only_has_the_name_of_a_run_does_not_shadow_it(niah: Niah) -> None:
    run(Path("results/ci"), header(epochs=1))
    Path("ci").mkdir()
    assert niah("report", "ci").exit_code == 0


def test_help_names_every_command_and_imports_none(niah: Niah) -> None:
    ended = niah("--help")
    assert ended.exit_code == 0
    for name, line in COMMANDS.items():
        assert name in ended.out
        assert niah(name, "--help").exit_code == 0
        assert line.split(".")[0].split(",")[0][:30] in ended.out
    heavy = (
        "import sys; from niah.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    )
    heavy += (
        "print(sorted({'numpy', 'matplotlib', 'tiktoken', 'httpx', 'pydantic'} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", heavy], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_plan_does_not_import_pictures_or_a_network() -> None:
    arguments = ["plan", "quick", "--provider", "simulated", "--model", "perfect"]
    code = (
        f"import sys; from niah.cli import main\ntry: main({arguments})\nexcept SystemExit: pass\n"
    )
    code += "print('matplotlib' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "False"
    assert "cells       4 lengths x 5 depths = 20" in printed


@pytest.mark.parametrize("config", ["demo", "quick", "openai-128k", "million"])
def test_every_shipped_config_plans(niah: Niah, config: str) -> None:
    ended = niah("plan", config, "--provider", "simulated", "--model", "perfect")
    assert ended.exit_code == 0, ended.err
    assert "trials" in ended.out


def test_show_builds_the_prompt_again_and_checks_it(niah: Niah) -> None:
    niah(*RUN)
    listed = niah("show", "r").out.splitlines()
    assert len(listed) == 4
    trial = listed[-1].split()[0]
    page = niah("show", "r", trial[:6]).out
    for part in (
        "digest checked",
        ">>> The magic number for",
        "question  What is the magic number",
        "score     1 (right",
    ):
        assert part in page
    whole = niah("show", "r", trial, "--prompt").out
    assert whole.rstrip().endswith("Answer:")
    assert niah("show", "r", "zzz").exit_code == 2
    assert len(niah("show", "r", "1k", "0,50").out.splitlines()) == 2
    assert "there are" in niah("show", "r", "1k", "0:100:5").err


def test_score_reads_stored_answers_again(niah: Niah) -> None:
    niah(*RUN)
    log = Path("results/r/run.jsonl")
    lines = log.read_text(encoding="utf-8").split("\n")
    spoiled = json.loads(lines[1])
    spoiled |= {"score": 0.0, "answer_class": "wrong", "explanation": "by an older rule"}
    log.write_text("\n".join([lines[0], json.dumps(spoiled), *lines[2:]]), encoding="utf-8")
    assert "1 of 4 scores changed; 100 % found (n = 4" in niah("score", "r").out
    assert "0 of 4 scores changed" in niah("score", "r").out
    assert json.loads(Path("results/r/grid.json").read_text())["recall"]["mean"] == 1.0


@pytest.mark.slow
def test_plot_draws_runs_side_by_side(niah: Niah) -> None:
    niah(*RUN)
    niah(*RUN[:3], "--model", "blind", "--lengths", "500,1k", "--depths", "0,50", "--name", "b")
    assert niah("plot", "r", "b", "--out", "two.svg", "--palette", "cividis").out == "two.svg\n"
    drawn = Path("two.svg").read_text()
    assert "simulated reader blind" in drawn
    assert "simulated reader perfect" in drawn
    assert niah("plot", "r", "--out", "x.bmp").exit_code == 2


def test_tasks_and_providers_are_listed(niah: Niah) -> None:
    lines = [line for line in niah("tasks").out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == task_names()
    assert all(task_of(line.split()[0]).SUMMARY in line for line in lines)
    assert "Gemma Terms of Use" in niah("providers").out


@pytest.mark.slow
def test_a_config_file_with_flags_on_top(niah: Niah) -> None:
    Path("mine.toml").write_text(
        'provider = "simulated"\nmodel = "blind"\nlengths = ["500"]\ndepths = [0,'
        " 100]\n[extra]\ntemperature = 0\n"
    )
    assert "0 % found (n = 2" in niah("run", "mine.toml").err
    assert (
        "100 % found (n = 1" in niah("run", "mine.toml", "--model", "perfect", "--depths", "50").err
    )
