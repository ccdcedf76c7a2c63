"""Error bodies, whatever their shape: the error in them, its message for a person, and all it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from niah.text.outside import json_in

_MOST_TEXT = 1_000  # characters of one text of an error: a longer one repeats the request
_REPEATS = frozenset({"input", "flagged_input"})  # fields that hold what was sent, not what is wrong


def error_in(body: str) -> Any:
    """The error of a body: an object, a text, a list, or None. Gemini wraps it in a list, Responses in a response."""
    try:
        table = json_in(body)
    except ValueError:
        return None
    if isinstance(table, list) and table:
        table = table[0]
    if not isinstance(table, dict):
        return None
    response = table.get("response")
    for holder in (table, response if isinstance(response, dict) else {}):
        if holder.get("error"):
            return holder["error"]
    return table if "message" in table or "code" in table else table.get("detail")


def message_of(body: str) -> str:
    """What went wrong, with the code where the text does not name it; of any length."""
    error = error_in(body)
    if error is None:
        return body.strip() or "no message"
    if not isinstance(error, dict):
        return _text_of(error)
    text = _text_of(error.get("message") or error)
    named = [str(error[k]) for k in ("code", "type", "status") if isinstance(error.get(k), str) and error[k]]
    if named and not any(name in text for name in named):
        text = f"{text} ({named[0]})"
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):  # OpenRouter's: what the provider behind it said
        text = f"{text}: {_text_of(metadata['raw'])}"
    return text


def said_by(body: str) -> str:
    """All texts of the error, a line each, without what it repeats of the request."""
    error = error_in(body)
    return "\n".join(text[:_MOST_TEXT] for text in _texts(body if error is None else error))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                if key not in _REPEATS:
                    yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


def _text_of(message: Any) -> str:
    """A message as text: FastAPI's lists name a field and what is wrong with it."""
    if isinstance(message, dict) and isinstance(message.get("detail"), list):
        message = message["detail"]
    if not isinstance(message, list):
        return str(message)
    parts = [m if isinstance(m, dict) else {"msg": m} for m in message]
    return "; ".join(f"{'.'.join(map(str, p.get('loc') or ()))} {p.get('msg') or p}".strip() for p in parts)
