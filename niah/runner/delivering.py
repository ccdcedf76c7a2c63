"""The calls of one trial, as its delivery asks for them: most make one, summaries make many.

Every call is asked, checked and paid for as a trial's only one is; the trial's result is that of
the last one, with the sums of all. A call that ended is kept at once: a trial that was cut short
goes on behind it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from niah.deliveries import Embed, Steps
from niah.experiment.delivering import call_tokens, delivery_in, presenter_in
from niah.experiment.experiment import Experiment
from niah.records import CallResult, Outcome, Prompt, Result, Trial, Usage
from niah.runner.embedding import Embedded

ENDS = (Outcome.ERROR, Outcome.OVERFLOW, Outcome.MISMATCH)  # a call that ends so ends its trial


@dataclass(slots=True, kw_only=True)
class Course:
    """A trial on its way to the model."""

    trial: Trial
    prompt: Prompt  # without its text
    steps: Steps
    most_calls: int
    seconds: float = 0.0  # that delivering took beside the calls
    embedded: Embedded | None = None  # what came of asking for vectors
    results: list[Result] = field(default_factory=list)  # of the calls that have ended

    def next(self, answer: Any) -> Prompt | Embed | None:
        """What is asked after an answer (None at the beginning); None where nothing more is."""
        began = time.perf_counter()
        try:
            asked = self.steps.send(answer)
        except StopIteration:
            return None
        finally:
            self.seconds += time.perf_counter() - began
        if self.most_calls == 1 and isinstance(asked, Prompt):
            self.steps.close()  # it holds the whole prompt
        return asked

    @property
    def ended(self) -> bool:
        """Whether nothing more can be asked."""
        return bool(self.results) and (self.most_calls == 1 or self.results[-1].outcome in ENDS)

    def whole(self) -> Result:
        """The last call's result as the trial's, with the sums of all calls."""
        self.steps.close()
        last, asked = self.results[-1], self.prompt
        result = replace(last, prompt_tokens=asked.tokens, prompt_digest=asked.digest)
        if (known := result.delivered) is not None:
            if (got := self.embedded) is not None:
                known = replace(known, embed_calls=got.calls, embed_tokens=got.tokens)
            result = replace(result, prepared_s=round(self.seconds, 4), delivered=known)
        return result if len(self.results) == 1 else _summed(result, self.results)


class Deliverer:
    """Begins the trials of one sweep. What does not change from trial to trial is kept."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._delivery = delivery_in(experiment)
        self._presenter = presenter_in(experiment)

    def course(self, trial: Trial) -> Course:
        """Raises PromptError where the trial's prompt cannot be built."""
        prompt = self._experiment.prompt(trial)
        return Course(
            trial=trial,
            prompt=replace(prompt, utf8=b""),
            steps=self._delivery.deliver(prompt),
            most_calls=len(self.call_tokens(trial)),
        )

    def call_tokens(self, trial: Trial) -> tuple[int, ...]:
        """Prompt tokens of the most calls of a trial."""
        return call_tokens(self._experiment, self._delivery, trial)

    def presented(self, prompt: Prompt) -> Prompt:
        """A prompt as it is sent: as text, or in messages of its own."""
        return self._presenter.present(prompt) if self._presenter else prompt


def _summed(last: Result, results: Sequence[Result]) -> Result:
    before = sum(call.total_s or 0.0 for call in results[:-1])
    usages = [call.response.usage for call in results if call.response]
    counts = {f.name: [getattr(usage, f.name) for usage in usages] for f in fields(Usage)}
    # what one call does not tell is not known of the sum
    usage = Usage(**{name: None if None in known else sum(known) for name, known in counts.items()})
    return replace(
        last,
        response=last.response and replace(last.response, usage=usage),
        attempts=sum(call.attempts for call in results),
        first_token_s=None if last.first_token_s is None else round(before + last.first_token_s, 4),
        total_s=None if last.total_s is None else round(before + last.total_s, 4),
        expected_input_tokens=None,  # of one call only
        calls=tuple(map(_call, results)),
    )


def _call(result: Result) -> CallResult:
    response = result.response
    return CallResult(
        prompt_tokens=result.prompt_tokens,
        prompt_digest=str(result.prompt_digest),
        outcome=result.outcome,
        usage=response.usage if response else Usage(),
        stop_reason=response.stop_reason if response else None,
        attempts=result.attempts,
        first_token_s=result.first_token_s,
        total_s=result.total_s,
        expected_input_tokens=result.expected_input_tokens,
    )
