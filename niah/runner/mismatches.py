"""Whether an answer is one to this prompt, all of it, and no other; else a mismatch, and unscored.

A mismatch is no wrong answer: its trial is asked again, a few times, where that may help.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from niah.experiment.scoring import unscored
from niah.records import Outcome, Response, Result, Row, Usage
from niah.runlog.warnings import CUT, GARBLED, GARBLED_SAYS, OVER, STALE, STALE_SAYS, UNCOUNTED
from niah.runner.calibration import CacheCount, Calibration
from niah.runner.preflight import Preflight

MOST_ASKED = 3  # times that one trial is asked, where mismatches remain
_LASTING = 3  # trials that kept a mismatch to the end: asking again does not help
_UNIQUE = re.compile(r"[0-9]{6,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # 1203407, or a uuid
_GROUPED = re.compile(r"(?<=[0-9])[, ](?=[0-9]{3})")
_MOST_TEXT = 100_000  # characters of an answer that are searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Why an answer is not believed."""

    kind: str
    why: str
    asks: bool = True  # whether the same prompt may fare better
    withholds: bool = True  # whether the trial has no score where the mismatch lasts


class AnswerChecks:
    """What the answers of one sweep are held to; every answer that is believed teaches."""

    def __init__(self, rows: Iterable[Row], count: Callable[[str], int]) -> None:
        self.calibration: Calibration | None = None
        self.values = PlantedValues(rows)
        self.repeats = Repeats()
        self._outputs = OutputCounts(count)
        self._trials_are_counted: bool | None = None  # None: not known yet
        # trials whose wrong answer came twice, with a count that does not fit
        self._alike: set[str] = set()

    def begin(self, found: Preflight) -> None:
        """Take in what the small requests found."""
        self.calibration = found.calibration
        for answer in found.answers:
            if answer.response and answer.outcome is Outcome.SCORED:
                self._outputs.learn(answer.response)

    def need_evidence(self, usage: Usage, expected: int | None) -> bool:
        """Whether one more small prompt decides, on a cache just seen or counts nearly exact."""
        known = self.calibration
        if known is None or expected is None or usage.input_tokens is None:
            return False
        if known.cache is None and (usage.cached_tokens or 0) > 2 * known.slack(expected):
            return True
        counted, loose = known.total(usage) or 0, replace(known, is_exact=False)
        return not known.is_whole(counted, expected) and loose.is_whole(counted, expected)

    def mismatch(
        self, result: Result, planted: Iterable[str], before: Collection[str]
    ) -> Mismatch | None:
        """What is wrong with a result, the gravest first.

        ``planted`` are the values in its prompt, ``before`` the texts that came to the same prompt.
        """
        if result.response is None:
            return None
        found = self._miscount(result, result.response)
        if found is not None or result.outcome is not Outcome.SCORED:
            return found
        found = self.values.stale(result, {*result.targets, *planted})
        if found is None and self.calibration is not None and self.calibration.is_exact:
            found = self._outputs.garbled(result.response, before)
            doubted = found is None and result.score != 1 and (before or self._alike)
            if doubted and self._outputs.differs(result.response):
                self._alike.add(result.trial.id)
        return found

    def warnings(self) -> list[str]:
        """About the answers of a whole sweep."""
        n = len(self._alike)
        if not n:
            return []
        return [
            f"{n} wrong answer{'s' * (n > 1)} counted with more or fewer tokens than shown, and the"
            " same when asked again: a server that spoils answers in one way each time looks so;"
            " read them: niah show RUN --wrong"
        ]

    def settled(self, result: Result, mismatch: Mismatch | None) -> Result:
        """Take in a trial that has ended; its result, unscored where a mismatch withholds it."""
        self._learn(result, mismatch)
        if mismatch is not None and mismatch.withholds:
            result = withheld(result, mismatch.why)
        return self._reported(result)

    def _learn(self, result: Result, mismatch: Mismatch | None) -> None:
        if result.response is None or self.calibration is None:
            return
        counted = self.calibration.total(result.response.usage)
        expected = result.expected_input_tokens
        if mismatch is None and counted is not None:
            self._trials_are_counted = True
            if expected is not None:
                self.calibration = self.calibration.refined(result.prompt_tokens, counted, expected)
        elif mismatch is not None and mismatch.kind == UNCOUNTED and not self._trials_are_counted:
            self._trials_are_counted = False
        if (mismatch is None or not mismatch.withholds) and result.outcome is Outcome.SCORED:
            self._outputs.learn(result.response)

    def _reported(self, result: Result) -> Result:
        """The result with the usage as it is meant: input is the whole prompt, cached or not."""
        known, response = self.calibration, result.response
        if response is None or response.usage.input_tokens is None:
            return result
        cached = response.usage.cached_tokens
        whole = response.usage.input_tokens if known is None else known.total(response.usage) or 0
        cached = None if cached is None else min(cached, whole)
        usage = replace(response.usage, input_tokens=whole, cached_tokens=cached)
        return replace(result, response=replace(response, usage=usage))

    def _miscount(self, result: Result, response: Response) -> Mismatch | None:
        """What the server's count of the prompt says."""
        known, expected = self.calibration, result.expected_input_tokens
        if known is None or expected is None:
            return None
        answered = result.outcome in (Outcome.SCORED, Outcome.EMPTY)
        counted = known.total(response.usage)
        if counted is None:
            return self._uncounted() if answered else None
        # pages and seconds are counted to the token
        media = result.delivered.media_tokens or 0 if result.delivered else 0
        counted, expected = counted - media, expected - media
        if known.is_short(counted, expected):
            asks = known.is_exact and not replace(known, is_exact=False).is_short(counted, expected)
            return Mismatch(kind=CUT, why=_cut(known, response.usage, expected + media), asks=asks)
        if known.is_exact and not known.is_whole(counted, expected) and answered:
            both = f"{counted + media:,} prompt tokens where {expected + media:,}"
            why = f"the server counted {both} were sent: not of this prompt alone"
            return Mismatch(kind=OVER, why=why)
        return None

    def _uncounted(self) -> Mismatch | None:
        """A mismatch where others were counted; of a server that counts none warnings tell."""
        if self._trials_are_counted is False:
            return None
        why = (
            "the server did not count this prompt, as it did others:"
            " nobody knows whether it read all of it"
        )
        return Mismatch(kind=UNCOUNTED, why=why, withholds=self._trials_are_counted is True)


def withheld(result: Result, why: str) -> Result:
    """The result without its score: prompt, answer or count did not arrive as they were sent.

    What has no score anyway keeps its outcome, unless the prompt was not whole.
    """
    if result.outcome is Outcome.EMPTY:
        return replace(result, error=why)
    return replace(unscored(result), outcome=Outcome.MISMATCH, error=why)


class Repeats:
    """Whether asking again pays: not for a kind of mismatch that kept lasting."""

    def __init__(self) -> None:
        self._cured: Counter[str] = Counter()
        self._lasted: Counter[str] = Counter()

    def pay(self, mismatch: Mismatch, asked: int) -> bool:
        if not mismatch.asks or asked >= MOST_ASKED:
            return False
        return self._lasted[mismatch.kind] < max(_LASTING, self._cured[mismatch.kind])

    def ended(self, mismatches: Iterable[Mismatch], last: Mismatch | None) -> None:
        """Take in how a trial ended that was asked again because of some mismatches."""
        self._cured.update({m.kind for m in mismatches if last is None or m.kind != last.kind})
        if last is not None and last.asks:
            self._lasted[last.kind] += 1


class PlantedValues:
    """The values of all trials sent so far that are too long to be guessed, or drawn twice."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._trials: dict[str, str] = {}  # value -> the first trial of that value
        for row in rows:
            self.add(row.trial.id, row.targets)

    def add(self, trial_id: str, targets: Iterable[str]) -> None:
        """Before a trial is sent: an answer may come to another one at once."""
        for target in targets:
            if _UNIQUE.fullmatch(target):
                self._trials.setdefault(target, trial_id)

    def stale(self, result: Result, planted: Collection[str]) -> Mismatch | None:
        """A wrong answer that names the value of another trial, which its prompt does not hold."""
        if result.response is None or result.score is None or result.score == 1:
            return None
        text = unicodedata.normalize("NFKC", result.response.text[:_MOST_TEXT]).casefold()
        for value in _UNIQUE.findall(_GROUPED.sub("", text)):
            if value in self._trials and value not in planted:
                other = f"{value}, the value of trial {self._trials[value]}"
                why = f"{STALE_SAYS} {other}, which this prompt does not hold"
                return Mismatch(kind=STALE, why=why)
        return None


class OutputCounts:
    """Whether a server counts answers to the token as we do: one of another count is not whole.

    A model may part a text into other tokens than a tokenizer does: an answer that comes again word
    for word is taken.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._frame: int | None = None  # tokens that are counted and not shown: the end of the text
        self._fits = True

    def differs(self, response: Response) -> bool:
        """Whether an answer was counted otherwise than the first ones."""
        return self._frame is not None and self._more(response) not in (None, self._frame)

    def garbled(self, response: Response, before: Collection[str]) -> Mismatch | None:
        """A mismatch of an answer whose tokens are not those counted, unless it came before."""
        more, frame = self._more(response), self._frame
        if more is None or frame is None or more == frame:
            return None
        if not self._fits or response.text in before:
            return None
        text = self._count(response.text)
        counted, shown = more + text, frame + text  # as the server counts what is shown
        both = f"counted {counted:,} {GARBLED_SAYS} {shown:,}"
        why = f"the server {both}: a part was lost or doubled on its way"
        return Mismatch(kind=GARBLED, why=why)

    def learn(self, response: Response) -> None:
        """Take in an answer that is believed."""
        more = self._more(response)
        if more is None:
            return
        if self._frame is None:
            self._frame = more
        self._fits = self._fits and more == self._frame and more in (0, 1)

    def _more(self, response: Response) -> int | None:
        """Tokens that were counted beyond those of the text; reasoning is not shown."""
        usage = response.usage
        if usage.output_tokens is None or not response.text or len(response.text) > _MOST_TEXT:
            return None
        return usage.output_tokens - (usage.reasoning_tokens or 0) - self._count(response.text)


def _cut(known: Calibration, usage: Usage, expected: int) -> str:
    """What a count that falls short says."""
    counted, about = known.total(usage) or 0, "" if known.is_exact else "about "
    error = f"the server counted {counted:,} prompt tokens where {about}{expected:,} were sent"
    cached = 0 if known.cache is CacheCount.LEFT_OUT else usage.cached_tokens
    if cached and counted + cached >= expected:
        told = "counts them in" if known.cache else "does not show whether it leaves them out"
        error += f" ({cached:,} were read from its cache; it {told})"
    return error
