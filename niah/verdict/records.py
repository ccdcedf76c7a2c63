"""The nouns of the verdict: the figures of a run, findings of a gate, comparisons of two runs.

A figure that was not measured is None. Shares are from 0 to 1, times in seconds, lengths in tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from niah.messages import MediaSize

if TYPE_CHECKING:
    from niah.verdict.ladder import Bracket


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All trials at one length and depth."""

    context_length: int
    depth_percent: float
    n: int  # scored trials
    mean: float | None  # None where nothing was scored
    low: float | None  # Wilson 95 % interval
    high: float | None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    answer_classes: Mapping[str, int] = field(default_factory=dict)
    normalised: float | None = None  # between guess rate (0) and oracle (1), where both were run
    by_rule: bool = False  # stopped when its length was decided: no interval of a fixed n holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with its count and Wilson 95 % interval."""

    mean: float | None
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Control trials of one kind: what is right without needle, haystack, or anything."""

    control: str  # absent, closed-book or oracle
    context_length: int | None  # of absent only
    n: int  # scored trials
    mean: float | None  # of absent: the share that says so; the rest is the hallucination rate
    low: float | None
    high: float | None
    answer_classes: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All cells of a run, with what a reader must know to judge them."""

    model: str
    task: str
    haystack: str
    tokenizer: str
    epochs: int
    simulated: bool
    unique_share: float | None  # the smallest of any trial
    whole: Share
    cells: tuple[Cell, ...]  # by length, then depth
    # of all cells; "near-miss: other time" with detail
    answer_classes: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, Share] = field(default_factory=dict)  # what is scored apart
    normalised: float | None = None
    controls: tuple[Control, ...] = ()
    by_control: Mapping[str, Share] = field(default_factory=dict)  # each kind of control, whole
    depth_of: str = "the needle"  # what the depth axis is the depth of
    imported: str | None = None  # the tool whose results these are
    adaptive: str | None = None  # what an adaptive run found, in words
    media: Mapping[int, MediaSize] = field(default_factory=dict)  # of lengths, the median trial's

    @property
    def context_lengths(self) -> tuple[int, ...]:
        return tuple(sorted({c.context_length for c in self.cells}))

    @property
    def depths(self) -> tuple[float, ...]:
        return tuple(sorted({c.depth_percent for c in self.cells}))


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLength:
    """The longest length up to which every length holds a threshold, by one rule."""

    rule: str  # all-green:0.9, absolute:0.856, relative:0.85
    threshold: float | None  # None where the base of a relative rule was not measured
    base: int | None  # the short length that a relative rule starts from
    point: int | None  # by the shares as measured; None: not even the shortest length
    cautious: int | None  # by the lower ends of the intervals
    hopeful: int | None  # by the upper ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Share found at the ends minus that in the middle: above 0, the middle is lost."""

    value: float
    low: float  # 95 %
    high: float
    n_ends: int
    n_middle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The block of neighbouring lengths and depths that stands out most for missing needles."""

    lengths: tuple[int, int]  # shortest, longest
    depths: tuple[float, float]
    inside: Share
    outside: Share
    p: float  # the chance of a block so weak, anywhere, in a grid that is even


class ByLength(StrEnum):
    """How the share found goes with length."""

    EVEN = "even"  # no difference that is more than chance
    EDGE = "edge"  # less is found beyond a length than up to it
    DIP = "dip"  # worse at a length than at a longer one


class ByDepth(StrEnum):
    """Where in the text needles are lost."""

    EVEN = "even"
    MIDDLE = "middle"
    HEAD = "head"
    TAIL = "tail"
    ALL_BUT_TAIL = "all-but-tail"
    ALL_BUT_HEAD = "all-but-head"
    ENDS = "ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The shape of a run's losses."""

    by_length: ByLength
    by_depth: ByDepth
    # the last before an edge and the first behind it; a dip and a better one
    lengths: tuple[int, int] | None = None
    shares: tuple[Share, Share] | None = None  # found up to the edge and beyond; at those two


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of the answered trials at one length."""

    context_length: int
    n: int
    first_token_s: float | None  # median
    total_s: float | None  # median
    total_p95_s: float | None
    cached_share: float | None  # of prompt tokens, where the server reports it


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How a time grows: seconds are proportional to length to the power of the exponent."""

    exponent: float
    lengths: int  # how many lengths it was fitted to


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run says, in numbers; never one without its n."""

    model: str
    simulated: bool
    planned: int  # controls included
    ordinary: int  # of these, trials that are no controls
    missing: int  # never run
    errors: int  # to be sent again
    unscored: Mapping[str, int]  # finished without a score, by outcome
    haystacks: int | None  # clusters that trials share; None where every trial has its own
    whole: Share
    by_length: Mapping[int, Share]
    up_to_length: Mapping[int, Share]
    by_band: Mapping[str, Share]
    effective: tuple[EffectiveLength, ...]
    middle: Contrast | None
    weakest: Region | None  # None where every cell is as good as every other
    claimed: int | None
    tested: int | None  # the longest length with a score
    times: tuple[Times, ...] = ()
    first_token_growth: Growth | None = None
    total_growth: Growth | None = None
    by_control: Mapping[str, Share] = field(default_factory=dict)  # share right, by control
    imported: str | None = None
    notes: tuple[str, ...] = ()  # what a reader must know about how the figures were made
    pattern: Pattern | None = None
    # by length: mean of the right answer, and n
    nats: Mapping[int, tuple[float, int]] = field(default_factory=dict)
    bracket: Bracket | None = None  # of an adaptive run: what it found instead of intervals
    media: Mapping[int, MediaSize] = field(default_factory=dict)  # by length: as pages or sound
    least_per_length: int | None = None  # trials, all found, that show the absolute rule at one


def model_label(of: Grid | RunReport) -> str:
    """The model, named for what it is."""
    return f"simulated reader {of.model}" if of.simulated else of.model


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"


EXIT_CODES: Mapping[Verdict, int] = {
    Verdict.PASS: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 3,
    Verdict.INCOMPLETE: 5,  # a server that was away is no verdict on a model
    Verdict.INVALID: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One gate, judged."""

    gate: str  # the key of gate.toml
    part: str  # whole, a length, a band
    verdict: Verdict
    reason: str
    measured: float | None
    limit: float
    n: int
    p_fail: float | None = None  # chance of such data, or worse, where the limit holds; uncorrected
    p_pass: float | None = None  # chance of such data, or better, where it does not
    more_trials: int | None = None  # that would probably decide, if the shares stay as they are
    watched: bool = False  # may fail the run, but need not be shown to hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on a run, with every reason."""

    verdict: Verdict
    model: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    confidence: float = 0.95

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two runs on the same trials. A drop above 0 means that the later run is worse."""

    test: str  # the name of the test behind p_drop
    n: int  # trials with a score in both
    lost: int  # better before
    gained: int  # better now
    before: float | None = None
    after: float | None = None
    drop: float | None = None
    low: float | None = None  # of the drop, two-sided
    high: float | None = None
    p_drop: float | None = None  # one-sided: chance of such a drop where there is none
    p_change: float | None = None  # two-sided


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """One cell of two runs."""

    context_length: int
    depth_percent: float
    n: int  # pairs
    change: float | None  # after minus before
    p: float | None  # two-sided, corrected for the number of cells (Holm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, whole and cell by cell."""

    before: str
    after: str
    whole: Paired
    bands: Mapping[str, Paired]
    cells: tuple[CellChange, ...]
    notes: tuple[str, ...] = ()
