"""What had another name is found under both where it is read, and told where it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st

from niah.experiment.config import RunConfig
from niah.text.renamed import RENAMED, first_names, new_names

SIMULATED = ("--provider", "simulated", "--model", "perfect")
GRID = ("--haystack", "synthetic:en", "--lengths", "1k", "--depths", "0,100")
OLD = {
    "value_kind": "values",
    "placement": "needles",
    "distractor_count": "distractors",
    "cache_marks": "cache",
}


@given(st.sampled_from(["number", "uuid"]), st.integers(0, 9), st.booleans(), st.booleans())
def test_old_names_and_new_ones_are_the_same_config(
    kind: str, count: int, aligned: bool, marks: bool
) -> None:
    config = RunConfig(
        value_kind=kind, distractor_count=count, aligned=aligned, cache_marks=marks
    ).identity()
    assert new_names(first_names(config)) == config
    assert not {*first_names(config)} & {*RENAMED.values()}


def aged(folder: Path) -> None:
    """Turn a run log into what niah 0.1 wrote."""
    log = folder / "run.jsonl"
    head, *rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    head["config"] = first_names(head["config"])
    head["design"]["recipe"] = first_names(head["design"]["recipe"])
    head["design"]["task"] = head["design"]["task"].replace("1 distractor", "1 distractors")
    for row in rows:
        row["answer_class"] = {"not-there": "absent"}.get(row["answer_class"], row["answer_class"])
    log.write_text("".join(json.dumps(table) + "\n" for table in (head, *rows)), encoding="utf-8")


def test_a_run_of_an_older_niah_is_read_resumed_shown_and_compared(niah: Niah) -> None:
    run = ("run", "--provider", "simulated", "--task", "multikey", "--distractor-count", "1", *GRID)
    niah(*run, "--model", "blind")
    folder = next(Path("results").iterdir())
    niah(*run, "--model", "perfect", "--name", "new")
    niah("baseline", "save", folder.name, "--out", "new.json")
    aged(folder)
    niah("baseline", "save", folder.name, "--out", "old.json")
    digests = [
        json.loads(Path(name).read_text(encoding="utf-8"))["recipe_digest"]
        for name in ("new.json", "old.json")
    ]
    assert digests[0] == digests[1]
    again = niah(*run, "--model", "blind")
    assert "Nothing to do" in again.err
    assert len(list(Path("results").iterdir())) == 2  # the folder of that name, not a third one
    told = niah("list").out
    assert (told.count("multikey, 1 distractor"), "distractors" in told) == (2, False)
    assert "not-there" in niah("show", folder.name).out
    assert "digest checked" in niah("show", folder.name, "1k", "0").out
    assert "2 gained" in niah("show", "--diff", folder.name, "new").err
    assert niah("gate", "new", "--baseline", "old.json").exit_code in (0, 3)


def test_a_baseline_with_old_names_holds(niah: Niah) -> None:
    niah("run", *SIMULATED, *GRID, "--name", "r")
    niah("baseline", "save", "r", "--out", "b.json")
    table = json.loads(Path("b.json").read_text(encoding="utf-8"))
    header = table["header"]
    header["config"] = first_names(header["config"])
    header["design"]["recipe"] = first_names(header["design"]["recipe"])
    Path("b.json").write_text(json.dumps(table), encoding="utf-8")
    niah("run", "--provider", "simulated", "--model", "blind", *GRID, "--name", "s")
    assert niah("gate", "s", "--baseline", "b.json").exit_code in (1, 3)


@pytest.mark.parametrize(("new", "old"), OLD.items())
def test_who_types_an_old_name_is_told_the_new_one_in_one_line(
    niah: Niah, new: str, old: str
) -> None:
    ended = niah("run", *SIMULATED, f"--{old}", "x")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert f"--{old} is called --{new.replace('_', '-')} now" in ended.err
    Path("c.toml").write_text(f"{old} = 1\n", encoding="utf-8")
    ended = niah("run", "c.toml", *SIMULATED)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert f"config key in c.toml {old!r} is called {new!r} now" in ended.err
    Path("gate.toml").write_text("min_recall = 0.9\n", encoding="utf-8")
    assert (
        "'min_recall' is called 'min_found' now"
        in niah("gate", "example", "--config", "gate.toml").err
    )
