"""Results of other tools: read as they were written, marked as imported, and then like any other
run."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Niah

from niah.errors import RunError, UnknownName
from niah.importers import importer_of
from niah.importers.rescored import read_babilong, read_ruler
from niah.importers.results import read_inspect, read_kamradt, read_needlehaystack2
from niah.records import Outcome
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of

PUBLISHED = REPOSITORY.parent / "shared" / "peer-results" / "claude-2.1"


@pytest.mark.slow
def test_a_published_grid_gives_the_published_figures(niah: Niah) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("published results are not on this machine")
    ended = niah("import-results", PUBLISHED, "--format", "kamradt", "--name", "claude")
    assert ended.exit_code == 0, ended.err
    for part in (
        "1,376 results in 1,225 cells (35 lengths x 35 depths), 151 of them repeats", "sum 8,835",
        "mean 6.4208",
        "mean of cell means 6.0163", "673 cells at 10 throughout",
    ):  # fmt: skip
        assert part in ended.err
    imported = read_kamradt(PUBLISHED, None)
    grid = grid_of(imported.header, imported.results)
    means = [c.mean for c in grid.cells if c.mean is not None]
    assert len(means) == 1_225
    assert 1 + 9 * sum(means) / len(means) == pytest.approx(6.0163, abs=5e-5)
    assert sum(m == 1 for m in means) == 673
    f = report_of(imported.header, imported.results)
    assert f.by_length[1_000].mean == 1
    assert (f.by_length[200_000].mean or 0) < 0.2
    assert (f.by_band["tail"].mean or 0) > (f.by_band["middle"].mean or 1)
    report = niah("report", "claude").out
    assert "imported results of LLMTest_NeedleInAHaystack" in report
    assert (
        niah("import-results", PUBLISHED, "--format", "kamradt", "--name", "again").exit_code == 0
    )
    assert (
        niah("gate", "claude", "--baseline", "again").exit_code == 3
    )  # one haystack for everything


def row(**changes: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "context_length": 1_000,
        "depth_percent": 50.0,
        "score": 10,
        "needle": "n",
        **changes,
    }


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return path


def test_lists_that_name_no_model_are_called_after_their_file(tmp_path: Path) -> None:
    rows = [
        {"token_limit": n, "depth_percent": d, "score": s}
        for n, d, s in ((1_000, 0, 10), (1_000, 7, 1), (2_000, 0, 7))
    ]
    path = written(tmp_path / "r.json", *rows)
    assert read_kamradt(path, None).header.config["model"] == "r"
    imported = read_kamradt(path, "gpt-4")
    assert [r.score for r in imported.results] == [1.0, 0.0, pytest.approx(6 / 9)]
    assert [r.explanation for r in imported.results] == [
        "judged 10 of 10",
        "judged 1 of 10",
        "judged 7 of 10",
    ]
    cells = {
        (c.context_length, c.depth_percent): c.outcomes
        for c in grid_of(imported.header, imported.results).cells
    }
    assert cells[2_000, 7.0] == {"missing": 1}


def test_repeats_are_epochs_and_do_not_make_other_cells_incomplete(tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", row(), row(score=1), row(depth_percent=0))
    imported = read_kamradt(path, None)
    grid = grid_of(imported.header, imported.results)
    assert [(c.n, c.mean, dict(c.outcomes)) for c in grid.cells] == [
        (1, 1.0, {"scored": 1}),
        (2, 0.5, {"scored": 2}),
    ]
    assert [r.trial.epoch for r in imported.results] == [0, 1, 0]
    assert len({r.trial.id for r in imported.results}) == 3
    other = read_kamradt(written(tmp_path / "o.json", row(model="other"), row(model="other")), None)
    assert other.results[0].trial.id == imported.results[0].trial.id


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(score=11)], "score 11 is not a number from 1 to 10"),
        ([row(score=0)], "score 0 is not a number from 1 to 10"),
        ([row(depth_percent="deep")], "depth 'deep' is not a number from 0 to 100"),
        ([row(depth_percent=float("nan"))], "depth nan"),
        ([row(depth_percent=500)], "depth 500"),
        ([row(depth_percent=None)], "no depth"),
        ([row(), row(context_length=float("inf"))], "r.json: trial 2: context length inf"),
        ([row(context_length=-1)], "context length -1"),
        ([row(context_length=0.5)], "context length 0.5"),
        ([row(context_length=10.5)], "no whole number of tokens"),
        ([row(context_length=True)], "context length True"),
        ([row(score=float("nan"))], "score nan"),
        ([row(test_duration_seconds="fast")], "seconds 'fast'"),
        ([row(test_duration_seconds=10**400)], "seconds 1000"),
        ([{"score": 10}], "needs context_length"),
        ([row(), row(model="other")], "results of m, other"),
        ([row(), row(model=["m"])], "results of .'m'., m"),
        ([], "no results"),
    ],
)
def test_what_is_no_such_file_is_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(RunError, match=said):
        read_kamradt(written(tmp_path / "r.json", *rows), "m" if not rows else None)


def test_a_trial_without_a_score_is_an_error_and_not_zero(tmp_path: Path) -> None:
    imported = read_kamradt(written(tmp_path / "r.json", row(score=None)), None)
    assert (imported.results[0].outcome, imported.results[0].score) == (Outcome.ERROR, None)


def line(**changes: Any) -> dict[str, Any]:
    """A line as needlehaystack 2.0.0 writes it."""
    return {
        "schema_version": 2, "run_name": "run", "model_id": "half", "model_request_name": "half-1",
        "task_type": "uuid",
        "context_length": 1_000, "target_depth_percent": 50.0,
        "recipe": {
            "haystack": {"type": "files", "path": "essays"}, "inserter": "single_depth",
            "needle_placements": [{"text": "Code 7.", "insertion_token_index": 489,
                                   "actual_depth_percent": 48.9}],
            "final_context_token_count": 1_023,
        },
        "needle_metadata": {}, "expected_answer": "7", "prompt_question": "What is the code?",
        "response": "7",
        "score": {"value": 1.0, "details": {}},
        "usage": {"input_tokens": 1_040, "output_tokens": 3}, "cost_usd": None,
        "duration_seconds": 0.5, "status": "ok", "error": None,
        "timestamp_utc": "2026-05-01T00:00:00+00:00", "seed": 1,
        **changes,
    }  # fmt: skip


def failed(**changes: Any) -> dict[str, Any]:
    return line(
        status="error", error="overloaded", response=None, score=None, usage=None, **changes
    )


def test_lines_of_needlehaystack_2_keep_errors_apart_from_wrong_answers(
    tmp_path: Path, niah: Niah
) -> None:
    path = tmp_path / "r.jsonl"
    rows = [
        line(), line(seed=2, score={"value": 0.0, "details": {}}), line(target_depth_percent=0.0),
        failed(target_depth_percent=0.0, seed=2), failed(target_depth_percent=100.0),
        line(target_depth_percent=100.0),
        line(target_depth_percent=100.0, seed=2, score={"value": 0.4, "details": {}}),
    ]  # fmt: skip
    text = "\n".join(json.dumps(r) for r in rows)
    path.write_text(text + '\n{"schema_version": 2, "run_na\n', encoding="utf-8")
    imported = read_needlehaystack2(path, None)
    cells = {c.depth_percent: c for c in grid_of(imported.header, imported.results).cells}
    assert {d: (c.n, c.mean, dict(c.outcomes)) for d, c in cells.items()} == {
        0.0: (1, 1.0, {"error": 1, "scored": 1}), 50.0: (2, 0.5, {"scored": 2}),
        100.0: (2, 0.7, {"scored": 2}),
    }  # fmt: skip
    assert "1 damaged lines were left out" in imported.said
    first = imported.results[0]
    assert (first.placements[0].actual_depth_percent, first.prompt_tokens, first.total_s) == (
        48.9,
        1_023,
        0.5,
    )
    assert niah("import-results", path, "--format", "needlehaystack2", "--name", "r").exit_code == 0
    assert (
        niah("import-results", path, "--format", "needlehaystack2", "--name", "r2").exit_code == 0
    )
    assert niah("gate", "r", "--baseline", "r2").exit_code == 5
    assert Path("results/r/heatmap.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    "changes",
    [
        {"score": 0.5}, {"score": {"value": None}}, {"score": {"value": 7}},
        {"score": {"value": float("nan")}},
        {"context_length": "long"}, {"context_length": [1]}, {"target_depth_percent": float("nan")},
        {"recipe": {"needle_placements": [{"text": "x", "insertion_token_index": 1}]}},
        {"duration_seconds": "fast"},
        {"recipe": {"needle_placements": 5}}, {"usage": 5},
        {"usage": {"input_tokens": "many"}}, {"usage": {"output_tokens": -5}},
        {"recipe": {"final_context_token_count": float("inf")}},
        {"recipe": {"final_context_token_count": -3}}, {"duration_seconds": 10**400},
        {"recipe": {"needle_placements": [{"text": "x", "insertion_token_index": 1,
                                           "actual_depth_percent": float("nan")}]}},
        {"recipe": {"needle_placements": [{"text": "x", "insertion_token_index": float("inf"),
                                           "actual_depth_percent": 50}]}},
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_the_tool_writes_it_is_named(
    tmp_path: Path, niah: Niah, changes: dict[str, Any]
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(
        json.dumps(line()) + "\n" + json.dumps(line(seed=2, **changes)) + "\n", encoding="utf-8"
    )
    ended = niah("import-results", path, "--format", "needlehaystack2", "--name", "r")
    assert (ended.exit_code, "r.jsonl:2: " in ended.err) == (2, True), ended.err
    assert not Path("results/r").exists()


def test_another_needle_is_another_trial(tmp_path: Path) -> None:
    one, other = (
        read_kamradt(written(tmp_path / f"{n}.json", row(needle=n)), None).results[0].trial.id
        for n in ("a", "b")
    )
    assert one != other


@pytest.mark.slow
def test_an_imported_run_says_what_cannot_be_done_with_it(niah: Niah, tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", row(), row(depth_percent=0))
    assert (
        niah("import-results", path, "--format", "kamradt").out.strip() == "results/m/heatmap.png"
    )
    trial = niah("show", "m").out.split()[0]
    for command in (("show", "m", trial), ("score", "m")):
        ended = niah(*command)
        assert (ended.exit_code, "imported from LLMTest_NeedleInAHaystack" in ended.err) == (
            2,
            True,
        )
    assert (
        "imported from LLM"
        in niah("judge", "m", "--provider", "simulated", "--model", "perfect").err
    )
    elsewhere = niah("import-results", path, "--format", "kamradt", "--model", "..")
    assert elsewhere.out.strip() == "results/model/heatmap.png"
    again = niah("import-results", path, "--format", "kamradt")
    assert (again.exit_code, "holds a run already" in again.err) == (2, True)
    assert niah("plot", "m", "--out", "p.svg").exit_code == 0
    assert "imported results of" in Path("p.svg").read_text(encoding="utf-8")
    for wrong in (
        ("nothing", "--format", "kamradt"),
        (path, "--format", "needlehaystack2"),
        (path, "--format", "x"),
    ):
        assert niah("import-results", *wrong).exit_code == 2


SAMPLE = {
    "metadata": {"target_context_length": 1_000, "target_position": 50},
    "scores": {"g": {"value": 10}},
}


@pytest.mark.parametrize(
    "log",
    [
        {"eval": [1], "samples": [SAMPLE]}, {"eval": {}, "samples": [1]},
        {"eval": None, "samples": {"a": 1}},
        {"samples": [{**SAMPLE, "scores": {"g": 1}}]},
        {"samples": [{**SAMPLE, "output": {"choices": ["x"]}}]},
    ],
)  # fmt: skip
def test_an_odd_log_of_inspect_is_one_line(tmp_path: Path, log: dict[str, Any]) -> None:
    (tmp_path / "log.json").write_text(json.dumps(log), encoding="utf-8")
    with pytest.raises(RunError, match="not as inspect_ai writes it"):
        importer_of("inspect")(tmp_path / "log.json", "m")


def test_a_log_that_is_packed_in_a_way_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", "{}")
    packed = bytearray((tmp_path / "log.eval").read_bytes())
    packed[8], packed[packed.index(b"PK\x01\x02") + 10] = 93, 93  # zstandard
    (tmp_path / "log.eval").write_bytes(packed)
    with pytest.raises(RunError, match="compression method is not supported"):
        importer_of("inspect")(tmp_path / "log.eval", "m")


def test_a_half_right_answer_of_inspect_is_not_called_wrong(tmp_path: Path) -> None:
    half = {**SAMPLE, "scores": {"g": {"value": 5.5}}}
    (tmp_path / "log.json").write_text(json.dumps({"samples": [SAMPLE, half]}), encoding="utf-8")
    (found,) = read_inspect(tmp_path / "log.json", "m")
    assert [(r.score, r.answer_class) for r in found.results] == [(1.0, "right"), (0.5, None)]


@pytest.mark.parametrize("form", ["babilong", "ruler", "kamradt"])
def test_a_folder_without_results_is_one_line(niah: Niah, form: str) -> None:
    Path("empty").mkdir()
    ended = niah("import-results", "empty", "--format", form)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1), ended.err


def predictions(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    made = {
        "index": 0,
        "input": "x 77",
        "outputs": ["77"],
        "pred": "it is\u202877",
        "length": 3_990,
        **changes,
    }
    (folder / "vt.jsonl").write_text(json.dumps(made, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder


def test_the_length_of_a_prediction_is_that_of_its_folder_and_not_of_any_number(
    tmp_path: Path,
) -> None:
    folders = (
        ("2024/m/4096/pred", 4_096),
        ("2024/runs/of/m", 3_990),
        ("m/4²/pred", 3_990),
        ("²/m", 3_990),
    )
    for folder, length in folders:
        (found,) = read_ruler(predictions(tmp_path / folder), "m")
        assert [(r.trial.context_length, r.score) for r in found.results] == [(length, 1.0)]
    for changes in ({"length": None}, {"length": "4k"}, {"outputs": "77"}, {"pred": None}):
        with pytest.raises(RunError, match=r"vt\.jsonl:1: "):
            importer_of("ruler")(predictions(tmp_path / str(changes), **changes), "m")


def test_a_picture_says_of_how_many_predictions_the_depth_is_not_known(tmp_path: Path) -> None:
    for text, said in (
        ("x 77", "the first value"),
        ("none here", "the first value (not told: all at 0)"),
    ):
        (found,) = read_ruler(predictions(tmp_path / text / "4096/pred", input=text), "m")
        assert found.header.design.depth_of == said


def test_a_line_separator_inside_an_answer_ends_no_line(tmp_path: Path) -> None:
    rows = [line(response="7\u2028and so on"), line(seed=2, timestamp_utc=None)]
    text = "\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    (tmp_path / "r.jsonl").write_text(text, encoding="utf-8")
    imported = read_needlehaystack2(tmp_path / "r.jsonl", None)
    assert (len(imported.results), imported.header.created) == (2, "2026-05-01T00:00:00+00:00")
    assert not any("damaged" in said for said in imported.said)


def test_answers_in_the_folder_one_stands_in_are_of_a_model_with_a_name(niah: Niah) -> None:
    Path("gpt").mkdir()
    Path("gpt/qa1_4k_x.csv").write_text(
        ",target,output,question\n0,garden,garden,Where is Mary?\n", encoding="utf-8"
    )
    os.chdir("gpt")
    for path in (".", "qa1_4k_x.csv"):
        (found,) = read_babilong(Path(path), None)
        assert found.header.config["model"] == "gpt"


def test_answers_to_a_task_that_babilong_does_not_have_are_one_line(niah: Niah) -> None:
    Path("qa21_4k_x.csv").write_text(
        ",target,output,question\n0,garden,garden,Where is Mary?\n", encoding="utf-8"
    )
    ended = niah("import-results", "qa21_4k_x.csv", "--format", "babilong")
    assert (ended.exit_code, ended.err.count("\n"), "'qa21'" in ended.err) == (
        2,
        1,
        True,
    ), ended.err


def test_half_a_character_in_a_needle_is_no_fault(tmp_path: Path) -> None:
    assert (
        read_kamradt(written(tmp_path / "r.json", row(needle="\ud83d")), None).results[0].score
        == 1.0
    )


def test_formats_by_name() -> None:
    assert importer_of("kamradt") is read_kamradt
    with pytest.raises(
        UnknownName, match="known: babilong, inspect, kamradt, needlehaystack2, ruler"
    ):
        importer_of("helm")
