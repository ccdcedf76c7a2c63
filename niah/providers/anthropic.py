"""Anthropic Messages. Only what is marked is cached: an unmarked sweep pays for no writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from niah.messages import MediaPart
from niah.providers.files import LIVES_S, FormFiles
from niah.providers.replies import HttpApi, TextReply, count_of, usage_in
from niah.providers.shapes import Shaped, content_of, declared, join_to, messages_of, schema_of
from niah.records import Prompt

_MARK = {"cache_control": {"type": "ephemeral"}}
_USAGE = {
    "input_tokens": "input_tokens",
    "cached_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "output_tokens_details.thinking_tokens",
}


class MessageReply(TextReply):
    """One stream of Messages: text in deltas, thinking beside it, the input count at the start."""

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
        """Counts are cumulative; the input count leaves out what the cache has read or written."""
        self._counts.update({k: v for k, v in (usage or {}).items() if v is not None})
        told = usage_in(self._counts, _USAGE)
        cache = (told.cached_tokens or 0) + (told.cache_write_tokens or 0)
        whole = None if told.input_tokens is None else told.input_tokens + cache
        self._usage = replace(told, input_tokens=whole)


@dataclass(frozen=True, slots=True)
class Anthropic(HttpApi):
    """One model of Anthropic's, or of a server that speaks its protocol."""

    window_path: str | None = "/models/{model}"

    KEY_HEADER: ClassVar = "x-api-key"
    HEADERS: ClassVar = {"anthropic-version": "2023-06-01"}
    ROUTE: ClassVar = "/messages"
    MODELS: ClassVar = "/models?limit=1000"
    REPLY: ClassVar = MessageReply
    FILES: ClassVar = FormFiles({"expires_in_seconds": str(LIVES_S)})

    def shaped(self, prompt: Prompt) -> Shaped:
        """``tool_use`` in an assistant's turn, ``tool_result`` first in the user's next one."""
        shaped = Shaped()
        for message in messages_of(prompt):
            call, role = message.call, "user" if message.role == "tool" else message.role
            content: Any
            if call and message.role == "tool":
                result = shaped.place(message.parts[0])
                content = [{"type": "tool_result", "tool_use_id": call.id, "content": result}]
            elif call:
                made = {"id": call.id, "name": call.name, "input": dict(call.arguments)}
                content = [{"type": "tool_use", **made}]
            else:
                content = content_of(shaped, message.parts, _MARK, _media)
            join_to(shaped, {"role": role, "content": content}, "content")
        return shaped

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        system = [m["content"] for m in messages if m["role"] == "system"]  # the first, if any
        return {
            "model": self.model,
            self.service.reply_field or "max_tokens": prompt.reply_tokens,
            **({"system": system[0]} if system else {}),
            "messages": messages[len(system) :],
            **declared([schema_of(tool, "input_schema") for tool in prompt.tools]),
            "stream": True,
        }

    def window_among(self, table: Any) -> int | None:
        return count_of(table.get("max_input_tokens")) or None


def _media(shaped: Shaped, part: MediaPart) -> dict[str, Any]:
    if part.reference is not None:
        return {"type": "image", "source": {"type": "file", "file_id": part.reference}}
    source = {"type": "base64", "media_type": part.mime, "data": shaped.place(part)}
    return {"type": "image", "source": source}  # it takes no sound: refused before anything is sent
