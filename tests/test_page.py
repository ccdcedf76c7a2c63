"""The page without a browser: what it holds, what it says of what it leaves out, and what it must
never hold."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from pages import lost_in_the_middle, made, right
from runs import header, results

import niah.plotter.page as page_data_module
from niah.experiment.config import RunConfig, read_config
from niah.plotter.page import MOST_SIGNS, SCRIPTS, Told, document, page_html, recipe_toml
from niah.plotter.summary import View
from niah.records import Outcome
from niah.run import open_run
from niah.runlog.log import read_log, write_log
from niah.share import comparisons, page
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of

ASSETS = Path(page_data_module.__file__).parent


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return made(tmp_path / "results" / "r", lost_in_the_middle, controls=True)


def data_of(path: Path) -> dict[str, Any]:
    """The data of a page, as its script unpacks it."""
    packed = re.search(r'id="data">([^<]*)</script>', path.read_text(encoding="utf-8"))
    assert packed
    unpacked: dict[str, Any] = json.loads(gzip.decompress(b64decode(packed[1])))
    return unpacked


def test_a_page_holds_every_trial_with_its_needle_and_the_cells_of_the_grid(
    run: Path, niah: Niah
) -> None:
    ended = niah("page", run, "--out", "report.html")
    assert (ended.exit_code, ended.out) == (0, "report.html\n"), ended.err
    (told,) = data_of(Path("report.html"))["runs"]
    grid = open_run(run).grid
    assert [
        (c["context_length"], c["depth_percent"], c["n"], c.get("mean")) for c in told["cells"]
    ] == [(c.context_length, c.depth_percent, c.n, c.mean) for c in grid.cells]
    assert len(told["trials"]) == len(open_run(run).rows)
    for t in told["trials"]:
        if "control" in t:
            continue
        assert t["question"].startswith("What is the magic number")
        assert t["expected"] in t["needle"]
        assert len(t["places"]) == 3
        assert [kind for _, _, kind in t["places"]] == ["right", "distractor", "distractor"]
    assert told["headline"] in Path("report.html").read_text(encoding="utf-8")
    assert {p["search"] for p in told["by_length"]} == {1.0}


def test_a_run_ends_with_its_page_beside_the_picture(niah: Niah) -> None:
    command = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "500",
        "--depths",
        "50",
        "--name",
        "r",
    )
    assert niah(*command).exit_code == 0
    path = Path("results/r/page.html")
    first = path.read_bytes()
    assert data_of(path)["runs"][0]["kind"] == "simulated"
    assert data_of(path)["runs"][0]["trials"][0]["needle"]
    path.unlink()
    assert niah(*command).exit_code == 0
    assert path.read_bytes() == first


def test_a_needle_is_shown_only_where_its_prompt_is_the_one_that_was_sent(run: Path) -> None:
    header, stored = read_log(run)
    results = list(stored.values())
    other = [replace(results[0], prompt_digest="0" * 64), *results[1:]]
    write_log(run.parent / "other", header, other)
    write_log(run.parent / "foreign", replace(header, imported="kamradt"), results)
    for name, why in (
        ("other", "haystack or niah have changed since"),
        ("foreign", "imported from kamradt"),
    ):
        (told,) = data_of(page([name], f"{name}.html"))["runs"]
        assert why in told["not_built"]
        assert results[0].trial.id not in {t["id"] for t in told["trials"] if "needle" in t}


def test_the_policy_names_the_only_style_and_the_only_script_by_their_hashes(run: Path) -> None:
    text = page([run], "x.html").read_text(encoding="utf-8")
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found
    policy = html.unescape(found[1])
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.S)
        assert (
            f"{tag}-src 'sha256-{b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"
            in policy
        )
    addresses = set(
        re.findall(
            r"https?://[^\s\"'`)]+",
            text.replace(text[text.index('id="data"') : text.rindex("<script>")], ""),
        )
    )
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_same_run_makes_the_same_page(run: Path) -> None:
    assert page([run], "a.html").read_bytes() == page([run], "b.html").read_bytes()


def test_a_recipe_on_a_page_is_a_config_of_the_same_prompts(run: Path) -> None:
    header = open_run(run).header
    Path("recipe.toml").write_text(recipe_toml(header), encoding="utf-8")
    assert read_config(Path("recipe.toml"), {}).identity() == RunConfig(**header.config).identity()


def test_long_answers_and_many_trials_are_cut_and_the_page_says_so(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(
        run.parent / "long",
        lambda t, p: "x" * (MOST_SIGNS + 5) if t.depth_percent == 50 else right(t, p),
    )
    monkeypatch.setattr(page_data_module, "MOST_TRIALS", 6)
    (told,) = data_of(page(["long"], "x.html"))["runs"]
    long = [t for t in told["trials"] if "signs" in t]
    assert {(len(t["answer"]), t["signs"]) for t in long} == {(MOST_SIGNS, MOST_SIGNS + 5)}
    assert len(long) == 4  # none that is wrong is left out
    assert len(told["trials"]) < 12
    assert told["left_out"].endswith("right answers are left out of the list")


def test_several_runs_are_compared_with_the_first_or_it_says_why_not(run: Path, niah: Niah) -> None:
    made(run.parent / "s", right, controls=True)
    made(run.parent / "t", right, seed=3)
    ended = niah("page", "r", "s", "t", "--out", "x.html")
    assert ended.exit_code == 0, ended.err
    told = data_of(Path("x.html"))
    assert [r["name"] for r in told["runs"]] == ["r", "s", "t"]
    first, second = told["comparisons"]
    assert len(first["cells"]) == 6
    assert "seed was 0, is 3" in second
    assert len(comparisons([open_run(run)])) == 0


@pytest.mark.slow
def test_runs_of_one_recipe_tell_their_history_and_others_none(run: Path, niah: Niah) -> None:
    for name in ("a", "b", "c"):
        made(run.parent / "month" / name, right)
    assert niah("page", "month", "--out", "x.html").exit_code == 0
    assert data_of(Path("x.html"))["history"][-1].startswith("3 of 7 reference runs")
    made(run.parent / "month" / "d", right, seed=3)
    assert niah("page", "month", "--out", "x.html").exit_code == 0
    assert data_of(Path("x.html"))["history"] == []


def test_a_folder_of_runs_stands_for_all_of_them(run: Path, niah: Niah) -> None:
    for name in ("one", "two"):
        made(run.parent / "suite" / name, right)
    assert niah("page", "suite", "--out", "x.html").exit_code == 0
    names = [r["name"] for r in data_of(Path("x.html"))["runs"]]
    assert names == ["suite/one", "suite/two"]
    assert niah("show", names[0]).exit_code == 0  # the page names such commands


def test_words_that_look_like_blanks_of_the_page_stay_words() -> None:
    made_of = document("{{style}}", "<p>{{data}} {{script}}</p>", "e30=", scripts=("list.js",))
    assert "<title>{{style}}</title>" in made_of
    assert "<p>{{data}} {{script}}</p>" in made_of
    assert 'id="data">e30=</script>' in made_of


def test_what_is_no_run_or_no_page_is_one_line(run: Path, niah: Niah) -> None:
    for words, said in (
        (("nothing",), "no run here"),
        (("r", "--out", "x.pdf"), "a page ends in .html"),
    ):
        ended = niah("page", *words)
        assert ended.exit_code == 2
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1


def test_what_a_page_is_made_of_is_small_and_needs_no_build() -> None:
    sizes = {
        p.name: p.stat().st_size for p in ASSETS.iterdir() if p.suffix in (".js", ".css", ".html")
    }
    assert set(SCRIPTS) < set(sizes)
    assert sum(sizes.values()) < 46_000


@pytest.mark.slow
def test_a_page_without_its_trials_is_small_however_many_cells_it_has() -> None:
    of = header(
        lengths=tuple(range(1_000, 87_000, 1_000)), depths=tuple(map(float, range(100))), epochs=1
    )
    rows = results(of, lambda t: float(t.depth_percent > 50))
    view = View(
        grid=grid_of(of, rows), report=report_of(of, rows), date=of.created, version=of.version
    )
    text = page_html(page_data_module.page_data([Told(name="r", view=view, header=of, trials=[])]))
    assert len(text.encode()) < 400_000


def test_outcomes_without_a_score_are_told_with_their_error(run: Path) -> None:
    (told,) = data_of(page([run], "x.html"))["runs"]
    refused = [t for t in told["trials"] if t["outcome"] == Outcome.OVERFLOW.value]
    assert [(t.get("score"), t["error"]) for t in refused] == [(None, "too long")]
    assert "1 of 12 trials without a score (1 overflow)" in told["doubts"]
