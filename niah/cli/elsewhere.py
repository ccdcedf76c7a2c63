"""From elsewhere: niah batch, submit, collect, merge, import-prompts and import-results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from niah import api, batches, cluster, elsewhere
from niah.cli.flags import PALETTE, PATH, RESULTS, flag, option
from niah.cli.screen import ended, warn
from niah.cli.settings import (
    config_from,
    config_options,
    json_pairs,
    setting_options,
    settings_from,
)
from niah.errors import RunError
from niah.importers import FORMATS as RESULT_FORMATS
from niah.importers.prompts import FORMATS as PROMPT_FORMATS
from niah.plotter.formatting import plural
from niah.text.outside import visible

_ACCESS = ("api_key_env", "api_key_file", "ca_file")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def batch() -> None:
    """Have a batch service answer a run: OpenAI, Anthropic or Gemini, within a day
    and at half price.
    """


@batch.command(name="submit")
@config_options
@option("--run", "RUN", "Name of the run.", required=True)
@RESULTS
def submit_batch(config: str | None, run: str, results: Path, **flags: Any) -> None:
    """Submit the trials of CONFIG and flags that have no answer yet.
    The same command goes on after a kill.

    Nothing is submitted twice. Exits 3 while results are waited for.
    """
    _tell(batches.submit_batch(api.ready(config_from(config, flags)), run, results))


def _of_run(command: Callable[..., None]) -> Callable[..., None]:
    return click.argument("run", metavar="RUN")(setting_options(*_ACCESS)(RESULTS(command)))


def _access(flags: dict[str, Any]) -> dict[str, Any]:
    """What flags and environment say of access to the service."""
    said = settings_from(flags)
    return {name: said.get(name) for name in _ACCESS}


@batch.command()
@_of_run
def status(run: str, results: Path, **flags: Any) -> None:
    """Say how the batches of RUN stand. Exits 3 while one is waited for, or trials are missing."""
    _tell(batches.look_at_batches(run, results, **_access(flags)))


@batch.command(name="collect")
@_of_run
def collect_batches(run: str, results: Path, **flags: Any) -> None:
    """Take in what is answered, partial results among it. Exits 3 where trials are missing yet.

    What failed or expired is sent again by the command that submitted it.
    """
    collection = batches.collect_batches(run, results, **_access(flags))
    warn(*collection.found.words(), *collection.run.warnings)
    ended(not collection.found.missing)


def _tell(found: batches.Batches) -> None:
    click.echo(visible("\n".join(found.words())))
    ended(found.done and not found.missing)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument(
    "arguments", metavar="[CONFIG] [FLAGS OF niah run]", nargs=-1, type=click.UNPROCESSED
)
@option("--on", "ray|slurm", "The engine that runs the jobs.", required=True)
@option("--run", "RUN", "Name of the run.", required=True)
@option("--workers", "INTEGER", "Jobs; each sends one shard.", type=int, default=4)
@option("--set options", "KEY=VALUE", "An option of the engine; may be repeated.", multiple=True)
@flag("--status", "Say how the jobs stand instead.")
@flag("--cancel", "Stop the jobs instead; what is answered stays.")
@RESULTS
def submit(
    arguments: tuple[str, ...],
    on: str,
    run: str,
    workers: int,
    options: tuple[str, ...],
    status: bool,
    cancel: bool,
    results: Path,
) -> None:
    """Run the shards of a run as jobs of Ray (waits for them) or of Slurm;
    the same command resumes.

    CONFIG and flags are those of niah run. Afterwards niah merge RUN makes one run of the shards.
    Exits 3 where trials are left or jobs wait.
    """
    if status or cancel:
        jobs = (cluster.cancel_jobs if cancel else cluster.look_at_jobs)(run, results)
    else:
        told = json_pairs("set", options, "slurm_partition=gpu")
        jobs = cluster.submit(arguments, run, on=on, workers=workers, results=results, options=told)
    click.echo("\n".join(jobs.words()))
    ended(set(jobs.states) == {"done"})


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@option("--run name", "RUN", "The run that the prompts were built for.", required=True)
@RESULTS
def collect(files: tuple[Path, ...], name: str, results: Path) -> None:
    """Take the answers in FILEs into a run: result files of a batch service
    or of vllm run-batch, or lines {"id", "text"} of any harness.

    Exits 3 where trials have no answer yet, or failed; collect again when there are more.
    """
    collection = elsewhere.collect(files, name, results=results)
    warn(*collection.found.words(), *collection.run.warnings)
    if collection.run.rows:
        click.echo(collection.run.folder / "heatmap.png")
    ended(not collection.found.missing)


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@option("--name", "NAME", "Name of the merged run; one RUN alone takes in its own shards.")
@PALETTE
@RESULTS
def merge(names: tuple[str, ...], name: str | None, palette: str, results: Path) -> None:
    """Merge the shards of a RUN into it, or several RUNs of one config into a new one.

    Refuses other configs, and two answers to one trial that differ. Exits 3 where trials are
    missing yet.
    """
    merged = elsewhere.merge(names, name, results=results, palette=palette)
    warn(*merged.warnings)
    click.echo(merged.folder / "heatmap.png")
    ended(merged.complete)


@click.command()
@click.argument("path", type=PATH)
@option("--format form", "NAME", f"Of whom: {', '.join(PROMPT_FORMATS)}.", required=True)
@option("--out", "PATH", "File of prompts to write.", required=True, type=PATH)
@option("--settings", "PATH", "Settings of a published run, for babilong.", type=PATH)
@option("--gold", "INTEGER", "Move the asked pair to this place, for litm-kv.", type=int)
@option("--limit", "INTEGER", "Take the first so many rows.", type=int)
@option("--tokenizer", "TEXT", "Counts the lengths.", default="o200k_base")
def import_prompts(path: Path, form: str, out: Path, **choices: Any) -> None:
    """Read rows of another benchmark from PATH (a file, or a folder of files),
    and write the prompts for niah run.

    Each keeps its targets and the origin's own scoring rule, which is named in every line of a run.
    """
    _check_there(path)
    prompts = plural(elsewhere.import_prompts(path, form, out, **choices), "prompt")
    usage = f"niah run --prompts {out} --provider ... --model ..."
    click.echo(f"{prompts}; run them: {usage}", err=True)
    click.echo(out)


@click.command()
@click.argument("path", type=PATH)
@option("--format form", "|".join(RESULT_FORMATS), "The tool that wrote them.", required=True)
@option("--model", "TEXT", "The model's name, where the files do not say it.")
@option("--name", "TEXT", "Name of the run's folder; by default the model's.")
@PALETTE
@RESULTS
def import_results(path: Path, form: str, **choices: Any) -> None:
    """Import the results of another tool from PATH (a file, or a folder of files)
    as a run, or one for each task.

    The run is marked as imported; plot, report, compare and gate read it like any other. Its
    prompts cannot be built.
    """
    _check_there(path)
    imported = elsewhere.import_results(path, form, **choices)
    click.echo("".join(f"{line}\n" for line in imported.said), err=True, nl=False)
    click.echo(imported.picture)


def _check_there(path: Path) -> None:
    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
