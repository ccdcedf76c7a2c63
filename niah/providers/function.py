"""A model as a Python function: a prompt in, an answer out, inside this process.

It speaks Chat Completions over an in-process transport, so that a request goes through the real
client. It counts no tokens, and niah says so: whether the function has read the whole prompt cannot
be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from niah.providers import Service
from niah.providers.openai import OpenAI
from niah.providers.simulated import NoAnswer, in_process

if TYPE_CHECKING:
    import httpx

NAME = "function"
_ADDRESS = "http://function.invalid/v1"
Answers = Callable[[str], str]


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
            raise NoAnswer(f"{self.service.model} returned {type(answer).__name__}; an answer is a string")
        return answer, None


def function(answers: Answers, name: str | None = None) -> Function:
    """The provider of a function, called by its own name where none is given."""
    model = name or str(getattr(answers, "__name__", type(answers).__name__))
    service = Service(provider=NAME, model=model, base_url=_ADDRESS)
    return Function(service=service, answers=answers)
