"""niah init: every template can be used as it is, names every key, and overwrites nothing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from conftest import Niah

from niah.experiment.checks import check_used
from niah.experiment.config import RunConfig, read_config
from niah.experiment.suites import read_suite
from niah.templates import TEMPLATES
from niah.verdict.gate_config import GateConfig, read_gate_config

_KEY = re.compile(r"^# (\w+) = ", re.MULTILINE)
_NEEDS = {"effective_rule": "min_effective_length = '16k'", "price": "max_cost = 5"}  # of gates


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_is_written_once_and_never_over_a_file(niah: Niah, kind: str) -> None:
    ended = niah("init", kind)
    assert (ended.exit_code, ended.out) == (0, f"{kind}.toml\n")
    Path(f"{kind}.toml").write_text("mine")
    again = niah("init", kind)
    assert (again.exit_code, again.err.count("\n"), Path(f"{kind}.toml").read_text()) == (
        2,
        1,
        "mine",
    )
    assert "is there already and is left as it is" in again.err
    assert niah("init", kind, "--out", "other.toml").exit_code == 0
    assert "cannot be written" in niah("init", kind, "--out", "no/such/folder.toml").err


def test_a_run_is_the_default(niah: Niah) -> None:
    assert niah("init").out == "run.toml\n"
    ended = niah("plan", "run.toml")
    assert ended.exit_code == 0, ended.err
    assert "model       MODEL (openai)" in ended.out


@pytest.mark.slow
def test_a_gate_judges_as_it_is(niah: Niah) -> None:
    niah("init", "gate")
    grid = ("--lengths", "500", "--depths", "0:100:2", "--haystack-per", "trial", "--name", "r")
    niah("run", "--provider", "simulated", "--model", "perfect", *grid)
    ended = niah("gate", "r", "--config", "gate.toml")
    assert (ended.exit_code, ended.out.split("\n")[0].startswith("PASS")) == (0, True), ended.out
    assert "'niah init gate' writes one" in niah("gate", "r", "--config", "none.toml").err


@pytest.mark.slow
def test_a_suite_and_questions_run_as_they_are(niah: Niah) -> None:
    niah("init", "suite")
    niah("init", "questions")
    reader = ("--provider", "simulated", "--model", "perfect", "--lengths", "2k")
    ended = niah("run", "--suite", "suite.toml", *reader, "--depths", "50", "--name", "s")
    assert ended.exit_code == 0, ended.err
    assert set(read_suite("suite.toml", {"model": "m"}).configs) == {
        "single",
        "multikey",
        "multikey-many",
    }
    asked = ("--task", "natural", "--questions", "questions.toml", "--depths", "50", "--name", "q")
    ended = niah("run", *reader, *asked)
    assert ended.exit_code == 0, ended.err
    assert "100 % found" in ended.err


@pytest.mark.parametrize(("kind", "model"), [("run", RunConfig), ("gate", GateConfig)])
def test_a_template_names_every_key(kind: str, model: type[RunConfig] | type[GateConfig]) -> None:
    text = TEMPLATES[kind]("x.toml")
    assert sorted([*_KEY.findall(text), *tomllib.loads(text)]) == sorted(model.model_fields)


@pytest.mark.parametrize("key", RunConfig.model_fields)
def test_every_key_of_a_run_can_be_uncommented(tmp_path: Path, key: str) -> None:
    text = TEMPLATES["run"]("run.toml")
    lines = [
        line.removeprefix("# ") if line.startswith(f"# {key} = ") else line
        for line in text.splitlines()
    ]
    path = tmp_path / "run.toml"
    path.write_text("\n".join(lines))
    config = read_config(path, {})
    assert key in config.model_fields_set
    field = RunConfig.model_fields[key]
    shown = next(line for line in text.splitlines() if re.match(rf"(# )?{key} = ", line))
    if shown.startswith("#") and "# an example" not in shown:
        assert (
            getattr(config, key) == field.default
        )  # what is commented out is what holds without it


@pytest.mark.parametrize("key", GateConfig.model_fields)
def test_every_gate_can_be_uncommented(tmp_path: Path, key: str) -> None:
    text = TEMPLATES["gate"]("gate.toml")
    lines = [
        line.removeprefix("# ") if line.startswith(f"# {key} = ") else line
        for line in text.splitlines()
    ]
    path = tmp_path / "gate.toml"
    path.write_text("\n".join([_NEEDS.get(key, ""), *lines]))
    assert key in read_gate_config(path).model_fields_set


def test_the_run_that_a_template_makes_is_one_that_is_used() -> None:
    """No key that is set has no meaning beside the others."""
    config = RunConfig(**tomllib.loads(TEMPLATES["run"]("run.toml")))
    check_used(config)
