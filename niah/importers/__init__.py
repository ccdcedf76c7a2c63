"""Results that other tools have published, read into records of ours and marked as imported.

Every importer makes a header, results, and what to tell the user about them.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from niah.errors import RunError, UnknownName
from niah.records import Design, Header, Outcome, Response, Result, Trial

Scale = tuple[float, float]  # the least and the most that a score can be
MOST_TOKENS = 1_000_000_000
FORMATS: Mapping[str, str] = {
    "babilong": "published:read_babilong",
    "inspect": "needles:read_inspect",
    "kamradt": "needles:read_kamradt",
    "needlehaystack2": "needles:read_needlehaystack2",
    "ruler": "published:read_ruler",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One run of another tool."""

    header: Header
    results: tuple[Result, ...]
    said: tuple[str, ...]


def importer_of(name: str) -> Callable[[Path, str | None], Imported | list[Imported]]:
    """The reader of a format: from a path and a model's name (None: as the files say) to a run, or one for each task.

    Raises UnknownName.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    module, _, reader = FORMATS[name].partition(":")
    found: Callable[[Path, str | None], Imported | list[Imported]] = getattr(
        importlib.import_module(f"niah.importers.{module}"), reader
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The numbers of one trial of another tool."""

    length: int
    depth: float
    score: float | None
    seconds: float | None


def checked(where: str, length: object, depth: object, score: object, seconds: object, scale: Scale) -> Checked:
    """The numbers of a trial. Raises RunError, naming file and line, for what none of ours could be."""
    size = _number(where, "context length", length, 1, MOST_TOKENS)
    if size is None or size != int(size):
        raise RunError(f"{where}: context length {length!r} is no whole number of tokens")
    place = _number(where, "depth", depth, 0, 100)
    if place is None:
        raise RunError(f"{where}: no depth")
    judged = _number(where, "score", score, *scale)
    return Checked(length=int(size), depth=place, score=judged, seconds=_number(where, "seconds", seconds, 0, inf))


def _number(where: str, what: str, value: object, least: float, most: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or value == inf:
        raise RunError(f"{where}: {what} {value!r} is not a number from {least:g} to {most:g}")
    return float(value)


def imported_trial(task: str, length: int, depth: float, epoch: int, *identity: object) -> Trial:
    """A trial whose id is a digest of its cell and of what decided its prompt, as far as the tool tells."""
    coordinates = json.dumps(["imported", task, length, depth, *identity], ensure_ascii=False, sort_keys=True)
    trial_id = hashlib.sha256(coordinates.encode()).hexdigest()[:16]
    return Trial(id=trial_id, task=task, context_length=length, depth_percent=depth, epoch=epoch)


def imported_result(
    trial: Trial, answer: object, targets: Sequence[str], score: float | None, answer_class: str | None, **more: Any
) -> Result:
    """A result with what tools tell, and ``more``; without a score it is an error."""
    fields: dict[str, Any] = {
        "response": None if answer is None else Response(text=str(answer), stop_reason=None),
        "prompt_tokens": trial.context_length,  # often the only count that is kept
        "error": "no score" if score is None else None,
    }
    return Result(
        trial=trial,
        outcome=Outcome.ERROR if score is None else Outcome.SCORED,
        placements=(),
        targets=tuple(targets),
        prompt_digest=None,
        unique_share=None,
        score=score,
        answer_class=None if score is None else answer_class,
        **fields | more,
    )


def header_of(
    tool: str,
    model: str,
    task: str,
    results: Sequence[Result],
    created: str,
    *,
    depth_of: str = "the needle",
    shared: bool = True,
) -> Header:
    """The header of an imported run. Its epochs are those that every cell has; some may have more."""
    if not results:
        raise RunError(f"no results of {tool} found there")
    per_cell = Counter((r.trial.context_length, r.trial.depth_percent) for r in results)
    lengths, depths = sorted({length for length, _ in per_cell}), sorted({depth for _, depth in per_cell})
    recipe = {"task": task, "lengths": lengths, "depths": depths, "epochs": min(per_cell.values())}
    design = Design(
        lengths=tuple(lengths),
        depths=tuple(depths),
        epochs=min(per_cell.values()),
        controls=False,
        haystack_shared=shared,
        model=model,
        simulated=False,
        task=task,
        haystack=f"of {tool}",
        depth_of=depth_of,
        recipe=recipe,
    )
    return Header(
        schema=1,
        version=tool,
        created=created,
        config={"provider": "imported", "model": model, "haystack": [design.haystack], **recipe},
        design=design,
        haystack_digest="unknown",
        tokenizer="unknown",
        task_version=0,
        unique_share=None,
        imported=tool,
    )


def model_name(names: Sequence[str | None], given: str | None, path: Path) -> str:
    """The one model that all results are of; what names none is called after its file or folder. Raises RunError."""
    found = sorted({n for n in names if n})
    if len(found) > 1 and not given:
        raise RunError(f"results of {', '.join(found)}: name it with --model NAME; import one model at a time")
    return given or (found[0] if found else named_after(path))


def named_after(path: Path) -> str:
    """What a file or folder calls its model."""
    whole = path.resolve()
    return whole.name if whole.is_dir() else whole.stem


def grid_words(results: Sequence[Result]) -> str:
    """ "1,376 results in 1,225 cells (35 lengths x 35 depths), 151 more than one per cell"."""
    cells = {(r.trial.context_length, r.trial.depth_percent) for r in results}
    lengths, depths = {n for n, _ in cells}, {d for _, d in cells}
    repeats = len(results) - len(cells)
    again = f", {repeats:,} of them repeats" if repeats else ""
    return f"{len(results):,} results in {len(cells):,} cells ({len(lengths)} lengths x {len(depths)} depths){again}"


def imported(tool: str, model: str, task: str, results: list[Result], depth_of: str = "the needle") -> Imported:
    """The run of one task, of a tool that does not say when it was made; every trial has a haystack of its own."""
    header = header_of(tool, model, task, results, "unknown", depth_of=depth_of, shared=False)
    return Imported(header=header, results=tuple(results), said=(f"{task}: {grid_words(results)}",))
