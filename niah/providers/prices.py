"""What requests cost: by the config's price, or by the table of the package ``genai-prices``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from niah.providers import PROVIDERS
from niah.records import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """How one model's requests are priced."""

    source: str
    # input, output, perhaps cached and write; None: ask the table
    per_million: Mapping[str, float] | None = None
    model: str = ""
    base_url: str | None = None

    def dollars(self, usage: Usage) -> float:
        """One request, as the server priced it, or by its tokens: prices may step with length."""
        if usage.dollars is not None:
            return usage.dollars
        if self.per_million is None:
            return _from_table(self.model, self.base_url, usage)
        price = self.per_million
        read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
        plain = max(0, (usage.input_tokens or 0) - read - written)
        return (
            plain * price["input"]
            + read * price.get("cached", price["input"])
            + written * price.get("write", price["input"])
            + (usage.output_tokens or 0) * price["output"]
        ) / _MILLION


def pricing_of(
    provider: str, model: str, base_url: str | None, price: Mapping[str, float] | None
) -> Pricing | None:
    """The pricing of a model at an address, or at its provider's own; None where it is unknown."""
    if price is not None:
        return Pricing(source="the config", per_million=price)
    known = PROVIDERS.get(provider)  # None: one that was handed over
    own = known.base_url if known else None
    base_url = base_url or (None if own and "{" in own else own)  # with a blank it is nobody's yet
    try:
        import genai_prices
    except ImportError:
        return None
    try:
        _from_table(model, base_url, Usage(input_tokens=1, output_tokens=1))
    except LookupError:
        return None
    version = getattr(genai_prices, "__version__", "installed version")
    return Pricing(source=f"genai-prices, {version}", model=model, base_url=base_url)


def _from_table(model: str, base_url: str | None, usage: Usage) -> float:
    from genai_prices import Usage as Counts
    from genai_prices import calc_price

    read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    whole = max(usage.input_tokens or 0, read + written)  # a server may leave out what it cached
    counts: Any = Counts(
        input_tokens=whole,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens or 0,
    )
    return float(calc_price(counts, model_ref=model, provider_api_url=base_url).total_price)
