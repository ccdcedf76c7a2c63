"""Nouns of niah up to the run log, as frozen records, in the order in which data passes through.

Those of a verdict are in ``verdict/records.py``. Imports only messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

from niah.messages import Delivered, Message, Tool

CONTROLS = ("absent", "closed-book", "oracle")

LOG_SCHEMA = 1  # of run.jsonl


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The smallest piece of speech between which a needle may sit: one line, never empty."""

    text: str  # stripped
    start_s: float | None = None  # from the start of the episode; None: the file has no times
    end_s: float | None = None
    begins: bool = True  # whether a cue begins here; what follows in it has shared-out times


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something odd in a transcript, and what was done about it."""

    file: str
    line: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One parsed episode."""

    name: str
    form: str  # minute-window, srt, flattened-srt, webvtt, text
    language: str
    segments: tuple[Segment, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attempt at one cell."""

    id: str  # a digest that leaves the model out, so that runs pair by it
    task: str
    context_length: int  # tokens of the whole prompt plus the reply budget
    depth_percent: float
    epoch: int
    control: str | None = None  # absent, closed-book or oracle; None: an ordinary trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One planted fact. A needle without a depth of its own goes where the trial asks."""

    key: str
    value: str
    text: str  # one line without its newline, or two where a time stands above what is said
    depth_percent: float | None = None
    tokens_before: int | None = None  # of haystack; in the place of a depth, which would round
    answer_class: str = "right"  # what an answer with this value is
    detail: str | None = None  # which wrong answer: the condition that a near miss breaks
    speaker: str | None = None  # user or assistant: whose turn it is, where there are turns

    def depth_in(self, trial: Trial) -> float:
        """Where it goes in a trial, in percent."""
        return trial.depth_percent if self.depth_percent is None else self.depth_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch of a haystack that is asked about where it stands, instead of a planted needle."""

    episode: int  # counted over all of the haystack
    first: int  # segment of its block
    stop: int  # the segment behind its last
    present: bool = True  # False: the prompt holds the haystack without it
    # episode, first, stop of what says the same, and is in no prompt
    left_out: tuple[tuple[int, int, int], ...] = ()
    # lines above segments of its episode, which then is all of the haystack
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """What a task puts around and into the haystack for one trial."""

    opening: str  # stands before the haystack, ends with a newline
    closing: str  # stands behind it, starts with a newline
    question: str
    needles: tuple[Needle, ...]  # the first one is asked about
    targets: tuple[str, ...]
    marks: tuple[Needle, ...] = ()  # lines that state no fact, such as times; not logged
    passage: Passage | None = None
    tolerance_s: float = 0.0  # for answers that are times


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a needle was asked to go and where it went."""

    key: str
    depth_percent: float  # 0 is before everything, 100 is after everything
    actual_depth_percent: float
    tokens_before: int  # haystack tokens before the needle


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One finished prompt, sent as a single user message unless it has messages of its own."""

    utf8: bytes
    tokens: int  # of the whole text, counted as one piece
    reply_tokens: int
    haystack_tokens: int
    unique_share: float  # share of haystack tokens that occur for the first time, at most
    placements: tuple[Placement, ...]
    planting: Planting
    digest: str  # SHA-256 of utf8, hex
    shared_bytes: int = 0  # before the first needle: other prompts of the epoch begin so, too
    splits: tuple[int, ...] = ()  # bytes before each anchor, where a cache mark splits the prompt
    messages: tuple[Message, ...] = ()  # the same text in other parts; empty: one user message
    tools: tuple[Tool, ...] = ()  # that the request declares
    delivered: Delivered | None = None  # what of the trial's prompt this is; None: all of it

    @property
    def text(self) -> str:
        return self.utf8.decode()


class Outcome(StrEnum):
    """How a trial ended. Only ``scored`` has a score."""

    SCORED = "scored"
    OVERFLOW = "overflow"  # the server refused the prompt as too long
    TRUNCATED = "truncated"  # the reply was cut off by the reply budget
    REFUSED = "refused"  # the model or a filter declined
    EMPTY = "empty"  # a complete reply without any text
    MISMATCH = "mismatch"  # the server counted another prompt than was sent
    ERROR = "error"  # transport or server fault; sent again on resume


def checked_score(score: object, outcome: Outcome) -> float | None:
    """A score as it was read from a file.

    Raises ValueError unless it is from 0 to 1, and there if and only if the trial is scored.
    """
    if score is None and outcome is not Outcome.SCORED:
        return None
    said = f"score {score!r} of a trial that is {outcome}"
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f"{said}: a scored one has a number from 0 to 1")
    if outcome is not Outcome.SCORED:
        raise ValueError(f"{said}: only a scored one has a score")
    return float(score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the server reports them; None where it does not."""

    input_tokens: int | None = None  # of the whole prompt, read from a cache or not
    cached_tokens: int | None = None  # of these, read from a cache
    cache_write_tokens: int | None = None  # of these, written to a cache at a price of its own
    output_tokens: int | None = None  # reasoning included
    reasoning_tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What came back for one prompt, without the answer's text."""

    stop_reason: str | None
    usage: Usage = Usage()
    model: str | None = None  # as the server names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Reported):
    """What came back for one prompt."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good an answer is, from 0 to 1, and what kind of answer it is."""

    value: float
    answer_class: str
    explanation: str
    detail: str | None = None  # which wrong answer it is, where that is known
    # shares scored apart: recall, precision, what, when
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """One of several requests for a trial."""

    prompt_tokens: int
    prompt_digest: str
    outcome: Outcome
    usage: Usage = Usage()
    stop_reason: str | None = None
    attempts: int = 0
    first_token_s: float | None = None
    total_s: float | None = None
    expected_input_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finished trial without its words: all that figures, verdicts and pictures need."""

    trial: Trial
    outcome: Outcome
    targets: tuple[str, ...]
    prompt_tokens: int
    prompt_digest: str | None  # None where the prompt was another tool's
    unique_share: float | None
    response: Reported | None = None
    score: float | None = None
    answer_class: str | None = None
    first_token_s: float | None = None  # of the attempt that was answered, as is total_s
    total_s: float | None = None
    expected_input_tokens: int | None = None  # what the server should have counted
    attempts: int = 0  # requests sent for this trial; 0 where it was not sent
    error: str | None = None
    finished: str = ""  # ISO 8601, UTC
    answer_detail: str | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    delivered: Delivered | None = None  # None: the prompt as it is
    prepared_s: float | None = None  # that delivering took beside the calls, such as retrieval
    target_nats: float | None = None  # minus the log-probability of the right answer, if told
    calls: tuple[CallResult, ...] = ()  # where there were several; the figures above are their sums

    @property
    def sent_tokens(self) -> int:
        """Prompt tokens of the longest request that was sent for it."""
        if self.calls:
            return max(call.prompt_tokens for call in self.calls)
        return self.prompt_tokens if self.delivered is None else self.delivered.tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Row):
    """One finished trial, one line of the run log."""

    placements: tuple[Placement, ...]
    response: Response | None = None
    explanation: str | None = None
    output_tokens_per_s: float | None = None  # after the first one
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The grid that one command asked for; a run that was extended has several."""

    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a run asks for, as a verdict, a picture and a comparison need it."""

    lengths: tuple[int, ...]  # context lengths, of a run that was extended all of them
    depths: tuple[float, ...]  # in percent
    epochs: int  # the most of any cell
    controls: bool
    haystack_shared: bool  # by the trials of an epoch, which are a cluster then
    model: str  # its name for people
    simulated: bool
    task: str  # with the options that change its difficulty
    haystack: str
    depth_of: str  # what stands at a trial's depth
    recipe: Mapping[str, Any]  # settings of prompts and scores: runs that agree in them pair
    adaptive: bool = False  # whether answers choose the trials, a length at a time
    cells: tuple[Part, ...] = ()  # where not every length has every depth as often: each cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a run log: everything needed to build its prompts again."""

    schema: int
    version: str
    created: str
    config: Mapping[str, Any]  # of a run that was extended with its whole grid
    haystack_digest: str
    recordings_digest: str | None = None  # of the haystack's own recordings, where they are heard
    tokenizer: str  # with the digest of its file, where it is one
    task_version: int
    unique_share: float | None  # of the longest haystack
    design: Design
    claimed: int | None = None  # the context length that the model's maker states
    price: Mapping[str, float] | None = None  # US dollars per million tokens, as the command said
    imported: str | None = None  # the tool whose results these are
    # by config key: the variable that gave it
    environment: Mapping[str, str] = field(default_factory=dict)
    extended: tuple[Part, ...] = ()  # the first grid and those that were added; empty: none was

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every grid that was asked for."""
        d = self.design
        whole = Part(lengths=d.lengths, depths=d.depths, epochs=d.epochs)
        return self.extended or d.cells or (whole,)

    def planned(self) -> dict[tuple[int, float], int]:
        """Trials that were asked for, by context length and depth."""
        cells: dict[tuple[int, float], int] = {}
        for part in self.parts:
            for place in product(part.lengths, map(float, part.depths)):
                cells[place] = max(part.epochs, cells.get(place, 0))
        return dict(sorted(cells.items())) if self.extended else cells

    def planned_controls(self) -> dict[tuple[str, int | None], int]:
        """Control trials that were asked for, by kind; of absent ones also by context length."""
        if not self.design.controls:
            return {}
        absent, shortest = Counter[int](), Counter[int]()  # closed-book and oracle at the shortest
        for part in self.parts:
            absent |= Counter(dict.fromkeys(part.lengths, part.epochs))
            shortest |= Counter({min(part.lengths): part.epochs})
        planned: dict[tuple[str, int | None], int] = {
            ("absent", length): n for length, n in sorted(absent.items())
        }
        others = shortest.total()
        return {**planned, ("closed-book", None): others, ("oracle", None): others}
