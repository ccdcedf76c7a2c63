"""Servers that speak Chat Completions with quirks of their own: a line each.

Caching: where writing to a cache is free, the server's default stays. OpenAI's models from GPT-5.6 on write at the end
of every message for 1.25 times the price and read only where an earlier request wrote, which no other prompt of a
sweep can hit: there it is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from niah.providers import PROVIDERS, Service
from niah.providers.openai import OpenAI

OPENAI_MARK: Mapping[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit"}}
_USAGE: Mapping[str, Any] = {"stream_options": {"include_usage": True}}


def chat(service: Service) -> OpenAI:
    """The dialect of a service."""
    return _PRESETS.get(service.provider, _plain)(service)


def _plain(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, mark=OPENAI_MARK)


def _openai(service: Service) -> OpenAI:
    if service.base_url.rstrip("/") != PROVIDERS["openai"].base_url:
        return _plain(service)  # another server at --base-url
    return OpenAI(
        service=service,
        reply_field="max_completion_tokens",
        fields={
            "stream_options": {"include_usage": True, "include_obfuscation": False},
            **cache_off(service.model),
        },
        mark=OPENAI_MARK,
        window_path=None,  # its list of models tells none
    )


def cache_off(model: str) -> dict[str, Any]:
    """The field that stops a model of OpenAI's from writing to its cache, for those where writing costs."""
    version = re.match(r"(?:ft:)?gpt-(\d+)(?:\.(\d+))?\b", model)
    if version is None or (int(version[1]), int(version[2] or 0)) < (5, 6):
        return {}
    return {"prompt_cache_options": {"mode": "explicit"}}


def _llama_cpp(service: Service) -> OpenAI:
    return OpenAI(service=service, fields={**_USAGE, "cache_prompt": True}, window_path="//props")


def _lmstudio(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, window_path="//api/v0/models")


def _openrouter(service: Service) -> OpenAI:
    # else the middle of a prompt that is too long for the model is dropped in silence
    whole = {"plugins": [{"id": "context-compression", "enabled": False}]}
    return OpenAI(service=service, fields=whole)  # usage comes unasked


def _mistral(service: Service) -> OpenAI:
    # refuses stream_options and sends usage without them; requests with the same cache key read what another wrote
    return OpenAI(service=service, fields={"prompt_cache_key": "niah"}, window_path=f"/models/{service.model}")


def _qwen(service: Service) -> OpenAI:
    mark = {"cache_control": {"type": "ephemeral"}}
    return OpenAI(service=service, fields=_USAGE, mark=mark, window_path=None, quota_refills=True)


def _untold(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, window_path=None)


def _cloud(service: Service) -> OpenAI:
    # newer models refuse max_tokens there, and a deployment's name does not tell which one it is
    return OpenAI(service=service, reply_field="max_completion_tokens", fields=_USAGE, window_path=None)


_PRESETS: Mapping[str, Callable[[Service], OpenAI]] = {
    "openai": _openai,
    "llama.cpp": _llama_cpp,
    "lmstudio": _lmstudio,
    "openrouter": _openrouter,
    "mistral": _mistral,
    "deepseek": _untold,
    "qwen": _qwen,
    "zai": _untold,
    "azure": _cloud,
    "bedrock": _cloud,
    "vertex": _untold,
}
