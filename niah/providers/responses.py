"""OpenAI Responses. Nothing is stored, nothing is dropped from a long prompt, nothing is compacted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from niah.providers import Failure, HttpRequest, ReplyError, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.openai import listed_models
from niah.providers.presets import OPENAI_MARK, cache_off
from niah.providers.replies import TextReply, count_of
from niah.providers.shapes import response_items, response_tools
from niah.providers.wire import body_with, merged
from niah.records import Prompt, Usage
from niah.text.outside import json_in


@dataclass(frozen=True, slots=True)
class Responses:
    """One model of OpenAI's, or of a server that speaks this protocol."""

    service: Service

    def request(self, prompt: Prompt) -> HttpRequest:
        """The prompt's messages, or all of it as one user message, in parts where it has splits."""
        shaped = response_items(prompt, OPENAI_MARK)
        table = {
            "model": self.service.model,
            "input": shaped.messages,
            **response_tools(prompt),
            self.service.reply_field or "max_output_tokens": prompt.reply_tokens,
            "stream": True,
            "store": False,
            "truncation": "disabled",
            **cache_off(self.service.model),
        }
        return HttpRequest(
            url=self.service.url("/responses"),
            headers={"Content-Type": "application/json", "Accept": "text/event-stream", **self._key()},
            body=body_with(merged(table, self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> ResponsesReply:
        return ResponsesReply()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> None:
        return None  # no route of OpenAI's tells it

    def window_in(self, body: str) -> None:
        return None

    def models_request(self) -> HttpRequest:
        return HttpRequest(url=self.service.url("/models"), headers=self._key(), method="GET")

    def models_in(self, body: str) -> list[ServedModel]:
        return listed_models(json_in(body))

    def _key(self) -> dict[str, str]:
        return self.service.key_headers("Authorization")


class ResponsesReply(TextReply):
    """A stream of named events; the last one holds the whole response with its usage."""

    def take(self, chunk: dict[str, Any]) -> bool:
        kind = str(chunk.get("type", ""))
        if kind in ("response.failed", "error"):
            raise ReplyError(_error_body(chunk))
        if kind in ("response.completed", "response.incomplete"):
            self._end(chunk["response"])
        elif chunk.get("object") == "response":  # a whole reply, from a server that does not stream
            if chunk.get("status") == "failed":
                raise ReplyError(_error_body({"response": chunk}))
            self._end(chunk)
            return True
        elif kind == "response.output_text.delta":
            self._text.append(chunk.get("delta") or "")
        elif kind == "response.refusal.delta":
            self._refusal.append(chunk.get("delta") or "")
        return kind.endswith(".delta") and bool(chunk.get("delta"))

    def _end(self, response: Mapping[str, Any]) -> None:
        self._model, self.request_id = response.get("model"), response.get("id")
        self.finished = True
        self._stop_reason = (response.get("incomplete_details") or {}).get("reason") or response.get("status")
        # the whole text; without it the deltas count. A model may comment on its work before the answer proper
        messages = [item for item in response.get("output") or () if item.get("type") == "message"]
        parts = [p for item in messages if item.get("phase") != "commentary" for p in item.get("content") or ()]
        if parts:
            self._text = [p.get("text") or "" for p in parts if p.get("type") == "output_text"]
            self._refusal = [p.get("refusal") or "" for p in parts if p.get("type") == "refusal"]
        if counts := response.get("usage"):
            self._usage = _usage(counts)


def _usage(counts: Mapping[str, Any]) -> Usage:
    """The input count includes what was read from and written to the cache."""
    details = counts.get("input_tokens_details") or {}
    return Usage(
        input_tokens=count_of(counts.get("input_tokens")),
        cached_tokens=count_of(details.get("cached_tokens")),
        cache_write_tokens=count_of(details.get("cache_write_tokens")),
        output_tokens=count_of(counts.get("output_tokens")),
        reasoning_tokens=count_of((counts.get("output_tokens_details") or {}).get("reasoning_tokens")),
    )


def _error_body(chunk: Mapping[str, Any]) -> str:
    """The error of a failed response, in the shape of an error body."""
    response = chunk.get("response")
    error = response.get("error") if isinstance(response, dict) else None
    return json.dumps({"error": error or chunk.get("error") or dict(chunk)})
