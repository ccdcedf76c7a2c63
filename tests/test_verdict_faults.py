"""What a hostile reader tried on the gate, and what it says now."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from runs import header, result, results, run, trials, wrong_in

from niah.errors import RunError
from niah.records import Outcome, Response, Row, Usage
from niah.verdict.baseline import baseline_of, mean_baseline
from niah.verdict.consistency import check_consistent
from niah.verdict.gate_config import GateConfig
from niah.verdict.power import outlook_of

H = header(epochs=2)


def first(change: Callable[[Row], Row]) -> list[Row]:
    rows: list[Row] = list(results(H))
    return [change(rows[0]), *rows[1:]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda: first(lambda r: replace(r, answer_class="wrong")), "called wrong and scored 1"),
        (lambda: first(lambda r: replace(r, prompt_digest=None)), "a score and no prompt"),
        (lambda: first(lambda r: replace(r, prompt_digest=results(H)[1].prompt_digest)), "the same prompt"),
        (lambda: first(lambda r: replace(r, expected_input_tokens=9_000)), "counted 1,000 of 9,000 tokens"),
        (lambda: [*results(H), replace(results(H)[0], trial=replace(trials(H)[0], id="x"))], "at the same place"),
    ],
)
def test_a_log_that_contradicts_itself_gets_no_verdict(rows: Callable[[], list[Row]], words: str) -> None:
    check_consistent(H, results(H))
    with pytest.raises(RunError, match=words):
        check_consistent(H, rows())
    check_consistent(replace(H, imported="another tool"), rows())


def test_verify_scores_stored_answers_again(niah: Niah, tmp_path: Path) -> None:
    grid = ("--provider", "simulated", "--model", "perfect", "--lengths", "1k", "--epochs", "2")
    assert niah("run", *grid, "--name", "r").exit_code == 0
    Path("gate.toml").write_text("min_found = 0.5\n", encoding="utf-8")
    gate = ("gate", "r", "--config", "gate.toml", "--verify")
    assert "scored" not in niah(*gate).err
    log = tmp_path / "results" / "r" / "run.jsonl"
    *kept, last = log.read_text(encoding="utf-8").splitlines()
    table: dict[str, Any] = json.loads(last)
    table["response"]["text"] = "no idea"
    log.write_text("\n".join([*kept, json.dumps(table)]) + "\n", encoding="utf-8")
    refused = niah(*gate)
    assert refused.exit_code == 2
    assert "scored 1.0, and its stored answer scores 0.0 today" in refused.err
    table["trial"]["epoch"] = 7
    log.write_text("\n".join([*kept, json.dumps(table)]) + "\n", encoding="utf-8")
    assert "not what its recipe has at its place" in niah(*gate).err


def test_a_baseline_of_three_runs_is_their_mean(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    for name, wrong in (("a", 0), ("b", 10), ("c", 20)):
        run(tmp_path / "results" / name, of, wrong_in(wrong, of))
    assert niah("baseline", "save", "a", "b", "c", "--out", "b.json").exit_code == 0
    run(tmp_path / "results" / "new", of, wrong_in(30, of))
    told = niah("gate", "new", "--baseline", "b.json").out
    assert "sign-flip test over trials" in told
    each = [baseline_of(of, results(of, wrong_in(n, of))) for n in (0, 125)]
    assert sum(s or 0 for s in mean_baseline(each).scores.values()) == 187.5
    with pytest.raises(RunError, match="same recipe and trials"):
        mean_baseline([each[0], baseline_of(header(epochs=2), results(header(epochs=2)))])


def test_power_measures_flips_on_two_runs_of_one_model(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    run(tmp_path / "results" / "a", of, wrong_in(25, of))
    every = {t.id: i for i, t in enumerate(trials(of))}
    run(tmp_path / "results" / "b", of, lambda t: float(every[t.id] % 10 != 1))
    measured = niah("power", "ci", "--from", "a", "b")
    assert "where 10 % of trials flip each way by chance, as in 250 pairs" in measured.out
    assert "15 % of trials lost, 10 % gained" in measured.out
    assert "which is a guess" in niah("power", "ci").out


def test_an_outlook_tells_the_chances_of_good_models_and_what_stands_in_their_way() -> None:
    of = header(epochs=10)
    chances = outlook_of(GateConfig(min_found=0.8, min_found_per_length=0.9), of, trials(of)).chances
    assert [c.found for c in chances] == [0.99, 0.97, 0.95]
    assert chances[0].passes > chances[1].passes > chances[2].passes
    assert chances[2].bottleneck is not None
    assert chances[2].bottleneck.startswith("min_found_per_length")


def test_an_unfinished_run_has_an_exit_code_of_its_own(niah: Niah, tmp_path: Path) -> None:
    of = header(epochs=10)
    run(tmp_path / "results" / "r", of, lambda t: Outcome.ERROR if t.epoch == 1 else 1.0)
    Path("gate.toml").write_text("min_found = 0.9\n", encoding="utf-8")
    assert niah("gate", "r", "--config", "gate.toml").exit_code == 5


def test_a_report_says_first_how_far_a_model_reads(niah: Niah, tmp_path: Path) -> None:
    of = replace(header(epochs=10), claimed=128_000)
    run(tmp_path / "results" / "r", of, lambda t: float(t.context_length <= 16_000))
    assert niah("report", "r").out.splitlines()[0] == "reads 16k of 128k claimed (sure of 16k)"


def test_tokens_of_an_answer_below_nothing_are_no_log(niah: Niah, tmp_path: Path) -> None:
    row = result(trials(H)[0], 1.0)
    bad = replace(row, response=Response(text="1", stop_reason="stop", usage=Usage(input_tokens=-1)))
    folder = run(tmp_path / "results" / "r", H)
    with (folder / "run.jsonl").open("a", encoding="utf-8") as file:
        from dataclasses import asdict

        file.write(json.dumps({"kind": "result", **asdict(bad)}) + "\n")
    assert niah("gate", "r", "--baseline", "r").exit_code == 2
