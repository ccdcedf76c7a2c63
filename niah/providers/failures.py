"""What error replies mean, over all APIs: too long, filtered, out of money, too fast, down, or plainly wrong.

Codes and types decide where there are any; texts only where an API has no code. Message fragments were collected from
the servers' sources and documentation (OpenAI, Anthropic, Gemini, vLLM, SGLang, llama.cpp, LM Studio, Ollama,
DeepSeek, Moonshot, Z.ai, OpenRouter, Mistral, xAI, Groq, MiniMax).
"""

from __future__ import annotations

import json
import re
from typing import Any

from niah.providers import Failure
from niah.records import Outcome

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|exceeds? the (?:available )?context (?:window|size|length)"
    r"|maximum (?:context|model|prompt) length|longer than the model's context length|model's context length is"
    r"|token count exceeds the model's|greater than the context length|exceeded model token limit|prompt is too long"
    r"|input is too long|too large for model with|reduce the length of the messages|string_above_max_length"
    r"|exceeds the maximum number of tokens|exceed context limit|context window exceeds limit"
    r"|tokens in request more than max tokens|max_tokens must be at least 1|max_new_tokens` must be <="
    r"|input length exceeds|range of input length should be|request_too_large|model_context_window_exceeded",
    re.IGNORECASE,
)
_TOO_FAST = re.compile(r"per (?:minute|day)|\btp[md]\b|rate.?limit", re.IGNORECASE)
_FILTERED = re.compile(
    r"content_policy_violation|content_filter|invalid_prompt|\w+_policy\"|moderation|\bflagged\b|data_inspection_failed",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"insufficient_quota|credit_balance|credit balance|billing|exceeded your current quota\b(?!.*per_?(?:minute|day))"
    r"|spend_limit_reached|insufficient (?:account )?balance|insufficient credits|payment required|arrearage"
    r"|\"?quotaId\"?: ?\"[^\"]*PerDay|limit: 0\b",
    re.IGNORECASE | re.DOTALL,
)
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
    "insufficient_quota": 429,
    "slow_down": 429,
    "server_is_overloaded": 503,
    "overloaded_error": 529,
    "invalid_prompt": 400,
}


def failure_of(status: int, body: str, *, key: str | None = None) -> Failure:
    """Too long, filtered, out of money, worth another try, or plainly wrong. The key never shows in the message."""
    message = f"{status}: {_message(body)}"
    if key:
        message = message.replace(key, "[key]")  # some servers repeat it
    message = message[:_MOST_MESSAGE]
    if (status == 413 or _TOO_LONG.search(body)) and not _TOO_FAST.search(body):
        return Failure(outcome=Outcome.OVERFLOW, message=message, retry=False)
    if status in (400, 403, 422) and _FILTERED.search(body):
        return Failure(outcome=Outcome.REFUSED, message=message, retry=False)
    if status in (400, 402, 429) and _NO_MONEY.search(body):
        return Failure(outcome=Outcome.ERROR, message=message, retry=False, fatal=True)
    return Failure(
        outcome=Outcome.ERROR,
        message=message,
        retry=status in _AGAIN or status >= 500 or (status == 413 and bool(_TOO_FAST.search(body))),
        fatal=status in _FATAL,
        throttled=status in _THROTTLED or (status == 413 and bool(_TOO_FAST.search(body))),
        wait_s=_retry_delay_s(body),
    )


def status_in(body: str) -> int:
    """The status that an error object inside a stream names, by number or by type; else 500."""
    error = _error_in(body)
    if not isinstance(error, dict):
        return 500
    for name in ("code", "type", "status", "http_code"):
        value = error.get(name)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and value in _STATUS_OF:
            return _STATUS_OF[value]
    return 500


def _error_in(body: str) -> Any:
    """The error of a body: an object, a text, or None. Gemini wraps it in a list, Responses in a response."""
    try:
        table = json.loads(body)
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


def _message(body: str) -> str:
    """The message of an error body, on one line."""
    error = _error_in(body)
    if isinstance(error, dict):
        text = str(error.get("message") or error)
        code = error.get("code") or error.get("type")
        if isinstance(code, str) and code not in text:
            text = f"{text} ({code})"
    else:
        text = body if error is None else str(error)
    return " ".join(text.split())[:_MOST_MESSAGE] or "no message"


def _retry_delay_s(body: str) -> float | None:
    """Gemini's RetryInfo: {"retryDelay": "34.07s"} among the details."""
    error = _error_in(body)
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"\d+(\.\d+)?s", delay):
            return float(delay[:-1])
    return None
