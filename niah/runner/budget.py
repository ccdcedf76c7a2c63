"""What a run may cost: dollars and tokens of the whole run, as the server reports them.

Every attempt is admitted on its own: it is sent where its prompt, as the server should count it,
and its whole reply budget still fit. What an attempt cost that broke off is not reported: it counts
as the most it may cost. So nothing passes a cap, unless the server counts more than it should.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import KW_ONLY, InitVar, dataclass, replace

from niah.errors import ConfigError, RunError
from niah.experiment.config import RunConfig
from niah.installation import install_hint
from niah.providers.prices import Pricing
from niah.records import Row, Usage
from niah.runlog.attempts import AttemptLog
from niah.runner.throttle import Shared, Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens and dollars; None where no price is known."""

    tokens: int = 0
    dollars: float | None = None

    def __add__(self, other: Spent) -> Spent:
        dollars = None
        if self.dollars is not None and other.dollars is not None:
            dollars = self.dollars + other.dollars
        return Spent(tokens=self.tokens + other.tokens, dollars=dollars)

    def __neg__(self) -> Spent:
        return Spent(tokens=-self.tokens, dollars=None if self.dollars is None else -self.dollars)


class Budget:
    """What was spent, what attempts in flight may yet spend, and the limits."""

    def __init__(self, config: RunConfig, pricing: Pricing | None) -> None:
        """Raises ConfigError where dollars are limited and no price is known."""
        if config.max_cost is not None and pricing is None:
            raise ConfigError(
                f"max_cost needs a price, and none is known for model {config.model!r}; give"
                " --price input=DOLLARS,output=DOLLARS per million tokens, or"
                f" {install_hint('prices')}"
            )
        self._max_cost = config.max_cost
        self._max_tokens = config.max_tokens
        self._pricing = pricing
        self.spent = Spent(dollars=None if pricing is None else 0.0)
        self.others = self.spent  # what other workers of the same run paid, or may yet pay
        self._held = self.spent

    @property
    def idle(self) -> bool:
        """Whether nothing in flight holds a part of it."""
        return not self._held.tokens

    def cost_of(self, usage: Usage) -> Spent:
        """A request's tokens and dollars."""
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        dollars = None if self._pricing is None else self._pricing.dollars(usage)
        return Spent(tokens=tokens, dollars=dollars)

    def refuses(self, may: Usage) -> str | None:
        """Why a request may not be sent beside what is in flight; None where it may."""
        spent = self.spent + self.others
        after = spent + self._held + self.cost_of(may)
        if self._max_cost is not None and (after.dollars or 0.0) > self._max_cost:
            used = f"${spent.dollars or 0:,.2f} spent"
            return f"max_cost ${self._max_cost:,.2f} is reached ({used})"
        if self._max_tokens is not None and after.tokens > self._max_tokens:
            return f"max_tokens {self._max_tokens:,} is reached ({spent.tokens:,} used)"
        return None

    def hold(self, may: Usage) -> None:
        self._held += self.cost_of(may)

    def release(self, may: Usage) -> None:
        self._held += -self.cost_of(may)

    def pay(self, usage: Usage) -> None:
        self.spent += self.cost_of(usage)

    def paid_elsewhere(self, changes: Iterable[tuple[Usage, Usage]]) -> None:
        """Take in what attempts of other workers of the run counted as before, and count as now."""
        for before, now in changes:
            self.others += self.cost_of(now) + -self.cost_of(before)


@dataclass(slots=True)
class Holding:
    """What one attempt holds of a budget until it has ended."""

    note: Callable[[], bool] = lambda: True  # called before it is sent; False where it may not be
    paid: Usage | None = None  # None: not known, or not sent


class Ledger:
    """Admits every attempt, and keeps what it may cost. This one knows no limit, and keeps none."""

    @asynccontextmanager
    async def holding(self, tokens: int, trial: str | None) -> AsyncIterator[Holding | None]:
        """Wait until an attempt may be paid; None where it never may, or a stop came first."""
        yield Holding()


@dataclass(slots=True)
class RunLedger(Ledger):
    """Keeps to the budget of a run, with what earlier commands paid, and notes every attempt."""

    budget: Budget
    attempts: AttemptLog
    throttle: Throttle
    rows: InitVar[Iterable[Row]]
    _: KW_ONLY
    may_cost: Callable[[int], Usage]  # the most that a prompt of so many tokens costs
    on_refusal: Callable[[str], None]  # a refusal stops the run
    shared: Shared | None = None  # the budget that this worker has in common with others

    def __post_init__(self, rows: Iterable[Row]) -> None:
        for attempt in self.attempts.past:
            self.budget.pay(attempt.counted)
        noted = {attempt.trial for attempt in self.attempts.past}
        for row in rows:  # of an older niah, which noted no attempts
            if row.response is not None and row.trial.id not in noted:
                self.budget.pay(_counted(row.response.usage, Usage(input_tokens=row.prompt_tokens)))

    @property
    def spent(self) -> Spent:
        """Tokens and dollars of the whole run, with the most that unreported attempts may cost."""
        return self.budget.spent

    def refuses(self, tokens: int) -> str | None:
        """Why prompts of so many tokens in all have no room in the budget; None where they have."""
        return self.budget.refuses(self.may_cost(tokens))

    @asynccontextmanager
    async def holding(self, tokens: int, trial: str | None) -> AsyncIterator[Holding | None]:
        may = self.may_cost(tokens)
        self._hear_others()
        await self.throttle.until(lambda: not self.budget.refuses(may) or self.budget.idle)
        if refused := self.budget.refuses(may):
            self.on_refusal(refused)
        if self.throttle.stopping:
            yield None
            return
        self.budget.hold(may)
        number = None

        def note() -> bool:
            nonlocal number
            number = self._note(trial, may)
            return number is not None

        held = Holding(note)
        try:
            yield held
        finally:
            self.budget.release(may)
            if number is not None:
                cost = None if held.paid is None else _counted(held.paid, may)
                self.attempts.ended(number, cost)
                self.budget.pay(may if cost is None else cost)
            self.throttle.changed()

    def _hear_others(self) -> None:
        """Take in what other workers paid."""
        if self.shared is not None:
            self.budget.paid_elsewhere(self.shared.news_of_others(self.attempts.path.parent))

    def _note(self, trial: str | None, may: Usage) -> int | None:
        """The number of an attempt about to be sent; None, and a stop, where it may not be."""
        try:
            with self.shared.lock if self.shared else nullcontext():
                self._hear_others()
                refused = self.budget.refuses(Usage()) if self.shared else None  # this one is held
                if refused:
                    self.on_refusal(refused)
                    return None
                return self.attempts.sent(trial, may)
        except RunError as error:
            self.on_refusal(str(error))
            return None


def _counted(usage: Usage, may: Usage) -> Usage:
    """The usage, its output as held where none is reported. An empty one is of no answer: free."""
    if usage == Usage() or usage.output_tokens is not None:
        return usage
    return replace(usage, output_tokens=may.output_tokens)
