"""Ask one trial until its answer can be believed: a whole answer to the whole prompt, and to no other.

What is doubtful is asked again, a few times; what stays doubtful has no score. Refusals as too long are believed where
they come to a prompt that was asked alone. Further evidence about a server is asked for once, when it first matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from niah.experiment.experiment import Experiment
from niah.providers import HttpRequest, Provider
from niah.records import Outcome, Prompt, Response, Result, Row, Trial, Usage
from niah.runlog.doubts import CUT, OVER, UNCOUNTED, AskedAgain, Doubt, OutputCounts, PlantedValues
from niah.runner.aside import Overdue, aside
from niah.runner.calibration import CacheCount, Calibration
from niah.runner.client import Answer, Client
from niah.runner.crowd import Crowd
from niah.runner.preflight import Preflight, counted_of, further_prompt
from niah.runner.results import result_of, withheld
from niah.runner.stop_rules import OverflowMemory

MOST_ALONE = 3  # times that a prompt is asked alone which must fit
RECOVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request, and its prompt without the text: one copy of it waits for the answer."""

    prompt: Prompt
    request: HttpRequest
    expected: int | None  # tokens that the server should count


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """A result, and the answer that it was made from."""

    result: Result
    answer: Answer


class Asking:
    """The askings of one sweep, in one event loop."""

    def __init__(
        self,
        experiment: Experiment,
        provider: Provider,
        results: Iterable[Row],
        *,
        say: Callable[[str], None],
    ) -> None:
        """``say`` is told what is doubtful."""
        results = list(results)
        self.calibration: Calibration | None = None
        self.overflows = OverflowMemory(results)
        self._experiment = experiment
        self._provider = provider
        self._say = say
        self._values = PlantedValues(results)
        self._outputs = OutputCounts(experiment.tokenizer.count)
        self._again = AskedAgain()
        self._crowd = Crowd()
        self._looking = asyncio.Lock()
        self._looked = False
        self._trials_are_counted: bool | None = None  # None: not known yet

    def begin(self, found: Preflight) -> None:
        """Take in what the small requests found."""
        self.calibration = found.calibration
        self.overflows.window = found.window
        for answer in found.answers:
            if answer.response and answer.outcome is Outcome.SCORED:
                self._outputs.learn(answer.response)

    async def ask(
        self, client: Client, trial: Trial, prepared: Prepared, crowded: Callable[[], None]
    ) -> Believed | None:
        """The result of a trial; None where a stop came first.

        ``crowded`` is called where there is too much at once.
        """
        self._values.add(trial.id, prepared.prompt.planting.targets)
        asked: list[tuple[Answer, Doubt]] = []
        while True:
            answer = await self._answer(client, trial, prepared, crowded)
            if answer is None:
                return None
            answer, result = await self._result(trial, prepared, answer)
            doubt = await self._doubt(client, prepared, result, [a.response.text for a, _ in asked if a.response])
            if doubt is None or not self._again.pays(doubt, len(asked) + 1):
                break
            self._say(f"asking again: {doubt.why}")
            asked.append((answer, doubt))
        self._again.ended((d for _, d in asked), doubt)
        self._learn(result, doubt)
        if doubt is not None and doubt.withholds:
            result = withheld(result, doubt.why)
        attempts = answer.attempts + sum(a.attempts for a, _ in asked)
        return Believed(result=self._reported(replace(result, attempts=attempts)), answer=answer)

    async def _result(self, trial: Trial, prepared: Prepared, answer: Answer) -> tuple[Answer, Result]:
        """The result, judged beside the event loop; an answer that cannot be judged in time is an error."""
        size = len(answer.response.text) if answer.response else 0
        judge = partial(result_of, trial, prepared.prompt, task=self._experiment.task, expected=prepared.expected)
        try:
            return answer, await aside(partial(judge, answer=answer), size)
        except Overdue as overdue:
            said = f"an answer of {size:,} signs: {overdue}"
            answer = replace(answer, outcome=Outcome.ERROR, error=said, retried=False)
            return answer, judge(answer=answer)

    async def _answer(
        self, client: Client, trial: Trial, prepared: Prepared, crowded: Callable[[], None]
    ) -> Answer | None:
        """An answer; a refusal as too long only where it is believed."""
        async with self._crowd.among():
            answer = await client.ask(prepared.request, trial=trial.id)
        if answer is None or answer.outcome is not Outcome.OVERFLOW:
            return answer
        tokens, room = prepared.prompt.tokens, prepared.expected
        room = None if room is None else room + prepared.prompt.reply_tokens
        if self.overflows.believes(tokens, room):
            return answer
        crowded()
        tries = MOST_ALONE if self.overflows.fits(tokens, room) else 1
        async with self._crowd.alone():
            for number in range(tries):
                await asyncio.sleep(RECOVERY_S if number else 0)  # a cache makes room when it has been found full
                again = await client.ask(prepared.request, trial=trial.id)
                if again is None:
                    return None
                answer = replace(again, attempts=answer.attempts + again.attempts)
                if answer.outcome is not Outcome.OVERFLOW:
                    break
        return answer

    async def _doubt(self, client: Client, prepared: Prepared, result: Result, before: list[str]) -> Doubt | None:
        """What is doubtful about a result, the gravest first."""
        response = result.response
        if response is None:
            return None
        doubt = await self._doubt_of_count(client, prepared, result, response)
        if doubt is not None or result.outcome is not Outcome.SCORED:
            return doubt
        planted = {*result.targets, *(needle.value for needle in prepared.prompt.planting.needles)}
        doubt = self._values.stale(result, planted)
        if doubt is None and self.calibration is not None and self.calibration.is_exact:
            doubt = self._outputs.garbled(response, before)
        return doubt

    async def _doubt_of_count(
        self, client: Client, prepared: Prepared, result: Result, response: Response
    ) -> Doubt | None:
        expected = prepared.expected
        if self.calibration is None or expected is None:
            return None
        answered = result.outcome in (Outcome.SCORED, Outcome.EMPTY)
        if response.usage.input_tokens is None:
            return self._uncounted() if answered else None
        if self._asks_for_more(self.calibration, response.usage, expected):
            await self._look_again(client)
        known = self.calibration
        counted = known.total(response.usage) or 0
        if known.is_short(counted, expected):
            gross = replace(known, is_exact=False).is_short(counted, expected)
            return Doubt(kind=CUT, why=_cut(known, response.usage, expected), asks=known.is_exact and not gross)
        if known.is_exact and not known.is_whole(counted, expected) and answered:
            why = f"the server counted {counted:,} prompt tokens where {expected:,} were sent: not of this prompt alone"
            return Doubt(kind=OVER, why=why)
        return None

    def _uncounted(self) -> Doubt | None:
        """A doubt where other trials were counted; a server that counts none of them is said once, in the warnings."""
        if self._trials_are_counted is False:
            return None
        why = "the server did not count this prompt, as it did others: nobody knows whether it read all of it"
        return Doubt(kind=UNCOUNTED, why=why, withholds=self._trials_are_counted is True)

    def _asks_for_more(self, known: Calibration, usage: Usage, expected: int) -> bool:
        """Whether further evidence decides: about a cache that is first seen, or about counts that are nearly exact."""
        if self._looked:
            return False
        slack, cached, counted = known.slack(expected), usage.cached_tokens or 0, known.total(usage) or 0
        if known.cache is None and cached > 2 * slack:
            return True
        loose = replace(known, is_exact=False)
        return known.is_exact and not known.is_whole(counted, expected) and loose.is_whole(counted, expected)

    async def _look_again(self, client: Client) -> None:
        """Ask one more small prompt twice, once in a sweep."""
        async with self._looking:
            if self._looked or self.calibration is None:
                return
            prompt = further_prompt(self._experiment)
            async with self._crowd.alone():
                answers = [await client.ask(self._provider.request(prompt)) for _ in range(2)]
            self._looked = True
            first, again = (counted_of(prompt, answer) for answer in answers)
            if first is not None and again is not None:
                self.calibration = self.calibration.after(first, again)

    def _learn(self, result: Result, doubt: Doubt | None) -> None:
        """Take in a trial that has ended."""
        self.overflows.take(result)
        if result.response is None or self.calibration is None:
            return
        counted, expected = self.calibration.total(result.response.usage), result.expected_input_tokens
        if counted is None and doubt is not None and doubt.kind == UNCOUNTED and self._trials_are_counted is None:
            self._trials_are_counted = False
        if counted is not None and doubt is None:
            self._trials_are_counted = True
        if doubt is None and counted is not None and expected is not None:
            self.calibration = self.calibration.refined(result.prompt_tokens, counted, expected)
        if (doubt is None or not doubt.withholds) and result.outcome is Outcome.SCORED:
            self._outputs.learn(result.response)

    def _reported(self, result: Result) -> Result:
        """The result with the usage as the server means it: input is the whole prompt, what was cached a part of it."""
        known, response = self.calibration, result.response
        if response is None or response.usage.input_tokens is None:
            return result
        counted, cached = response.usage.input_tokens, response.usage.cached_tokens
        whole = counted if known is None else known.total(response.usage) or 0
        usage = replace(
            response.usage, input_tokens=whole, cached_tokens=None if cached is None else min(cached, whole)
        )
        return replace(result, response=replace(response, usage=usage))


def _cut(known: Calibration, usage: Usage, expected: int) -> str:
    """What a count that falls short says."""
    counted, about = known.total(usage) or 0, "" if known.is_exact else "about "
    error = f"the server counted {counted:,} prompt tokens where {about}{expected:,} were sent"
    if usage.cached_tokens and known.cache is not CacheCount.LEFT_OUT and counted + usage.cached_tokens >= expected:
        told = "counts them in" if known.cache else "does not show whether it leaves them out"
        error += f" ({usage.cached_tokens:,} were read from its cache; it {told})"
    return error
