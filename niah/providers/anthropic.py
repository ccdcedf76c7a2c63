"""Anthropic Messages. Nothing is cached unless a request marks it: an unmarked sweep pays for no writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from niah.providers import Failure, HttpRequest, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.replies import TextReply, count_of
from niah.providers.shapes import anthropic_messages, anthropic_tools
from niah.providers.wire import body_with, merged
from niah.records import Prompt, Usage
from niah.text.outside import json_in

VERSION = "2023-06-01"


@dataclass(frozen=True, slots=True)
class Anthropic:
    """One model of Anthropic's, or of a server that speaks its protocol."""

    service: Service

    def request(self, prompt: Prompt) -> HttpRequest:
        """The prompt's messages, or all of it as one user message, in blocks where it has splits."""
        shaped = anthropic_messages(prompt, {"cache_control": {"type": "ephemeral"}})
        table = {
            "model": self.service.model,
            self.service.reply_field or "max_tokens": prompt.reply_tokens,
            "messages": shaped.messages,
            **anthropic_tools(prompt),
            "stream": True,
        }
        return HttpRequest(
            url=self.service.url("/messages"),
            headers={"Content-Type": "application/json", "Accept": "text/event-stream", **self._headers()},
            body=body_with(merged(table, self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> MessageReply:
        return MessageReply()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> HttpRequest:
        url = self.service.url(f"/models/{self.service.model}")
        return HttpRequest(url=url, headers=self._headers(), method="GET")

    def window_in(self, body: str) -> int | None:
        return count_of(json_in(body).get("max_input_tokens")) or None

    def models_request(self) -> HttpRequest:
        url = f"{self.service.base_url.rstrip('/')}/models?limit=1000"
        return HttpRequest(url=url, headers=self._headers(), method="GET")

    def models_in(self, body: str) -> list[ServedModel]:
        rows = json_in(body)["data"]
        return [ServedModel(name=str(row["id"]), window=count_of(row.get("max_input_tokens")) or None) for row in rows]

    def _headers(self) -> dict[str, str]:
        return {"anthropic-version": VERSION, **self.service.key_headers("x-api-key")}


class MessageReply(TextReply):
    """One stream of Messages: text comes in deltas, thinking beside it, the input count at the start."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Any] = {}

    def take(self, chunk: dict[str, Any]) -> bool:
        match chunk.get("type"):
            case "message_start":
                self._begin(chunk["message"])
            case "message":  # a whole reply, from a server that does not stream
                self._begin(chunk)
                return True
            case "content_block_start":
                return self._block(chunk["content_block"])
            case "content_block_delta":
                return self._block(chunk["delta"])
            case "message_delta":
                self._stop_reason = chunk["delta"].get("stop_reason") or self._stop_reason
                self._count(chunk.get("usage"))
            case "message_stop":
                self.finished = True
        return False

    def _begin(self, message: Mapping[str, Any]) -> None:
        self._model, self.request_id = message.get("model"), message.get("id")
        self._stop_reason = message.get("stop_reason")
        for block in message.get("content") or ():
            self._block(block)
        self._count(message.get("usage"))

    def _block(self, block: Mapping[str, Any]) -> bool:
        if block.get("type") in ("text", "text_delta"):
            self._text.append(block.get("text") or "")
        # of thinking that is not shown only the signature or the encrypted data arrives
        return any(block.get(k) for k in ("text", "thinking", "signature", "data"))

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Counts are cumulative; the input count leaves out what was read from or written to the cache."""
        self._counts.update({k: v for k, v in (usage or {}).items() if v is not None})
        plain = count_of(self._counts.get("input_tokens"))
        read = count_of(self._counts.get("cache_read_input_tokens"))
        written = count_of(self._counts.get("cache_creation_input_tokens"))
        self._usage = Usage(
            input_tokens=None if plain is None else plain + (read or 0) + (written or 0),
            cached_tokens=read,
            cache_write_tokens=written,
            output_tokens=count_of(self._counts.get("output_tokens")),
            reasoning_tokens=count_of((self._counts.get("output_tokens_details") or {}).get("thinking_tokens")),
        )
