"""What a run has cost, from the tokens that the server reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from niah.providers import PROVIDERS
from niah.providers.prices import Pricing, pricing_of
from niah.records import Header, Row
from niah.runlog.attempts import read_attempts, unreported


def dollars_of(header: Header, results: Iterable[Row], price: Mapping[str, float] | None) -> float | None:
    """US dollars of all answered trials; None where a price or a count of tokens is not known."""
    if header.imported is not None:
        return None
    if _is_free(header):
        return 0.0
    pricing = _pricing(header, price)
    usages = [r.response.usage for r in results if r.response is not None]
    if pricing is None or any(u.dollars is None and None in (u.input_tokens, u.output_tokens) for u in usages):
        return None
    return sum(map(pricing.dollars, usages))


def unreported_line(folder: Path, header: Header) -> str | None:
    """What attempts may have cost that the server never reported, for people; None where there are none.

    Raises RunError for a damaged file of attempts.
    """
    attempts = unreported(read_attempts(folder))
    if not attempts or _is_free(header):
        return None
    tokens = sum((a.may.input_tokens or 0) + (a.may.output_tokens or 0) for a in attempts)
    pricing = _pricing(header)
    dollars = "" if pricing is None else f" (${sum(pricing.dollars(a.may) for a in attempts):,.2f})"
    some = "1 attempt" if len(attempts) == 1 else f"{len(attempts):,} attempts"
    return (
        f"{some} broke off or ended with the process, and the server reported no cost: "
        f"up to {tokens:,} tokens{dollars} may have been paid for nothing; a budget counts them"
    )


def _is_free(header: Header) -> bool:
    known = PROVIDERS.get(header.config["provider"])
    return known is not None and known.free


def _pricing(header: Header, price: Mapping[str, float] | None = None) -> Pricing | None:
    config = header.config
    return pricing_of(str(config["model"]), config.get("base_url"), price or config.get("price"))
