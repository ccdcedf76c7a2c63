"""Studies of several runs: niah effective, engine and history."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from niah import api, studies
from niah.cli.flags import NAME, PALETTE, PATH, RESULTS, RUN, SUITE, file_option, option
from niah.cli.help import Command
from niah.cli.progress import RunOptions
from niah.cli.screen import RunConsole, say, warn, write_text
from niah.cli.settings import (
    config_from,
    config_options,
    json_pairs,
    origins_of,
    settings_from,
    warn_of_variables,
)
from niah.cli.sweeps import run_one
from niah.errors import ConfigError, UnknownName
from niah.experiment.config import RunConfig, config_path
from niah.experiment.suites import read_suite
from niah.plotter.look import PALETTES
from niah.plotter.report_text import engine_lines, engine_markdown
from niah.plotter.summary import effective_line
from niah.providers import known_provider
from niah.runs import check_name, folder_name
from niah.text.lengths import length_of
from niah.verdict.history import REFERENCE
from niah.verdict.ladder import effective_of
from niah.verdict.records import EXIT_CODES, Verdict

FILE = click.argument("file", required=False, type=PATH)
REFERENCES = option(
    "--reference", "COUNT", "First runs that are usual.", type=int, default=REFERENCE
)


@click.command(cls=Command)
@config_options
@option(
    "--at-least", "LENGTH", "Exit 0 where it is shown to hold so much, 1 where it is shown not to."
)
@RESULTS
@NAME
@PALETTE
def effective(
    config: str | None,
    at_least: str | None,
    results: Path,
    name: str | None,
    palette: str,
    **flags: Any,
) -> None:
    """Find the effective length of a model: the longest length up to which every one holds.

    CONFIG may also be the name of the model. By default 15 lengths from 1k up to --claimed
    (or 128k), at 11 depths of endless made speech; each is tried until it is decided.
    The same command goes on after an interruption. Exits 0 where the bracket is found
    (or --at-least shown), 1 where it is shown to be less, 3 where neither is decided,
    5 where the run is not finished.
    """
    check_name(name)
    wanted = None if at_least is None else length_of(at_least)
    if config is not None and not _is_config(config) and flags.get("model") is None:
        config, flags["model"] = None, config
    asked = studies.effective_config(config_from(config, flags))
    experiment = api.ready(asked)
    console = RunConsole()
    options = RunOptions(palette=palette, environment=origins_of(flags))
    folder = results / folder_name(name, experiment.config)
    with console.until_closed():
        run = run_one(experiment, folder, options, console)
        found = effective_of(run.header, run.rows.values(), wanted)
    click.echo(effective_line(found))
    click.echo(studies.answered(run))
    sys.exit(found.exit_code)


def _is_config(name: str) -> bool:
    try:
        return config_path(name).suffix != ".gguf"  # a file of the embedded engine is a model
    except UnknownName:
        return name.endswith(".toml")


@click.command(cls=Command)
@config_options
@option("--set changed", "KEY=VALUE", "Setting of the embedded candidate.", multiple=True)
@option("--candidate", "MODEL", "The candidate's model or GGUF file, where it is another.")
@SUITE
@file_option("--markdown", "Also write a table for a pull request.")
@option("--name", "NAME", "Folder of the three arms.", default="engine")
@RESULTS
@option("--base-url base_urls", "URL", "Of the base, then the candidate.", multiple=True)
def engine(
    config: str | None,
    changed: tuple[str, ...],
    candidate: str | None,
    suite: str | None,
    markdown: Path | None,
    name: str,
    results: Path,
    base_urls: tuple[str, ...],
    **flags: Any,
) -> None:
    """Run a base engine, the same again, and a candidate, and say whether the change lost anything.

    Two servers: give --base-url twice.
    One embedded engine: --provider local and --set KEY=VALUE, as often as needed.
    Without --lengths they stand around the edges that the server tells.
    Exits 0 for pass, 1 for fail, 3 where it is not decided,
    4 where a setting seems to be ignored, 5 where an arm is not finished.
    """
    check_name(name)
    if len(base_urls) > 2:
        times = f"--base-url is given {len(base_urls)} times"
        raise ConfigError(f"{times}; give the base's, then the candidate's")
    flags["base_url"], candidate_url = [*base_urls, None, None][:2]
    settings = json_pairs("set", changed, "cache_type_k=q4_0")
    change = studies.Change(base_url=candidate_url, model=candidate, settings=settings)
    asked = settings_from(flags)
    configs = _configs(config, suite, flags, asked)
    options = RunOptions(palette=PALETTES[0], environment=origins_of(flags))
    console = RunConsole()
    with console.until_closed():
        configs = _placed(configs, asked, console)
        folders = []
        for arm, runs in studies.engine_arms(configs, change).items():
            for run_name, one in runs.items():
                say(console, f"{arm}  {run_name}", "bold")
                folders.append(results / name / arm / run_name)
                if run_one(api.ready(one), folders[-1], options, console).stopped is not None:
                    sys.exit(EXIT_CODES[Verdict.INCOMPLETE])
        verdict = studies.judged_engine(results / name, list(configs), change)
    if markdown is not None:
        write_text(markdown, engine_markdown(verdict))
    click.echo("\n".join(engine_lines(verdict)))
    click.echo(f"  {studies.answered(*folders)}")
    sys.exit(verdict.exit_code)


# of the two flags of this name the one that is given twice
engine.params = [param for param in engine.params if param.name != "base_url"]


def _configs(
    config: str | None, suite: str | None, flags: Mapping[str, Any], asked: Mapping[str, Any]
) -> Mapping[str, RunConfig]:
    """The runs of an arm: those of a suite, or one where a config or a task is named."""
    if config is None and not asked.get("task"):
        warn_of_variables()
        return read_suite(suite or "engine", asked).configs
    if suite is not None:
        raise ConfigError(f"--suite {suite} beside a config or a task: give one of the two")
    one = config_from(config, flags)
    return {one.task: one}


def _placed(
    configs: Mapping[str, RunConfig], asked: Mapping[str, Any], console: RunConsole
) -> Mapping[str, RunConfig]:
    """With lengths around the edges that the server tells, where none are asked for."""
    first = next(iter(configs.values()))
    if asked.get("lengths") or known_provider(first.provider).embedded:
        return configs
    from niah.runner.models import lengths_around, told_edges

    lengths = lengths_around(*told_edges(api.ready(first)), least=min(first.lengths))
    if not lengths:
        return configs
    say(console, f"lengths around what the server tells: {', '.join(f'{n:,}' for n in lengths)}")
    placed = {"lengths": tuple(lengths)}
    return {name: one.model_copy(update=placed) for name, one in configs.items()}


@click.group()
def history() -> None:
    """Keep runs of one recipe as lines of a file, and find out whether the model has changed."""


@history.command()
@RUN
@option(
    "--file", "PATH", "The file; by default one for its recipe in the folder history.", type=PATH
)
@RESULTS
def add(run_name: str, file: Path | None, results: Path) -> None:
    """Append RUN to the history of its recipe; a run that is there already is not added again."""
    path, added = studies.history_add(run_name, file, results=results)
    click.echo(path)
    if not added:
        warn("this run is there already; nothing was added")


@history.command()
@FILE
@REFERENCES
@file_option("--out", "Also draw it into a PNG, SVG or PDF.")
def show(file: Path | None, reference: int, out: Path | None) -> None:
    """Print the runs of a history by date, and what they say together."""
    from niah.plotter.history import history_lines, save_history  # 0.8 s of matplotlib

    signal = studies.history_of(file, reference=reference)
    click.echo("\n".join(history_lines(signal)))
    if out is not None:
        warn(*save_history(signal, out))
        click.echo(out)


@history.command()
@FILE
@REFERENCES
def check(file: Path | None, reference: int) -> None:
    """Judge a history: exit 1 for a loss, 3 while there are too few runs, else 0.

    The first runs are the reference. An unchanged model alarms in 5 of 100 years of weekly runs;
    a gain is said, and exits 0.
    """
    from niah.plotter.history import verdict_line

    signal = studies.history_of(file, reference=reference)
    click.echo(verdict_line(signal))
    sys.exit(signal.exit_code)
