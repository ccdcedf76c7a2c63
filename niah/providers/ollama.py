"""Ollama by its own route: JSON lines, a window that the request sets, long prompts refused.

Its Chat Completions route can do neither: it drops the front of a prompt that does not fit, and
answers all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from niah.providers import HttpRequest, ServedModel, json_request
from niah.providers.replies import HttpApi, TextReply, count_of, usage_in
from niah.providers.shapes import Shaped, chat_messages
from niah.records import Prompt
from niah.text.outside import json_in

WINDOW_SHARE = 1.25  # models count other tokens than the run does
WINDOW_STEP = 1024  # a window that changes between requests loads the model anew
_USAGE = {"input_tokens": "prompt_eval_count", "output_tokens": "eval_count"}


class LineReply(TextReply):
    """A stream of JSON lines; the last one is ``done`` and counts."""

    def take(self, chunk: dict[str, Any]) -> bool:
        self._model = chunk.get("model") or self._model
        message = chunk.get("message") or {}
        self._text.append(message.get("content") or "")
        if chunk.get("done"):
            self.finished = True
            self._stop_reason = chunk.get("done_reason") or "stop"
            self._usage = usage_in(chunk, _USAGE)
        return bool(message.get("content") or message.get("thinking"))


@dataclass(frozen=True, slots=True)
class Ollama(HttpApi):
    """One model of one Ollama server. ``--extra options={"num_ctx":N}`` sets another window."""

    ACCEPT: ClassVar = {}
    ROUTE: ClassVar = "//api/chat"
    MODELS: ClassVar = "//api/tags"
    REPLY: ClassVar = LineReply

    def shaped(self, prompt: Prompt) -> Shaped:
        return chat_messages(prompt, {})

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        steps = -(-round(self.service.longest_context * WINDOW_SHARE) // WINDOW_STEP)
        return {
            "model": self.model,
            "messages": messages,
            "stream": True,
            "truncate": False,
            "shift": False,  # nor drop the front of it while the reply grows
            "options": {
                "num_ctx": max(1, steps) * WINDOW_STEP,
                self.service.reply_field or "num_predict": prompt.reply_tokens,
            },
        }

    def window_request(self) -> HttpRequest:
        return json_request(self.service.url("//api/show"), self.headers(), {"model": self.model})

    def window_among(self, table: Any) -> int | None:
        facts = table["model_info"]
        # a part of an architecture, as what sees pictures, has its own length behind a further dot
        names = [facts.get("general.architecture"), *(key.partition(".")[0] for key in facts)]
        return count_of(*(facts.get(f"{name}.context_length") or None for name in names))

    def models_in(self, body: str) -> list[ServedModel]:
        return [ServedModel(name=str(row["name"])) for row in json_in(body)["models"]]
