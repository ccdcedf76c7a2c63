"""A judge is a second opinion: it asks once, keeps its verdicts, and changes no score."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Niah
from server import answers, serving

from niah.experiment.config import RunConfig
from niah.experiment.experiment import experiment_of
from niah.experiment.judge import judge_experiment
from niah.runlog.log import read_log

SWEEP = (
    "run",
    "--provider",
    "simulated",
    "--lengths",
    "500",
    "--depths",
    "0,50,100",
    "--name",
    "r",
)
LOG = Path("results/r/run.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["perfect", "blind"])
def test_a_literal_judge_agrees_with_the_scorer_and_changes_nothing(
    niah: Niah, reader: str
) -> None:
    niah(*SWEEP, "--model", reader, "--controls")
    before = LOG.read_bytes()
    ended = niah("judge", "r", "--provider", "simulated", "--model", "perfect")
    assert ended.exit_code == 0
    assert ", 0 no verdict" in ended.err
    assert LOG.read_bytes() == before
    lines = [
        json.loads(line)
        for line in Path("results/r/judge-perfect/run.jsonl").read_text().splitlines()
    ]
    assert lines[0]["config"]["model"] == "perfect"
    assert {line["trial"]["task"] for line in lines[1:]} == {"judge"}
    assert len(lines) == 1 + 6


def test_the_prompts_of_a_judge_have_the_size_they_have(niah: Niah) -> None:
    niah(*SWEEP, "--model", "perfect")
    header, results = read_log(Path("results/r"))
    config = RunConfig(**header.config)
    experiment = judge_experiment(experiment_of(config), results, config)
    assert [experiment.prompt_tokens(t) for t in experiment.trials] == [
        experiment.prompt(t).tokens for t in experiment.trials
    ]
    assert min(experiment.prompt_tokens(t) for t in experiment.trials) > 50
    most = max(experiment.prompt_tokens(t) for t in experiment.trials) + experiment.reply_tokens
    assert most > max(config.lengths)
    assert most <= experiment.longest  # for what a server is given as its window
    long = replace(experiment, config=experiment.config.model_copy(update={"lengths": (128_000,)}))
    assert long.longest < 8_000


@pytest.mark.slow
def test_verdicts_are_stored_and_asked_for_once(niah: Niah) -> None:
    niah(*SWEEP, "--model", "perfect")
    with serving(
        answers("**No.**"), answers("Who knows?"), otherwise=answers("Yes"), preflight=answers("?")
    ) as server:
        command = (
            "judge",
            "r",
            "--provider",
            "openai",
            "--model",
            "org/judge",
            "--base-url",
            server.base_url,
        )
        ended = niah(*command)
        assert ended.exit_code == 0
        assert "1 agree, 1 differ, 1 no verdict" in ended.err
        assert "score 1, judge 0" in ended.err
        asked = server.requests[0]["messages"][0]["content"]
        assert "Question asked: What is the magic number for" in asked
        assert "Expected answer: " in asked
        assert len(asked) < 1_000
        assert niah(*command).exit_code == 0
        assert len(server.requests) == 3
    assert "or move the folder away to begin anew" in niah(*command, "--extra", "seed=1").err
    assert Path("results/r/judge-org-judge/run.jsonl").is_file()


@pytest.mark.slow
def test_a_judge_is_asked_in_its_own_way_and_not_in_that_of_the_run(niah: Niah) -> None:
    sweep = ("--delivery", "window:400", "--headers", "X-Team=blue", "--reply-field", "budget")
    Path("key").write_text("sk-of-the-judge-alone")
    with serving(otherwise=answers("Yes, 7"), preflight=answers("?")) as server:
        there = ("--provider", "openai", "--model", "j", "--base-url", server.base_url)
        assert (
            niah(
                "run", "--lengths", "500", "--depths", "0,50", "--name", "r", *there, *sweep
            ).exit_code
            == 0
        )
        of_run = len(server.headers)
        ended = niah("judge", "r", *there, "--api-key-file", "key")
        assert (ended.exit_code, ", 0 no verdict" in ended.err) == (0, True), ended.err
        assert set(server.keys[of_run:]) == {"Bearer sk-of-the-judge-alone"}
        assert ["X-Team" in headers for headers in server.headers] == [
            n < of_run for n in range(len(server.headers))
        ]
        assert [
            request.get("budget") for request in (server.requests[0], *server.requests[-2:])
        ] == [32, None, None]
    config = json.loads(Path("results/r/judge-j/run.jsonl").read_text().splitlines()[0])["config"]
    assert "delivery" not in config


def test_a_run_without_scores_and_a_judge_without_a_model_are_one_line(niah: Niah) -> None:
    niah(*SWEEP, "--model", "perfect")
    ended = niah("judge", "r", "--provider", "openai", "--base-url", "http://127.0.0.1:1/v1")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "needs a model" in ended.err
    LOG.write_text(LOG.read_text(encoding="utf-8").split("\n")[0] + "\n", encoding="utf-8")
    assert (
        "nothing to judge"
        in niah("judge", "r", "--provider", "simulated", "--model", "perfect").err
    )
