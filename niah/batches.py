"""The batches of a run at a service: submit, look, collect.

Imports stand inside functions where they bring haystacks or the network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from niah.elsewhere import Collection, collect, plan_run, prompt_lines
from niah.errors import ConfigError, RunError
from niah.run import Folder
from niah.runs import DEFAULT_RESULTS, check_name, finished_in, own_or_new_folder

if TYPE_CHECKING:
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import Experiment
    from niah.runner.batches import Batch, BatchService


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
    waiting = (_ids_in(folder / batch.file) for batch in batches if batch.results is None)
    there = finished_in(folder).union(*waiting)
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
    """How the batches of a run stand at the service.

    ``access`` names the key: ``api_key_env`` or ``api_key_file``.
    """
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
    from niah.experiment.config import RunConfig, settings_over
    from niah.experiment.experiment import experiment_of
    from niah.runlog.log import planned_header
    from niah.runner.batches import read_state

    folder = own_or_new_folder(run, results)
    config = RunConfig(**settings_over(planned_header(folder).config, access))
    if not read_state(folder):
        raise RunError(f"{folder}: no batches here; submit them with niah batch submit")
    return folder, experiment_of(config)


def _standing(folder: Path, experiment: Experiment) -> Batches:
    from niah.runner.batches import read_state

    ids = {t.id for t in experiment.trials}
    missing = len(ids - finished_in(folder))
    return Batches(batches=tuple(read_state(folder)), trials=len(ids), missing=missing)


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
    from niah.experiment.export import BATCH_SERVICES

    if config.provider not in BATCH_SERVICES:
        raise ConfigError(
            f"provider {config.provider!r} has no batch service that niah submits to,"
            f" only {', '.join(BATCH_SERVICES)} have one; write files for others with niah build"
        )
    return BATCH_SERVICES[config.provider]


def _service(config: RunConfig) -> BatchService:
    from niah.runner.batches import SERVICES

    return SERVICES[_form_of(config)](config)


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
    dollars = plan.price.dollars if plan.price.batch is None else plan.price.batch
    if config.max_cost is not None and (dollars is None or dollars > config.max_cost):
        may = "what nobody knows (give --price)" if dollars is None else f"${dollars:,.2f}"
        raise ConfigError(
            f"max_cost ${config.max_cost:,.2f}: its batches may cost {may}; send fewer trials"
        )
