"""Carry out one trial, here only: build its prompt, ask until its answer can be believed, judge it.

Refusals as too long are believed where they come to a prompt that was asked alone. Further evidence
about a server is asked for once, when it first matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from niah.deliveries import Embed
from niah.errors import PromptError
from niah.experiment.experiment import Experiment
from niah.experiment.scoring import scored
from niah.providers import HttpRequest
from niah.providers.forced import forced
from niah.records import Outcome, Prompt, Result, Row, Trial
from niah.runlog.attempts import CallLog
from niah.runner.client import Client
from niah.runner.concurrency import Overdue, Slots, in_time
from niah.runner.delivering import Course, Deliverer
from niah.runner.embedding import Embedder
from niah.runner.exchange import ODD_SHAPE, Answer
from niah.runner.mismatches import AnswerChecks, Mismatch
from niah.runner.preflight import Preflight, counted_of, further_prompt
from niah.runner.stop_rules import CircuitBreaker, OverflowMemory
from niah.runner.uploads import NotStored, Uploads

MOST_ALONE = 3  # times that a prompt is asked alone which must fit
RECOVERY_S = 0.5
FORCED_S = 600.0  # for one step of a teacher-forced answer, which may compute its prompt again
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a trial, and its prompt without the text: one copy of that waits, not two."""

    trial: Trial
    prompt: Prompt
    request: HttpRequest
    expected: int | None  # tokens that the server should count


class TrialRunner:
    """Carries out the trials of one sweep, many at once, in one event loop."""

    def __init__(
        self,
        experiment: Experiment,
        client: Client,
        rows: Collection[Row],
        *,
        slots: int,
        breaker: CircuitBreaker,
        calls: CallLog,
        embedder: Embedder | None,
        uploads: Uploads | None,
        say: Callable[[str], None],
    ) -> None:
        """At most ``slots`` are asked at once; ``say`` is told why one is asked again."""
        self.checks = AnswerChecks(rows, experiment.tokenizer.count)
        self._experiment = experiment
        self._deliverer = Deliverer(experiment)
        self._embedder = embedder
        self._calls = calls
        self._uploads = uploads
        self._client = client
        self._overflows = OverflowMemory(rows)
        self._slots = Slots(slots)
        self._breaker = breaker
        self._say = say
        self._evidence = asyncio.Lock()
        self._has_evidence = False
        # one thread: more of them only take the processor from the event loop
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")

    def begin(self, found: Preflight) -> None:
        """Take in what the small requests found."""
        self.checks.begin(found)
        self._overflows.window = found.window

    def tokens(self, trial: Trial) -> int:
        """Prompt tokens of a trial's longest call."""
        return max(self._deliverer.call_tokens(trial))

    def close(self) -> None:
        self._builder.shutdown()

    async def run(self, trial: Trial) -> Result | None:
        """The result of a trial; None where a stop came first."""
        try:
            course, asked = await self._aside(partial(self._begun, trial))
            return await self._through(course, asked)
        except PromptError as error:  # this prompt cannot be built: others can
            self._breaker.hopeless.add(trial.id)
            targets = self._experiment.plant(trial).targets
            return unanswered(trial, None, Outcome.ERROR, str(error), targets)
        except NotStored as failed:
            return None if failed.answer is None else self._unasked(course, failed.answer)

    def _begun(self, trial: Trial) -> tuple[Course, Call | Prompt | Embed | None]:
        """A trial and what it asks first."""
        course = self._deliverer.course(trial)
        return course, self._next(course, None)

    async def _through(self, course: Course, asked: Call | Prompt | Embed | None) -> Result | None:
        """The result of all calls that a delivery makes; None where a stop came first."""
        answer: Any
        while asked is not None:
            if isinstance(asked, Prompt) and self._uploads is not None:
                asked = self._call(course.trial, await self._uploads.referenced(asked))
            if isinstance(asked, Embed):
                assert self._embedder is not None  # noqa: S101  # only a run with such a server asks
                got = await self._embedder.embedded(asked, course.trial.id)
                course.embedded, course.seconds = got, course.seconds + got.seconds
                if got.vectors is None:
                    return self._unasked(course, got.failed) if got.failed else None
                answer = got.vectors
            elif isinstance(asked, Call):
                kept = self._calls.finished(course.trial.id, asked.prompt.digest)
                result = kept or await self._believed(asked)
                if result is None:
                    return None
                course.results.append(result)
                if course.ended:
                    break
                self._calls.keep(result)
                answer = result.response.text if result.response else ""
            asked = await self._aside(partial(self._next, course, answer))
        return await self._with_nats(course.whole())

    def _unasked(self, course: Course, failed: Answer) -> Result:
        """The result of a trial whose vectors or uploads failed: an error, and not the model's."""
        targets = self._experiment.plant(course.trial).targets
        result = unanswered(course.trial, course.prompt, Outcome.ERROR, failed.error, targets)
        self._breaker.take(result, failed)
        return replace(result, attempts=failed.attempts)

    async def _with_nats(self, result: Result) -> Result:
        """The result with how sure the model is of the right answer, where asked and told."""
        provider = self._client.provider
        service = getattr(provider, "service", None)
        asked = self._experiment.config.target_logprob and result.outcome is Outcome.SCORED
        if not asked or service is None or len(result.targets) != 1:
            return result
        prompt = await self._aside(partial(self._experiment.prompt, result.trial))
        budget = service.reply_field or getattr(provider, "reply_field", "max_tokens")
        asked_of = replace(service, extra={**service.extra, budget: prompt.reply_tokens})
        steps, nats = forced(asked_of, prompt.text, result.targets[0]), None
        try:
            request = next(steps)
            while (body := await self._client.fetch(request, FORCED_S)) is not None:
                request = steps.send(body)
        except StopIteration as ended:
            nats = ended.value
        except ODD_SHAPE as odd:
            why = f"{odd.__class__.__name__}: {odd}"
            self._say(f"the log-probability of the right answer is not told ({why})")
        return result if nats is None else replace(result, target_nats=max(0.0, round(nats, 4)))

    def _next(self, course: Course, answer: Any) -> Call | Prompt | Embed | None:
        """What is asked next; a Prompt where its media are still to be uploaded."""
        asked = course.next(answer)
        if not isinstance(asked, Prompt):
            return asked
        sent = self._deliverer.presented(asked)
        return self._call(course.trial, sent) if self._uploads is None else sent

    def _call(self, trial: Trial, sent: Prompt) -> Call:
        known, told = self.checks.calibration, sent.delivered
        expected = None if known is None else known.expected(sent.utf8, sent.tokens)
        if known is not None and told is not None and told.text_tokens is not None:
            media = known.of_media(told.pages or told.seconds or 0)
            text = known.expected(sent.utf8, told.text_tokens)
            expected = None if media is None else text + media
            told = replace(told, media_tokens=media)
        elif known is not None and told is not None and told.turns:
            beside = known.of_turns(told.turns)
            expected = known.expected(sent.utf8, sent.tokens) + beside
            told = replace(told, overhead_tokens=max(0, beside))
        return Call(
            trial=trial,
            prompt=replace(sent, utf8=b"", messages=(), delivered=told),
            request=replace(self._client.provider.request(sent), label=_label(trial)),
            expected=expected,
        )

    async def _aside(self, work: Callable[[], _T]) -> _T:
        """Work in the builder's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._builder, work)

    async def _believed(self, call: Call) -> Result | None:
        """Ask until nothing is wrong with the answer, or asking again does not help."""
        self.checks.values.add(call.trial.id, call.prompt.planting.targets)
        planted = [needle.value for needle in call.prompt.planting.needles]
        before: list[str] = []
        mismatches: list[Mismatch] = []
        attempts = 0
        while True:
            answer = await self._answer(call)
            if answer is None:
                return None
            answer, result = await self._judged(call, answer)
            attempts += answer.attempts
            usage = None if result.response is None else result.response.usage
            if usage is not None and self.checks.need_evidence(usage, call.expected):
                await self._look_again()
            mismatch = self.checks.mismatch(result, planted, before)
            if mismatch is None or not self.checks.repeats.pay(mismatch, len(mismatches) + 1):
                break
            self._say(f"asking again: {mismatch.why}")
            mismatches.append(mismatch)
            before += [result.response.text] if result.response else []
        self.checks.repeats.ended(mismatches, mismatch)
        self._overflows.take(result)
        result = self.checks.settled(replace(result, attempts=attempts), mismatch)
        if attempts:
            self._breaker.take(result, answer)
        return result

    async def _answer(self, call: Call) -> Answer | None:
        """An answer; a refusal as too long only where it is believed, unsent where it is sure."""
        async with self._slots.shared():
            if self._client.throttle.stopping:
                return None
            if refused := self._overflows.surely_too_long(call.prompt.tokens):
                least = refused.sent_tokens + call.prompt.reply_tokens
                why = f"not sent: {least:,} tokens were already too long ({refused.error})"
                return Answer(outcome=Outcome.OVERFLOW, attempts=0, error=why)
            answer = await self._client.ask(call.request, trial=call.trial.id)
        if answer is None or answer.outcome is not Outcome.OVERFLOW:
            return answer
        room = None if call.expected is None else call.expected + call.prompt.reply_tokens
        if self._overflows.believes(call.prompt.tokens, room):
            return answer
        self._client.throttle.crowded()
        tries = MOST_ALONE if self._overflows.fits(call.prompt.tokens, room) else 1
        async with self._slots.exclusive():
            for number in range(tries):
                # a cache makes room when it has been found full
                await asyncio.sleep(RECOVERY_S if number else 0)
                again = await self._client.ask(call.request, trial=call.trial.id)
                if again is None:
                    return None
                answer = replace(again, attempts=answer.attempts + again.attempts)
                if answer.outcome is not Outcome.OVERFLOW:
                    break
        return answer

    async def _judged(self, call: Call, answer: Answer) -> tuple[Answer, Result]:
        """The result, judged beside the event loop; where that takes too long, an error."""
        size = len(answer.response.text) if answer.response else 0
        judge = partial(result_of, call, experiment=self._experiment)
        try:
            return answer, await in_time(partial(judge, answer), size)
        except Overdue as overdue:
            error = f"an answer of {size:,} signs: {overdue}"
            answer = replace(answer, outcome=Outcome.ERROR, error=error, retried=False)
            return answer, judge(answer)

    async def _look_again(self) -> None:
        """Ask one more small prompt twice, once in a sweep."""
        async with self._evidence:
            if self._has_evidence or self.checks.calibration is None:
                return
            prompt = further_prompt(self._experiment)
            request = self._client.provider.request(prompt)
            async with self._slots.exclusive():
                answers = [await self._client.ask(request) for _ in range(2)]
            self._has_evidence = True
            first, again = (counted_of(prompt, answer) for answer in answers)
            if first is not None and again is not None:
                self.checks.calibration = self.checks.calibration.after(first, again)


def result_of(call: Call, answer: Answer, experiment: Experiment) -> Result:
    """One line for the run log: only a whole answer is scored."""
    planting = call.prompt.planting
    result = replace(
        unanswered(call.trial, call.prompt, answer.outcome, answer.error, planting.targets),
        response=answer.response,
        first_token_s=_rounded(answer.first_token_s),
        total_s=_rounded(answer.total_s),
        output_tokens_per_s=_speed(answer),
        expected_input_tokens=call.expected if answer.attempts else None,
        attempts=answer.attempts,
        request_id=answer.request_id,
    )
    return scored(result, planting, experiment.task)


def unanswered(
    trial: Trial,
    prompt: Prompt | None,
    outcome: Outcome,
    error: str | None,
    targets: tuple[str, ...],
) -> Result:
    """A result without an answer; without a prompt where none can be built."""
    return Result(
        trial=trial,
        outcome=outcome,
        placements=prompt.placements if prompt else (),
        targets=targets,
        prompt_tokens=prompt.tokens if prompt else 0,
        prompt_digest=prompt.digest if prompt else "",
        unique_share=prompt.unique_share if prompt else 1.0,
        error=error,
        delivered=prompt.delivered if prompt else None,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _label(trial: Trial) -> str:
    where = f"control {trial.control}" if trial.control else f"depth {trial.depth_percent:g} %"
    return f"trial {trial.id}, {trial.context_length:,} tokens, {where}, epoch {trial.epoch}"


def _speed(answer: Answer) -> float | None:
    """Output tokens per second after the first one; None where that cannot be known."""
    tokens = None if answer.response is None else answer.response.usage.output_tokens
    if not tokens or tokens < 2 or answer.first_token_s is None or answer.total_s is None:
        return None
    seconds = answer.total_s - answer.first_token_s
    return round((tokens - 1) / seconds, 2) if seconds > 0 else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
