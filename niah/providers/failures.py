"""What error replies mean, over all APIs: too long, filtered, no money, too fast, down, or wrong.

Error bodies have any shape. Codes and types decide where there are any; texts (``said.toml``) only
where an API has no code. Only what the error says of itself is read, never a prompt that it
repeats: a haystack may speak of billing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from niah.providers import Failure, stated
from niah.records import Outcome
from niah.text.outside import json_in, redacted

_UNIT = r"(?=ay|our|in|[\W\d]|$)"  # what may stand behind the first letter of one
# 6m0s, 1h2m3.5s, 20ms, 12 s, 5 minutes
SPAN = (
    rf"(?:(\d+) ?d{_UNIT})?(?:(\d+) ?h{_UNIT})?(?:(\d+) ?m{_UNIT})?"
    r"(?:(\d+(?:\.\d+)?) ?s)?(?:(\d+(?:\.\d+)?) ?ms)?"
)
_SOON = re.compile(rf"\b(?:try again|retry) (?:in|after) {SPAN}", re.IGNORECASE)
_ALLOWANCE = re.compile(
    r"\blimit:? (\d[\d,]*)[^\d]{0,40}\brequested:? (\d[\d,]*)", re.IGNORECASE | re.DOTALL
)
_MAY_BE_TOO_LONG = frozenset({0, 400, 413, 422, 500})  # 0: inside a stream, and no status named
_AGAIN = frozenset({408, 409, 425, 429})
_FATAL = frozenset({401, 402, 403, 404})
_THROTTLED = frozenset({429, 503, 529})
_MOST_MESSAGE = 300
_MOST_TEXT = 1_000  # characters of one text of an error: a longer one repeats the request
_REPEATS = frozenset({"input", "flagged_input"})  # fields of what was sent, not of what is wrong


def failure_of(
    status: int, body: str, *, key: str | None = None, quota_refills: bool = False
) -> Failure:
    """What an error means for the trial; its message never shows the key.

    ``quota_refills``: the server says that a quota is exhausted where there were too many tokens in
    a minute.
    """
    said = said_by(body)
    message = _shown(f"{status or 'in the stream'}: {message_of(body)}", key)
    wait_s = _wait_s(said, body)
    too_fast = status in (413, 429) and _says("too_fast", said)
    too_long = status == 413 or (status in _MAY_BE_TOO_LONG and _says("too_long", said))
    if too_long and not too_fast:
        return Failure(outcome=Outcome.OVERFLOW, message=message, retry=False)
    if status in (400, 403, 422) and _says("filtered", said):
        return Failure(outcome=Outcome.REFUSED, message=message, retry=False)
    if too_fast and _never_fits(said):
        return Failure(outcome=Outcome.ERROR, message=message, retry=False)
    if _is_for_good(status, said, quota_refills=quota_refills or wait_s is not None):
        return Failure(outcome=Outcome.ERROR, message=message, retry=False, fatal=True)
    return Failure(
        outcome=Outcome.ERROR,
        message=message,
        retry=status in _AGAIN or status >= 500 or status == 0 or too_fast,
        throttled=status in _THROTTLED or too_fast,
        wait_s=wait_s,
    )


def _shown(message: str, key: str | None) -> str:
    """The message on one short line, without the key that some servers repeat."""
    if key:  # before the cut, which could halve it
        message = message.replace(key, "[key]")
    clean = redacted(message).encode(errors="replace").decode()
    return " ".join(clean.split())[:_MOST_MESSAGE]


def status_in(body: str) -> int:
    """The status that an error inside a stream names, by number or by type; 0 where it does not."""
    error = error_in(body)
    if not isinstance(error, dict):
        return 0
    for name in ("code", "type", "status", "http_code"):
        value = error.get(name)
        if isinstance(value, str) and re.fullmatch("[0-9]{3}", value):
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and value in known("statuses"):
            return int(known("statuses")[value])
        if isinstance(value, str) and _says("filtered", value):
            return 400
    return 0


def _says(what: str, said: str) -> bool:
    return _pattern(what).search(said) is not None


@cache
def _pattern(what: str) -> re.Pattern[str]:
    return re.compile("|".join(known("says")[what]), re.IGNORECASE | re.MULTILINE)


def known(what: str) -> Mapping[str, Any]:
    """A table of what servers say: ``says``, ``statuses`` or ``stops``."""
    return dict(stated("said")[what])


def _never_fits(said: str) -> bool:
    """Whether one request alone is more than a minute's allowance: waiting does not help."""
    counts = _ALLOWANCE.search(said)
    return counts is not None and int(counts[2].replace(",", "")) > int(counts[1].replace(",", ""))


def _is_for_good(status: int, said: str, *, quota_refills: bool) -> bool:
    """Whether every further request would fail in the same way: no key, no right, no money."""
    if status in _FATAL or (status == 400 and _says("no_key", said)):
        return True
    if status not in (400, 429):
        return False
    return _says("no_money", said) or (not quota_refills and _says("quota", said))


def _wait_s(said: str, body: str) -> float | None:
    """The wait that a body asks for, in words or as Gemini's {"retryDelay": "34.07s"}."""
    error = error_in(body)
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"\d+(\.\d+)?s", delay):
            return float(delay[:-1])
    return seconds_in(_SOON.search(said))


def seconds_in(span: re.Match[str] | None) -> float | None:
    """The seconds in what SPAN has found; None where it has found nothing."""
    if span is None or not any(span.groups()):
        return None
    days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in span.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1000


def error_in(body: str) -> Any:
    """The error of a body, or None. Gemini has it in a list, Responses in a response."""
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
    told = (error.get(k) for k in ("code", "type", "status"))
    named = [name for name in told if isinstance(name, str) and name]
    if named and not any(name in text for name in named):
        text = f"{text} ({named[0]})"
    metadata = error.get("metadata")  # OpenRouter's: what the provider behind it said
    if isinstance(metadata, dict) and metadata.get("raw"):
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
    said = []
    for part in message:
        table = part if isinstance(part, dict) else {"msg": part}
        place = ".".join(map(str, table.get("loc") or ()))
        said.append(f"{place} {table.get('msg') or table}".strip())
    return "; ".join(said)
