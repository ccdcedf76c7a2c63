"""Models inside this process, without weights: simulated readers and Python functions.

A simulated reader is no model: it answers from a part of the prompt it is given, and from nothing
else. They speak Chat Completions over an in-process transport, so that a request goes through the
real client. ``perfect`` and ``blind`` are the controls of the instrument: 1.0 and 0.0 in every
cell. ``head-tail`` and ``window`` show how a model that knows the ends only, or a system that cuts
the front, looks in a heatmap. ``search`` understands nothing and quotes what shares words with the
question: what it scores on a task is not reading.

A model that is a Python function is reached in the same way. It counts no tokens, and niah says so:
whether it has read the whole prompt cannot be checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError, UnknownName
from niah.generator.tokenizers import Tokenizer
from niah.providers import Service
from niah.providers.openai import OpenAI
from niah.providers.search import WAYS, Search
from niah.text.lengths import length_of

if TYPE_CHECKING:
    import httpx

_SEARCHERS = tuple(f"search:{way}".strip(":") for way in WAYS)
READERS = ("perfect", "blind", "head-tail", "window:TOKENS", *_SEARCHERS)
BASE_URL = "http://simulated.invalid/v1"
END_SHARE = 0.1
DEFAULT_WINDOW = "8k"
NOTHING = "Nothing."  # says a reader that saw or heard nothing

Messages = Sequence[Mapping[str, Any]]
Answers = Callable[[str], str]  # from a text: a reader, a task's own way, a Python function
FUNCTION = "function"  # the provider of a model that is a Python function


class NoAnswer(Exception):
    """Why a prompt was not answered, in words for whoever has asked."""


def simulated(model: str, extra: Mapping[str, object]) -> OpenAI:
    """The provider of a simulated reader."""
    service = Service(provider="simulated", model=model, base_url=BASE_URL, extra=extra)
    return OpenAI(service)


def transport(model: str, solve: Answers, tokenizer: Tokenizer) -> httpx.MockTransport:
    """An in-process server of one reader. Raises UnknownName for a reader that is not there."""
    reads = reader_of(model, solve, tokenizer)
    return in_process(model, lambda prompt: (reads(prompt), tokenizer.count(prompt)))


def in_process(
    model: str,
    answer: Callable[[Any], tuple[str, int | None]],
    read: Callable[[Messages], Any] | None = None,
) -> httpx.MockTransport:
    """A server inside this process: ``answer`` makes of a prompt a reply and its tokens, or None.

    ``read`` makes of the messages what ``answer`` takes: by default their text. A NoAnswer that is
    raised is an error reply with its words.
    """
    import asyncio  # these two take 0.15 s: only where a reader is asked

    import httpx

    def reply(body: bytes) -> bytes:
        text, tokens = answer((read or text_of)(json.loads(body)["messages"]))
        return _stream(model, text, tokens)

    async def handle(request: httpx.Request) -> httpx.Response:
        try:
            content = await asyncio.to_thread(reply, await request.aread())
        except NoAnswer as error:
            return httpx.Response(400, json={"error": {"message": str(error)}})
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=content)

    return httpx.MockTransport(handle)


def text_of(messages: Messages) -> str:
    """What all messages say, each from a new line."""
    said = []
    for content in (message["content"] for message in messages if message["content"]):
        parts = [content] if isinstance(content, str) else [part["text"] for part in content]
        said.append("".join(parts))
    return "\n".join(said)


def check_reader(model: str) -> None:
    """Raises UnknownName or ConfigError for a reader that is not there."""
    name, _, tokens = model.partition(":")
    if name == "window":
        try:
            length_of(tokens or DEFAULT_WINDOW, least=1)
        except ConfigError as error:
            raise ConfigError(f"simulated model {model!r}: {error}") from None
    elif model not in READERS:
        raise UnknownName("simulated model", model, READERS)


def reader_of(model: str, solve: Answers, tokenizer: Tokenizer) -> Answers:
    """What a reader answers to a prompt."""
    check_reader(model)
    name, _, way = model.partition(":")
    if name == "search":
        return lambda prompt: Search(prompt).answer(way)
    if name == "blind":
        return lambda prompt: solve(_question(prompt))
    if name == "head-tail":
        return lambda prompt: solve(_ends(prompt))
    if name == "window":
        window = length_of(way or DEFAULT_WINDOW, least=1)
        return lambda prompt: solve(tokenizer.last(prompt, window))
    return solve


def _question(prompt: str) -> str:
    """The last two paragraphs: the question and the word that asks for the answer."""
    return prompt[prompt.rfind("\n\n", 0, prompt.rfind("\n\n")) :]


def _ends(prompt: str) -> str:
    question = _question(prompt)
    lines = prompt[: len(prompt) - len(question)].split("\n")
    keep = max(1, round(len(lines) * END_SHARE))
    return "\n".join([*lines[:keep], *lines[-keep:]]) + question


def _stream(model: str, text: str, prompt_tokens: int | None) -> bytes:
    def choice(delta: Mapping[str, str], reason: str | None) -> dict[str, object]:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    events = [choice({"content": text}, None), choice({}, "stop")]
    if prompt_tokens is not None:
        events.append({"choices": [], "usage": {"prompt_tokens": prompt_tokens}})
    told = [json.dumps({"model": model, **event}) for event in events]
    return "".join(f"data: {event}\n\n" for event in (*told, "[DONE]")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(OpenAI):
    """The provider of a function."""

    answers: Answers

    def transport(self) -> httpx.AsyncBaseTransport:
        """The in-process server. An exception of the function is an error reply that tells it."""
        return in_process(self.service.model, self._answer)

    def _answer(self, prompt: str) -> tuple[str, None]:
        try:
            answer = self.answers(prompt)
        except Exception as error:  # somebody else's function may raise anything
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, str):
            raise NoAnswer(
                f"{self.service.model} returned {type(answer).__name__}; an answer is a string"
            )
        return answer, None


def function(answers: Answers) -> Function:
    """The provider of a function, called by its own name."""
    model = str(getattr(answers, "__name__", type(answers).__name__))
    service = Service(provider=FUNCTION, model=model, base_url="http://function.invalid/v1")
    return Function(service=service, answers=answers)
