"""Verbs beside the sweep: trials that are asked elsewhere, and scoring again.

Imports stand inside functions where they bring the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from niah.errors import ConfigError, RunError
from niah.experiment.experiment import Experiment, experiment_again
from niah.experiment.export import as_line, lines_of, write_lines
from niah.experiment.own import Own
from niah.experiment.scoring import rescored
from niah.experiment.shards import FOLDER, part_of, shard_of
from niah.generator.haystack import Haystack
from niah.generator.tokenizers import tokenizer_of
from niah.importers import importer_of, named_after
from niah.importers.prompts import lines_from, settings_in
from niah.plotter.outputs import write_outputs, write_suite
from niah.run import PALETTE, AnyRun, Folder, Run, open_run
from niah.runlog.log import open_log, planned_header, reopen_log, write_log, write_plan
from niah.runlog.merging import merge_logs
from niah.runs import (
    DEFAULT_RESULTS,
    check_limit,
    check_name,
    finished_in,
    folder_of,
    has_begun,
    own_or_new_folder,
    own_run_folder,
    run_folder,
)
from niah.tasks import Task
from niah.verdict.grid import grid_of

if TYPE_CHECKING:
    from niah.runner.collecting import Collected


def plan_run(experiment: Experiment, run: str, results: Path) -> None:
    """Plan a run for answers that come later.

    Raises ConfigError without a model, RunError where another run has that name.
    """
    check_name(run)
    if experiment.config.model is None:
        raise ConfigError("--run plans a run, which is of a model: --model NAME")
    write_plan(results / run, experiment.header())


def prompt_lines(experiment: Experiment, form: str, *, verify: bool) -> Iterator[dict[str, object]]:
    """The prompts of an experiment as ``build`` gives them; a service's after small ones."""
    if form == "jsonl":
        return lines_of(experiment, form, verify=verify)
    from niah.runner.preflight import small_prompts

    return lines_of(experiment, form, verify=verify, small=small_prompts(experiment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A run with answers that were collected from files."""

    run: Run
    found: Collected  # in the files


def collect(
    files: Sequence[Folder],
    run: str,
    *,
    results: Folder = DEFAULT_RESULTS,
    task: Task | None = None,
    haystack: Haystack | None = None,
) -> Collection:
    """Answers to built prompts as a run.

    They are the result files of a batch service or of ``vllm run-batch``, or lines
    ``{"id", "text"}`` of any harness. The run was planned by ``build(run=...)``, or is there
    already; one with a task or haystack of one's own needs them again. Raises RunError, before
    anything is written, for ids of no trial of it, answers of one trial that differ, and prompts
    that are others today.
    """
    from niah.runner.collecting import collect_into

    folder = own_or_new_folder(run, Path(results))
    experiment = experiment_again(planned_header(folder), Own(task=task, haystack=haystack))
    with open_log(folder, experiment.header()) as log:
        found = collect_into(log, experiment, [Path(file) for file in files])
        whole = Run(folder=folder, header=log.header, rows=log.results)
    said = write_outputs(folder, whole.view, PALETTE) if whole.rows else []
    return Collection(run=replace(whole, said=tuple(said)), found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """A run whose stored answers were scored again."""

    run: Run
    changed: int  # scores


def rescore(
    run: AnyRun,
    *,
    results: Folder = DEFAULT_RESULTS,
    task: Task | None = None,
    haystack: Haystack | None = None,
) -> Rescored:
    """Score the stored answers of a run again, without network; its log takes changed scores.

    A run with a task or haystack of one's own needs them again. Raises RunError for an imported
    run, the shipped example, and needles that are others today.
    """
    folder = own_run_folder(str(run.folder if isinstance(run, Run) else run), Path(results))
    with reopen_log(folder) as log:
        if log.header.imported is not None:
            raise RunError(
                f"{folder} was imported from {log.header.imported}:"
                " its answers cannot be judged here"
            )
        experiment = experiment_again(log.header, Own(task=task, haystack=haystack))
        judged = ((old, rescored(old, experiment)) for old in log.stored().values())
        changed = [new for old, new in judged if new != old]  # all, before the first is written
        for result in changed:
            log.append(result)
        run = Run(folder=folder, header=log.header, rows=log.results)
        return Rescored(run=run, changed=len(changed))


def import_prompts(
    path: Folder,
    form: str,
    out: Folder,
    *,
    settings: Folder | None = None,
    gold: int | None = None,
    limit: int | None = None,
    tokenizer: str = "o200k_base",
) -> int:
    """Rows of another benchmark as prompts that ``sweep(prompts=out)`` asks; how many.

    ``settings`` is a JSON file of a published run, ``gold`` the place of the asked pair (litm-kv).
    Raises RunError for rows that are none of the format, UnknownName, ConfigError.
    """
    check_limit(limit)
    told = {} if settings is None else settings_in(Path(settings))
    if gold is not None:
        told["gold"] = gold
    lines = lines_from(Path(path), form, tokenizer_of(tokenizer).count, told)
    return write_lines(Path(out), map(as_line, islice(lines, limit)), "jsonl")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRuns:
    """Runs that were made of other tools' results."""

    runs: tuple[Run, ...]
    picture: Path  # of the run, or of all of them
    said: tuple[str, ...]


def import_results(
    path: Folder,
    form: str,
    *,
    model: str | None = None,
    name: str | None = None,
    results: Folder = DEFAULT_RESULTS,
    palette: str = PALETTE,
) -> ImportedRuns:
    """Results of another tool as a run, or as one for each task, with their pictures.

    Raises UnknownName for a format that is not there, RunError for files that are none of it.
    """
    check_name(name)
    read = importer_of(form)(Path(path), model)
    several = read if isinstance(read, list) else [read]
    for one in several:
        grid_of(one.header, one.results)  # before anything is written
    called = str(several[0].header.config["model"])
    folder = Path(results) / (name or folder_of(called))
    said = [line for one in several for line in one.said]
    if model is None and called == named_after(Path(path)):
        said.insert(0, f"the model is called {called}, after {path} (--model NAME for another)")
    runs: dict[str, Run] = {}
    for one in several:
        task = str(one.header.config["task"])
        place = folder / folder_of(task) if len(several) > 1 else folder
        write_log(place, one.header, one.results)
        runs[task] = open_run(place)
        said += write_outputs(place, runs[task].view, palette)
    picture = folder / "heatmap.png"
    if len(several) > 1:
        views = {task: run.view for task, run in runs.items()}
        said += write_suite(folder, form, views, {}, palette)
        picture = folder / "suite.png"
    return ImportedRuns(runs=tuple(runs.values()), picture=picture, said=tuple(said))


def shard_of_run(experiment: Experiment, folder: Path, text: str) -> tuple[Experiment, Path]:
    """The part of a run that a worker sends, and the folder of its own log, inside the run's.

    What other workers finished is left out. Raises ConfigError for what is not i/n.
    """
    shard = shard_of(text)
    own = folder / FOLDER / shard.name
    finished = set().union(*map(finished_in, (folder, *(folder / FOLDER).glob("*"))))
    return part_of(experiment, shard, finished - finished_in(own)), own


def merge(
    names: Sequence[str],
    name: str | None = None,
    *,
    results: Folder = DEFAULT_RESULTS,
    palette: str = PALETTE,
) -> Run:
    """The shards of a run taken into it, or several runs of one config as a new one.

    Raises RunError for other configs, answers of one trial that differ, and a run without shards.
    """
    check_name(name)
    if len(names) == 1:
        folder = own_or_new_folder(names[0], Path(results))
        parts = sorted(filter(has_begun, (folder / FOLDER).glob("*")))
        if not parts:
            raise RunError(
                f"{folder}: no shards here;"
                " make some with niah run --shard 1/4, or name several runs"
            )
        into = folder if name is None else Path(results) / name
    elif name is None:
        raise ConfigError(f"{len(names)} runs make a new one: name it with --name NAME")
    else:
        parts, into = [run_folder(run, Path(results)) for run in names], Path(results) / name
    taken, held = merge_logs(parts, into)
    run = open_run(into)
    counts = f"{taken:,} trials of {len(parts)} parts taken in; the run has {held:,}"
    return replace(run, said=(counts, *write_outputs(into, run.view, palette)))
