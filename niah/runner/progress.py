"""How a sweep is getting on: what landed, how fast, what it cost, what went wrong. Measured since the command began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from niah.records import Outcome, Result
from niah.runner.time_left import TimeLeft

Kind = Literal["throttled", "unreachable", "fault", "paced"]  # paced: nothing failed, but something waits
_LONGEST_LABEL = 20
_AT_ONCE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An attempt that ended without an answer, or may not begin yet, and the wait before the next one."""

    kind: Kind
    reason: str  # the server's words, its status first
    wait_s: float
    address: str = ""
    gives_up_s: float | None = None  # patience that is left; None where attempts are counted

    def __str__(self) -> str:
        """A line for people: who, what, and what will happen."""
        who = f"{self.address}: " if self.address else ""
        left = "" if self.gives_up_s is None else f", for up to {_span(self.gives_up_s)} (--patience)"
        wait = "at once" if self.wait_s < _AT_ONCE_S else f"in {max(1.0, self.wait_s):.0f} s"
        verb = "asking" if self.kind == "paced" else "asking again"
        return f"{who}{self.reason}; {verb} {wait}{left}"

    @property
    def label(self) -> str:
        """The status or the name of the error, where the reason begins with one."""
        first = self.reason.partition(":")[0]
        return first if first and first.isalnum() and len(first) <= _LONGEST_LABEL else self.kind


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a sweep stands. None is "not known yet"."""

    done: int  # trials of the run, those of earlier commands included
    total: int
    elapsed_s: float  # since the command began, as is everything below but the cost
    tokens: int  # prompt tokens of the trials that landed
    tokens_per_s: float | None
    trials_per_min: float | None
    left_s: float | None
    left_is_rough: bool
    spent_tokens: int  # of the whole run, replies included
    dollars: float | None
    errors: int  # trials whose last attempt failed
    last_error: str | None
    retries: Mapping[str, int]  # attempts that were made again, by the label of their trouble
    trouble: Trouble | None  # the latest, while it is waited for


class Meter:
    """Counts what lands. The clock is monotonic, in seconds."""

    def __init__(
        self, tokens: Mapping[str, int], finished: Container[str], concurrency: int, clock: Callable[[], float]
    ) -> None:
        """``tokens`` are those of every trial's prompt, by id; ``finished`` were answered by an earlier command."""
        self.total = len(tokens)
        self._all = tokens
        self._open = {i: n for i, n in tokens.items() if i not in finished}
        self._clock = clock
        self._began = clock()
        self._left = TimeLeft(concurrency)
        self._tokens = 0
        self._landed = 0
        self._failed: set[str] = set()
        self._last_error: str | None = None
        self._unsent_from: int | None = None  # prompts of so many tokens are known to be too long
        self._retries: Counter[str] = Counter()
        self._trouble: tuple[Trouble, float] | None = None

    @property
    def done(self) -> int:
        """Trials of the whole run that need not be sent again."""
        return self.total - len(self._open)

    def landed(self, result: Result) -> None:
        """Take in a result; one that is an error stays open."""
        identity, now = result.trial.id, self._clock()
        tokens = self._all.get(identity, 0)
        self._trouble = None
        if result.outcome is Outcome.ERROR:
            self._failed.add(identity)
            self._last_error = result.error
            return
        self._failed.discard(identity)
        self._open.pop(identity, None)
        if not result.attempts:
            if result.outcome is Outcome.OVERFLOW:
                self._unsent_from = min(tokens, self._unsent_from or tokens)
            return
        self._landed += 1
        self._tokens += tokens
        if result.total_s is not None:
            self._left.landed(tokens, result.total_s, now)

    def met(self, trouble: Trouble) -> None:
        """Take in an attempt that will be made again."""
        self._retries[trouble.label] += 1
        self._trouble = (trouble, self._clock() + trouble.wait_s)

    def progress(self, spent_tokens: int = 0, dollars: float | None = None) -> Progress:
        """Where the sweep stands now."""
        now = self._clock()
        elapsed = now - self._began
        remaining = Counter(n for n in self._open.values() if self._unsent_from is None or n < self._unsent_from)
        moving = self._landed and elapsed > 0
        return Progress(
            done=self.done,
            total=self.total,
            elapsed_s=elapsed,
            tokens=self._tokens,
            tokens_per_s=self._tokens / elapsed if moving else None,
            trials_per_min=60 * self._landed / elapsed if moving else None,
            left_s=self._left.seconds(remaining, now),
            left_is_rough=self._left.is_rough(remaining),
            spent_tokens=spent_tokens,
            dollars=dollars,
            errors=len(self._failed),
            last_error=self._last_error,
            retries=dict(self._retries),
            trouble=self._waited_for(now),
        )

    def _waited_for(self, now: float) -> Trouble | None:
        """The latest trouble with what is left of its wait; None once the wait is over or something landed."""
        if self._trouble is None or now > self._trouble[1]:
            return None
        trouble, until = self._trouble
        return replace(trouble, wait_s=until - now)
