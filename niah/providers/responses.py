"""OpenAI Responses. Nothing is stored, nothing is dropped from a long prompt, nothing is compacted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from niah.providers import ReplyError, ServedModel
from niah.providers.http_api import HttpApi
from niah.providers.openai import OPENAI_MARK, cache_off, listed_models
from niah.providers.replies import TextReply, count_of
from niah.providers.shapes import Shaped, response_items, response_tools
from niah.records import Prompt, Usage


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


@dataclass(frozen=True, slots=True)
class Responses(HttpApi):
    """One model of OpenAI's, or of a server that speaks this protocol. No route of it tells a window."""

    ROUTE: ClassVar = "/responses"
    REPLY: ClassVar = ResponsesReply

    def shaped(self, prompt: Prompt) -> Shaped:
        return response_items(prompt, OPENAI_MARK)

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "model": self.model,
            "input": messages,
            **response_tools(prompt),
            self.service.reply_field or "max_output_tokens": prompt.reply_tokens,
            "stream": True,
            "store": False,
            "truncation": "disabled",
            **cache_off(self.model),
        }

    def models_among(self, table: Any) -> list[ServedModel]:
        return listed_models(table)


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
