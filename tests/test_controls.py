"""Controls from end to end: run, log, grid, figures, gate, comparison, and what too long a prompt
teaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from server import Handler, answers, answers_with, fails, serving, sweep_at

from niah.tasks import task_of
from niah.verdict.grid import MISSING

RUN = (
    "run",
    "--provider",
    "simulated",
    "--lengths",
    "500,1k",
    "--depths",
    "0,50,100",
    "--epochs",
    "2",
    "--controls",
)
GATE = 'min_found = 0.5\nhaystacks = "these"\n'


@pytest.fixture
def gate(niah: Niah) -> tuple[str, str]:
    Path("gate.toml").write_text(GATE)
    return "--config", "gate.toml"


def lines_of(run: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in Path(f"results/{run}/run.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.slow
def test_a_run_with_controls_passes_the_gate_and_is_compared_on_its_ordinary_trials(
    niah: Niah, gate: tuple[str, str]
) -> None:
    for name in ("a", "b"):
        assert niah(*RUN, "--model", "perfect", "--name", name).exit_code == 0
    assert niah("gate", "a", *gate).exit_code == 0
    said = niah("report", "a").out
    assert "absent (no needle): hallucination rate 0 % (n = 4" in said
    assert "oracle (no haystack): 100 % found (n = 2" in said
    assert "closed-book (question alone): 0 % guessed (n = 2" in said
    compared = niah("compare", "a", "b").out
    assert "0 lost, 0 gained of 12 pairs" in compared
    assert "have a score in both" not in compared  # all of them have
    assert json.loads(niah("report", "a", "--json").out)["planned"] == 12 + 8


@pytest.mark.slow
@pytest.mark.parametrize("control", ["absent", "closed-book", "oracle"])
def test_a_control_that_never_ran_leaves_the_run_incomplete(
    niah: Niah, gate: tuple[str, str], control: str
) -> None:
    niah(*RUN, "--model", "perfect", "--name", "r")
    header, *results = lines_of("r")
    kept = [header, *(r for r in results if r["trial"]["control"] != control)]
    Path("results/r/run.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8"
    )
    ended = niah("gate", "r", *gate)
    assert ended.exit_code == 5
    lost = len(results) + 1 - len(kept)
    assert f"{lost} of {lost} control trials {control} have not been run" in ended.out
    assert f"{lost} not run" in niah("report", "r").out
    assert "trials are missing" in niah("baseline", "save", "r").err
    assert niah(*RUN, "--model", "perfect", "--name", "r").exit_code == 0
    assert niah("gate", "r", *gate).exit_code == 0
    assert MISSING not in Path("results/r/grid.json").read_text(encoding="utf-8")


def test_a_reader_that_fails_without_a_haystack_makes_the_instrument_invalid(
    niah: Niah, gate: tuple[str, str]
) -> None:
    niah(*RUN, "--model", "blind", "--name", "r")  # sees the question only: no oracle either
    ended = niah("gate", "r", *gate)
    assert ended.exit_code == 4
    assert "control oracle: right with nothing but the needle in 0 % of 2 trials" in ended.out


@pytest.mark.slow
def test_a_control_without_any_score_makes_the_instrument_invalid(
    niah: Niah, gate: tuple[str, str]
) -> None:
    niah(*RUN, "--model", "perfect", "--name", "r")
    header, *results = lines_of("r")
    for result in results:
        if result["trial"]["control"] == "oracle":
            result |= {"outcome": "truncated", "score": None, "answer_class": None}
    text = "".join(json.dumps(line) + "\n" for line in (header, *results))
    Path("results/r/run.jsonl").write_text(text, encoding="utf-8")
    ended = niah("gate", "r", *gate)
    assert ended.exit_code == 4
    assert "control oracle: right with nothing but the needle in 0 % of 2 trials" in ended.out


def overflows_above(characters: int, solved: Any) -> Any:
    def act(handler: Handler, body: dict[str, Any]) -> None:
        if len(handler.protocol.prompt(body)) > characters:
            fails(
                400, {"error": {"message": "prompt is too long", "code": "context_length_exceeded"}}
            )(handler, body)
        else:
            solved(handler, body)

    return act


@pytest.mark.slow
def test_what_is_too_long_with_a_haystack_is_still_asked_without(niah: Niah) -> None:
    """A closed book and an oracle are short prompts, whatever length they are counted with."""
    grid = (
        "--lengths",
        "1k,2k,4k",
        "--depths",
        "0,100",
        "--controls",
        "--model",
        "m",
        "--name",
        "r",
    )
    with serving(otherwise=overflows_above(6_000, answers_with(task_of("single").solve))) as server:
        niah(*sweep_at(server), "--concurrency", "1", *grid)
    results = lines_of("r")[1:]
    assert {
        r["outcome"] for r in results if r["trial"]["control"] in ("closed-book", "oracle")
    } == {"scored"}
    long = [r for r in results if r["trial"]["context_length"] > 1_000]
    assert {(r["trial"]["context_length"], r["outcome"]) for r in long} == {
        (2_000, "overflow"),
        (4_000, "overflow"),
    }
    assert [r["attempts"] for r in long if r["trial"]["context_length"] == 4_000][1:] == [
        0,
        0,
    ]  # not sent


@pytest.mark.slow
def test_a_refused_control_does_not_keep_longer_prompts_from_being_sent(
    niah: Niah, gate: tuple[str, str]
) -> None:
    """A filter may refuse the question alone; nothing is learnt from that about lengths."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        bare = len(handler.protocol.prompt(body)) < 400
        (answers("", stop="filter") if bare else answers_with(task_of("single").solve))(
            handler, body
        )

    grid = ("--lengths", "1k,2k", "--depths", "0,100", "--controls", "--model", "m", "--name", "r")
    with serving(otherwise=act) as server:
        assert niah(*sweep_at(server), *grid).exit_code == 0
    assert {
        r["outcome"] for r in lines_of("r")[1:] if r["trial"]["control"] in (None, "absent")
    } == {"scored"}
    assert niah("gate", "r", *gate).exit_code == 4


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["first", "latest"])
def test_no_statement_about_the_thing_that_is_asked_is_left_where_its_needle_is_absent(
    niah: Niah, asked: str
) -> None:
    """Of an update, the later statement would answer for the first one as the first one for the
    later."""
    niah(*RUN, "--model", "perfect", "--task", "update", "--ask-for", asked, "--name", "r")
    absent = [r for r in lines_of("r") if r.get("trial", {}).get("control") == "absent"]
    assert absent
    assert {r["answer_class"] for r in absent} == {"not-there"}
    assert niah("report", "r").out.count("hallucination rate 0 %") == 1
