"""What a run may cost: dollars and tokens of the whole run, as the server reports them.

A request is sent where its prompt, as the server should count it, and its whole reply budget still fit. What an attempt
cost that broke off is not reported: it counts as it was held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from niah.config import RunConfig
from niah.errors import ConfigError
from niah.installation import install_hint
from niah.providers.prices import Pricing
from niah.records import Result, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens and dollars; None where no price is known."""

    tokens: int = 0
    dollars: float | None = None

    def __add__(self, other: Spent) -> Spent:
        both = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return Spent(tokens=self.tokens + other.tokens, dollars=both)


class Budget:
    """What was spent, what requests in flight may yet spend, and the limits."""

    def __init__(self, config: RunConfig, pricing: Pricing | None, results: Iterable[Result]) -> None:
        """Raises ConfigError where dollars are limited and no price is known."""
        if config.max_cost is not None and pricing is None:
            raise ConfigError(
                f"max_cost needs a price, and none is known for model {config.model!r}; give --price "
                f"input=DOLLARS,output=DOLLARS per million tokens, or {install_hint('prices')}"
            )
        self._max_cost = config.max_cost
        self._max_tokens = config.max_tokens
        self._pricing = pricing
        self.spent = Spent(dollars=None if pricing is None else 0.0)
        self._held = self.spent
        for result in results:
            self.settle(None, result)

    @property
    def idle(self) -> bool:
        """Whether nothing in flight holds a part of it."""
        return not self._held.tokens

    def cost_of(self, usage: Usage) -> Spent:
        """A request's tokens and dollars."""
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        return Spent(tokens=tokens, dollars=None if self._pricing is None else self._pricing.dollars(usage))

    def refuses(self, cost: Spent) -> str | None:
        """Why a request of that cost may not be sent beside what is in flight; None where it may."""
        after = self.spent + self._held + cost
        if self._max_cost is not None and (after.dollars or 0.0) > self._max_cost:
            return f"max_cost ${self._max_cost:,.2f} is reached (${self.spent.dollars or 0:,.2f} spent)"
        if self._max_tokens is not None and after.tokens > self._max_tokens:
            return f"max_tokens {self._max_tokens:,} is reached ({self.spent.tokens:,} used)"
        return None

    def hold(self, cost: Spent) -> None:
        self._held += cost

    def pay(self, usage: Usage) -> None:
        """Take the cost of a request that belongs to no trial."""
        self.spent += self.cost_of(usage)

    def settle(self, held: Spent | None, result: Result | None, *, unreported: int = 0) -> None:
        """Give back what was held, and take what the result reports, and as much for every unreported attempt."""
        if held is not None:
            for _ in range(unreported):
                self.spent += held
            minus = None if held.dollars is None else -held.dollars
            self._held += Spent(tokens=-held.tokens, dollars=minus)
        if result is not None and result.response is not None:
            usage = result.response.usage
            if usage.input_tokens is None:  # not reported: as we counted it
                usage = replace(usage, input_tokens=result.prompt_tokens)
            self.spent += self.cost_of(usage)
