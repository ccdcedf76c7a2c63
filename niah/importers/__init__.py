"""Results that other tools have published, read into records of ours and marked as imported.

Every importer makes a header, results, and what to tell the user about them.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from pathlib import Path
from sys import float_info
from typing import Any

from niah.errors import RunError, UnknownName
from niah.records import Design, Header, Outcome, Response, Result, Trial
from niah.text.outside import json_in
from niah.text.shares import depth_words

Scale = tuple[float, float]  # the least and the most that a score can be
MOST_TOKENS = 1_000_000_000
FORMATS: Mapping[str, str] = {
    "babilong": "niah.importers.rescored",
    "inspect": "niah.importers.results",
    "kamradt": "niah.importers.results",
    "needlehaystack2": "niah.importers.results",
    "ruler": "niah.importers.rescored",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One run of another tool."""

    header: Header
    results: tuple[Result, ...]
    said: tuple[str, ...]


def importer_of(name: str) -> Callable[[Path, str | None], Imported | list[Imported]]:
    """The reader of a format: from a path, and a model's name unless the files say it, to its runs.

    Raises UnknownName. What a reader cannot read raises RunError.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    module = importlib.import_module(FORMATS[name])
    found: Callable[[Path, str | None], Imported | list[Imported]] = getattr(module, f"read_{name}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The numbers of one trial of another tool."""

    length: int
    depth: float
    score: float | None
    seconds: float | None


def checked(
    where: str, length: object, depth: object, score: object, seconds: object, scale: Scale
) -> Checked:
    """The numbers of a trial. Raises RunError, naming file and line, for what none could be."""
    size = whole(where, "context length", length, 1)
    place = finite(where, "depth", depth, 0, 100)
    if size is None or place is None:
        raise RunError(f"{where}: no {'context length' if size is None else 'depth'}")
    judged = finite(where, "score", score, *scale)
    took = finite(where, "seconds", seconds, 0, inf)
    return Checked(length=size, depth=place, score=judged, seconds=took)


def whole(where: str, what: str, value: object, least: int = 0) -> int | None:
    """A count of tokens, or None. Raises RunError for what is none."""
    size = finite(where, what, value, least, MOST_TOKENS)
    if size is not None and not size.is_integer():
        raise RunError(f"{where}: {what} {value!r} is no whole number of tokens")
    return None if size is None else int(size)


def finite(where: str, what: str, value: object, least: float, most: float) -> float | None:
    """A finite number within bounds, or None. Raises RunError for what is none."""
    if value is None:
        return None
    found = value if isinstance(value, int | float) and not isinstance(value, bool) else inf
    if not least <= found <= most or found > float_info.max:
        raise RunError(f"{where}: {what} {value!r} is not a number from {least:g} to {most:g}")
    return float(found)


def imported_trial(task: str, length: int, depth: float, epoch: int, *identity: object) -> Trial:
    """A trial whose id is a digest of its cell and of what is told of what decided its prompt."""
    coordinates = ["imported", task, length, depth, *identity]
    text = json.dumps(coordinates, ensure_ascii=False, sort_keys=True)
    trial_id = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
    return Trial(id=trial_id, task=task, context_length=length, depth_percent=depth, epoch=epoch)


def imported_result(
    trial: Trial, answer: object, targets: Sequence[str], score: float | None, **more: Any
) -> Result:
    """A result with what tools tell, and ``more``; without a score it is an error."""
    fields: dict[str, Any] = {
        "response": None if answer is None else Response(text=str(answer), stop_reason=None),
        "prompt_tokens": trial.context_length,  # often the only count that is kept
        "placements": (),
        "error": "no score" if score is None else None,
        "answer_class": None if score is None else {0.0: "wrong", 1.0: "right"}.get(score),
    }
    return Result(
        trial=trial,
        outcome=Outcome.ERROR if score is None else Outcome.SCORED,
        targets=tuple(targets),
        prompt_digest=None,
        unique_share=None,
        score=score,
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
    """The header of an imported run. Its epochs are those that every cell has; some have more."""
    if not results:
        raise RunError(f"no results of {tool} found there")
    per_cell = Counter((r.trial.context_length, r.trial.depth_percent) for r in results)
    lengths, depths = sorted({n for n, _ in per_cell}), sorted({d for _, d in per_cell})
    epochs = min(per_cell.values())
    recipe = {"task": task, "lengths": lengths, "depths": depths, "epochs": epochs}
    design = Design(
        lengths=tuple(lengths),
        depths=tuple(depths),
        epochs=epochs,
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
    """The one model of all results, else what its file or folder is called. Raises RunError."""
    found = sorted({str(n) for n in names if n})
    if len(found) > 1 and not given:
        raise RunError(
            f"results of {', '.join(found)}: name it with --model NAME; import one model at a time"
        )
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
    grid = f"({len(lengths)} lengths x {len(depths)} depths)"
    return f"{len(results):,} results in {len(cells):,} cells {grid}{again}"


def imported(
    tool: str,
    model: str,
    by_task: Mapping[str, Sequence[Result]],
    depth_of: str = "the needle",
    told: Mapping[str, int] | None = None,
) -> list[Imported]:
    """A run for each task, of a tool that does not say when; each trial has its own haystack.

    ``told``: of how many trials of a task the depth is known; None: of all. Raises RunError where
    there is no task.
    """
    if not by_task:
        raise RunError(f"no results of {tool} found there")
    runs = []
    for task, results in by_task.items():
        known = len(results) if told is None else told.get(task, 0)
        depths = depth_words(depth_of, known, len(results))
        header = header_of(tool, model, task, results, "unknown", depth_of=depths, shared=False)
        said = f"{task}: {grid_words(results)}"
        runs.append(Imported(header=header, results=tuple(results), said=(said,)))
    return runs


def json_of(file: Path) -> Any:
    """What a file of JSON holds. Raises RunError."""
    try:
        return json_in(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RunError(f"{file}: not a JSON file ({error})") from error


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, one a line or in one list; ``.gz`` is unpacked. Raises RunError."""
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8") as lines:
            first = lines.readline()
            if first.lstrip().startswith("["):
                rows = json_in(first + lines.read())
            else:
                rows = map(json_in, filter(str.strip, chain([first], lines)))
            for row in rows:
                if not isinstance(row, dict):
                    raise ValueError("a row that is no object")
                yield row
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RunError(f"{file}: cannot be read as JSON ({error})") from error
