"""Which values of a config may be secret, and the config without them.

A header's value is a secret unless the header is known to hold none; a request field's is one by its name or its look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from niah.text.outside import KEY

# whose values are no secret and may be logged; of any other header only the name is
_PLAIN_HEADERS = frozenset({
    "anthropic-beta", "anthropic-version", "openai-beta", "openai-organization", "openai-project", "http-referer",
    "x-title", "user-agent", "accept-language",
})  # fmt: skip
_PLAIN_QUERY = frozenset({"api-version", "alt", "version"})  # the same for what stands behind the ? of an address
_SECRET_NAME = re.compile(  # api_key, access-token, X-Auth; not max_tokens, prompt_cache_key, eos_token, author
    r"(?<!cache[_-])key$|^token$|(?:access|api|auth|bearer|id|refresh|security)[_-]?token$"
    r"|secret|passw|auth(?!or)|credential|signature|cookie",
    re.IGNORECASE,
)
# what keys of services look like: sk-..., AIza..., eyJ... (a JWT), or long: 9f86d081884c7d659a2feaa0c55ad015
_SECRET_VALUE = re.compile(
    r"(?:Bearer |Basic |sk-|rk-|pk-|gsk_|xai-|hf_|AIza|ya29\.|eyJ|AKIA|ABSK|ghp_|glpat-|nvapi-|r8_).{8,}"
    r"|[0-9a-fA-F-]{32,}|(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[\w+/=.~-]{32,}",
    re.DOTALL,
)


def without_secrets(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as a table, with ``[key]`` in headers, request fields and the address for what may be a secret."""
    return _masked(config, lambda value: KEY)


def secrets_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Every value in a config's headers, request fields and address that may be a secret."""
    found: list[str] = []

    def noted(value: str) -> str:
        found.append(value)
        return value

    _masked(config, noted)
    return tuple(found + [v.partition(" ")[2] for v in found if v.startswith(("Bearer ", "Basic "))])


def _masked(config: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """The config with a mask for every value that may be a secret."""
    table = dict(config)
    if isinstance(headers := table.get("headers"), dict):
        table["headers"] = {k: v if k.casefold() in _PLAIN_HEADERS else mask(v) for k, v in headers.items()}
    if isinstance(url := table.get("base_url"), str) and "?" in url:
        address, _, query = url.partition("?")
        pairs = [(k, v if k.casefold() in _PLAIN_QUERY else mask(v)) for k, v in parse_qsl(query)]
        table["base_url"] = f"{address}?{urlencode(pairs, safe='[]')}"
    if isinstance(extra := table.get("extra"), dict):
        table["extra"] = _masked_fields(extra, mask)
    return table


def _masked_fields(value: Any, mask: Callable[[str], str], name: str = "") -> Any:
    """Request fields with a mask for texts that may be a secret, by their name or their look."""
    match value:
        case dict():
            return {k: _masked_fields(v, mask, str(k)) for k, v in value.items()}
        case list():
            return [_masked_fields(v, mask, name) for v in value]
        case str() if _SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(value):
            return mask(value)
    return value
