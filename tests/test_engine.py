"""A change of an engine is a loss only where it shows against the base and the base again; an
ignored one is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from runs import header, result, trials
from server import answers_with, serving

from niah.errors import ConfigError
from niah.plotter.report_text import report_lines
from niah.providers import HttpRequest, Service
from niah.providers.forced import forced
from niah.records import Header, Outcome, Result, Row, Trial
from niah.run import open_run
from niah.runlog.log import write_log
from niah.runner.local_server import _setting
from niah.runner.models import lengths_around
from niah.verdict.engine import Arm, EngineVerdict, engine_verdict, paired_arms
from niah.verdict.records import Verdict
from niah.verdict.report import report_of

H = header(lengths=[1_000, 2_000], depths=[0.0, 50.0, 100.0], epochs=20)
TRIALS = trials(H)  # 120


def arm(score: Callable[[int, Trial], float], nats: Callable[[int], float] | None = None) -> Arm:
    rows = [
        replace(result(t, score(i, t)), target_nats=nats(i) if nats else None)
        for i, t in enumerate(TRIALS)
    ]
    return [(H, rows)]


def judged(
    again: Arm, candidate: Arm, *, texts: Callable[[Row], str] | None = None, forced: bool = True
) -> EngineVerdict:
    arms = (BASE, again, candidate)
    said = texts or (lambda row: str(row.score))
    answers: list[dict[str, str]] = [
        {r.trial.id: said(r) for _, rows in a for r in rows} for a in arms
    ]
    return engine_verdict("k=v", arms, (answers[0], answers[1], answers[2]), forced=forced)


def mostly(i: int, _: Trial) -> float:
    return float(i % 10 != 0)


BASE = arm(mostly, lambda i: 1.0 + i % 7 / 10)


def test_a_loss_that_shows_against_both_fails() -> None:
    assert judged(BASE, arm(lambda i, t: float(i % 10 != 0 and i % 6 != 1))).verdict is Verdict.FAIL


def test_a_loss_that_the_base_shows_against_itself_is_none() -> None:
    worse = arm(lambda i, t: float(i % 10 != 0 and i % 6 != 1))
    found = judged(worse, worse, texts=lambda r: f"{r.score}")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.control.lost == found.candidate.lost > 0


def test_a_loss_of_probability_fails_though_every_answer_is_right() -> None:
    found = judged(
        BASE, arm(mostly, lambda i: 1.1 + i % 7 / 10 + i % 3 / 10), texts=lambda r: r.trial.id
    )
    assert found.verdict is Verdict.FAIL
    assert found.candidate.lost == 0
    assert found.nats is not None
    assert found.nats.loss == pytest.approx(0.2)


def test_a_report_says_how_probable_right_answers_were() -> None:
    (_, rows), *_ = BASE
    assert any(
        "nats of the right answer (0 is sure): 1k 1.30 (n = 60)" in line
        for line in report_lines(report_of(H, rows))
    )


def test_log_probabilities_have_a_picture_of_their_own(niah: Niah, tmp_path: Path) -> None:
    (_, rows), *_ = BASE
    write_log(tmp_path / "r", H, [r for r in rows if isinstance(r, Result)])
    assert niah("plot", "r", "--logprob", "--out", "l.png").exit_code == 0
    assert (tmp_path / "l.png").stat().st_size > 10_000
    write_log(tmp_path / "s", H, [result(t, 1.0) for t in TRIALS])
    assert "no trial of the run has a log-probability" in niah("plot", "s", "--logprob").err
    assert "--logprob draws one run" in niah("plot", "r", "s", "--logprob").err


def test_a_change_of_probability_that_is_tolerated_is_none() -> None:
    found = judged(
        BASE,
        arm(mostly, lambda i: 1.0 + i % 7 / 10 + (i % 3 - 1) / 30 + 0.01),
        texts=lambda r: r.trial.id,
    )
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize(("forced_", "verdict"), [(True, Verdict.INVALID), (False, Verdict.PASS)])
def test_a_setting_that_changes_nothing_is_named(forced_: bool, verdict: Verdict) -> None:
    found = judged(BASE, BASE, forced=forced_)
    assert found.verdict is verdict
    assert "k=v" in found.reasons[0]
    assert ("ignored" in found.reasons[0]) is forced_
    changed = arm(
        mostly, lambda i: 1.001 + i % 7 / 10 + (i % 3 - 1) / 30
    )  # the same answers by other sums
    assert judged(BASE, changed).verdict is Verdict.PASS


def test_trials_that_did_not_end_leave_it_open() -> None:
    fewer: list[tuple[Header, list[Row]]] = [(h, list(rows)[:100]) for h, rows in BASE]
    assert judged(BASE, fewer).verdict is Verdict.INCOMPLETE


@pytest.mark.slow
def test_two_servers_are_judged_and_written_for_a_pull_request(niah: Niah, tmp_path: Path) -> None:
    asked: list[str] = []

    def right(prompt: str) -> str:
        asked.append(prompt)
        return prompt.partition("The magic number for ")[2].partition(" is ")[2][:7]

    with (
        serving(otherwise=answers_with(right)) as a,
        serving(otherwise=answers_with(lambda prompt: "0")) as b,
    ):
        command = [
            "engine",
            "--provider",
            "openai",
            "--model",
            "m",
            "--task",
            "single",
            "--lengths",
            "1k",
            "--epochs",
            "8",
        ]
        command += ["--haystack-per", "trial", "--base-url", a.base_url, "--base-url", b.base_url]
        ended = niah(*command, "--markdown", "engine.md")
        sent = len(asked)
        again = niah(*command, "--markdown", "engine.md")
    assert ended.exit_code == again.exit_code == 1, ended.out
    assert "\nFAIL  http" in ended.out
    assert len(asked) == sent
    assert (
        "answered from 20" in again.out
    )  # a second night with the same command is no new evidence, and says so
    written = (tmp_path / "engine.md").read_text(encoding="utf-8")
    assert "| candidate | 0 % | 40 | 0 |" in written
    assert "| control | 100 % | 0 | 0 |" in written


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "nothing is changed"),
        (("--base-url", "http://a/v1") * 3, "--base-url is given 3 times"),
        (("--set", "x"), "--set 'x': write KEY=VALUE"),
    ],
)
def test_what_is_no_change_is_refused(niah: Niah, flags: tuple[str, ...], words: str) -> None:
    ended = niah(
        "engine",
        "--provider",
        "openai",
        "--model",
        "m",
        "--task",
        "single",
        "--lengths",
        "1k",
        *flags,
    )
    assert ended.exit_code == 2
    assert words in ended.err


@pytest.fixture
def suite() -> str:
    text = '[shared]\nhaystack = "en"\nhaystack_per = "trial"\nlengths = "512"\ndepths = "0,100"\n'
    Path("s.toml").write_text(text + '[[runs]]\ntask = "single"\n[[runs]]\ntask = "multikey"\n')
    return "s.toml"


@pytest.mark.slow
def test_variables_are_settings_of_every_arm_of_a_suite(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suite: str
) -> None:
    for key, value in {"PROVIDER": "simulated", "MODEL": "perfect", "LENGTHS": "600"}.items():
        monkeypatch.setenv(f"NIAH_{key}", value)
    ended = niah("engine", "--suite", str(tmp_path / suite), "--candidate", "blind")
    assert ended.exit_code in (1, 3), ended.err
    headers = [
        open_run(f"results/engine/{arm}/single").header for arm in ("base", "control", "candidate")
    ]
    assert [h.config["model"] for h in headers] == ["perfect", "perfect", "blind"]
    assert {h.design.lengths for h in headers} == {(600,)}
    assert headers[0].environment["model"] == "NIAH_MODEL"


def test_an_arm_that_is_stopped_begins_no_other(niah: Niah, tmp_path: Path, suite: str) -> None:
    asked = (
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--candidate",
        "blind",
        "--max-tokens",
        "800",
    )
    ended = niah("engine", "--suite", str(tmp_path / suite), *asked)
    assert ended.exit_code == 5, ended.err
    assert ("base  single" in ended.err, "base  multikey" in ended.err) == (True, False)


def test_lengths_stand_around_the_edges_that_a_server_tells() -> None:
    assert lengths_around(32_000, 8_000, 1_000) == [6_800, 8_800, 13_600, 17_600, 27_200]
    assert lengths_around(None, None, 1_000) == []


def test_choices_of_the_engine_are_named_by_their_ends() -> None:
    engine = pytest.importorskip("xllamacpp")
    params = engine.CommonParams()
    assert _setting(params, "cache_type_k", "q4_0").name == "GGML_TYPE_Q4_0"
    assert _setting(params, "rope_freq_base", 10_000) == 10_000.0
    assert _setting(params, "swa_full", 1) is True
    wrong = [("no_such", 1), ("cache_type_k", "q99"), ("cpuparams", 1)]
    wrong += [
        ("n_batch", "many"),
        ("n_batch", 1.7),
        ("n_batch", 1e999),
        ("swa_full", "false"),
        ("swa_full", 2),
    ]
    for key, value in wrong:
        with pytest.raises(ConfigError, match=key):
            _setting(params, key, value)


TOKENS = {"Q: 1?": [2, 10], "Q: 1? 42": [2, 10, 4, 5]}


def llama_cpp(path: str, table: Mapping[str, Any]) -> object:
    if path == "/apply-template":
        return {"prompt": table["messages"][0]["content"]}
    if path == "/tokenize":
        return {"tokens": TOKENS[table["content"]]}
    likely = {4: -0.5, 9: -1.0} if table["prompt"] == [2, 10] else {5: -0.25}
    return {
        "completion_probabilities": [
            {"top_logprobs": [{"id": i, "logprob": p} for i, p in likely.items()]}
        ]
    }


def vllm(path: str, table: Mapping[str, Any]) -> object:
    if path == "/tokenize":
        return {"count": 2}
    assert table["continue_final_message"]
    return {
        "prompt_logprobs": [
            None,
            {"1": {"logprob": -9.0}},
            {"4": {"logprob": -0.5}},
            {"5": {"logprob": -0.25}},
        ]
    }


def sglang(path: str, table: Mapping[str, Any]) -> object:
    counts = {"Q: 1?": 2, "Q: 1? 42": 4}
    told = (
        [[None, 10, None], [-0.5, 4, None], [-0.25, 5, None]]
        if "logprob_start_len" in table
        else []
    )
    return {"meta_info": {"prompt_tokens": counts[table["text"]], "input_token_logprobs": told}}


def openai(path: str, table: Mapping[str, Any]) -> object:
    tokens = [{"token": t, "logprob": p} for t, p in (("4", -0.5), ("2", -0.25), (".", -3.0))]
    return {"choices": [{"logprobs": {"content": tokens}}]}


@pytest.mark.parametrize(
    "serve", [llama_cpp, vllm, sglang, openai], ids=lambda serve: str(serve.__name__)
)
def test_every_server_tells_the_same_log_probability(
    serve: Callable[[str, Mapping[str, Any]], object],
) -> None:
    provider = serve.__name__.replace("_", ".")
    extra = {"path": 1, "service": 2}  # fields of any name
    service = Service(
        provider=provider, model="m", base_url="http://h/v1", api_key="k", extra=extra
    )
    steps = forced(service, "Q: 1?", "42")
    request: HttpRequest = next(steps)
    with pytest.raises(StopIteration) as ended:
        while True:
            assert request.headers["Authorization"] == "Bearer k"
            path = request.url.removeprefix("http://h").removeprefix("/v1")
            request = steps.send(json.dumps(serve(path, json.loads(request.body[0]))))
    assert ended.value.value == pytest.approx(0.75)


def test_an_outage_is_no_setting_that_is_ignored_and_no_verdict() -> None:
    errors: Arm = [(H, [result(t, Outcome.ERROR) for t in TRIALS])]
    nothing: dict[str, str] = {}
    away = engine_verdict("k=v", (errors, errors, errors), (nothing, nothing, nothing), forced=True)
    assert away.verdict is Verdict.INCOMPLETE
    said = {t.id: "1" for t in TRIALS}
    for arms in ((BASE, BASE, errors), (BASE, errors, BASE)):
        told = (said, *(said if arm is BASE else nothing for arm in arms[1:]))
        found = engine_verdict("k=v", arms, (told[0], told[1], told[2]), forced=False)
        assert found.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("order", [1, -1])
def test_arms_of_which_one_run_shares_haystacks_are_no_independent_trials(order: int) -> None:
    alone = header(lengths=[1_000], epochs=6)
    shared = header(lengths=[2_000], epochs=6, haystack_per="epoch")
    runs = [(of, [result(t, 1.0) for t in trials(of)]) for of in (alone, shared)][::order]
    assert paired_arms(runs, runs).by_epoch


@pytest.mark.slow
def test_an_answer_that_is_asked_for_its_log_probability_has_the_budget_of_its_trial(
    niah: Niah,
) -> None:
    with serving(otherwise=answers_with(lambda prompt: prompt.partition(" is ")[2][:7])) as server:
        asked = (
            "--provider",
            "openai",
            "--model",
            "m",
            "--base-url",
            server.base_url,
            "--target-logprob",
        )
        niah("run", *asked, "--lengths", "512", "--depths", "50", "--name", "r")
        budgets = {
            ("logprobs" in body): body.get("max_tokens")
            for body in server.requests
            if "messages" in body
        }
    assert budgets[True] == budgets[False] is not None
