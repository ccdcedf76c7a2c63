"""The runs in a folder: where each lies, what it is called, and each summed up."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from niah.errors import ConfigError, RunError
from niah.experiment.config import RunConfig
from niah.experiment.design import haystack_label, model_label
from niah.runlog.log import LOG_NAME, read_rows
from niah.text.renamed import first_names
from niah.verdict.records import Share
from niah.verdict.sample import sample_of

DEFAULT_RESULTS = Path("results")
EXAMPLE = "example"  # the run that is shipped
DEPTH = 3  # folders down: results/suite/run
MOST_NAMES = 8  # listed in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a line."""

    name: str  # as other commands take it: its folder, from the folder of all runs
    model: str
    provider: str
    task: str
    created: str  # ISO 8601
    planned: int  # ordinary trials that its config asks for; other tools' cells may hold more
    ended: int  # of these, trials that need not be sent again
    found: Share  # over the scored ones
    imported: str | None = None  # the tool whose results these are


def check_name(name: str | None) -> None:
    """Raises ConfigError for what is no plain folder name."""
    if name is not None and (not name or Path(name).name != name or name.startswith(".")):
        raise ConfigError(f"--name {name!r}: use a plain name without slashes")


def check_limit(limit: int | None) -> None:
    """Raises ConfigError for what is no count of trials or rows."""
    if limit is not None and limit < 1:
        raise ConfigError(f"limit {limit}: use a whole number of 1 or more")


def plain_name(text: str) -> str:
    """Some text as the name of a folder."""
    return re.sub(r"[^\w.-]+", "-", text)


def folder_of(model: str) -> str:
    """The name of a folder for a model or a task: never one that is hidden, or leads elsewhere."""
    return plain_name(model).strip(".-") or "model"


def folder_name(name: str | None, config: RunConfig) -> str:
    """The given name, or one of the config's own: the same command finds the same folder."""
    if name is not None:
        return name
    identity = json.dumps(first_names(config.identity()), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    model = model_label(config.provider, str(config.model))
    haystack = haystack_label(config.haystack)
    return plain_name(f"{model}-{config.task}-{haystack}-{digest}")


def run_folder(run: str, results: Path) -> Path:
    """A run by folder, by name under the results folder, or the shipped example.

    Raises RunError, which says where it looked and which runs there are.
    """
    for folder in (Path(run), results / run):
        if (folder / LOG_NAME).is_file():
            return folder
    if run == EXAMPLE and (_shipped_example() / LOG_NAME).is_file():
        return _shipped_example()
    known = sorted({EXAMPLE, *(path.parent.name for path in results.glob(f"*/{LOG_NAME}"))})
    shown = ", ".join(known[:MOST_NAMES])
    if len(known) > MOST_NAMES:
        shown += f" and {len(known) - MOST_NAMES} more"
    near = difflib.get_close_matches(run, known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise RunError(f"{run}: no run here, nor in {results}{guess} (runs there: {shown})")


def own_run_folder(run: str, results: Path) -> Path:
    """A run that may be written to. Raises RunError for the shipped example: it stays as it is."""
    folder = run_folder(run, results)
    if _is_shipped(folder):
        raise RunError(
            f"{run} came with niah and stays as it is;"
            " make one of your own: niah run demo --name demo"
        )
    return folder


def own_or_new_folder(run: str, results: Path) -> Path:
    """The folder of a run, by path or by name, whether anything is in it yet."""
    return Path(run) if len(Path(run).parts) > 1 and not (results / run).is_dir() else results / run


def beside(folder: Path, results: Path, name: str) -> Path:
    """Where a further picture of a run goes by default: its folder, but never the example's."""
    return results / f"{folder.name}-{name}" if _is_shipped(folder) else folder / name


def name_of(folder: Path) -> str:
    """A run as commands take it here, with its suite; of a folder elsewhere no path is told."""
    if folder.is_absolute():
        return folder.name
    if folder.is_relative_to(DEFAULT_RESULTS):
        folder = folder.relative_to(DEFAULT_RESULTS)
    return folder.as_posix()


def has_begun(folder: Path) -> bool:
    """Whether its log holds a line: without a result, or after so early a kill, it holds none."""
    log = folder / LOG_NAME
    if not log.is_file():
        return False
    with log.open("rb") as lines:
        return lines.readline().endswith(b"\n")


def finished_in(folder: Path) -> set[str]:
    """Ids of the trials that need not be sent again; none where no run has begun."""
    return read_rows(folder)[1].finished if has_begun(folder) else set()


def _is_shipped(folder: Path) -> bool:
    return folder.name == EXAMPLE and folder.resolve() == _shipped_example()


def _shipped_example() -> Path:
    # brings 0.2 s of imports that commands about finished runs do not need
    from niah.generator.library import shared_root

    return (shared_root("results") / EXAMPLE).resolve()


def run_folders(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Every folder with a run log, by name. What lies inside a run, as a judge's, is no run."""
    try:
        inside = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
        runs = {f for f in inside if (f / LOG_NAME).is_file()}
    except OSError:  # not ours to read
        return
    for inner in inside:
        if inner in runs:
            yield inner
        elif depth > 1:
            yield from run_folders(inner, depth - 1)


def runs_in(results: Path) -> Iterator[RunSummary | RunError]:
    """A summary of every run in a folder, or why its log cannot be read.

    Raises RunError where there is no folder.
    """
    if not results.is_dir():
        raise RunError(
            f"{results}: no such folder;"
            " runs are written there by 'niah run', or name another folder"
        )
    for folder in run_folders(results):
        name = folder.relative_to(results).as_posix()
        try:
            yield summary_of(folder, name)
        except RunError as error:
            yield error


def summary_of(folder: Path, name: str) -> RunSummary:
    """A run summed up. Raises RunError for a log that cannot be read."""
    header, rows = read_rows(folder)
    ordinary = [row for row in rows.values() if row.trial.control is None]
    share, planned = sample_of(header, ordinary).share(), sum(header.planned().values())
    if header.design.adaptive:  # a rule stopped the trials: no interval, and nothing planned
        share, planned = replace(share, low=None, high=None), 0
    return RunSummary(
        name=name,
        model=header.design.model,
        provider=str(header.config["provider"]),
        task=header.design.task,
        created=header.created,
        planned=max(len(ordinary), planned),
        ended=sum(row.trial.id in rows.finished for row in ordinary),
        found=share,
        imported=header.imported,
    )
