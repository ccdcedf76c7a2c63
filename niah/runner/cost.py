"""What a run has cost, from the tokens that the server reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from niah.providers import PROVIDERS
from niah.providers.prices import pricing_of
from niah.records import Header, Row


def dollars_of(header: Header, results: Iterable[Row], price: Mapping[str, float] | None) -> float | None:
    """US dollars of all answered trials; None where a price or a count of tokens is not known."""
    config = header.config
    if header.imported is not None:
        return None
    known = PROVIDERS.get(config["provider"])
    if known is not None and known.free:
        return 0.0
    pricing = pricing_of(str(config["model"]), config.get("base_url"), price or config.get("price"))
    if pricing is None:
        return None
    total = 0.0
    for usage in (r.response.usage for r in results if r.response is not None):
        if usage.dollars is None and (usage.input_tokens is None or usage.output_tokens is None):
            return None
        total += pricing.dollars(usage)
    return total
