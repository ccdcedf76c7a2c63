"""What is known of a run before it is judged, and what a reader of the verdict must know of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from niah.records import Header, Outcome, Row
from niah.verdict.baseline import Baseline, served_by
from niah.verdict.gate_config import GateConfig
from niah.verdict.grid import grid_of, uneven_notes, unpaired_notes
from niah.verdict.pairs import Pairs
from niah.verdict.records import Grid
from niah.verdict.sample import BANDS, FEWEST_CLUSTERS, Sample, Samples, band_of, clusters_shared


@dataclass(frozen=True)
class Evidence:
    """All that is known about a run."""

    header: Header
    results: tuple[Row, ...]
    limits: GateConfig
    pairs: Pairs | None = None  # with the baseline
    dollars: float | None = None  # what the run cost, where that is known
    now: datetime | None = None  # when it is judged; None where its age does not matter

    @cached_property
    def grid(self) -> Grid:
        return grid_of(self.header, self.results)

    @cached_property
    def ordinary(self) -> list[Row]:
        return [r for r in self.results if r.trial.control is None]

    @cached_property
    def answered(self) -> tuple[datetime, datetime] | None:
        """When its first and its last trial ended, UTC where no zone is named; None: not told."""
        times = []
        for r in self.results:
            with suppress(ValueError):
                time = datetime.fromisoformat(r.finished)
                times.append(time if time.tzinfo else time.replace(tzinfo=UTC))
        return (min(times), max(times)) if times else None

    @cached_property
    def samples(self) -> Samples:
        """The ordinary trials, whole and by parts."""
        these_only = self.limits.haystacks == "these"
        return Samples(header=self.header, rows=self.ordinary, these_only=these_only)

    @cached_property
    def _clusters(self) -> int | None:
        these_only = self.samples.these_only
        return None if these_only else clusters_shared(self.header, self.ordinary)

    def too_few(self, *samples: Sample) -> str:
        """The end of a reason: the run, or a sample, has too few clusters to speak for others."""
        counts = (self._clusters, *(s.few for s in samples))
        return next((f"; {few(n)}" for n in counts if n and n < FEWEST_CLUSTERS), "")

    def controls(self, name: str) -> list[Row]:
        """The control trials of a kind that reached the model whole: no errors, no cut prompts."""
        faults = (Outcome.ERROR, Outcome.MISMATCH)
        return [r for r in self.results if r.trial.control == name and r.outcome not in faults]

    def bands(self) -> list[str]:
        return [b for b in BANDS if any(band_of(d) == b for d in self.grid.depths)]


def few(clusters: int) -> str:
    have = f"its trials share {clusters} haystacks"
    if clusters == 1:
        have = "all trials share one haystack"
    return f"{have}, at least {FEWEST_CLUSTERS} or one per trial are needed to speak for others"


def notes_on(evidence: Evidence, baseline: Baseline | None) -> tuple[str, ...]:
    """When it was answered, what the run is no evidence of, and which run it was compared with."""
    notes = []
    if evidence.answered is not None:
        first, last = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in evidence.answered)
        begun = f"from {first} to " if first != last else ""
        notes.append(f"answered {begun}{last} UTC")
    if evidence.header.imported:
        notes.append(f"imported results of {evidence.header.imported}")
    if evidence.limits.haystacks == "these":
        notes.append("the verdict is about the haystacks of this run and no others")
    if evidence.grid.simulated:
        notes.append("a simulated reader, no model")
    notes += uneven_notes(evidence.grid)
    if baseline is not None and evidence.pairs is not None:
        older = baseline.header
        saved = f", saved {baseline.saved}" if baseline.saved else ""
        notes.append(f"baseline {older.design.model}, run {older.created}{saved}")
        was, now = ", ".join(baseline.served), ", ".join(served_by(evidence.results))
        if was and now and was != now:
            notes.append(
                f"the server names another model than for the baseline: {now}, and {was} before"
            )
        if older.created > evidence.header.created:
            notes.append("the baseline is the younger run: are they the right way round?")
        notes += unpaired_notes(evidence.pairs.n, max(len(baseline.scores), len(evidence.ordinary)))
    return tuple(notes)
