"""Servers that speak Chat Completions, each with its quirks. Which one a provider is, its row in PROVIDERS says.

Caching: where writing to a cache is free, the server's default stays. OpenAI's models from GPT-5.6 on write at the end
of every message for 1.25 times the price and read only where an earlier request wrote, which no other prompt of a
sweep can hit: there it is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from niah.providers import PROVIDERS, Service
from niah.providers.openai import OpenAI

OPENAI_MARK: Mapping[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit"}}
_USAGE: Mapping[str, Any] = {"stream_options": {"include_usage": True}}


def plain(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, mark=OPENAI_MARK)


def openai(service: Service) -> OpenAI:
    if service.base_url.rstrip("/") != PROVIDERS["openai"].base_url:
        return plain(service)  # another server at --base-url
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


def llama_cpp(service: Service) -> OpenAI:
    return OpenAI(service=service, fields={**_USAGE, "cache_prompt": True}, window_path="//props")


def lmstudio(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, window_path="//api/v0/models")


def openrouter(service: Service) -> OpenAI:
    # else the middle of a prompt that is too long for the model is dropped in silence
    whole = {"plugins": [{"id": "context-compression", "enabled": False}]}
    return OpenAI(service=service, fields=whole)  # usage comes unasked


def mistral(service: Service) -> OpenAI:
    # refuses stream_options and sends usage without them; requests with the same cache key read what another wrote
    return OpenAI(service=service, fields={"prompt_cache_key": "niah"}, window_path=f"/models/{service.model}")


def qwen(service: Service) -> OpenAI:
    mark = {"cache_control": {"type": "ephemeral"}}
    return OpenAI(service=service, fields=_USAGE, mark=mark, window_path=None, quota_refills=True)


def untold(service: Service) -> OpenAI:
    return OpenAI(service=service, fields=_USAGE, window_path=None)


def cloud(service: Service) -> OpenAI:
    # newer models refuse max_tokens there, and a deployment's name does not tell which one it is
    return OpenAI(service=service, reply_field="max_completion_tokens", fields=_USAGE, window_path=None)
