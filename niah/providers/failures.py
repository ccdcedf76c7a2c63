"""What error replies mean, over all APIs: too long, filtered, out of money, too fast, down, or plainly wrong.

Error bodies have any shape. Codes and types decide where there are any; texts only where an API has no code. Only what
the error says of itself is read, never a prompt that it repeats: a haystack may speak of billing. Message fragments
were collected from the servers' sources and documentation (OpenAI, Anthropic, Gemini, vLLM, SGLang, llama.cpp, LM
Studio, Ollama, DeepSeek, Qwen, Moonshot, Z.ai, OpenRouter, Mistral, xAI, Groq, MiniMax).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from niah.providers import Failure
from niah.records import Outcome
from niah.text.outside import json_in, redacted

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|exceeds? the (?:available )?context (?:window|size|length)"
    r"|maximum (?:context|model|prompt) length|longer than the model's context length|model's context length is"
    r"|token count exceeds the model's|greater than the context length|context size has been exceeded"
    r"|loaded with context length of only|n_keep \(\d+\) >= n_ctx|exceeded model token limit"
    r"|prompt (?:is )?too long|prompt exceeds max length|input is too long|too large for model with"
    r"|reduce the length of the messages|string_above_max_length|exceeds the maximum number of tokens"
    r"|exceed context limit|context window exceeds limit|tokens in request more than max tokens"
    r"|max_tokens must be at least 1|max_new_tokens` must be <=|input length exceeds"
    r"|range of input length should be|request_too_large|model_context_window_exceeded",
    re.IGNORECASE,
)
_TOO_FAST = re.compile(r"per (?:second|min|minute|hour|day)\b|\b[rt]p[md]\b|rate.?limit", re.IGNORECASE)
_FILTERED = re.compile(
    r"content_filter|content filtering|invalid_prompt|\b\w+_policy(?:_violation)?$|\bcontent_policy"
    r"|moderation|\bflagged\b|data_?inspection_?failed|unsafe or sensitive content|violates usage guidelines",
    re.IGNORECASE | re.MULTILINE,
)
_NO_MONEY = re.compile(
    r"credit_balance|credit balance|billing_(?:error|hard_limit|not_active)|enable billing|exceeded_current_quota"
    r"|spend_limit_reached|insufficient (?:account )?(?:balance|credits|funds)|payment required|arrearage"
    r"|usage limit reached for|weekly/monthly limit|PerDay|limit: 0(?![\d.])",
    re.IGNORECASE,
)
# means money at OpenAI; at Gemini, where a hint says when it is back, and at Qwen always, tokens a minute
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota", re.IGNORECASE)
_NO_KEY = re.compile(r"api_key_invalid|invalid_api_key", re.IGNORECASE)
_SOON = re.compile(
    r"\b(?:try again|retry) (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?) ?(m?s))?", re.IGNORECASE
)
_ALLOWANCE = re.compile(r"\blimit:? ([\d,]+)[^\d]{0,40}\brequested:? ([\d,]+)", re.IGNORECASE | re.DOTALL)
_MAY_BE_TOO_LONG = frozenset({0, 400, 413, 422, 500})  # 0: inside a stream, and no status named
_AGAIN = frozenset({408, 409, 425, 429})
_FATAL = frozenset({401, 402, 403, 404})
_THROTTLED = frozenset({429, 503, 529})
_MOST_MESSAGE = 300

# what an error object inside a stream calls itself, and the status it would have had
_STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_reached_error": 429,
    "rate_limited": 429,
    "engine_overloaded_error": 429,
    "exceeded_current_quota_error": 429,
    "insufficient_quota": 429,
    "slow_down": 429,
    "server_is_overloaded": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_MOST_TEXT = 1_000  # characters of one text of an error: a longer one repeats the request
_REPEATS = frozenset({"input", "flagged_input"})  # fields that hold what was sent, not what is wrong


def failure_of(status: int, body: str, *, key: str | None = None, quota_refills: bool = False) -> Failure:
    """Too long, filtered, out of money, worth another try, or plainly wrong. The key never shows in the message.

    ``quota_refills``: the server calls it an exhausted quota when there were too many tokens in a minute.
    """
    said = said_by(body)
    message = f"{status or 'in the stream'}: {message_of(body)}"
    if key:
        message = message.replace(key, "[key]")  # some servers repeat it; before the cut, which could halve it
    message = redacted(message)
    message = " ".join(message.encode(errors="replace").decode().split())[:_MOST_MESSAGE]
    wait_s = _wait_s(said, body)
    too_fast = status in (413, 429) and bool(_TOO_FAST.search(said))
    too_long = status == 413 or (status in _MAY_BE_TOO_LONG and _TOO_LONG.search(said))
    if too_long and not too_fast:
        return Failure(outcome=Outcome.OVERFLOW, message=message, retry=False)
    if status in (400, 403, 422) and _FILTERED.search(said):
        return Failure(outcome=Outcome.REFUSED, message=message, retry=False)
    for_good = _is_for_good(status, said, quota_refills=quota_refills or wait_s is not None)
    if too_fast and _never_fits(said):
        return Failure(outcome=Outcome.ERROR, message=message, retry=False)
    return Failure(
        outcome=Outcome.ERROR,
        message=message,
        retry=not for_good and (status in _AGAIN or status >= 500 or status == 0 or too_fast),
        fatal=for_good,
        throttled=not for_good and (status in _THROTTLED or too_fast),
        wait_s=None if for_good else wait_s,
    )


def status_in(body: str) -> int:
    """The status that an error object inside a stream names, by number or by type; 0 where it names none."""
    error = error_in(body)
    if not isinstance(error, dict):
        return 0
    for name in ("code", "type", "status", "http_code"):
        value = error.get(name)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and value in _STATUS_OF:
            return _STATUS_OF[value]
        if isinstance(value, str) and _FILTERED.search(value):
            return 400
    return 0


def _never_fits(said: str) -> bool:
    """Whether one request alone is more than a minute's allowance: waiting does not help."""
    counts = _ALLOWANCE.search(said)
    return counts is not None and int(counts[2].replace(",", "")) > int(counts[1].replace(",", ""))


def _is_for_good(status: int, said: str, *, quota_refills: bool) -> bool:
    """Whether every further request would fail in the same way: no key, no right, no money."""
    if status in _FATAL or (status == 400 and _NO_KEY.search(said)):
        return True
    if status not in (400, 429):
        return False
    return bool(_NO_MONEY.search(said)) or (not quota_refills and bool(_QUOTA.search(said)))


def _wait_s(said: str, body: str) -> float | None:
    """The wait that the body asks for: Gemini's RetryInfo ({"retryDelay": "34.07s"}), or in words."""
    error = error_in(body)
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"\d+(\.\d+)?s", delay):
            return float(delay[:-1])
    words = _SOON.search(said)
    if words is None or not any(words.groups()):
        return None
    hours, minutes, rest, unit = words.groups()
    seconds = float(rest or 0) / (1000 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


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
