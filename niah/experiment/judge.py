"""A language model as a second opinion on stored answers: its verdicts are a log of their own.

It never is the score. A judge's run is a run like any other: one short prompt per scored answer,
through the same client, resumed by the same command. Where the two differ, a person should look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from niah.experiment.config import RunConfig, decides
from niah.experiment.design import PROMPTS
from niah.experiment.experiment import Experiment
from niah.experiment.own import PlantsNothing
from niah.generator.prompt import Builder
from niah.records import Outcome, Planting, Prompt, Result, Row, Score, Trial
from niah.scorers import without_reasoning
from niah.tasks import Options

REPLY_TOKENS = 512  # room for a model that thinks first
_SAMPLE_TOKENS = 4_096  # of haystack; the requests before a run hold no more of it
_OPENING = (
    "You check answers to questions about a long text that you do not see. The expected answer is"
    " known to be right. Other words, spellings, languages and number formats of the same answer"
    " are right as well. An answer that names further values where one was asked is wrong.\n\n"
)
_CLOSING = (
    "\n\nQuestion: Does the given answer say what is expected?"
    " Answer with yes or no only.\n\nAnswer:"
)
_NOT_THERE = "(that the text does not say)"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeExperiment(Experiment):
    """The prompts for a judge of one run."""

    asked: Experiment
    answers: Mapping[str, Result]  # by trial, scored ones only

    @property
    def longest(self) -> int:
        """By the longest answer: a window for the whole haystack would be for nothing."""
        own = max(map(self.prompt_tokens, self.trials)) + self.reply_tokens
        return own + min(_SAMPLE_TOKENS, max(self.config.lengths))

    def plant(self, trial: Trial) -> Planting:
        """Nothing is planted: question and answers stand between opening and closing."""
        return Planting(
            opening=_OPENING,
            closing=_CLOSING,
            question=_CLOSING.strip(),
            needles=(),
            targets=("yes",),
        )

    def prompt(self, trial: Trial) -> Prompt:
        result = self.answers[trial.id]
        expected = _NOT_THERE if result.trial.control == "absent" else ", ".join(result.targets)
        answer = "" if result.response is None else without_reasoning(result.response.text)
        lines = [
            f"Question asked: {self.asked.plant(result.trial).question}",
            f"Expected answer: {expected}",
            f"Given answer: {' '.join(answer.split())}",
        ]
        return self.builder.bare(self.plant(trial), lines)

    def prompt_tokens(self, trial: Trial) -> int:
        """A judge's prompts are as long as the answers, whatever the length of the run."""
        return self.prompt(trial).tokens


class JudgeTask(PlantsNothing):
    """Reads yes or no. Its ``solve`` is a judge that looks for the expected answer as it is."""

    SUMMARY = "judge a stored answer"
    REPLY_TOKENS = REPLY_TOKENS

    def score(self, text: str, planting: Planting) -> Score:
        """1 for yes, 0 for no; anything else is off-format."""
        words = set(re.findall(r"\b(?:yes|no)\b", without_reasoning(text).casefold()))
        if words == {"yes"}:
            return Score(value=1.0, answer_class="right", explanation="the judge says yes")
        if words == {"no"}:
            return Score(value=0.0, answer_class="wrong", explanation="the judge says no")
        why = "the judge says neither yes nor no"
        return Score(value=0.0, answer_class="off-format", explanation=why)

    def solve(self, text: str, options: Options | None = None) -> str:
        expected = re.search(r"^Expected answer: (.*)$", text, re.MULTILINE)
        given = re.search(r"^Given answer: (.*)$", text, re.MULTILINE)
        return "yes" if expected and given and expected[1] in given[1] else "no"


def judge_experiment(
    asked: Experiment, results: Mapping[str, Result], judge: RunConfig
) -> JudgeExperiment:
    """A judge's run over the scored answers of a run; ``judge`` says who is asked, and how."""
    answers = {i: r for i, r in results.items() if r.outcome is Outcome.SCORED}
    c = asked.config
    keys = [key for key in RunConfig.model_fields if decides(key) in (*PROMPTS, "controls")]
    config = judge.model_copy(update={key: getattr(c, key) for key in keys})
    builder = Builder(
        asked.haystack,
        asked.tokenizer,
        seed=c.seed,
        reply_tokens=REPLY_TOKENS,
        haystack_per=c.haystack_per,
    )
    own = {field.name: getattr(asked, field.name) for field in fields(Experiment)}
    own |= {
        "config": config,
        "builder": builder,
        "task": JudgeTask(),
        "reply_tokens": REPLY_TOKENS,
        "trials": tuple(replace(r.trial, task="judge", control=None) for r in answers.values()),
    }
    return JudgeExperiment(**own, asked=asked, answers=answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An answer on which judge and scorer differ."""

    answer: Result
    verdict: float  # the judge's score


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge's verdicts go with the scores of a run."""

    agree: int
    differ: tuple[Difference, ...]
    no_verdict: int  # neither yes nor no, or not asked yet
    complete: bool  # every answer was judged


def agreement(answers: Mapping[str, Result], verdicts: Mapping[str, Row]) -> Agreement:
    """Scored answers beside a judge's verdicts, by trial id. A score below 1 agrees with "no"."""
    agree, no_verdict, differ = 0, 0, []
    for trial_id, answer in answers.items():
        verdict = verdicts.get(trial_id)
        if verdict is None or verdict.score is None or verdict.answer_class == "off-format":
            no_verdict += 1
        elif (verdict.score == 1) == (answer.score == 1):
            agree += 1
        else:
            differ.append(Difference(answer=answer, verdict=verdict.score))
    judged = {trial_id for trial_id, verdict in verdicts.items() if verdict.score is not None}
    complete = set(answers) <= judged
    return Agreement(agree=agree, differ=tuple(differ), no_verdict=no_verdict, complete=complete)
