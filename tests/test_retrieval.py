"""Retrieval, fallback and summaries: what is sent, what is logged, what is paid for once."""

from __future__ import annotations

import json
import ssl
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st
from server import Handler, Say, answers_with, fails, sends_a_web_page, throttles_until_a_date
from test_deliveries import TOKENIZER, experiment, results_in
from test_run import niah_process, serving, slowly, wait_for_lines

from niah.deliveries import Chunking, Delivery, body_of
from niah.deliveries.retrieve import GAP, fused, spans_of
from niah.deliveries.token_table import TokenTable
from niah.experiment.delivering import call_tokens, delivery_in
from niah.experiment.experiment import Experiment
from niah.records import Prompt
from niah.tasks import task_of
from niah.text.ranking import asked_part, terms_of

DEPTHS = tuple(float(depth) for depth in range(0, 101, 10))
HAYSTACKS = ("en", "zh-hant", "zh-hans")


@cache
def made(**settings: Any) -> tuple[Experiment, Delivery]:
    known = experiment(
        **{"lengths": (16_000,), "depths": DEPTHS, "delivery": "retrieve", **settings}
    )
    return known, delivery_in(known)


def first_asked(delivery: Delivery, prompt: Prompt) -> Prompt:
    asked = next(delivery.deliver(prompt))
    assert isinstance(asked, Prompt)
    return asked


def ranks(**settings: Any) -> list[int | None]:
    known, delivery = made(**settings)
    told = [first_asked(delivery, known.prompt(trial)).delivered for trial in known.trials]
    return [d.needle_rank for d in told if d is not None]


@pytest.mark.slow
@pytest.mark.parametrize("haystack", HAYSTACKS)
def test_the_needle_is_among_the_first_five_chunks_in_every_script(haystack: str) -> None:
    assert all(rank is not None and rank <= 5 for rank in ranks(haystack=(haystack,)))


@pytest.mark.slow
@pytest.mark.parametrize("haystack", HAYSTACKS)
def test_what_shares_no_word_with_its_question_is_found_by_chance_only(haystack: str) -> None:
    found = ranks(haystack=(haystack,), task="associative")
    assert (
        sum(rank is not None and rank <= 10 for rank in found) <= 4
    )  # by chance 1.5 of 11 are among 10 of 71 chunks


@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
def test_ranks_are_those_of_a_recount_by_hand(haystack: str) -> None:
    """BM25 as Lucene has it (k1 1.5, b 0.75), word by word from the chunks that are logged."""
    known, delivery = made(haystack=(haystack,), task="distractors", chunk_count=1_000)
    prompt = known.prompt(known.trials[3])
    delivered = first_asked(delivery, prompt).delivered
    body = body_of(prompt)
    assert delivered is not None and body is not None
    texts = {c.rank: "\n".join(body.lines[c.first : c.stop]) for c in delivered.chunks}
    terms = {rank: terms_of(text) for rank, text in texts.items()}
    mean = np.mean([len(t) for t in terms.values()])
    asked = list(dict.fromkeys(terms_of(asked_part(prompt.planting.question))))
    held = {term: sum(term in t for t in terms.values()) for term in asked}
    weight = {term: np.log(1 + (len(terms) - n + 0.5) / (n + 0.5)) for term, n in held.items() if n}
    for chunk in delivered.chunks:
        own = terms[chunk.rank]
        counts = {term: own.count(term) for term in weight}
        length = 1.5 * (0.25 + 0.75 * len(own) / mean)
        score = sum(weight[term] * n / (n + length) for term, n in counts.items() if n)
        assert chunk.score == pytest.approx(score, abs=2e-4)
    holding = [c.rank for c in delivered.chunks if prompt.planting.needles[0].text in texts[c.rank]]
    assert delivered.needle_rank == min(holding)


def test_chunks_are_sent_in_the_order_of_the_text_and_counted_to_the_token() -> None:
    known, delivery = made()
    prompt = known.prompt(known.trials[5])
    sent = first_asked(delivery, prompt)
    body, whole = body_of(sent), body_of(prompt)
    assert sent.delivered is not None and body is not None and whole is not None
    assert sent.tokens == sent.delivered.tokens == TOKENIZER.count(sent.text)
    kept = [line for line in body.lines if line != GAP]
    places = [
        i
        for c in sorted(sent.delivered.chunks, key=lambda c: c.first)
        if c.sent
        for i in range(c.first, c.stop)
    ]
    assert kept == [whole.lines[i] for i in sorted(set(places))]
    assert sent.planting.closing == prompt.planting.closing
    assert sent.tokens <= max(call_tokens(known, delivery, known.trials[5]))
    assert sent.delivered.needles == 1


def test_times_go_with_the_lines_below_them() -> None:
    known, delivery = made(task="when", lengths=(8_000,), chunk_count=12)
    for trial in known.trials[2:9:3]:
        sent = first_asked(delivery, known.prompt(trial))
        needle = sent.planting.needles[0].text.split("\n")[-1]
        assert sent.delivered is not None and sent.delivered.needles == 1
        above = sent.text[: sent.text.index(needle)].rsplit(GAP, 1)[-1]
        assert (
            any(mark.text in above for mark in sent.planting.marks)
            or needle != sent.planting.needles[0].text
        )


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(16, 80), st.integers(0, 15)
)
def test_chunks_hold_every_line_and_are_no_longer_than_asked(
    counts: list[int], tokens: int, overlap: int
) -> None:
    spans = spans_of(counts, Chunking(tokens=tokens, overlap=overlap, count=1))
    assert {line for first, stop, _ in spans for line in range(first, stop)} == set(
        range(len(counts))
    )
    assert [first for first, _, _ in spans] == sorted({first for first, _, _ in spans})
    for first, stop, held in spans:
        assert held == sum(counts[first:stop])
        assert held <= tokens or stop == first + 1
    for (first, stop, _), (again, _, _) in pairwise(spans):
        assert sum(counts[again:stop]) <= overlap and first < again


def test_a_fused_rank_is_the_sum_of_reciprocal_ranks() -> None:
    a, b = np.array([3, 2, 1], np.float32), np.array([1, 3, 2], np.float32)
    assert fused(a, b) == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62])


def test_a_long_haystack_is_searched_and_its_chunks_are_sent() -> None:
    known, delivery = made(lengths=(128_000,), depths=(20.0, 80.0))
    prompts = [known.prompt(trial) for trial in known.trials]
    for prompt in prompts:
        sent = first_asked(delivery, prompt)
        assert sent.delivered is not None
        assert sent.tokens < prompt.tokens / 10


@pytest.mark.slow
def test_the_token_table_knows_what_words_mean() -> None:
    table = TokenTable()
    scores = table.scores(
        "Which city does the king live in?",
        [["The queen stayed in Paris."], ["He ate two apples."]],
    )
    assert scores[0] > 2 * scores[1]


@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
def test_dense_and_fused_retrieval_find_the_plain_needle(haystack: str) -> None:
    for retriever in ("dense", "rrf"):
        found = ranks(haystack=(haystack,), lengths=(4_000,), delivery=f"retrieve:{retriever}")
        assert sum(rank is not None and rank <= 5 for rank in found) >= 10


DENSE = ("run", "--provider", "simulated", "--model", "perfect", "--lengths", "2k", "--depths",
         "0,50,100",
         "--name", "d", "--delivery", "retrieve:dense", "--embed-model", "e")  # fmt: skip


def embeds(rows: int | None = None) -> Say:
    """Vectors of so many texts (all), in another order than they came, each with as many tokens as
    it has signs."""

    def act(handler: Handler, body: dict[str, Any]) -> None:
        texts = body["input"][:rows]
        vectors = [{"index": i, "embedding": [len(t), 1]} for i, t in enumerate(texts)]
        counts = {"prompt_tokens": sum(map(len, body["input"]))}
        fails(200, {"data": vectors[::-1], "usage": counts})(handler, body)

    return act


@pytest.mark.slow
def test_vectors_are_asked_for_as_the_model_is_and_each_text_is_sent_once(
    niah: Niah, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS with an authority of one's own, again where it is throttled, with the key of that
    server alone."""
    authority, trust = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    monkeypatch.setenv("VECTORS", "sk-vectors")
    with (
        serving(throttles_until_a_date, otherwise=embeds(), preflight=None) as server,
        serving(otherwise=answers_with(task_of("single").solve)) as model,
    ):
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        url = server.base_url.replace("http:", "https:")
        access = ("--embed-url", url, "--embed-key-env", "VECTORS", "--ca-file", "ca.pem")
        asked = (
            "--provider",
            "openai",
            "--model",
            "m",
            "--base-url",
            model.base_url,
            "--headers",
            "X-Team=secret",
        )
        ended = niah(*DENSE, *access, *asked, "--log-requests", "requests.jsonl")
    assert ended.exit_code == 0, ended.err
    assert set(server.keys) == {"Bearer sk-vectors"}
    assert ["X-Team" in headers for headers in (server.headers[0], model.headers[0])] == [
        False,
        True,
    ]
    texts = [text for body in server.requests[1:] for text in body["input"]]
    assert len(texts) == len(set(texts)) > 20
    told = [line["delivered"] for line in results_in("d")]
    assert sum(d["embed_calls"] for d in told) == len(server.requests) - 1 == len(tried("d")) - 1
    assert sum(d["embed_tokens"] for d in told) == sum(map(len, texts)) == sum(tried("d"))
    assert "sk-vectors" not in Path("requests.jsonl").read_text(encoding="utf-8")


def tried(name: str) -> list[int]:
    """The tokens that each request for vectors is noted with: nothing was paid for one that was
    refused."""
    lines = [
        json.loads(line) for line in Path(f"results/{name}/attempts.jsonl").read_text().splitlines()
    ]
    trials = {line["n"]: line["trial"] for line in lines if "trial" in line}
    costs = {line["n"]: line["cost"] for line in lines if "cost" in line}
    return [
        cost.get("input_tokens", 0)
        for n, cost in costs.items()
        if trials[n] and cost.get("output_tokens") != 7
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "flags", "said"),
    [
        (fails(404, {"error": {"message": "no such route"}}), (), "no vectors: 404"),
        (
            fails(400, {"error": {"message": "maximum context length is 512 tokens"}}),
            (),
            "no vectors: 400",
        ),
        (embeds(rows=1), (), "no vectors: 1 vectors for"),
        (
            fails(200, {"data": [{}]}),
            ("--attempts", "1"),
            "no vectors: a reply of an unexpected shape",
        ),
        (sends_a_web_page, ("--attempts", "1"), "is --embed-url right?"),
        (embeds(), ("--max-tokens", "3000"), "max_tokens 3,000 is reached"),
    ],
    ids=["away", "too-long", "too-few", "odd", "page", "budget"],
)
def test_a_trial_without_vectors_is_an_error_and_no_answer(
    niah: Niah, act: Say, flags: tuple[str, ...], said: str
) -> None:
    with serving(otherwise=act, preflight=None) as server:
        ended = niah(*DENSE, "--embed-url", server.base_url, *flags)
    assert ended.exit_code == 3
    assert said in ended.err
    lines = results_in("d") if Path("results/d/run.jsonl").exists() else []
    assert {line["outcome"] for line in lines} <= {"error"}


def test_vectors_of_another_size_than_before_are_an_error(niah: Niah) -> None:
    def grows(handler: Handler, body: dict[str, Any]) -> None:
        size = len(handler.server.requests)
        vectors = [{"index": i, "embedding": [1.0] * size} for i in range(len(body["input"]))]
        fails(200, {"data": vectors})(handler, body)

    with serving(otherwise=grows, preflight=None) as server:
        ended = niah(*DENSE, "--embed-url", server.base_url)
    assert (ended.exit_code, "texts, of sizes [1, 2]" in ended.err) == (3, True), ended.err


def test_a_key_for_vectors_that_is_not_there_is_said_before_anything_is_made(niah: Niah) -> None:
    ended = niah(*DENSE, "--embed-url", "http://127.0.0.1:9/v1", "--embed-key-env", "NOT_THERE")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "NOT_THERE" in ended.err
    assert not Path("results").exists()


def test_a_proxy_for_vectors_that_cannot_be_used_leaves_nothing_behind(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks9://nobody:1")
    ended = niah(*DENSE, "--embed-url", "http://example.com/v1")
    assert (ended.exit_code, ended.err.count("\n"), "the proxy set" in ended.err) == (2, 1, True)
    assert not Path("results").exists()


def test_hybrid_sends_everything_where_the_model_says_that_the_chunks_do_not_tell(
    niah: Niah,
) -> None:
    command = ("run", "--provider", "simulated", "--model", "perfect", "--task", "associative",
               "--lengths", "4k",
               "--depths", "0:100:25", "--delivery", "hybrid", "--chunk-count", "1", "--name",
               "h")  # fmt: skip
    assert niah(*command).exit_code == 0
    lines = results_in("h")
    assert {line["score"] for line in lines} == {1.0}
    twice = [line for line in lines if len(line["calls"]) == 2]
    assert twice
    for line in twice:
        assert (
            line["delivered"]["tokens"]
            == line["prompt_tokens"]
            == line["calls"][1]["prompt_tokens"]
        )
        assert line["response"]["usage"]["input_tokens"] == sum(
            c["usage"]["input_tokens"] for c in line["calls"]
        )


@pytest.mark.parametrize(("control", "share"), [(None, 1.0), ("absent", None)])
def test_all_of_the_text_holds_all_of_its_needles_if_any(
    control: str | None, share: float | None
) -> None:
    known, delivery = made(delivery="hybrid", lengths=(2_000,), depths=(50.0,), controls=True)
    prompt = known.prompt(next(t for t in known.trials if t.control == control))
    steps = delivery.deliver(prompt)
    part = next(steps)
    assert isinstance(part, Prompt)
    whole = steps.send("The text does not say.")
    assert isinstance(whole, Prompt) and whole.delivered is not None
    assert whole.text == prompt.text
    assert whole.delivered.needles == share


def test_after_kill_9_in_the_middle_of_summaries_no_finished_call_is_paid_for_twice(
    niah: Niah, tmp_path: Path
) -> None:
    command = ["run", "--provider", "openai", "--model", "m", "--lengths", "4k", "--depths", "50",
               "--epochs", "2",
               "--concurrency", "1", "--delivery", "summarise", "--chunk-tokens", "256", "--name",
               "r"]  # fmt: skip
    with serving(otherwise=slowly(0.1)) as server:
        command += ["--base-url", server.base_url]
        killed = niah_process(*command, cwd=tmp_path)
        wait_for_lines(tmp_path / "results/r/calls.jsonl", 5)
        killed.kill()
        killed.communicate()
        kept = (tmp_path / "results/r/calls.jsonl").read_bytes().count(b"\n")

        def sent() -> int:
            both = [
                body["messages"][0]["content"] for body in (*server.requests, *server.preflights)
            ]
            return sum(text.startswith("Summarise") for text in both)

        before = sent()
        assert niah(*command).exit_code == 0
        calls = sum(len(line["calls"]) for line in results_in("r"))
        answered = sum(line["calls"][-1]["attempts"] for line in results_in("r"))
        assert sent() - before == calls - kept - answered
        prompts = [
            json.loads(line)["prompt_digest"]
            for line in Path("results/r/calls.jsonl").read_text().splitlines()
        ]
        assert len(prompts) == len(set(prompts)) == calls


def test_a_torn_line_of_calls_costs_that_call_only(niah: Niah, tmp_path: Path) -> None:
    command = ("run", "--provider", "simulated", "--model", "perfect", "--lengths", "2k",
               "--depths", "50",
               "--delivery", "summarise", "--chunk-tokens", "512", "--name", "r")  # fmt: skip
    assert niah(*command).exit_code == 0
    calls, log = tmp_path / "results/r/calls.jsonl", tmp_path / "results/r/run.jsonl"
    whole = calls.read_bytes()
    calls.write_bytes(whole[:-20])
    log.write_bytes(log.read_bytes().split(b"\n")[0] + b"\n")
    assert niah(*command).exit_code == 0
    assert calls.read_bytes().count(b"\n") == whole.count(b"\n")
    assert len(results_in("r")[0]["calls"]) == whole.count(b"\n")


@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
@pytest.mark.parametrize("size", [64, 256, 2_048])
def test_no_more_summaries_are_asked_for_than_were_planned(haystack: str, size: int) -> None:
    known, delivery = made(
        delivery="summarise",
        chunk_tokens=size,
        lengths=(8_000,),
        depths=(50.0,),
        haystack=(haystack,),
    )
    steps, sent = delivery.deliver(known.prompt(known.trials[0])), list[int]()
    answer: Any = None
    with pytest.raises(StopIteration):
        while True:
            asked = steps.send(answer)
            assert isinstance(asked, Prompt)
            sent.append(asked.tokens)
            answer = "x " * asked.reply_tokens
    planned = call_tokens(known, delivery, known.trials[0])
    assert len(sent) <= len(planned) <= 1.5 * len(sent)
    assert sum(sent) <= sum(planned)


def test_a_summary_is_asked_for_without_a_word_of_the_question() -> None:
    known, delivery = made(
        delivery="summarise", chunk_tokens=1_024, lengths=(4_000,), depths=(50.0,)
    )
    prompt = known.prompt(known.trials[0])
    steps, asked = delivery.deliver(prompt), list[Prompt]()
    answer: Any = None
    with pytest.raises(StopIteration):
        while True:
            asked.append(steps.send(answer))  # type: ignore[arg-type]
            answer = f"Summary {len(asked)}."
    *maps, last = asked
    assert all(
        prompt.planting.question not in p.text
        and prompt.planting.needles[0].key not in p.text[:200]
        for p in maps
    )
    assert "".join(last.text.split("Summary ")[1:])[0] == "1"
    assert last.text.endswith(prompt.planting.closing)
    assert len(asked) <= len(call_tokens(known, delivery, known.trials[0]))
    body = body_of(prompt)
    assert body is not None
    assert all(any(line in p.text for p in maps) for line in body.lines)
