"""Verbs beside the sweep, handed on by ``niah.api``: runs whose trials are asked elsewhere, a batch
service included, and answers scored again.

Imports stand inside functions where they bring haystacks or the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from niah.errors import ConfigError, RunError
from niah.run import PALETTE, Run, open_run
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

if TYPE_CHECKING:
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import Experiment
    from niah.generator.haystack import Haystack
    from niah.runner.batches import Batch, Service
    from niah.runner.collecting import Collected
    from niah.tasks import Task

Folder: TypeAlias = str | Path
BATCH_FORMS = {
    "openai": "openai-batch", "openai-responses": "openai-batch", "anthropic": "anthropic-batch",
    "gemini": "gemini-batch",
}  # fmt: skip


def plan_run(experiment: Experiment, run: str, results: Path) -> None:
    """Plan a run for answers that come later. Raises ConfigError without a model, RunError for
    another run's name."""
    from niah.runlog.log import write_plan

    check_name(run)
    if experiment.config.model is None:
        raise ConfigError("--run plans a run, which is of a model: --model NAME")
    write_plan(results / run, experiment.header())


def prompt_lines(experiment: Experiment, form: str, *, verify: bool) -> Iterator[dict[str, object]]:
    """The prompts of an experiment as ``build`` gives them; a form of a service has the small ones
    before them."""
    from niah.experiment.export import lines_of

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
    """Answers to built prompts as a run: the result files of a batch service, of ``vllm
    run-batch``, or lines ``{"id", "text"}`` of any harness.

    The run was planned by ``build(run=...)``, or is there already. A run with a task or haystack of
    one's own needs them again. Raises RunError, before anything is written, for ids of no trial of
    it, answers of one trial that differ, and prompts that are others today.
    """
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import experiment_of
    from niah.experiment.own import Own
    from niah.plotter.outputs import write_outputs
    from niah.runlog.log import open_log, planned_header
    from niah.runner.collecting import collect_into

    folder = own_or_new_folder(run, Path(results))
    experiment = experiment_of(
        RunConfig(**planned_header(folder).config), Own(task=task, haystack=haystack)
    )
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
    run: Run | str | Path,
    *,
    results: Folder = DEFAULT_RESULTS,
    task: Task | None = None,
    haystack: Haystack | None = None,
) -> Rescored:
    """Score the stored answers of a run again; changed scores are appended to its log. Needs no
    network.

    A run with a task or haystack of one's own needs them again. Raises RunError for an imported
    run, the shipped example, and needles that are others today.
    """
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import experiment_of
    from niah.experiment.own import Own
    from niah.experiment.scoring import rescored
    from niah.runlog.log import reopen_log

    folder = own_run_folder(str(run.folder if isinstance(run, Run) else run), Path(results))
    with reopen_log(folder) as log:
        if log.header.imported is not None:
            raise RunError(
                f"{folder} was imported from {log.header.imported}: its answers cannot be judged"
                " here"
            )
        experiment = experiment_of(
            RunConfig(**log.header.config), Own(task=task, haystack=haystack)
        )
        judged = ((old, rescored(old, experiment)) for old in log.stored().values())
        changed = [
            new for old, new in judged if new != old
        ]  # all of them, before the first is written
        for result in changed:
            log.append(result)
        return Rescored(
            run=Run(folder=folder, header=log.header, rows=log.results), changed=len(changed)
        )


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
    from niah.experiment.export import as_line, write_lines
    from niah.generator.tokenizers import tokenizer_of
    from niah.importers.prompts import lines_from, settings_in

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
    from niah.importers import importer_of, named_after
    from niah.plotter.outputs import write_outputs, write_suite
    from niah.runlog.log import write_log
    from niah.verdict.grid import grid_of

    check_name(name)
    read = importer_of(form)(Path(path), model)
    several = read if isinstance(read, list) else [read]
    for one in several:
        grid_of(one.header, one.results)  # before anything is written
    called = str(several[0].header.config["model"])
    folder = Path(results) / (name or folder_of(called))
    folders = {str(one.header.config["task"]): folder for one in several}
    if len(several) > 1:
        folders = {task: folder / folder_of(task) for task in folders}
    said, runs = [line for one in several for line in one.said], {}
    if model is None and called == named_after(Path(path)):
        said.insert(0, f"the model is called {called}, after {path} (--model NAME for another)")
    for (task, place), one in zip(folders.items(), several, strict=True):
        write_log(place, one.header, one.results)
        runs[task] = open_run(place)
        said += write_outputs(place, runs[task].view, palette)
    if len(several) > 1:
        said += write_suite(
            folder, form, {task: run.view for task, run in runs.items()}, {}, palette
        )
    picture = folder / ("suite.png" if len(several) > 1 else "heatmap.png")
    return ImportedRuns(runs=tuple(runs.values()), picture=picture, said=tuple(said))


def shard_of_run(experiment: Experiment, folder: Path, text: str) -> tuple[Experiment, Path]:
    """The part of a run that a worker sends, and the folder of its own log, inside the run's.

    What other workers finished is left out. Raises ConfigError for what is not i/n.
    """
    from niah.experiment.shards import FOLDER, part_of, shard_of

    shard = shard_of(text)
    own = folder / FOLDER / shard.name
    finished = set().union(*map(finished_in, (folder, *(folder / FOLDER).glob("*"))))
    return part_of(experiment, shard, finished - finished_in(own)), own


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Several logs as one run."""

    folder: Path
    complete: bool
    said: tuple[str, ...]


def merge(
    names: Sequence[str],
    name: str | None = None,
    *,
    results: Folder = DEFAULT_RESULTS,
    palette: str = PALETTE,
) -> Merged:
    """The shards of a run taken into it, or several runs of one config as a new one.

    Raises RunError for other configs, answers of one trial that differ, and a run without shards.
    """
    from niah.experiment.shards import FOLDER
    from niah.plotter.outputs import write_outputs
    from niah.runlog.merging import merge_logs

    check_name(name)
    if len(names) == 1:
        folder = own_or_new_folder(names[0], Path(results))
        parts = sorted(filter(has_begun, (folder / FOLDER).glob("*")))
        if not parts:
            raise RunError(
                f"{folder}: no shards here; make some with niah run --shard 1/4, or name several"
                " runs"
            )
        into = folder if name is None else Path(results) / name
    elif name is None:
        raise ConfigError(f"{len(names)} runs make a new one: name it with --name NAME")
    else:
        parts, into = [run_folder(run, Path(results)) for run in names], Path(results) / name
    taken, held = merge_logs(parts, into)
    run = open_run(into)
    said = (f"{taken:,} trials of {len(parts)} parts taken in; the run has {held:,}", *run.warnings)
    return Merged(
        folder=into, complete=run.complete, said=(*said, *write_outputs(into, run.view, palette))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """The batches of a run."""

    batches: tuple[Batch, ...]
    trials: int  # of the run
    missing: int  # without an answer yet

    @property
    def done(self) -> bool:
        """Whether nothing is waited for."""
        return all(batch.state in ("ended", "failed") for batch in self.batches)

    def words(self) -> list[str]:
        """For people, a line for each batch."""
        lines = [
            f"{b.id or b.name}  {b.state}  {b.requests:,} requests  {b.said}".rstrip()
            for b in self.batches
        ]
        return [*lines, f"{self.trials - self.missing:,} of {self.trials:,} trials are answered"]


def submit_batch(experiment: Experiment, run: str, results: Folder = DEFAULT_RESULTS) -> Batches:
    """Submit the trials of a run that are neither answered nor in a batch that is waited for.

    The same call goes on after a kill; nothing is submitted twice. Raises ConfigError for a
    provider without a batch service and a budget that would be passed, ProviderError for what the
    service refuses.
    """
    from niah.experiment.export import as_line, write_lines
    from niah.runner.batches import create, intended, read_state, write_state

    check_name(run)
    config = experiment.config
    if config.adaptive:
        raise ConfigError(
            "adaptive has no meaning for a batch, whose trials are all sent at once; leave it out"
        )
    form, folder = _form_of(config), Path(results) / run
    service = _service(config)
    batches = read_state(folder)
    held = {
        b.file: _ids_in(folder / b.file)
        for b in batches
        if b.results is None or (folder / b.file).is_file()
    }
    there = finished_in(folder).union(*(held[b.file] for b in batches if b.results is None))
    missing = tuple(t for t in experiment.trials if t.id not in there)
    if missing:
        _check_budget(experiment)
    plan_run(experiment, run, Path(results))
    if missing:
        lines = map(as_line, prompt_lines(replace(experiment, trials=missing), form, verify=False))
        files, _ = write_lines(folder / f"requests-{len(batches) + 1}.jsonl", lines, form)
        write_state(folder, [*batches, *(intended(folder, file) for file in files)])
    create(folder, service)
    return _standing(folder, experiment)


def look_at_batches(run: str, results: Folder = DEFAULT_RESULTS, **access: Any) -> Batches:
    """How the batches of a run stand at the service. ``access`` names the key: ``api_key_env`` or
    ``api_key_file``."""
    from niah.runner.batches import looked_at

    folder, experiment = _planned(run, Path(results), access)
    looked_at(folder, _service(experiment.config))
    return _standing(folder, experiment)


def collect_batches(run: str, results: Folder = DEFAULT_RESULTS, **access: Any) -> Collection:
    """Take in what the batches of a run have answered so far, partial results among them."""
    from niah.runner.batches import fetched

    folder, experiment = _planned(run, Path(results), access)
    return collect(fetched(folder, _service(experiment.config)), str(folder), results=results)


def _planned(run: str, results: Path, access: dict[str, Any]) -> tuple[Path, Experiment]:
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import experiment_of
    from niah.runlog.log import planned_header
    from niah.runner.batches import read_state

    folder = own_or_new_folder(run, results)
    config = RunConfig(
        **{**planned_header(folder).config, **{k: v for k, v in access.items() if v is not None}}
    )
    if not read_state(folder):
        raise RunError(f"{folder}: no batches here; submit them with niah batch submit")
    return folder, experiment_of(config)


def _standing(folder: Path, experiment: Experiment) -> Batches:
    from niah.runner.batches import read_state

    missing = {t.id for t in experiment.trials} - finished_in(folder)
    return Batches(
        batches=tuple(read_state(folder)), trials=len(experiment.trials), missing=len(missing)
    )


def _ids_in(file: Path) -> set[str]:
    """The trials in a file of requests. Raises RunError."""
    from niah.experiment.export import CALIBRATION
    from niah.providers.batches import id_in

    try:
        with file.open("rb") as lines:
            return {i for i in map(id_in, lines) if not i.startswith(CALIBRATION)}
    except OSError as error:
        raise RunError(
            f"{file}: cannot be read ({error.strerror}); it tells which trials are in a batch"
        ) from error


def _form_of(config: RunConfig) -> str:
    if config.provider not in BATCH_FORMS:
        raise ConfigError(
            f"provider {config.provider!r} has no batch service that niah submits to, only"
            f" {', '.join(BATCH_FORMS)} have one; write files for others with niah build"
        )
    return BATCH_FORMS[config.provider]


def _service(config: RunConfig) -> Service:
    from niah.runner.batches import service_of

    return service_of(_form_of(config), config)


def _check_budget(experiment: Experiment) -> None:
    """Raises ConfigError where all batches of a run may cost more than it may."""
    from niah.experiment.planning import plan_of

    config = experiment.config
    if config.max_cost is None and config.max_tokens is None:
        return
    plan = plan_of(experiment)
    tokens = plan.prompt_tokens + plan.trials * plan.reply_tokens
    if config.max_tokens is not None and tokens > config.max_tokens:
        raise ConfigError(
            f"max_tokens {config.max_tokens:,}: its batches may use {tokens:,}; send fewer trials"
        )
    dollars = plan.price.batch if plan.price.batch is not None else plan.price.dollars
    if config.max_cost is not None and (dollars is None or dollars > config.max_cost):
        may = "what nobody knows (give --price)" if dollars is None else f"${dollars:,.2f}"
        raise ConfigError(
            f"max_cost ${config.max_cost:,.2f}: its batches may cost {may}; send fewer trials"
        )
