"""Text from outside (answers, errors, names): what a terminal or a log may see of it.

A terminal obeys control signs, so none from outside reaches one: ``visible`` writes them out. A
server may repeat a key, so no text is printed or logged before ``redacted`` has looked at it; every
key is made known once, by ``hide``, where it is read. Of a config, a header's value is a secret
unless the header is known to hold none; a request field's is one by its name or its look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from niah.errors import ConfigError

KEY = "[key]"
_hidden: set[str] = set()  # the secrets of this process, as they may be spelt
LEAST_SECRET = 8  # characters: a shorter value, such as EMPTY, would be found in honest text too

# control signs but newline and tab, marks of direction, invisible signs (not the joiners of emoji
# and scripts), line separators, halves of characters, tags
_SIGNS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# colours, cursor moves and titles: \x1b[31m, \x1b]0;title\x07, \x9b2J, \x1bc
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# whose values are no secret and may be logged; of any other header only the name is
_PLAIN_HEADERS = frozenset({
    "anthropic-beta", "anthropic-version", "openai-beta", "openai-organization", "openai-project",
    "http-referer", "x-title", "user-agent", "accept-language",
})  # fmt: skip
_PLAIN_QUERY = frozenset({"api-version", "alt", "version"})  # the same behind the ? of an address
# api_key, access-token, X-Auth; not max_tokens, prompt_cache_key, eos_token, author
_SECRET_NAME = re.compile(
    r"(?<!cache[_-])key$|^token$|(?:access|api|auth|bearer|id|refresh|security)[_-]?token$"
    r"|secret|passw|auth(?!or)|credential|signature|cookie",
    re.IGNORECASE,
)
# what keys of services look like: sk-..., AIza..., eyJ... (a JWT), or long: 9f86d081884c7d65...
_SECRET_VALUE = re.compile(
    r"(?:Bearer |Basic |sk-|rk-|pk-|gsk_|xai-|hf_|AIza|ya29\.|eyJ|AKIA|ABSK|ghp_|glpat-|nvapi-|r8_)"
    r".{8,}|[0-9a-fA-F-]{32,}"
    r"|(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[\w+/=.~-]{32,}",
    re.DOTALL,
)


def visible(text: str) -> str:
    """The text as a terminal may show it: keys hidden, control signs as ``\\x1b``, ``U+202E``."""
    text = redacted(text)
    if text.isascii() and text.isprintable():
        return text
    return _SIGNS.sub(
        lambda sign: f"\\x{ord(sign[0]):02x}" if sign[0] < "\xa0" else f"U+{ord(sign[0]):04X}",
        text.replace("\r\n", "\n"),
    )


def plain(text: str) -> str:
    """The text as a reader means it: no escape sequences, control and invisible signs. Linear."""
    if text.isascii() and text.isprintable():
        return text
    return _SIGNS.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


@contextmanager
def secrets_kept() -> Iterator[None]:
    """What becomes hidden inside the block is forgotten behind it."""
    before = set(_hidden)
    _hidden.clear()
    try:
        yield
    finally:
        _hidden.clear()
        _hidden.update(before)


def hide(*secrets: str | None) -> None:
    """From now on these are ``[key]`` in all that is printed or logged, however they are spelt."""
    for secret in secrets:
        if secret and len(secret) >= LEAST_SECRET:
            _hidden.update((secret, json.dumps(secret)[1:-1], quote(secret, safe="")))


def redacted(text: str) -> str:
    """The text with ``[key]`` for all that is hidden, also for the beginning of one at the end."""
    if not _hidden:
        return text
    text = _any_of(frozenset(_hidden)).sub(KEY, text)
    for secret in _hidden:
        end = text[-len(secret) :]
        start = end.rfind(secret[:LEAST_SECRET])
        if start >= 0 and secret.startswith(end[start:]):
            return text[: len(text) - len(end) + start] + KEY
    return text


@lru_cache(maxsize=8)
def _any_of(secrets: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(secrets, key=len, reverse=True))))


def redacted_in(value: Any) -> Any:
    """The same for every text in a table, a list or a tuple, keys included."""
    match value:
        case str():
            return redacted(value)
        case dict():
            return {redacted_in(k): redacted_in(v) for k, v in value.items()}
        case list() | tuple():
            return [redacted_in(v) for v in value]
    return value


def without_secrets(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with ``[key]`` for what may be a secret in headers, request fields and addresses."""
    return _masked(config, lambda value: KEY)


def secrets_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Every value in a config's headers, request fields and addresses that may be a secret."""
    found: list[str] = []

    def noted(value: str) -> str:
        found.append(value)
        return value

    _masked(config, noted)
    bare = [v.partition(" ")[2] for v in found if v.startswith(("Bearer ", "Basic "))]
    return (*found, *bare)


def json_in(text: str | bytes, **options: Any) -> Any:
    """A value of JSON, by ``json.loads``. Raises ValueError for what is none or nests endlessly."""
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ValueError("brackets within brackets, too deep to be read") from None


def json_or_text(text: str, name: str) -> Any:
    """A value of JSON, else the text itself. Raises ConfigError for a broken table or list."""
    try:
        return json_in(text)
    except ValueError as error:
        if not text.lstrip().startswith(("{", "[")):
            return text
        raise ConfigError(
            f"{name}: begins like JSON and is none ({error}); in quotes it would be text"
        ) from None


def _masked(config: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """The config with a mask for every value that may be a secret."""
    table = dict(config)

    def unless(plain: frozenset[str], name: str, value: str) -> str:
        return value if name.casefold() in plain else mask(value)

    if isinstance(headers := table.get("headers"), dict):
        table["headers"] = {k: unless(_PLAIN_HEADERS, k, v) for k, v in headers.items()}
    for key in ("base_url", "embed_url"):
        address, asks, query = str(table.get(key) or "").partition("?")
        if asks:
            pairs = [(k, unless(_PLAIN_QUERY, k, v)) for k, v in parse_qsl(query)]
            table[key] = f"{address}?{urlencode(pairs, safe='[]')}"
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
