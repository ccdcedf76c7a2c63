"""A run as the gates see it: its grid, its samples, its controls, and its pairs with the baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from niah.records import Grid, Header, Outcome, Row
from niah.verdict.gate_config import GateConfig
from niah.verdict.grid import grid_of
from niah.verdict.pairs import Pairs, span_of
from niah.verdict.records import BANDS
from niah.verdict.regions import band_of
from niah.verdict.sample import FEWEST_CLUSTERS, Sample, clusters_shared, sample_of


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
        """When its first and its last trial ended; None where no line says it."""
        return span_of(r.finished for r in self.results)

    @cached_property
    def too_few_clusters(self) -> int | None:
        """How many clusters there are, where they are too few to speak for others."""
        if self.limits.haystacks == "these":
            return None
        clusters = clusters_shared(self.header, self.ordinary)
        return clusters if clusters is not None and clusters < FEWEST_CLUSTERS else None

    def sample(self, results: Sequence[Row] | None = None) -> Sample:
        """All ordinary trials, or some."""
        chosen = self.ordinary if results is None else results
        return sample_of(self.header, chosen, these_only=self.limits.haystacks == "these")

    def share(self, results: Sequence[Row], what: Callable[[Row], bool]) -> Sample:
        """Of how many something is true, as a sample."""
        return self.sample([replace(r, outcome=Outcome.SCORED, score=float(what(r))) for r in results])

    def at_length(self, length: int) -> Sample:
        return self.at_lengths((length,))

    def at_lengths(self, lengths: Sequence[int]) -> Sample:
        return self.sample([r for c, results in self._cells.items() if c[0] in lengths for r in results])

    def in_band(self, band: str) -> Sample:
        return self.sample([r for c, results in self._cells.items() if band_of(c[1]) == band for r in results])

    def in_cell(self, length: int, depth: float) -> Sample:
        return self.sample(self._cells.get((length, depth), []))

    @cached_property
    def _cells(self) -> dict[tuple[int, float], list[Row]]:
        cells: dict[tuple[int, float], list[Row]] = defaultdict(list)
        for r in self.ordinary:
            cells[r.trial.context_length, r.trial.depth_percent].append(r)
        return cells

    def controls(self, name: str) -> list[Row]:
        """The control trials of a kind that the model answered, or did not answer: no errors, no cut prompts."""
        faults = (Outcome.ERROR, Outcome.MISMATCH)
        return [r for r in self.results if r.trial.control == name and r.outcome not in faults]

    @property
    def planned_controls(self) -> dict[str, int]:
        """How many control trials the config asks for, by kind."""
        wanted: dict[str, int] = defaultdict(int)
        for (control, _), n in self.header.planned_controls().items():
            wanted[control] += n
        return dict(wanted)

    def bands(self) -> list[str]:
        return [b for b in BANDS if any(band_of(d) == b for d in self.grid.depths)]
