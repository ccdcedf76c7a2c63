"""What a server tells of its rate limits in its headers, and how long a request must wait for them.

OpenAI, Groq, vLLM gateways and others send
``x-ratelimit-{limit,remaining,reset}-{requests,tokens}`` (OpenAI's guide "Rate limits"), Anthropic
``anthropic-ratelimit-{requests,tokens,input-tokens}-{limit,remaining,reset}`` (its API reference,
"Rate limits"). Both describe token buckets: they refill evenly and are full again at the reset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from niah.providers.failures import SPAN, seconds_in

LONGEST_WAIT_S = 120.0  # a bucket that needs longer, as a day's, is left to the server's refusal
_KINDS = {
    "x-ratelimit-{}-requests": "requests",
    "x-ratelimit-{}-tokens": "tokens",
    "anthropic-ratelimit-requests-{}": "requests",
    "anthropic-ratelimit-tokens-{}": "tokens",
    "anthropic-ratelimit-input-tokens-{}": "tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One limit as it was last told, and what was sent since."""

    kind: str  # requests or tokens
    limit: float
    remaining: float
    reset_s: float  # until it is full again
    told_at: float
    used: float = 0.0

    def wait_s(self, tokens: int, now: float) -> float:
        """Seconds until a request of so many tokens fits; 0 where it does, or never would."""
        if self.reset_s == 0 or self.remaining >= self.limit:  # nothing flows in
            return 0.0
        refill = (self.limit - self.remaining) / self.reset_s
        need = min(self.limit, self.taken_by(tokens))
        lacking = need - (self.remaining - self.used + refill * (now - self.told_at))
        wait_s = max(0.0, lacking / refill)
        return wait_s if wait_s <= LONGEST_WAIT_S else 0.0

    def taken_by(self, tokens: int) -> int:
        """What a request of so many tokens takes."""
        return 1 if self.kind == "requests" else tokens


class ToldRates:
    """The buckets of one server. The clock is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take in what a reply tells."""
        now, date = self._clock(), headers.get("date")
        for name, kind in _KINDS.items():
            limit = _number(headers.get(name.format("limit")))
            left = _number(headers.get(name.format("remaining")))
            reset_s = span_s(headers.get(name.format("reset")), date)
            if limit and left is not None and reset_s is not None:
                self._buckets[name] = Bucket(
                    kind=kind, limit=limit, remaining=left, reset_s=reset_s, told_at=now
                )

    def wait_s(self, tokens: int) -> float:
        """Seconds until a request of so many tokens fits into all of them."""
        now = self._clock()
        return max((bucket.wait_s(tokens, now) for bucket in self._buckets.values()), default=0.0)

    def take(self, tokens: int) -> None:
        """A request of so many tokens is sent."""
        for name, bucket in self._buckets.items():
            self._buckets[name] = replace(bucket, used=bucket.used + bucket.taken_by(tokens))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait as ``retry-after-ms`` asks, or ``retry-after`` in seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        clock = _clock(headers.get("date"), now)
        return max(0.0, (parsedate_to_datetime(value) - clock).total_seconds())
    except (ValueError, TypeError):
        return None


def span_s(value: str | None, date: str | None = None) -> float | None:
    """Seconds until a reset that is told as a span (``6m0s``), in seconds, or by RFC 3339."""
    if not value:
        return None
    value = value.strip()
    if (number := _number(value)) is not None:
        return number
    if (seconds := seconds_in(re.fullmatch(SPAN, value))) is not None:
        return seconds
    try:
        return max(0.0, (datetime.fromisoformat(value) - _clock(date)).total_seconds())
    except (ValueError, TypeError):
        return None


def _clock(date: str | None, ours: datetime | None = None) -> datetime:
    """The time by the server's own clock, where it tells it: ours may be wrong."""
    return parsedate_to_datetime(date) if date else ours or datetime.now(UTC)


def _number(value: str | None) -> float | None:
    """A plain number from 0 to a billion; a larger one is a date, or nonsense."""
    if value is None or not re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return None
    return float(value)
