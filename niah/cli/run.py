"""niah run: sweep, watch the heatmap fill, keep everything; the same command resumes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.completion import SUITES
from niah.cli.dry_run import print_dry_run
from niah.cli.help import Command
from niah.cli.one_run import INCOMPLETE, run_one
from niah.cli.options import (
    PALETTE,
    RESULTS,
    at_least_one,
    config_from,
    config_options,
    environment_of,
    flags_over,
    warn_of_variables,
)
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.cli.several import folder_of_all, model_folders, run_models, run_suite, suite_folders
from niah.errors import ConfigError
from niah.experiment.config import RunConfig, by_model
from niah.experiment.experiment import Experiment
from niah.experiment.suites import Suite, read_suite
from niah.runs import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What one command runs, and where it lies."""

    experiments: Mapping[str, Experiment]
    folders: Mapping[str, Path]
    suite: Suite | None
    together: Path  # of the picture of several models


@click.command(cls=Command)
@config_options
@RESULTS
@click.option("--name", metavar="NAME", help="Name of this run's folder; made from the config by default.")
@click.option(
    "--suite",
    metavar="SUITE",
    shell_complete=SUITES,
    help="Run all tasks of a suite instead, by its name (see: niah tasks) or TOML file.",
)
@click.option(
    "--limit", type=int, callback=at_least_one, metavar="COUNT", help="Send only the first so many trials of a run."
)
@click.option("--shard", metavar="I/N", help="Send one of N parts of the run, of about as many tokens; see niah merge.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, as niah plan does, and send nothing.")
@click.option(
    "--log-requests", type=click.Path(path_type=Path), metavar="FILE", help="Write requests and replies to FILE, too."
)
@click.option("--log-prompts", is_flag=True, help="Keep whole prompts in --log-requests, not only their ends.")
@click.option("-v", "--verbose", is_flag=True, help="Say why each attempt failed.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "lines", "json"]),
    default="auto",
    show_default=True,
    help="What standard error shows: a live picture on a terminal, a line per trial, or JSON Lines for programs.",
)
@click.option(
    "--progress-file", type=click.Path(path_type=Path), metavar="FILE", help="Also append those JSON Lines to FILE."
)
@PALETTE
def run(
    config: str | None,
    results: Path,
    name: str | None,
    suite: str | None,
    limit: int | None,
    shard: str | None,
    dry_run: bool,
    log_requests: Path | None,
    log_prompts: bool,
    verbose: bool,
    progress: str,
    progress_file: Path | None,
    palette: str,
    **flags: Any,
) -> None:
    """Sweep lengths and depths as CONFIG and flags say, and draw the heatmap.

    Type the same command again to go on after an interruption. Ctrl-C once: finish what is in flight; twice: stop at
    once. Several models (--model A,B) are run in turn, and drawn side by side. Exits 3 where trials are missing.
    """
    outside = environment_of(flags)
    options = RunOptions(
        palette=palette,
        limit=limit,
        environment={key: given.origin for key, given in outside.items()},
        log_requests=log_requests,
        log_prompts=log_prompts,
        verbose=verbose,
    )
    check_name(name)
    console = RunConsole(progress, progress_file)
    with console.until_closed():
        whole = _suite_of(suite, config, flags_over(outside, flags)) if suite is not None else None
        configs = whole.configs if whole else by_model(config_from(config, flags))
        asked = _asked(configs, whole, results, name, console, key_needed=not dry_run)
        if shard is not None:
            asked = _part(asked, shard)
        for line in options.words():
            say(console, line, "dim")
        if dry_run:
            print_dry_run(asked.experiments, asked.folders, limit)
            return
        code = _run(asked, options, console)
    sys.exit(code)


def _asked(
    configs: Mapping[str, RunConfig],
    suite: Suite | None,
    results: Path,
    name: str | None,
    console: RunConsole,
    *,
    key_needed: bool,
) -> _Asked:
    """All experiments, each checked before anything is sent."""
    experiments = {label: _experiment(c, console, key_needed=key_needed) for label, c in configs.items()}
    folders = (
        suite_folders(suite.name, experiments, results, name) if suite else model_folders(experiments, results, name)
    )
    together = folder_of_all(experiments, results, name)
    return _Asked(experiments=experiments, folders=folders, suite=suite, together=together)


def _part(asked: _Asked, shard: str) -> _Asked:
    """The part of the one run that a worker sends. Raises ConfigError where there are several runs."""
    if len(asked.experiments) > 1:
        raise ConfigError("--shard with several models or a suite: run it once for each of them")
    (label, experiment), *_ = asked.experiments.items()
    part, folder = api.shard_of_run(experiment, asked.folders[label], shard)
    return replace(asked, experiments={label: part}, folders={label: folder})


def _experiment(config: RunConfig, console: RunConsole, *, key_needed: bool) -> Experiment:
    experiment = api.ready(config, key_needed=key_needed)
    if experiment.config.haystack != config.haystack and "haystack" in config.model_fields_set:
        say(console, f"task {config.task} stands in {experiment.config.haystack[0]}, not in speech", "dim")
    return experiment


def _run(asked: _Asked, options: RunOptions, console: RunConsole) -> int:
    """Run all of it; the exit code."""
    experiments, folders = asked.experiments, asked.folders
    if asked.suite is not None:
        return 0 if run_suite(asked.suite.name, experiments, folders, options, console) else INCOMPLETE
    if len(experiments) > 1:
        return run_models(experiments, folders, asked.together, options, console)
    (label, experiment), *_ = experiments.items()
    return 0 if run_one(experiment, folders[label], options, console).complete else INCOMPLETE


def _suite_of(name: str, config: str | None, flags: dict[str, Any]) -> Suite:
    """The suite of a name. Raises ConfigError for a setting that has no place beside it."""
    if config is not None:
        raise ConfigError(f"{config!r} and --suite {name}: give one of the two")
    warn_of_variables()
    suite = read_suite(name, flags)
    if len(by_model(next(iter(suite.configs.values())))) > 1:
        raise ConfigError(f"--suite {name} with several models: run it once for each --model")
    return suite
