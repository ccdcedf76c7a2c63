"""The reader that only searches: what it finds, that it knows of no task, and that no reading task
is solved by it."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path

import pytest
from conftest import REPOSITORY, Niah

from niah.errors import UnknownName
from niah.experiment.experiment import experiment_of
from niah.experiment.scoring import best_search, search_scores
from niah.experiment.suites import read_suite
from niah.providers import search as search_module
from niah.providers.search import WAYS, Search
from niah.providers.simulated import check_reader
from niah.tasks import READING_BELOW, measured, measured_of, task_names
from niah.text.ranking import terms_of

LANGUAGES = {"en": "en", "es": "es", "zh-Hant": "zh-hant", "zh-Hans": "zh-hans"}
TALK = """What follows is a talk about magic numbers for Oslo. Answer the question at the end.

we went down to the harbour
(0:10)
The magic number for Oslo is 1.
there was nobody but a dog
(0:40)
The magic number for Riga is 2.
and the dog did not mind us
The magic numbers for Oslo are as good as 3, the magic number says.
so we sat there until noon
(1:10)
The value 3 belongs to Lima and to nobody else.

Question: What is the magic number for Oslo? Answer with the number only.

Answer:"""


def test_a_line_is_quoted_with_the_time_above_it() -> None:
    assert Search(TALK).answer("") == "(0:10) The magic number for Oslo is 1."


def test_all_are_the_lines_that_are_nearly_as_good_and_first_and_last_are_of_them() -> None:
    text = TALK.replace("Riga is 2", "Oslo is 2")
    everything = Search(text).answer("all").split("\n")
    assert everything[:2] == [
        "(0:10) The magic number for Oslo is 1.",
        "(0:40) The magic number for Oslo is 2.",
    ]
    assert Search(text).answer("first") == everything[0]
    assert Search(text).answer("last") == everything[-1]


def test_a_chain_is_all_that_was_found_on_the_way_and_again_its_end() -> None:
    text = (
        "Read this.\n\nThe amulet lies in the valise.\nnothing of it here\nThe pagoda stands in"
        " Lima.\nwe had tea\nThe valise is kept in the pagoda.\n\nQuestion: Where is the"
        " amulet?\n\nAnswer:"
    )
    chain = Search(text).answer("chain").split("\n")
    assert chain[:3] == [
        "The amulet lies in the valise.",
        "The valise is kept in the pagoda.",
        "The pagoda stands in Lima.",
    ]
    assert Search(text).answer("again") == chain[-1]


def test_chinese_is_searched_by_pairs_and_english_by_stems() -> None:
    assert terms_of("神奇數字") == ["神奇", "奇數", "數字"]
    assert terms_of("He called two tailors at 1:02:03") == [
        "he",
        "call",
        "two",
        "tailor",
        "at",
        "1:02:03",
    ]
    prompt = (
        "請讀。\n\n今天天氣很好\n里昂的神奇數字是7\n我們去海邊\n\n問題：里昂的神奇數字是多少？只回答數字。"
        "\n\n答案："
    )
    assert {Search(prompt).answer(way) for way in WAYS} == {"里昂的神奇數字是7"}


@pytest.mark.parametrize(
    "prompt", ["", "\n\n", "Question: What?\n\nAnswer:", "a\n\nb\n\nc", "x\n\n\n\nQ?\n\nA:"]
)
def test_a_prompt_without_text_is_answered_with_nothing_that_is_wrong(prompt: str) -> None:
    assert all(isinstance(Search(prompt).answer(way), str) for way in WAYS)


def test_the_reader_knows_of_no_task() -> None:
    tree = ast.parse(Path(search_module.__file__).read_text(encoding="utf-8"))
    modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {m for m in modules if m and m.startswith("niah")} <= {"niah.text.ranking"}


def test_an_unknown_way_of_searching_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'search:last'"):
        check_reader("search:lasst")


def test_searching_finds_what_is_stated_through_the_real_client(niah: Niah) -> None:
    grid = ("--lengths", "1k", "--depths", "0,50,100", "--haystack", "en", "--name", "r")
    ended = niah("run", "--provider", "simulated", "--model", "search", "--task", "multikey", *grid)
    assert ended.exit_code == 0
    found = json.loads(Path("results/r/grid.json").read_text(encoding="utf-8"))
    assert found["recall"]["mean"] == 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_run_of_suite_reading_is_solved_by_searching(language: str) -> None:
    flags = {
        "provider": "simulated",
        "model": "search",
        "haystack": LANGUAGES[language],
        "controls": False,
    }
    small = {"lengths": "1500", "depths": "5,50,95", "epochs": 3}
    for name, config in read_suite("reading", {**flags, **small}).configs.items():
        experiment = experiment_of(config)
        scores = search_scores(experiment, experiment.trials)
        assert set(scores) == {"search", *(f"search:{way}" for way in WAYS if way)}
        assert max(scores.values()) < READING_BELOW, (name, scores)


def test_a_suite_prints_and_keeps_what_searching_scores_on_its_prompts(niah: Niah) -> None:
    run = (
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "1k",
        "--depths",
        "50",
        "--name",
        "s",
    )
    ended = niah("run", "--suite", "quick", *run)
    rows = {
        r["name"]: r["search"]
        for r in json.loads(Path("results/s/suite.json").read_text(encoding="utf-8"))["runs"]
    }
    assert rows == {"single": 1.0, "multikey": 1.0, "distractors": 0.0, "associative": 0.0}
    assert "search" in ended.err


def test_what_no_search_was_made_of_has_no_score() -> None:
    flags = {"provider": "simulated", "model": "perfect"}
    for length in ("100k", "100"):  # longer than is searched; too short for any haystack
        config = read_suite("quick", {**flags, "lengths": length}).configs["single"]
        assert best_search(experiment_of(config)) is None


def test_every_task_was_measured_and_the_docs_show_what_was() -> None:
    assert {row.task for row in measured()} == set(task_names())
    docs = (REPOSITORY / "docs" / "tasks.md").read_text(encoding="utf-8")
    table = runpy.run_path(str(REPOSITORY / "benchmarks" / "tasks.py"))["table"]
    assert f"<!-- measured -->\n{table()}<!-- /measured -->\n" in docs


def test_the_suite_of_reading_holds_what_measures_reading_and_no_look_up() -> None:
    tasks = {config.task for config in read_suite("reading", {}).configs.values()}
    reading = {row.task for row in measured() if not row.options and row.measures == "reading"}
    assert tasks == reading - {"instruction"}  # which asks for no fact, but for a rule that is kept
    others = {config.task for config in read_suite("retrieval", {}).configs.values()}
    kinds = {task: row.measures for task in others if (row := measured_of(task))}
    assert set(kinds.values()) == {"retrieval", "repeated retrieval"}
    assert kinds["hops"] == kinds["tracking"] == "repeated retrieval"


def test_the_list_of_tasks_says_what_each_of_them_measures(niah: Niah) -> None:
    out = niah("tasks").out
    assert "; retrieval: searching scores en 100 %, zh-Hant 100 %" in out
    assert "; reading: searching scores en " in out
