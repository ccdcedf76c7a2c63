"""Find out about a server what no documentation tells: how it counts, whether it caches, where its window ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from niah.experiment.experiment import Experiment
from niah.providers import Provider
from niah.records import Outcome, Trial, Usage
from niah.runner.client import Client
from niah.runner.exchange import Answer
from niah.runner.preflight import Preflight, preflight, small_prompts

WITHIN = 0.01  # of the window


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One length that was tried."""

    context_length: int  # tokens of ours, reply budget included
    fits: bool
    server_tokens: int | None
    why: str  # how the server said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where a window ends, in tokens of ours; None where that was not met."""

    fits: Step | None  # the longest that was accepted whole
    too_long: Step | None  # the shortest that was not


@dataclass(slots=True)
class Probe:
    """Asks one server."""

    client: Client
    provider: Provider
    experiment: Experiment
    _found: Preflight | None = None

    async def look(self) -> tuple[Preflight, Answer | None]:
        """The small requests, and the answer to the last of them sent again: a server that caches reads it then.

        Raises ProviderError or OutageError where they fail.
        """
        self._found = await preflight(self.client, self.provider, self.experiment)
        again = await self.client.ask(self.provider.request(small_prompts(self.experiment)[-1]))
        return self._found, again

    async def window(self, most: int, on_step: Callable[[Step], None]) -> Window:
        """The true window, by trying longer and longer prompts up to ``most`` and then halving what is open.

        Starts near the window that the server tells. Raises ProviderError or OutageError for a request that fails.
        """
        fits: Step | None = None
        too_long: Step | None = None
        length, factor = self._start(most)
        while True:
            step = await self._try(length)
            on_step(step)
            if step.fits:
                fits = step
            else:
                too_long = step
            if fits is None:
                shorter = round(length / factor)
                if shorter < self._least():
                    return Window(fits=fits, too_long=too_long)
                length, factor = shorter, 2.0
            elif too_long is None:
                if length >= most:
                    return Window(fits=fits, too_long=too_long)
                length = min(most, round(length * factor))
            elif too_long.context_length - fits.context_length <= max(1, WITHIN * too_long.context_length):
                return Window(fits=fits, too_long=too_long)
            else:
                length = (fits.context_length + too_long.context_length) // 2

    def _start(self, most: int) -> tuple[int, float]:
        """The first length to try, and the factor by which to go on."""
        if self._found is None or self._found.window is None:
            return min(most, max(2_000, self._least())), 2.0
        known = self._found.calibration
        ratio = 1.0 if known is None else max(known.narrow, 0.1)
        return max(self._least(), min(most, round(0.97 * self._found.window / ratio))), 1.1

    def _least(self) -> int:
        return min(self.experiment.config.lengths)

    async def _try(self, length: int) -> Step:
        """Whether a prompt of this length is accepted and counted as a whole."""
        trial = Trial(id="", task=self.experiment.config.task, context_length=length, depth_percent=0, epoch=0)
        prompt = self.experiment.prompt(trial)
        answer = await self.client.ask_or_raise(self.provider.request(prompt), f"at {length:,} tokens")
        known = self._found.calibration if self._found else None
        usage = answer.response.usage if answer.response else Usage()
        counted = known.total(usage) if known else usage.input_tokens
        if answer.outcome is Outcome.OVERFLOW:
            return Step(context_length=length, fits=False, server_tokens=counted, why=f"refused ({answer.error})")
        expected = known.expected(prompt.utf8, prompt.tokens) if known else None
        if known and expected and counted and known.is_short(counted, expected):
            why = f"cut in silence: {counted:,} tokens counted where about {expected:,} were sent"
            return Step(context_length=length, fits=False, server_tokens=counted, why=why)
        return Step(context_length=length, fits=True, server_tokens=counted, why="accepted")
