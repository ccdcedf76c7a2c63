"""Deliveries: the same trials, another way to the model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from niah.deliveries import asked_needles
from niah.deliveries.turns import TOOLS, Chat, Tools
from niah.experiment.config import RunConfig
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment, experiment_of
from niah.generator.tokenizers import tokenizer_of
from niah.messages import MediaPart, Message, TextPart
from niah.providers import Provider, Service
from niah.providers.anthropic import Anthropic
from niah.providers.gemini import Gemini
from niah.providers.openai import OpenAI, Responses
from niah.providers.simulated import text_of
from niah.records import Planting, Prompt

TOKENIZER = tokenizer_of("o200k_base")
SERVICE = Service(provider="openai", model="m", base_url="http://127.0.0.1:9/v1")
PROVIDERS: dict[str, Provider] = {
    "chat": OpenAI(service=SERVICE),
    "responses": Responses(SERVICE),
    "anthropic": Anthropic(SERVICE),
    "gemini": Gemini(SERVICE),
}


@cache
def experiment(**settings: Any) -> Experiment:
    usual = {
        "provider": "simulated",
        "model": "perfect",
        "lengths": (2_000,),
        "depths": (0.0, 50.0, 100.0),
    }
    return experiment_of(RunConfig(**{**usual, **settings}))


def lined(count: int) -> Prompt:
    """A prompt of so many lines of haystack."""
    opening, closing = "Read.\n\n", "\n\nQuestion: what?\n\nAnswer:"
    text = opening + "\n".join(f"line {i} says nothing" for i in range(count)) + closing
    planting = Planting(
        opening=opening, closing=closing, question="what?", needles=(), targets=("x",)
    )
    return Prompt(
        utf8=text.encode(), tokens=TOKENIZER.count(text), reply_tokens=8, haystack_tokens=0,
        unique_share=1.0,
        placements=(), planting=planting, digest="",
    )  # fmt: skip


def sent(provider: str, prompt: Prompt) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(b"".join(PROVIDERS[provider].request(prompt).body))
    return table


def whole(value: Any) -> Any:
    """A validated value with all that pydantic validates only when it is looked at."""
    if isinstance(value, Mapping):
        return {key: whole(inner) for key, inner in value.items()}
    return (
        [whole(inner) for inner in value]
        if not isinstance(value, str) and isinstance(value, Iterable)
        else value
    )


def accepted_by_the_sdk(provider: str, body: dict[str, Any]) -> None:
    """Raises ValidationError unless the vendor's own types take the body; nothing in it is unknown
    to them."""
    if provider == "gemini":
        from google.genai import types

        for content in body["contents"]:
            types.Content.model_validate(content)  # its models forbid what they do not know
        for tool in body.get("tools", []):
            types.Tool.model_validate(tool)
        return
    module, name = {
        "anthropic": ("anthropic.types.message_create_params", "MessageCreateParamsStreaming"),
        "chat": ("openai.types.chat.completion_create_params", "CompletionCreateParamsStreaming"),
        "responses": (
            "openai.types.responses.response_create_params",
            "ResponseCreateParamsStreaming",
        ),
    }[provider]
    kind = getattr(importlib.import_module(module), name)
    assert whole(TypeAdapter(kind).validate_python(body)) == body


def roles_of(provider: str, body: dict[str, Any]) -> list[str]:
    messages = body[
        "contents" if provider == "gemini" else "input" if provider == "responses" else "messages"
    ]
    return [m.get("role") or m["type"] for m in messages]


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("turns", [1, 2, 1_000])
@pytest.mark.parametrize("kind", ["chat", *TOOLS])
def test_the_vendors_own_types_accept_every_history(provider: str, turns: int, kind: str) -> None:
    shape = Chat if kind == "chat" else Tools
    options = {} if kind == "chat" else {"kind": kind}
    prompt = shape(tokenizer=TOKENIZER, turn_tokens=1, **options).present(lined(turns))
    assert prompt.delivered is not None
    assert prompt.delivered.turns == turns
    body = sent(provider, prompt)
    accepted_by_the_sdk(provider, body)
    roles = roles_of(provider, body)
    assert roles[0] == roles[-1] == "user"
    if kind == "chat" or provider in ("anthropic", "gemini"):
        assert all(a != b for a, b in pairwise(roles))  # they alternate
    assert bool(body.get("tools")) == (kind != "chat")


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_vendors_own_types_accept_pictures_and_sound(provider: str) -> None:
    picture = MediaPart(mime="image/png", digest="", load=lambda: b"\x89PNG", pixels=(1, 1))
    sound = MediaPart(mime="audio/wav", digest="", load=lambda: b"RIFF", seconds=1.0)
    media = (picture,) if provider in ("anthropic", "responses") else (picture, sound)
    parts = (TextPart(utf8=b"Look."), *media, TextPart(utf8=b"What is it?"))
    prompt = Prompt(
        **{f: getattr(lined(1), f) for f in Prompt.__slots__}
        | {"messages": (Message(role="user", parts=parts),)}
    )
    body = sent(provider, prompt)
    accepted_by_the_sdk(provider, body)
    assert "iVBORw==" in json.dumps(body)


@given(lines=st.integers(1, 60), size=st.integers(1, 80), tools=st.booleans())
def test_the_text_of_all_turns_is_the_prompt(lines: int, size: int, tools: bool) -> None:
    prompt = lined(lines)
    shape = (Tools if tools else Chat)(tokenizer=TOKENIZER, turn_tokens=size)
    assert text_of(sent("chat", shape.present(prompt))["messages"]) == prompt.text


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize("depth", [0.0, 50.0, 100.0])
def test_the_needle_stands_in_the_turn_of_the_speaker_that_is_asked_for(
    role: str, depth: float
) -> None:
    known = experiment(sent_as="chat", needle_role=role, depths=(depth,))
    prompt = known.prompt(known.trials[0])
    shape = presenter_in(known)
    assert shape is not None
    given_as = shape.present(prompt)
    needle = prompt.planting.needles[0].text
    holding = [
        m.role
        for m in given_as.messages
        if any(needle in p.utf8.decode() for p in m.parts if isinstance(p, TextPart))
    ]
    assert holding == [role]
    assert given_as.delivered is not None
    assert given_as.delivered.needle_role == role
    text = text_of(sent("chat", given_as)["messages"])
    assert text == prompt.text


SCRIPTS = ("en", "zh-hant", "zh-hans")
MOVING = ("update", "moves", "order", "count")  # tasks about facts that change as a talk goes on


@pytest.mark.slow
@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
@pytest.mark.parametrize("turn_tokens", [16, 64])
def test_every_planted_word_is_said_by_its_speaker_however_short_the_turns(
    haystack: str, turn_tokens: int
) -> None:
    known = experiment(
        task="instruction", haystack=(haystack,), sent_as="chat", turn_tokens=turn_tokens
    )
    for trial in known.trials:
        prompt = known.prompt(trial)
        of_assistant = {mark.text for mark in prompt.planting.marks}
        shown = presenter_in(known)
        assert shown is not None
        turns = shown.present(prompt)
        assert turns.delivered is not None and turns.delivered.needle_role == "user"
        for message in turns.messages:
            lines = "".join(
                p.utf8.decode() for p in message.parts if isinstance(p, TextPart)
            ).split("\n")
            assert {line in of_assistant for line in lines if line} == {message.role == "assistant"}


@pytest.mark.slow
@pytest.mark.parametrize("haystack", SCRIPTS)
@pytest.mark.parametrize("shape", ["chat", "tools"])
def test_facts_that_change_over_turns_are_read_and_their_turn_is_logged(
    niah: Niah, haystack: str, shape: str
) -> None:
    grid = (
        "--lengths",
        "2k",
        "--depths",
        "0,50,100",
        "--haystack",
        haystack,
        "--as",
        shape,
        "--turn-tokens",
        "96",
    )
    for task in MOVING:
        reader = ("--provider", "simulated", "--model", "perfect", "--task", task)
        assert niah("run", *reader, *grid, "--name", task).exit_code == 0
        known = experiment(task=task, haystack=(haystack,), sent_as=shape, turn_tokens=96)
        for trial, line in zip(known.trials, in_order(results_in(task)), strict=True):
            present = presenter_in(known)
            assert present is not None
            prompt = known.prompt(trial)
            turns = [
                m for m in present.present(prompt).messages if m.role == "tool" or shape == "chat"
            ]
            holding = [
                n
                for n, turn in enumerate(turns, 1)
                if asked_needles(prompt)[0].text in said_by(turn)
            ]
            told = line["delivered"]
            assert line["score"] == 1, (task, line["response"]["text"])
            assert holding == [told["needle_turn"]]
            assert told["needle_role"] == turns[holding[0] - 1].role
            assert 8 <= told["turns"] <= 24


def in_order(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: float(line["trial"]["depth_percent"]))


def said_by(message: Message) -> str:
    return "\n".join(part.utf8.decode() for part in message.parts if isinstance(part, TextPart))


def test_a_trials_id_leaves_its_delivery_out() -> None:
    ids = {
        tuple(t.id for t in experiment(**settings).trials)
        for settings in (
            {},
            {"delivery": "window:1k"},
            {"sent_as": "chat"},
            {"delivery": "retrieve", "chunk_count": 2},
        )
    }
    assert len(ids) == 1


def test_a_config_without_a_delivery_is_the_run_that_it_was() -> None:
    assert not {"delivery", "sent_as", "chunk_tokens"} & set(
        RunConfig(provider="simulated", model="m").identity()
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--delivery", "windw:1k"), "unknown delivery"),
        (("--delivery", "window"), "needs a number of tokens"),
        (("--chunk-tokens", "64"), "chunk_tokens has no meaning here"),
        (("--delivery", "window:1k", "--as", "chat"), "use --as text"),
        (
            ("--delivery", "retrieve", "--chunk-tokens", "64", "--chunk-overlap", "64"),
            "must be below",
        ),
        (
            ("--delivery", "retrieve:dense", "--embed-url", "http://127.0.0.1:1/v1"),
            "belong together",
        ),
        (
            ("--delivery", "retrieve:dense", "--embed-key-env", "KEY"),
            "is for the server of embed_url",
        ),
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(
    niah: Niah, arguments: tuple[str, ...], says: str
) -> None:
    ended = niah("run", "--provider", "simulated", "--model", "perfect", *arguments)
    assert ended.exit_code == 2
    assert says in ended.err


def results_in(name: str) -> list[dict[str, Any]]:
    lines = map(
        json.loads, Path(f"results/{name}/run.jsonl").read_text(encoding="utf-8").splitlines()
    )
    return [line for line in lines if line["kind"] == "result"]


@pytest.mark.slow
def test_an_axis_of_turns_is_that_of_every_run_on_it(niah: Niah) -> None:
    grid = ("--provider", "simulated", "--model", "perfect", "--lengths", "1k", "--depths", "50")
    for name, tokens in (("a", "100"), ("same", "100"), ("b", "200")):
        assert (
            niah("run", *grid, "--as", "chat", "--turn-tokens", tokens, "--name", name).exit_code
            == 0
        )
    assert niah("run", *grid, "--name", "text").exit_code == 0
    assert niah("plot", "a", "same", "--turns", "--out", "two.png").exit_code == 0
    assert "b has other numbers of turns than the first" in niah("plot", "a", "b", "--turns").err
    assert "text was not sent as turns" in niah("plot", "a", "text", "--turns").err


@pytest.mark.slow
def test_a_window_has_its_edge_where_it_says(niah: Niah) -> None:
    shared = (
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "1k,4k",
        "--depths",
        "0:100:10",
    )
    assert niah("run", *shared, "--delivery", "window:2k", "--name", "w").exit_code == 0
    known = experiment(lengths=(1_000, 4_000), depths=tuple(range(0, 101, 10)))
    texts = {trial.id: known.prompt(trial) for trial in known.trials}
    for line in results_in("w"):
        prompt = texts[line["trial"]["id"]]
        inside = (
            TOKENIZER.count(prompt.text[prompt.text.index(prompt.planting.needles[0].text) :])
            <= 2_000
        )
        assert line["score"] == line["delivered"]["needles"] == inside
        assert line["delivered"]["tokens"] == min(2_000, prompt.tokens)
        assert line["prompt_digest"] == prompt.digest
    assert {line["score"] for line in results_in("w")} == {0.0, 1.0}
