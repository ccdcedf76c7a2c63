"""What a reader of a verdict should know beside its reasons."""

from __future__ import annotations

from datetime import UTC

from niah.verdict.counts import uneven_notes, unpaired_notes
from niah.verdict.evidence import Evidence
from niah.verdict.grid import model_of
from niah.verdict.pairs import Baseline


def notes_on(evidence: Evidence, baseline: Baseline | None) -> tuple[str, ...]:
    """When it was answered, what the run is no evidence of, and which run it was compared with."""
    notes = []
    if evidence.answered is not None:
        first, last = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in evidence.answered)
        notes.append(f"answered from {first} to {last} UTC" if first != last else f"answered {last} UTC")
    if evidence.header.imported:
        notes.append(f"imported results of {evidence.header.imported}")
    if evidence.limits.haystacks == "these":
        notes.append("the verdict is about the haystacks of this run and no others")
    if evidence.grid.simulated:
        notes.append("a simulated reader, no model")
    notes += uneven_notes(evidence.grid)
    if baseline is not None and evidence.pairs is not None:
        notes += _baseline_notes(evidence, baseline, evidence.pairs.n)
    return tuple(notes)


def _baseline_notes(evidence: Evidence, baseline: Baseline, pairs: int) -> list[str]:
    older = f"{model_of(baseline.header.config)}, run {baseline.header.created}"
    saved = f", saved {baseline.saved}" if baseline.saved else ""
    notes = [f"baseline {older}{saved}"]
    if baseline.header.created > evidence.header.created:
        notes.append("the baseline is the younger run: are they the right way round?")
    planned = max(len(baseline.scores), len(evidence.ordinary))
    return [*notes, *unpaired_notes(pairs, planned)]
