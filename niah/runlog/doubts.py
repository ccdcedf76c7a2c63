"""What of an answer cannot be believed: whose answer it is, and whether all of it and of its prompt arrived.

A doubtful answer is no wrong answer: its trial is asked again, a few times, and then has no score.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from niah.records import Outcome, Response, Result, Row

MOST_ASKED = 3  # times that one trial is asked, where doubts remain
_LASTING = 3  # trials that kept a doubt to the end: asking again does not help
_UNIQUE = re.compile(r"[0-9]{6,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GROUPED = re.compile(r"(?<=[0-9])[, ](?=[0-9]{3})")
_MOST_TEXT = 100_000  # characters of an answer that are searched

CUT = "cut"
OVER = "over"
UNCOUNTED = "uncounted"
STALE = "stale"
GARBLED = "garbled"

_STALE_SAYS = "answered with"
_GARBLED_SAYS = "tokens of an answer of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why an answer is not believed."""

    kind: str
    why: str
    asks: bool = True  # whether the same prompt may fare better
    withholds: bool = True  # whether the trial has no score where the doubt lasts


def doubt_of(result: Row) -> str | None:
    """The kind of doubt that took a result's score, as a finished run tells it; None where none did."""
    if result.outcome is not Outcome.MISMATCH:
        return None
    error, expected = result.error or "", result.expected_input_tokens
    if error.startswith(_STALE_SAYS):
        return STALE
    if _GARBLED_SAYS in error:
        return GARBLED
    counted = result.response.usage.input_tokens if result.response else None
    if counted is None:
        return UNCOUNTED
    return OVER if expected is not None and counted > expected else CUT


class AskedAgain:
    """Whether asking again pays: not for a kind of doubt that kept lasting."""

    def __init__(self) -> None:
        self._cured: Counter[str] = Counter()
        self._lasted: Counter[str] = Counter()

    def pays(self, doubt: Doubt, asked: int) -> bool:
        lasting = self._lasted[doubt.kind]
        return doubt.asks and asked < MOST_ASKED and (lasting < _LASTING or lasting < self._cured[doubt.kind])

    def ended(self, doubts: Iterable[Doubt], last: Doubt | None) -> None:
        """Take in how a trial ended that was asked again because of some doubts."""
        for kind in {d.kind for d in doubts if last is None or d.kind != last.kind}:
            self._cured[kind] += 1
        if last is not None and last.asks:
            self._lasted[last.kind] += 1


class PlantedValues:
    """The values of all trials sent so far that are too long to be guessed, or drawn twice."""

    def __init__(self, results: Iterable[Row]) -> None:
        self._trials: dict[str, str] = {}  # value -> the first trial of that value
        for result in results:
            self.add(result.trial.id, result.targets)

    def add(self, trial_id: str, targets: Iterable[str]) -> None:
        """Before a trial is sent: an answer may come to another one at once."""
        for target in targets:
            if _UNIQUE.fullmatch(target):
                self._trials.setdefault(target, trial_id)

    def stale(self, result: Result, planted: Collection[str]) -> Doubt | None:
        """A wrong answer that names the value of another trial, which its own prompt does not hold."""
        if result.response is None or result.score is None or result.score == 1:
            return None
        text = _GROUPED.sub("", unicodedata.normalize("NFKC", result.response.text[:_MOST_TEXT]).casefold())
        for value in _UNIQUE.findall(text):
            if value in self._trials and value not in planted:
                why = (
                    f"answered with {value}, the value of trial {self._trials[value]}, which this prompt does not hold"
                )
                return Doubt(kind=STALE, why=why)
        return None


class OutputCounts:
    """Whether a server counts its answers to the token as we do; one of another count lost or doubled a part.

    A model may part a text into other tokens than a tokenizer does: an answer that comes again word for word is taken.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._frame: int | None = None  # tokens that are counted and not shown: the end of the text
        self._fits = True

    def garbled(self, response: Response, before: Collection[str]) -> Doubt | None:
        """A doubt about an answer whose tokens are not those that were counted, unless it came before."""
        more = self._more(response)
        if not self._fits or self._frame is None or more is None or more == self._frame or response.text in before:
            return None
        text = self._count(response.text)
        counted, shown = more + text, self._frame + text  # as the server counts what is shown
        why = f"the server counted {counted:,} {_GARBLED_SAYS} {shown:,}: a part was lost or doubled on its way"
        return Doubt(kind=GARBLED, why=why)

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
