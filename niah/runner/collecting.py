"""Answers from files as results of a run: outcomes, checks and scores as in a sweep, no times.

All files are read, and whatever is wrong with them is said, before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from niah.errors import PromptError, RunError
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment
from niah.experiment.export import CALIBRATION, sender_of
from niah.providers import HttpRequest, UnexpectedStop
from niah.providers.batches import BatchAnswer, answer_in
from niah.providers.failures import failure_of
from niah.records import Outcome, Prompt, Result, Trial
from niah.runlog.log import RunLog
from niah.runlog.selection import first_of
from niah.runner.calibration import Calibration, calibrated
from niah.runner.delivering import Deliverer
from niah.runner.exchange import Answer
from niah.runner.mismatches import AnswerChecks
from niah.runner.preflight import Preflight, counted_of, small_prompts
from niah.runner.trial_runner import Call, result_of, unanswered

_ELSEWHERE = HttpRequest(url="", headers={})  # was sent by somebody else
_TOGETHER = 256  # results written and synced at once
_MOST_NAMED = 5  # ids in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What some files held for a run."""

    answers: int  # taken into the run; without those that it had
    doubles: int  # further answers of one trial, equal to the first
    torn: int  # last lines that were cut short
    missing: tuple[str, ...]  # trials of the run without an answer, errors among them
    errors: int  # of these, requests that failed
    # why nobody knows whether prompts were read whole; None: how the server counts is known
    unchecked: str | None

    def words(self) -> Iterator[str]:
        """For people."""
        yield f"{self.answers:,} answers taken in"
        if self.doubles:
            yield f"{self.doubles:,} further answers of the same trials, all equal to the first"
        if self.torn:
            yield f"{self.torn:,} last lines were cut short, and left out"
        if self.missing:
            missing = first_of(self.missing, _MOST_NAMED)
            failed = f"{self.errors:,} of them failed"
            yield f"{len(self.missing):,} trials are missing, {failed}: {missing}"
        if self.unchecked:
            yield f"not checked for dropped parts of prompts: {self.unchecked}"


@dataclass(slots=True)
class _Read:
    """What was read so far."""

    answers: dict[str, BatchAnswer] = field(default_factory=dict)
    doubles: int = 0
    torn: int = 0


def collect_into(log: RunLog, experiment: Experiment, files: Sequence[Path]) -> Collected:
    """Take answers in files into a run's log. Raises RunError, before anything is written."""
    sender_of(experiment)
    read = _Read()
    for file in files:
        _read_file(file, read)
    keys = [key for key in read.answers if key.startswith(CALIBRATION)]
    small = {key: read.answers.pop(key) for key in keys}
    _check_known(read.answers, {trial.id for trial in experiment.trials})
    stored = log.stored()
    asked = [t for t in experiment.trials if t.id in read.answers]
    new = [t for t in asked if not _is_known(t.id, read.answers[t.id], log, stored)]
    checks = AnswerChecks(log.results.values(), experiment.tokenizer.count)
    known, unchecked = None, "no small request of a file tells what turns, pages or sound take"
    if presenter_in(experiment) is None:
        known = _calibration(experiment, small)
        unchecked = "the small requests that tell it have no answer here"
    checks.begin(Preflight(answers=(), calibration=known, window=None))
    _check_digests(experiment, new, read.answers)
    results = _results(experiment, new, read.answers, checks)
    while some := list(islice(results, _TOGETHER)):
        log.append(*some)
    missing = tuple(t.id for t in experiment.trials if t.id not in log.finished)
    return Collected(
        answers=sum(read.answers[t.id].reply is not None for t in new),
        doubles=read.doubles,
        torn=read.torn,
        missing=missing,
        errors=sum(i in log.results for i in missing),
        unchecked=unchecked if known is None else None,
    )


def _read_file(file: Path, read: _Read) -> None:
    """Take in a file; a torn last line is counted. Raises RunError for any other damage."""
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    _take(answer_in(line), read, f"{file}:{number}")
                except (ValueError, RecursionError) as error:
                    if line.endswith(b"\n"):
                        raise RunError(
                            f"{file}:{number}: no line of results ({error}); remove it, or the file"
                        ) from error
                    read.torn += 1
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror})") from error


def _take(answer: BatchAnswer, read: _Read, where: str) -> None:
    """Keep an answer; of one trial an answer goes before a failure, and two answers must agree."""
    before = read.answers.get(answer.id)
    if before is None or before.reply is None:
        read.answers[answer.id] = answer
    elif answer.reply is not None and not answer.id.startswith(CALIBRATION):  # of these one will do
        if answer.reply.response().text != before.reply.response().text:
            second = f"{where}: a second answer to {answer.id}"
            raise RunError(f"{second}, which differs from the first; remove one of them")
        read.doubles += 1


def _check_known(answers: Mapping[str, BatchAnswer], trials: set[str]) -> None:
    if unknown := [i for i in answers if i not in trials]:
        raise RunError(
            f"answers to {first_of(unknown, _MOST_NAMED)}: this run has no such trials; "
            "name the run that the prompts were built for with --run"
        )


def _is_known(
    trial_id: str, answer: BatchAnswer, log: RunLog, stored: Mapping[str, Result]
) -> bool:
    """Whether a run holds the answer already. Raises RunError where it holds another."""
    if trial_id not in log.finished:
        return False
    held = stored[trial_id].response
    if answer.reply is not None and held is not None and held.text != answer.reply.response().text:
        raise RunError(
            f"trial {trial_id} has another answer in {log.path.parent} already; "
            "collect into another --run"
        )
    return True


def _check_digests(
    experiment: Experiment, trials: Sequence[Trial], answers: Mapping[str, BatchAnswer]
) -> None:
    """Raises RunError for a prompt that is another one today than the one that was answered."""
    for trial in trials:
        digest = answers[trial.id].digest
        if digest is not None and experiment.prompt(trial).digest != digest:
            raise RunError(
                f"trial {trial.id} was asked with another prompt than its own of today: "
                "haystack, task or niah have changed since; build the prompts again"
            )


def _calibration(experiment: Experiment, small: Mapping[str, BatchAnswer]) -> Calibration | None:
    """How the server counts, where all small prompts were answered and counted."""
    prompts = small_prompts(experiment) if small else []
    ids = [f"{CALIBRATION}{n}" for n in range(len(prompts))]
    answers = [_answer(small[i]) if i in small else None for i in ids]
    return calibrated(list(map(counted_of, prompts, answers)))


def _results(
    experiment: Experiment,
    trials: Sequence[Trial],
    answers: Mapping[str, BatchAnswer],
    checks: AnswerChecks,
) -> Iterator[Result]:
    """The results of some trials; one prompt is held at a time."""
    deliverer = Deliverer(experiment)
    for trial in trials:
        checks.values.add(trial.id, experiment.plant(trial).targets)
    for trial in trials:
        try:
            course = deliverer.course(trial)
        except PromptError as error:
            targets = experiment.plant(trial).targets
            yield unanswered(trial, None, Outcome.ERROR, str(error), targets)
            continue
        asked = course.next(None)
        if not isinstance(asked, Prompt):  # sender_of refuses it before
            raise RunError(f"trial {trial.id}: its delivery asks a server first")
        sent, answer = deliverer.presented(asked), _answer(answers[trial.id])
        course.results.append(_checked(trial, sent, answer, experiment, checks))
        yield replace(course.whole(), prepared_s=None)


def _checked(
    trial: Trial, sent: Prompt, answer: Answer, experiment: Experiment, checks: AnswerChecks
) -> Result:
    """The result of an answer; without its score where prompt or answer is not the trial's own."""
    expected = checks.calibration.expected(sent.utf8, sent.tokens) if checks.calibration else None
    call = Call(trial=trial, prompt=sent, request=_ELSEWHERE, expected=expected)
    result = result_of(call, answer, experiment)
    # nobody can be asked again: an answer parted into other tokens than ours is taken
    before = [] if answer.response is None else [answer.response.text]
    mismatch = checks.mismatch(result, [needle.value for needle in sent.planting.needles], before)
    return checks.settled(result, mismatch)


def _answer(answer: BatchAnswer) -> Answer:
    """How a request ended, as the client of a sweep tells it."""
    if answer.reply is None:
        failure = failure_of(answer.status, answer.error)
        return Answer(outcome=failure.outcome, error=failure.message)
    error = None
    try:
        outcome = answer.reply.outcome()
    except UnexpectedStop as stop:
        outcome, error = Outcome.ERROR, str(stop)
    response, request_id = answer.reply.response(), answer.reply.request_id
    return Answer(outcome=outcome, response=response, request_id=request_id, error=error)
