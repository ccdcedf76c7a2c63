"""What a server tells of its rate limits in its headers, and how long to wait so that a request
fits in.

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

LONGEST_WAIT_S = (
    120.0  # a bucket that needs longer, as a day's, is left to the server's own refusal
)
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
        need = min(self.limit, 1.0 if self.kind == "requests" else float(tokens))
        refill = (self.limit - self.remaining) / self.reset_s if self.reset_s > 0 else float("inf")
        if refill == float("inf"):
            return 0.0
        lacking = need - (self.remaining - self.used + refill * (now - self.told_at))
        if lacking <= 0 or refill <= 0:
            return 0.0
        wait_s = lacking / refill
        return wait_s if wait_s <= LONGEST_WAIT_S else 0.0


class ToldRates:
    """The buckets of one server. The clock is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take in what a reply tells."""
        if not any("ratelimit" in name for name in headers):
            return
        for name, kind in _KINDS.items():
            limit, remaining = (
                _number(headers.get(name.format(part))) for part in ("limit", "remaining")
            )
            reset_s = span_s(headers.get(name.format("reset")), headers.get("date"))
            if limit and remaining is not None and reset_s is not None:
                self._buckets[name] = Bucket(
                    kind=kind,
                    limit=limit,
                    remaining=remaining,
                    reset_s=reset_s,
                    told_at=self._clock(),
                )

    def wait_s(self, tokens: int) -> float:
        """Seconds until a request of so many tokens fits into all of them."""
        return max(
            (bucket.wait_s(tokens, self._clock()) for bucket in self._buckets.values()), default=0.0
        )

    def take(self, tokens: int) -> None:
        """A request of so many tokens is sent."""
        for name, bucket in self._buckets.items():
            used = bucket.used + (1 if bucket.kind == "requests" else tokens)
            self._buckets[name] = replace(bucket, used=used)


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait as the server asks: ``retry-after-ms``, or ``retry-after`` in seconds or as a
    date.

    A date is compared with the server's own clock where it sends one: ours may be wrong.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        clock = (
            parsedate_to_datetime(headers["date"])
            if "date" in headers
            else now or datetime.now(UTC)
        )
        return max(0.0, (parsedate_to_datetime(value) - clock).total_seconds())
    except (ValueError, TypeError):
        return None


def span_s(value: str | None, date: str | None = None) -> float | None:
    """Seconds until a reset that is told as a span (``6m0s``), in seconds, or as a time (RFC
    3339)."""
    if not value:
        return None
    value = value.strip()
    if (number := _number(value)) is not None:
        return number
    if (seconds := seconds_in(re.fullmatch(SPAN, value))) is not None:
        return seconds
    try:
        at = datetime.fromisoformat(value)
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)  # ours may be wrong
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(value: str | None) -> float | None:
    """A plain number from 0 to a billion; a larger one is a date, or nonsense."""
    if value is None or not re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return None
    return float(value)
