"""niah run: sweep, watch the heatmap fill, keep everything; the same command resumes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.flags import NAME, PALETTE, RESULTS, SUITE, choice, file_option, flag, option
from niah.cli.help import Command
from niah.cli.progress import RunOptions
from niah.cli.screen import RunConsole, say, warn
from niah.cli.settings import (
    config_from,
    config_options,
    origins_of,
    settings_from,
    warn_of_variables,
)
from niah.cli.sweeps import Asked, models_asked, run_all, suite_asked
from niah.elsewhere import shard_of_run
from niah.errors import ConfigError
from niah.experiment.checks import by_model, completed
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.experiment.planning import plan_of
from niah.experiment.suites import Suite, read_suite
from niah.providers.local import DEFAULT_MODEL
from niah.runs import check_name, finished_in

_OWN = ("palette", "limit", "log_requests", "log_prompts", "verbose")


def _counted(_: click.Context, __: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise click.BadParameter(f"{value}: use a whole number of 1 or more")
    return value


@click.command(cls=Command)
@config_options
@RESULTS
@NAME
@SUITE
@option(
    "--limit", "COUNT", "Send only the first so many trials of a run.", type=int, callback=_counted
)
@option(
    "--shard", "I/N", "Send one of N parts of the run, of about as many tokens; see niah merge."
)
@flag("--dry-run", "Print what would be sent, as niah plan does, and send nothing.")
@file_option("--log-requests", "Write requests and replies to FILE, too.")
@flag("--log-prompts", "Keep whole prompts in --log-requests, not only their ends.")
@flag("-v --verbose", "Say why each attempt failed.")
@choice(
    "--progress",
    ("auto", "lines", "json"),
    "What standard error shows: a live picture on a terminal, a line per trial,"
    " or JSON Lines for programs.",
)
@file_option("--progress-file", "Also append those JSON Lines to FILE.")
@PALETTE
def run(
    config: str | None,
    results: Path,
    name: str | None,
    suite: str | None,
    shard: str | None,
    dry_run: bool,
    progress: str,
    progress_file: Path | None,
    **flags: Any,
) -> None:
    """Sweep lengths and depths as CONFIG and flags say, and draw the heatmap.

    Type the same command again to go on after an interruption.
    Ctrl-C once: finish what is in flight; twice: stop at once.
    Several models (--model A,B) are run in turn, and drawn side by side.
    Exits 3 where trials are missing.
    """
    console = RunConsole(progress, progress_file)
    tell: Callable[[str], None] = partial(say, console) if console.as_json else warn
    with console.until_closed():
        options = _options(flags)
        check_name(name)
        whole = None if suite is None else _suite_of(suite, config, flags, tell)
        configs = whole.configs if whole else by_model(config_from(config, flags, tell))
        if any(one.provider == "local" and one.model is None for one in configs.values()):
            here = f"the embedded {DEFAULT_MODEL} runs here"
            say(console, f"no model is named: {here} (others: --provider and --model)")
        experiments = {
            label: _experiment(one, console, key_needed=not dry_run)
            for label, one in configs.items()
        }
        if whole:
            asked = suite_asked(whole.name, experiments, results, name)
        else:
            asked = models_asked(experiments, results, name)
        if shard is not None:
            asked = _part(asked, shard)
        if options.environment:
            given = ", ".join(f"{key} ({place})" for key, place in options.environment.items())
            say(console, f"from the environment: {given}", "dim")
        if dry_run:
            _print_dry_run(asked, options.limit)
            return
        code = run_all(asked, options, console)
    sys.exit(code)


def _options(flags: dict[str, Any]) -> RunOptions:
    """What is no config key, taken out of the flags. Raises ConfigError."""
    own = {key: flags.pop(key) for key in _OWN}
    if own["log_prompts"] and own["log_requests"] is None:
        kept = "--log-prompts keeps whole prompts in --log-requests FILE"
        raise ConfigError(f"{kept}; give that too, or leave it out")
    return RunOptions(environment=origins_of(flags), **own)


def _part(asked: Asked, shard: str) -> Asked:
    """The part of the one run that a worker sends. Raises ConfigError where there are several."""
    if len(asked.experiments) > 1:
        raise ConfigError("--shard with several models or a suite: run it once for each of them")
    (label, experiment), *_ = asked.experiments.items()
    part, folder = shard_of_run(experiment, asked.folders[label], shard)
    return replace(asked, experiments={label: part}, folders={label: folder})


def _experiment(config: RunConfig, console: RunConsole, *, key_needed: bool) -> Experiment:
    experiment = api.ready(config, key_needed=key_needed)
    own = experiment.config.haystack
    if own != config.haystack and "haystack" in config.model_fields_set:
        say(console, f"task {config.task} stands in {own[0]}, not in speech", "dim")
    return experiment


def _suite_of(
    name: str, config: str | None, flags: dict[str, Any], tell: Callable[[str], None]
) -> Suite:
    """The suite of a name. Raises ConfigError for a setting that has no place beside it."""
    if config is not None:
        raise ConfigError(f"{config!r} and --suite {name}: give one of the two")
    warn_of_variables(tell)
    suite = read_suite(name, settings_from(flags))
    if len(by_model(next(iter(suite.configs.values())))) > 1:
        raise ConfigError(f"--suite {name} with several models: run it once for each --model")
    return suite


def _print_dry_run(asked: Asked, limit: int | None) -> None:
    """A plan for every run, with its folder, what is left to send, and what a start still lacks."""
    for number, (label, experiment) in enumerate(asked.experiments.items()):
        if len(asked.experiments) > 1:
            click.echo(("\n" if number else "") + f"{number + 1}/{len(asked.experiments)}  {label}")
        finished = finished_in(asked.folders[label])
        left = [trial for trial in experiment.first(limit).trials if trial.id not in finished]
        tokens = sum(map(experiment.prompt_tokens, left))
        click.echo(plan_of(experiment))
        click.echo(f"{'folder':<11} {asked.folders[label]}")
        trials = f"{len(left):,} of {len(experiment.trials):,} trials"
        click.echo(f"{'to send':<11} {trials}, {tokens:,} tokens in prompts")
        try:
            completed(experiment.config)
        except ConfigError as error:
            click.echo(f"{'missing':<11} {error}")
    click.echo("nothing was sent (--dry-run)", err=True)
