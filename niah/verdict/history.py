"""A run as one line of a history, and when a history says that the model behind a name has changed.

A line holds right and wrong as a bitmap over the sorted ids of its trials, so that runs of one
recipe pair trial by trial. The first runs are the reference: they say how likely each trial is to
be right. Every later run is held against them by a CUSUM of log-likelihood ratios (Page 1954), one
for a loss and one for a gain. How high it may go is simulated from the reference itself, for a
whole year of runs: an unchanged model alarms in so many years as the level says. A comparison with
last night alarms in most of them. The date of a change is the most likely one, looking back.

Answers of a run are taken to vary independently of each other, given the trial. A file is
append-only: a line is never changed, lines of two writers merge, and what a merge leaves between
them is passed over.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import median
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from niah.errors import RunError
from niah.records import Header, Row
from niah.text.outside import json_in
from niah.verdict.baseline import digest_of, served_by
from niah.verdict.sample import figure_of

Array: TypeAlias = NDArray[Any]

SCHEMA = 1
MOST_BYTES = 1_000  # of a line, so that a year of nights is small in git
REFERENCE = 7  # runs that say what is usual
YEAR = 52  # runs for which the level holds
LEVEL = 0.05  # share of such years with an alarm, where nothing has changed
SHIFT = 0.05  # the loss, or gain, that the CUSUM is sharpest for
SIMULATED, AT_ONCE = 1_000, 50  # years drawn for the threshold, so many at once in memory
UNSURE = 0.02  # no trial is taken to be right, or wrong, more surely than by so much
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")  # what git leaves of an unfinished merge
# of the values in a line that nothing else checks
_KINDS: Mapping[str, Any] = {
    "recipe": str, "trials": str, "model": str, "served": str | None, "n": int,
    "tokens": int | None,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One run. Times in seconds, tokens as the server counts them."""

    date: str  # ISO 8601, of the last answer
    recipe: str  # digest of what decides prompts and scores
    trials: str  # digest of the sorted ids
    model: str  # as it was asked for
    served: str | None = None  # as the server names it; None where it does not
    n: int  # scored trials
    right: str  # base64 of a bitmap over the sorted ids: fully right
    scored: str | None = None  # the same of those with a score; None: all of them
    size: int = 0  # trials
    outcomes: Mapping[str, int] = field(default_factory=dict)
    first_token_s: float | None = None  # median
    tokens: int | None = None  # of prompts and replies
    dollars: float | None = None

    def bits(self) -> tuple[Array, Array]:
        """Right, and scored, of every trial in the order of ids."""
        right = _unpacked(self.right, self.size)
        if self.scored is None:
            return right, np.ones(self.size, bool)
        return right, _unpacked(self.scored, self.size)

    @property
    def share(self) -> float | None:
        """Found among the scored trials."""
        return float(self.bits()[0].sum()) / self.n if self.n else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a history says. Places are indices into its runs."""

    runs: tuple[HistoryLine, ...]  # of one recipe, by date
    reference: int  # so many of them, from the first on, are what the others are held against
    sums: tuple[float, ...] = ()  # of the CUSUM for a loss, per run behind the reference
    gains: tuple[float, ...] = ()
    threshold: float | None = None  # an alarm at it; None: no run behind the reference yet
    alarm: int | None = None  # the run that raised it
    changed: int | None = None  # the run with which it most likely began
    lost: bool = True  # whether it is a loss; else a gain
    renamed: tuple[int, ...] = ()  # runs before which the server began to name another model
    usual: float | None = None  # share found in the reference
    since: float | None = None  # and since the change

    @property
    def exit_code(self) -> int:
        """1 for a loss, 3 while there are too few runs to say anything."""
        return 3 if self.threshold is None else int(self.alarm is not None and self.lost)


def line_of(header: Header, results: Iterable[Row], dollars: float | None) -> HistoryLine:
    """A finished run as a line. Raises RunError where it has no answer, or too many trials."""
    rows = sorted((r for r in results if r.trial.control is None), key=lambda r: r.trial.id)
    date = max((r.finished for r in rows), default="")
    try:
        datetime.fromisoformat(date)
    except ValueError:
        told = f"no trial of the run tells when it was answered ({date!r})"
        raise RunError(f"{told}, so a history cannot date it") from None
    scored = [r.score is not None for r in rows]
    usage = [r.response.usage for r in rows if r.response is not None]
    counts = [u.input_tokens + (u.output_tokens or 0) for u in usage if u.input_tokens is not None]
    first = figure_of(median, [r.first_token_s for r in rows])
    line = HistoryLine(
        date=date,
        recipe=digest_of(header),
        trials=hashlib.sha256("".join(r.trial.id for r in rows).encode()).hexdigest()[:16],
        model=header.design.model,
        served=", ".join(served_by(rows)) or None,
        n=sum(scored),
        right=_packed([r.score is not None and r.score >= 1 - 1e-9 for r in rows]),
        scored=None if all(scored) else _packed(scored),
        size=len(rows),
        outcomes=dict(sorted(Counter(r.outcome.value for r in rows).items())),
        first_token_s=None if first is None else round(first, 4),
        tokens=sum(counts) if counts and len(counts) == len(rows) else None,
        dollars=dollars,
    )
    if len(text_of(line).encode()) > MOST_BYTES:
        raise RunError(
            f"{len(rows):,} trials do not fit into a line of {MOST_BYTES:,} bytes; "
            "keep a history of a smaller run, like the ci config with its 250 trials"
        )
    return line


def text_of(line: HistoryLine) -> str:
    """The line without its end."""
    kept = {key: value for key, value in asdict(line).items() if value not in (None, {})}
    return json.dumps({"schema": SCHEMA, **kept}, ensure_ascii=False, separators=(",", ":"))


def lines_in(text: str, name: str) -> tuple[HistoryLine, ...]:
    """The runs of a file by date, each once; what a merge left is passed over. Raises RunError."""
    lines: dict[str, HistoryLine] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.startswith(_CONFLICT):
            continue
        try:
            table: dict[str, Any] = json_in(raw)
            if table.pop("schema") != SCHEMA:
                raise ValueError("of another schema")
            line = HistoryLine(**table)
            datetime.fromisoformat(line.date)
            for key, kind in _KINDS.items():
                if not isinstance(value := getattr(line, key), kind):
                    raise ValueError(f"{key} is {value!r:.40}")
            right, scored = line.bits()
            if int(scored.sum()) != line.n or (right & ~scored).any():
                raise ValueError("n is not that of its bitmap")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{name}, line {number}: no run of a history ({error}); take that line out"
            ) from error
        lines[text_of(line)] = line
    return tuple(sorted(lines.values(), key=lambda line: (line.date, line.right)))


def signal_of(lines: Sequence[HistoryLine], reference: int = REFERENCE) -> Signal:
    """Whether runs changed after the reference. Raises RunError where there are several recipes."""
    kinds = {(line.recipe, line.trials) for line in lines}
    if len(kinds) > 1:
        raise RunError(f"{len(kinds)} recipes or grids in one history: keep a file for each")
    renamed = tuple(i for i in range(1, len(lines)) if lines[i].served != lines[i - 1].served)
    if len(lines) <= reference:
        return Signal(runs=tuple(lines), reference=reference, renamed=renamed)
    right, scored = (np.array(bits) for bits in zip(*(line.bits() for line in lines), strict=True))
    usual = _usual(right[:reference], scored[:reference])
    later, counted = right[reference:], scored[reference:]
    steps = {lost: _steps(later, counted, usual, lost=lost) for lost in (True, False)}
    sums = {lost: _cusum(step) for lost, step in steps.items()}
    limits = thresholds_of(usual, reference)
    over = {lost: s >= limits[lost] for lost, s in sums.items()}
    lost = bool(over[True].any() or not over[False].any())  # a loss, where a gain was before it
    alarm = changed = since = None
    if over[lost].any():
        at = int(np.argmax(over[lost]))
        began = _began(steps[lost], at)
        alarm, changed = reference + at, reference + began
        since = _share(later[began:], counted[began:])
    scale = limits[True] / limits[False]  # both drawn against one threshold
    return Signal(
        runs=tuple(lines),
        reference=reference,
        sums=tuple(map(float, sums[True])),
        gains=tuple(map(float, sums[False] * scale)),
        threshold=limits[True],
        alarm=alarm,
        changed=changed,
        lost=lost,
        renamed=renamed,
        usual=_share(right[:reference], scored[:reference]),
        since=since,
    )


def thresholds_of(usual: Array, reference: int) -> dict[bool, float]:
    """What the CUSUM of a loss, and of a gain, reaches in half of ``LEVEL`` of unchanged years."""
    drawn = np.random.default_rng(0)
    peaks: dict[bool, list[Array]] = {True: [], False: []}
    for _ in range(SIMULATED // AT_ONCE):
        runs = drawn.random((AT_ONCE, reference + YEAR, len(usual)), dtype=np.float32) < usual
        first, later = runs[:, :reference], runs[:, reference:]
        known = _usual(first, np.ones_like(first))  # with the luck of a reference in it
        for lost, found in peaks.items():
            steps = _steps(later, np.ones_like(later), known, lost=lost)
            found.append(_cusum(steps).max(-1))
    every = {lost: np.concatenate(found) for lost, found in peaks.items()}
    return {lost: float(np.quantile(peak, 1 - LEVEL / 2)) for lost, peak in every.items()}


def _usual(right: Array, scored: Array) -> Array:
    """How likely each trial is to be right. Runs and trials are the last two axes."""
    counted = scored.sum(-2)
    share = right.sum(-2) / np.maximum(counted, 1)
    whole = right.sum((-2, -1)) / np.maximum(1, scored.sum((-2, -1)))
    usual: Array = np.clip(np.where(counted > 0, share, whole[..., None]), UNSURE, 1 - UNSURE)
    return usual


def _steps(right: Array, scored: Array, usual: Array, *, lost: bool) -> Array:
    """The log-likelihood ratio of every run: moved by the shift, against as usual.

    A shift moves every trial by the same amount on the logit scale, and so the unsure ones most.
    """
    moved = _moved(usual, -SHIFT if lost else SHIFT)
    up, down = np.log(moved / usual), np.log((1 - moved) / (1 - usual))
    steps: Array = (np.where(right, up[..., None, :], down[..., None, :]) * scored).sum(-1)
    return steps


def _moved(usual: Array, shift: float) -> Array:
    """The shares after a shift of their mean, as far as it can move."""
    logit = np.log(usual / (1 - usual))
    wanted = np.clip(usual.mean(-1) + shift, UNSURE / 2, 1 - UNSURE / 2)[..., None]
    low, high = np.full_like(wanted, -12.0), np.full_like(wanted, 12.0)
    moved = usual
    for _ in range(30):
        middle = (low + high) / 2
        moved = 1 / (1 + np.exp(-(logit + middle)))
        below = moved.mean(-1, keepdims=True) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return moved


def _cusum(steps: Array) -> Array:
    """Sums that never fall below 0, along the last axis."""
    sums, at = np.empty_like(steps, dtype=float), np.zeros(steps.shape[:-1])
    for i in range(steps.shape[-1]):
        at = np.maximum(0.0, at + steps[..., i])
        sums[..., i] = at
    return sums


def _began(steps: Array, alarm: int) -> int:
    """The run with which a change most likely began: from there all steps are the likeliest."""
    return alarm - int(np.argmax(np.cumsum(steps[alarm::-1])))


def _share(right: Array, scored: Array) -> float | None:
    return float(right.sum() / scored.sum()) if scored.any() else None


def _packed(bits: Sequence[bool]) -> str:
    return b64encode(np.packbits(np.array(bits, bool)).tobytes()).decode()


def _unpacked(text: str, size: int) -> Array:
    found = np.unpackbits(np.frombuffer(b64decode(text, validate=True), np.uint8))
    if len(found) < size or len(found) >= size + 8:
        raise ValueError("its bitmap is of another size")
    return found[:size].astype(bool)
