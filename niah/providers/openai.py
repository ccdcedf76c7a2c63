"""OpenAI Chat Completions, spoken by most servers. Streams, sends no sampling parameter unless the config does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from niah.providers import Failure, HttpRequest, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.replies import TextReply, count_of, text_in
from niah.providers.shapes import chat_messages, chat_tools
from niah.providers.wire import body_with, merged
from niah.records import Prompt, Usage
from niah.text.outside import json_in


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """One service, and how its dialect differs."""

    service: Service
    reply_field: str = "max_tokens"  # OpenAI's own models refuse it; most other servers know nothing else
    fields: Mapping[str, Any] = field(default_factory=dict)  # what the dialect adds to every request
    mark: Mapping[str, Any] = field(default_factory=dict)  # what marks the end of a cached part
    window_path: str | None = "/models"  # from the address; "//" means from the root of the host
    quota_refills: bool = False  # an exhausted quota means too many tokens a minute, not money

    def request(self, prompt: Prompt) -> HttpRequest:
        """The prompt's messages, or all of it as one user message, in parts where it has splits."""
        shaped = chat_messages(prompt, self.mark)
        table = {
            "model": self.service.model,
            "messages": shaped.messages,
            **chat_tools(prompt),
            self.service.reply_field or self.reply_field: prompt.reply_tokens,
            "stream": True,
            **self.fields,
        }
        return HttpRequest(
            url=self.service.url("/chat/completions"),
            headers={"Content-Type": "application/json", "Accept": "text/event-stream", **self._key()},
            body=body_with(merged(table, self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> ChatReply:
        return ChatReply()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key, quota_refills=self.quota_refills)

    def window_request(self) -> HttpRequest | None:
        if self.window_path is None:
            return None
        service, path = self.service, self.window_path
        if path.startswith("//"):
            base, _, query = service.base_url.partition("?")
            root = base.rstrip("/").removesuffix("/v1") + (f"?{query}" if query else "")
            service, path = replace(service, base_url=root), path[1:]
        return HttpRequest(url=service.url(path), headers=self._key(), method="GET")

    def window_in(self, body: str) -> int | None:
        return window_among(json_in(body), self.service.model)

    def models_request(self) -> HttpRequest:
        return HttpRequest(url=f"{self.service.base_url.rstrip('/')}/models", headers=self._key(), method="GET")

    def models_in(self, body: str) -> list[ServedModel]:
        return listed_models(json_in(body))

    def _key(self) -> dict[str, str]:
        return self.service.key_headers("Authorization")


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


def _usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    """The input count includes what was read from a cache. DeepSeek, Moonshot and llama.cpp have names of their own."""
    details = usage.get("prompt_tokens_details") or {}
    read = count_of(timings.get("cache_n"))
    computed = count_of(timings.get("prompt_n"))  # leaves out what was read
    return Usage(
        input_tokens=count_of(usage.get("prompt_tokens"), None if computed is None else computed + (read or 0)),
        cached_tokens=count_of(
            details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"), read
        ),
        cache_write_tokens=count_of(
            details.get("cache_write_tokens"),
            details.get("cache_creation_input_tokens"),
            details.get("created_cache_tokens"),
        ),
        output_tokens=count_of(usage.get("completion_tokens"), timings.get("predicted_n")),
        reasoning_tokens=count_of(
            (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"), usage.get("reasoning_tokens")
        ),
        dollars=_dollars(usage),
    )


def _dollars(usage: Mapping[str, Any]) -> float | None:
    """What OpenRouter asks, and what the provider behind it asks beside that where the user has a key of its own."""
    cost = usage.get("cost")
    if not isinstance(cost, int | float):
        return None
    beside = (usage.get("cost_details") or {}).get("upstream_inference_cost") if usage.get("is_byok") else None
    return cost + (beside or 0)


# where servers tell the window of a model: vLLM and SGLang, OpenRouter, Mistral, LM Studio, llama.cpp
_WINDOW_KEYS = (
    "loaded_context_length",
    "max_model_len",
    "context_length",
    "max_context_length",
    "context_window",
    "n_ctx",
)


def window_among(table: Any, model: str) -> int | None:
    """The window in a list of models, in one model's entry, or in llama.cpp's properties; None where none is told."""
    entries = table.get("data") if isinstance(table.get("data"), list) else [table]
    named = [e for e in entries if e.get("id") == model]
    for entry in named or (entries if len(entries) == 1 else []):
        if told := _window_of(entry):
            return told
    return None


def listed_models(table: Any) -> list[ServedModel]:
    """The models of a list as OpenAI's, with the windows that some servers tell."""
    return [ServedModel(name=str(entry["id"]), window=_window_of(entry)) for entry in table["data"]]


def _window_of(entry: Mapping[str, Any]) -> int | None:
    places = (entry, entry.get("default_generation_settings") or {}, entry.get("meta") or {})
    return count_of(*(place.get(key) or None for key in _WINDOW_KEYS for place in places)) or None
