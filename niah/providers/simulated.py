"""Simulated readers: no models. Each sees a part of the prompt it is given, and nothing else, and answers from that.

They speak Chat Completions over an in-process transport, so that a request goes through the real client. ``perfect``
and ``blind`` are the controls of the instrument: 1.0 and 0.0 in every cell. ``head-tail`` and ``window`` show how a
model that knows the ends only, or a system that cuts the front, looks in a heatmap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from niah.errors import UnknownName
from niah.generator.lengths import length_of
from niah.generator.tokenizers import Tokenizer
from niah.providers import Service
from niah.providers.openai import OpenAI

if TYPE_CHECKING:
    import httpx

READERS = ("perfect", "blind", "head-tail", "window:TOKENS")
BASE_URL = "http://simulated.invalid/v1"
END_SHARE = 0.1
DEFAULT_WINDOW = "8k"

Sees = Callable[[str], str]
Solve = Callable[[str], str]


def simulated(model: str, extra: Mapping[str, object]) -> OpenAI:
    """The provider of a simulated reader."""
    service = Service(provider="simulated", model=model, base_url=BASE_URL, extra=extra)
    return OpenAI(service=service, window_path=None)


def transport(model: str, solve: Solve, tokenizer: Tokenizer) -> httpx.MockTransport:
    """An in-process server of one reader. Raises UnknownName for a reader that is not there."""
    import asyncio  # these two take 0.15 s: only where a reader is asked

    import httpx

    sees = _reader(model, tokenizer)

    def answer(body: bytes) -> tuple[str, int]:
        prompt = json.loads(body)["messages"][0]["content"]
        return solve(sees(prompt)), tokenizer.count(prompt)

    async def handle(request: httpx.Request) -> httpx.Response:
        text, tokens = await asyncio.to_thread(answer, await request.aread())
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=_stream(model, text, tokens))

    return httpx.MockTransport(handle)


def check_reader(model: str) -> None:
    """Raises UnknownName or ConfigError for a reader that is not there."""
    name, _, tokens = model.partition(":")
    if name not in ("perfect", "blind", "head-tail", "window") or (tokens and name != "window"):
        raise UnknownName("simulated model", model, READERS)
    length_of(tokens or DEFAULT_WINDOW, least=1)


def _reader(model: str, tokenizer: Tokenizer) -> Sees:
    """What part of a prompt a reader sees."""
    check_reader(model)
    name, _, tokens = model.partition(":")
    if name == "perfect":
        return lambda prompt: prompt
    if name == "blind":
        return _question
    if name == "head-tail":
        return _ends
    window = length_of(tokens or DEFAULT_WINDOW, least=1)
    return lambda prompt: tokenizer.last(prompt, window)


def _question(prompt: str) -> str:
    """The last two paragraphs: the question and the word that asks for the answer."""
    return prompt[prompt.rfind("\n\n", 0, prompt.rfind("\n\n")) :]


def _ends(prompt: str) -> str:
    question = _question(prompt)
    lines = prompt[: len(prompt) - len(question)].split("\n")
    keep = max(1, round(len(lines) * END_SHARE))
    return "\n".join([*lines[:keep], *lines[-keep:]]) + question


def _stream(model: str, text: str, prompt_tokens: int) -> bytes:
    def events() -> Iterator[dict[str, object]]:
        yield {"model": model, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        yield {"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield {"model": model, "choices": [], "usage": {"prompt_tokens": prompt_tokens}}

    return b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events()) + b"data: [DONE]\n\n"
