"""What requests cost: by the config's price, or by the table of the package ``genai-prices``. Unknown stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """How one model's requests are priced."""

    source: str
    per_million: Mapping[str, float] | None = None  # input, output, perhaps cached; None: ask the table
    model: str = ""
    base_url: str | None = None

    def dollars(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """One request; cached tokens are part of the input tokens. Prices may step with the length of a request."""
        if self.per_million is None:
            return _from_table(self.model, self.base_url, input_tokens, cached_tokens, output_tokens)
        price = self.per_million
        cached_price = price.get("cached", price["input"])
        plain = (input_tokens - cached_tokens) * price["input"]
        return (plain + cached_tokens * cached_price + output_tokens * price["output"]) / _MILLION


def pricing_of(model: str, base_url: str | None, price: Mapping[str, float] | None) -> Pricing | None:
    """The pricing of a model, or None where no price is known."""
    if price is not None:
        return Pricing(source="the config", per_million=price)
    try:
        import genai_prices
    except ImportError:
        return None
    try:
        _from_table(model, base_url, 1, 0, 1)
    except LookupError:
        return None
    version = getattr(genai_prices, "__version__", "installed version")
    return Pricing(source=f"genai-prices, {version}", model=model, base_url=base_url)


def _from_table(model: str, base_url: str | None, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
    from genai_prices import Usage, calc_price

    usage: Any = Usage(input_tokens=input_tokens, cache_read_tokens=cached_tokens, output_tokens=output_tokens)
    return float(calc_price(usage, model_ref=model, provider_api_url=base_url).total_price)
