"""What a person must know before believing a picture: about the server, and about the answers it gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from niah.generator.lengths import label_of
from niah.records import Header, Outcome, Row
from niah.runner.recipe import Recipe

if TYPE_CHECKING:
    from niah.runner.preflight import Preflight  # a finished run is read without the network's imports


def preflight_warnings(found: Preflight, recipe: Recipe) -> list[str]:
    """About the server, from the small requests."""
    said = []
    if found.calibration is None:
        said.append(
            "the server does not say how many prompt tokens it counted: "
            "a part that it drops in silence cannot be noticed"
        )
    if found.window is not None:
        ratio = 1.0 if found.calibration is None else min(found.calibration.narrow, found.calibration.wide)
        beyond = [n for n in recipe.config.lengths if n * ratio > found.window]  # surely, whatever the script
        if beyond:
            lengths = ", ".join(map(label_of, beyond))
            said.append(f"the server says its window is {found.window:,} tokens: {lengths} will not fit")
    return said


def run_warnings(header: Header, results: Iterable[Row]) -> list[str]:
    """About a run, from its log."""
    results = list(results)
    return [*_cut_prompts(results), *_model_names(str(header.config.get("model")), results)]


def _cut_prompts(results: list[Row]) -> list[str]:
    cut = [r for r in results if r.outcome is Outcome.MISMATCH]
    if not cut:
        return []
    shortest = min(cut, key=lambda r: r.trial.context_length)
    length = label_of(shortest.trial.context_length)
    return [
        f"THE SERVER DROPPED A PART OF {len(cut)} OF {len(results)} PROMPTS, from {length} on "
        f"({shortest.error}): these trials have no score"
    ]


def _model_names(asked: str, results: list[Row]) -> list[str]:
    names = sorted({r.response.model for r in results if r.response and r.response.model})
    if len(names) > 1:
        return [f"the server answered under several names during this run: {', '.join(names)}"]
    if names and names[0] != asked:
        return [f"{asked} answered as {names[0]}: an alias can change; ask for that name where runs are compared"]
    return []
