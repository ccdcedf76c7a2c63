"""Ollama by its own route: JSON lines, a window that the request sets, and no cutting of long prompts.

Its Chat Completions route can do neither: it drops the front of a prompt that does not fit, and answers all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from niah.providers import Failure, HttpRequest, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.replies import TextReply, count_of
from niah.providers.shapes import chat_messages
from niah.providers.wire import body_with, merged
from niah.records import Prompt, Usage
from niah.text.outside import json_in

# models count other tokens than the run does; a window that changes between requests loads the model anew
WINDOW_SHARE = 1.25
WINDOW_STEP = 1024


@dataclass(frozen=True, slots=True)
class Ollama:
    """One model of one Ollama server. ``--extra options={"num_ctx":N}`` sets another window."""

    service: Service

    def request(self, prompt: Prompt) -> HttpRequest:
        """The prompt's messages, or all of it as one user message."""
        shaped = chat_messages(prompt, {})
        steps = -(-round(self.service.longest_context * WINDOW_SHARE) // WINDOW_STEP)
        table = {
            "model": self.service.model,
            "messages": shaped.messages,
            "stream": True,
            "truncate": False,
            "shift": False,  # nor drop the front of it while the reply grows
            "options": {
                "num_ctx": max(1, steps) * WINDOW_STEP,
                self.service.reply_field or "num_predict": prompt.reply_tokens,
            },
        }
        return HttpRequest(
            url=f"{self._root()}/api/chat",
            headers={"Content-Type": "application/json", **self._key()},
            body=body_with(merged(table, self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> LineReply:
        return LineReply()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> HttpRequest:
        body = json.dumps({"model": self.service.model}).encode()
        headers = {"Content-Type": "application/json", **self._key()}
        return HttpRequest(url=f"{self._root()}/api/show", headers=headers, body=(body,))

    def window_in(self, body: str) -> int | None:
        facts = json_in(body)["model_info"]
        # of the architecture itself; a part of it, as what sees pictures, has one of its own behind another dot
        names = [f"{facts.get('general.architecture')}", *(key.partition(".")[0] for key in facts)]
        return count_of(*(facts.get(f"{name}.context_length") or None for name in names))

    def models_request(self) -> HttpRequest:
        return HttpRequest(url=f"{self._root()}/api/tags", headers=self._key(), method="GET")

    def models_in(self, body: str) -> list[ServedModel]:
        return [ServedModel(name=str(row["name"])) for row in json_in(body)["models"]]

    def _root(self) -> str:
        return self.service.base_url.rstrip("/").removesuffix("/v1").removesuffix("/api")

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.service.api_key}"} if self.service.api_key else {}


class LineReply(TextReply):
    """A stream of JSON lines; the last one is ``done`` and counts."""

    def take(self, chunk: dict[str, Any]) -> bool:
        self._model = chunk.get("model") or self._model
        message = chunk.get("message") or {}
        self._text.append(message.get("content") or "")
        if chunk.get("done"):
            self.finished = True
            self._stop_reason = chunk.get("done_reason") or "stop"
            self._usage = Usage(
                input_tokens=count_of(chunk.get("prompt_eval_count")), output_tokens=count_of(chunk.get("eval_count"))
            )
        return bool(message.get("content") or message.get("thinking"))
