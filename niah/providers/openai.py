"""OpenAI's two protocols: Chat Completions, spoken by most servers, and Responses.

Both stream, and send no sampling parameter unless the config does. By Responses nothing is stored,
cut from a long prompt or compacted.

Caching: where writing to a cache is free, the server's default stays. OpenAI's models from GPT-5.6
on write at the end of every message for 1.25 times the price and read only where an earlier request
wrote, which no other prompt of a sweep can hit: there it is switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from niah.messages import MediaPart
from niah.providers import Failure, ReplyError, Service, known_provider
from niah.providers.failures import failure_of
from niah.providers.replies import HttpApi, TextReply, count_of, text_in, usage_in
from niah.providers.shapes import (
    Shaped,
    block_of,
    chat_media,
    chat_messages,
    chat_tools,
    declared,
    function_of,
    messages_of,
    schema_of,
)
from niah.records import Prompt, Usage

COUNTED: Mapping[str, Any] = {"stream_options": {"include_usage": True}}
OPENAI_MARK: Mapping[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def chat(service: Service) -> OpenAI:
    """A service in the dialect of its provider's row; OpenAI's own only at OpenAI's address."""
    known = known_provider(service.provider)
    if service.provider != "openai":
        return OpenAI(service, **known.dialect)
    if service.base_url.rstrip("/") != known.base_url:
        return OpenAI(service, window_path="/models")
    fields = {**known.dialect["fields"], **cache_off(service.model)}
    return OpenAI(service, **{**known.dialect, "fields": fields})


def cache_off(model: str) -> dict[str, Any]:
    """The field that stops a model of OpenAI's from writing to its cache, where writing costs."""
    version = re.match(r"(?:ft:)?gpt-(\d+)(?:\.(\d+))?\b", model)
    if version is None or (int(version[1]), int(version[2] or 0)) < (5, 6):
        return {}
    return {"prompt_cache_options": {"mode": "explicit"}}


class ChatReply(TextReply):
    """One stream of Chat Completions."""

    def take(self, chunk: dict[str, Any]) -> bool:
        self._model = chunk.get("model") or self._model
        self.request_id = chunk.get("id") or self.request_id
        choice = self.first_of(chunk.get("choices")) or {}
        counts = [chunk.get("usage"), choice.get("usage")]  # Moonshot's are in the choice
        usage: dict[str, Any] = next(filter(None, counts), {})
        if usage or chunk.get("timings"):
            self._usage = _usage(usage, chunk.get("timings") or {})
        part = choice.get("delta") or choice.get("message") or {}
        self._text.append(text_in(part.get("content")))
        self._refusal.append(text_in(part.get("refusal")))
        self._stop_reason = choice.get("finish_reason") or self._stop_reason
        return any(part.get(k) for k in ("content", "refusal", "reasoning", "reasoning_content"))


@dataclass(frozen=True, slots=True)
class OpenAI(HttpApi):
    """One service, and how its dialect differs."""

    # OpenAI's own models refuse it; most other servers know nothing else
    reply_field: str = "max_tokens"
    # what the dialect adds to every request
    fields: Mapping[str, Any] = field(default_factory=lambda: COUNTED)
    mark: Mapping[str, Any] = field(default_factory=lambda: OPENAI_MARK)  # the end of a cached part
    quota_refills: bool = False  # an exhausted quota means too many tokens a minute, not money

    ROUTE: ClassVar = "/chat/completions"
    REPLY: ClassVar = ChatReply

    def shaped(self, prompt: Prompt) -> Shaped:
        return chat_messages(prompt, self.mark)

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": messages,
            **chat_tools(prompt),
            self.service.reply_field or self.reply_field: prompt.reply_tokens,
            "stream": True,
            **self.fields,
        }

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key, quota_refills=self.quota_refills)

    def window_among(self, table: Any) -> int | None:
        """In a list of models, in one model's entry, or in llama.cpp's properties."""
        entries = table.get("data") if isinstance(table.get("data"), list) else [table]
        named = [e for e in entries if e.get("id") == self.model]
        told = map(_window_of, named or (entries if len(entries) == 1 else []))
        return next(filter(None, told), None)


# DeepSeek, Moonshot and llama.cpp have names of their own; what a cache has read is in the input
_USAGE = {
    "input_tokens": "prompt_tokens",
    "cached_tokens": (
        "prompt_tokens_details.cached_tokens prompt_cache_hit_tokens cached_tokens timings.cache_n"
    ),
    "cache_write_tokens": (
        "prompt_tokens_details.cache_write_tokens prompt_tokens_details.cache_creation_input_tokens"
        " prompt_tokens_details.created_cache_tokens"
    ),
    "output_tokens": "completion_tokens timings.predicted_n",
    "reasoning_tokens": "completion_tokens_details.reasoning_tokens reasoning_tokens",
}
_RESPONSE_USAGE = {  # what the cache has read and written is in the input
    "input_tokens": "input_tokens",
    "cached_tokens": "input_tokens_details.cached_tokens",
    "cache_write_tokens": "input_tokens_details.cache_write_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "output_tokens_details.reasoning_tokens",
}


def _usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    told = usage_in({**usage, "timings": timings}, _USAGE)
    computed = count_of(timings.get("prompt_n"))  # leaves out what was read
    if told.input_tokens is None and computed is not None:
        told = replace(told, input_tokens=computed + (count_of(timings.get("cache_n")) or 0))
    return replace(told, dollars=_dollars(usage))


def _dollars(usage: Mapping[str, Any]) -> float | None:
    """What OpenRouter asks, and beside it the provider whose key the user has."""
    cost = usage.get("cost")
    if not isinstance(cost, int | float):
        return None
    details = (usage.get("cost_details") or {}) if usage.get("is_byok") else {}
    return cost + (details.get("upstream_inference_cost") or 0)


# where LM Studio, vLLM and SGLang, OpenRouter, Mistral and llama.cpp tell the window of a model
_WINDOW_KEYS = (
    "loaded_context_length", "max_model_len", "context_length", "max_context_length",
    "context_window", "n_ctx",
)  # fmt: skip


def _window_of(entry: Mapping[str, Any]) -> int | None:
    places = (entry, entry.get("default_generation_settings") or {}, entry.get("meta") or {})
    return count_of(*(place.get(key) or None for key in _WINDOW_KEYS for place in places)) or None


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
        incomplete = response.get("incomplete_details") or {}
        self._stop_reason = incomplete.get("reason") or response.get("status")
        messages = [item for item in response.get("output") or () if item.get("type") == "message"]
        # a model may comment on its work before the answer proper
        answers = [item for item in messages if item.get("phase") != "commentary"]
        parts = [part for item in answers for part in item.get("content") or ()]
        if parts:  # the whole text; without it the deltas count
            self._text = [p.get("text") or "" for p in parts if p.get("type") == "output_text"]
            self._refusal = [p.get("refusal") or "" for p in parts if p.get("type") == "refusal"]
        if counts := response.get("usage"):
            self._usage = usage_in(counts, _RESPONSE_USAGE)


@dataclass(frozen=True, slots=True)
class Responses(HttpApi):
    """One model of OpenAI's, or of a server that speaks this protocol; no route tells a window."""

    ROUTE: ClassVar = "/responses"
    REPLY: ClassVar = ResponsesReply

    def shaped(self, prompt: Prompt) -> Shaped:
        """Messages, and ``function_call`` with ``function_call_output`` as items of their own."""
        shaped = Shaped()
        for message in messages_of(prompt):
            call, parts = message.call, message.parts
            table: dict[str, Any]
            if call and message.role == "tool":
                output = shaped.place(parts[0])
                table = {"type": "function_call_output", "call_id": call.id, "output": output}
            elif call:
                table = {"type": "function_call", "call_id": call.id, **function_of(call)}
            elif message.role == "user":
                blocks = [block_of(shaped, p, OPENAI_MARK, "input_text", _media) for p in parts]
                table = {"role": "user", "content": blocks}
            else:
                table = {"role": message.role, "content": shaped.place(parts[0])}
            shaped.messages.append(table)
        return shaped

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        schemas = [schema_of(tool, "parameters") for tool in prompt.tools]
        return {
            "model": self.model,
            "input": messages,
            **declared([{"type": "function", **s, "strict": False} for s in schemas]),
            self.service.reply_field or "max_output_tokens": prompt.reply_tokens,
            "stream": True,
            "store": False,
            "truncation": "disabled",
            **cache_off(self.model),
        }

    def window_among(self, table: Any) -> int | None:
        return _window_of(table)


def _media(shaped: Shaped, part: MediaPart) -> dict[str, Any]:
    image = {"type": "input_image", "detail": "auto"}
    if part.reference is not None:
        known = {"type": "input_file"} if part.pixels is None else image
        return {**known, "file_id": part.reference}
    if part.pixels is not None:
        return {**image, "image_url": shaped.address(part)}
    return chat_media(shaped, part)


def _error_body(chunk: Mapping[str, Any]) -> str:
    """The error of a failed response, in the shape of an error body."""
    response = chunk.get("response")
    error = response.get("error") if isinstance(response, dict) else None
    return json.dumps({"error": error or chunk.get("error") or dict(chunk)})
