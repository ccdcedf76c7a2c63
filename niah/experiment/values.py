"""Single values of a config as people write them: read into what a key holds, and checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationInfo

from niah.errors import ConfigError, UnknownName
from niah.text.lengths import MOST_COUNT, length_of
from niah.text.wording import LANGUAGES

_OWN_FIELDS = frozenset({"messages", "input", "contents", "model", "stream", "stream_options"})
_REPLY_FIELDS = frozenset(
    {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "num_predict"}
)
_KEY_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
)
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept"}
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?([smh]?)")  # 90, 90s, 1.5h
_PRICES = {"input", "output", "cached", "write"}


def names_of(value: Any) -> Any:
    """The names in "a, b"; what is no text stays as it is."""
    return tuple(n.strip() for n in value.split(",")) if isinstance(value, str) else value


def haystack_names(value: Any) -> tuple[str, ...]:
    names = names_of(value)
    is_list = isinstance(names, list | tuple) and bool(names)
    if not is_list or not all(isinstance(n, str) and n for n in names):
        raise ConfigError(
            f"haystack = {value!r}: give a name, a folder, or a list of them"
            " (see: niah haystack list)"
        )
    return tuple(names)


def question_files(value: Any) -> Any:
    return tuple(filter(None, names_of(value))) if isinstance(value, str) else value


def tokens_of(value: Any, info: ValidationInfo) -> Any:
    """Tokens of "8k"; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return length_of(value, least=1, most=MOST_COUNT)
    except ConfigError:
        raise ConfigError(
            f"{info.field_name} = {value!r}: use whole tokens, like 512, 8k, 1.2M, 10萬"
        ) from None


def patience_of(value: Any) -> Any:
    """Seconds of "90", "90s", "15m" or "1.5h"; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    span = _SPAN.fullmatch(value.strip())
    if span is None:
        raise ConfigError(f"patience = {value!r}: write a time like 90s, 15m or 1h")
    return float(span[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600}[span[2]]


def price_table(value: Any) -> Any:
    """The table of "input=2,output=10"; of what is no text only the keys are checked."""
    table = value
    if isinstance(value, str):
        table = dict(part.strip().partition("=")[::2] for part in value.split(","))
    if isinstance(table, dict) and not {"input", "output"} <= set(table) <= _PRICES:
        raise ConfigError(
            f"price = {value!r}: give input and output, perhaps cached and write,"
            " like input=2,cached=0.2,output=10"
        )
    return table


def check_price(dollars: Mapping[str, float]) -> None:
    if not all(0 <= d < math.inf for d in dollars.values()):
        raise ConfigError(f"price = {dollars}: dollars per million tokens are 0 or more")


def check_address(url: str, key: str) -> None:
    """Raises ConfigError for what is no address of a server; keys do not belong there."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = is_web and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        address = url.partition("?")[0]
        raise ConfigError(f"{key} {address!r}: write an address like http://127.0.0.1:8000/v1")
    if parts.username or parts.password:
        flag = "--api-key-env" if key == "base_url" else "--embed-key-env"
        raise ConfigError(
            f"{key} holds a user name or password, which would be logged; use {flag} instead"
        )


def check_extra(extra: Mapping[str, Any]) -> None:
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"extra cannot be sent: {error}; its values are those of JSON") from None
    for field in _OWN_FIELDS & set(extra):
        raise ConfigError(f"extra field {field!r} is niah's own; leave it out")
    for field in _REPLY_FIELDS & set(_keys(extra)):
        raise ConfigError(
            f"extra field {field!r} is the reply budget; use --reply-tokens, perhaps --reply-field"
        )


def _keys(value: Any) -> Iterator[str]:
    """The keys of a table and of those inside it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)


def check_reply_field(name: str) -> None:
    if name in _OWN_FIELDS or not name.strip():
        raise ConfigError(
            f"reply_field {name!r} is niah's own for something else; name the field of the budget"
        )


def check_headers(headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if name.casefold() in _KEY_HEADERS:
            raise ConfigError(
                f"header {name!r} holds a key; use --api-key-env, which keeps it out of commands"
            )
        is_plain = _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(text)
        if name.casefold() in _OWN_HEADERS or not is_plain:
            raise ConfigError(f"header {name!r} cannot be sent; write NAME=VALUE in plain signs")


def check_language(language: str) -> None:
    if language not in ("auto", *LANGUAGES):
        raise UnknownName("language", language, ["auto", *LANGUAGES])
