"""niah effective: how long a context does a model really read? For a tenth of the tokens of a grid."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from niah import api, studies
from niah.cli.help import Command
from niah.cli.one_run import run_one
from niah.cli.options import PALETTE, RESULTS, config_from, config_options, environment_of
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole
from niah.errors import UnknownName
from niah.experiment.config import config_path
from niah.plotter.summary import effective_line
from niah.runs import check_name, folder_name
from niah.text.lengths import length_of


@click.command(cls=Command)
@config_options
@click.option(
    "--at-least", metavar="LENGTH", help="Exit 0 where it is shown to hold so much, 1 where it is shown not to."
)
@RESULTS
@click.option("--name", metavar="NAME", help="Name of this run's folder; made from the config by default.")
@PALETTE
def effective(
    config: str | None, at_least: str | None, results: Path, name: str | None, palette: str, **flags: Any
) -> None:
    """Find the effective length of a model: the longest length up to which every one holds.

    CONFIG may also be the name of the model. By default 15 lengths from 1k up to --claimed (or 128k), at 11 depths of
    endless made speech; each is tried until it is decided. The same command goes on after an interruption. Exits 0
    where the bracket is found (or --at-least shown), 1 where it is shown to be less, 3 where
    neither is decided, 5 where the run is not finished.
    """
    check_name(name)
    wanted = None if at_least is None else length_of(at_least)
    if config is not None and not _is_config(config) and flags.get("model") is None:
        config, flags["model"] = None, config
    asked = studies.effective_config(config_from(config, flags))
    experiment = api.ready(asked)
    console = RunConsole("auto", None)
    options = RunOptions(palette=palette, environment={k: given.origin for k, given in environment_of(flags).items()})
    folder = results / folder_name(name, experiment.config)
    with console.until_closed():
        run_one(experiment, folder, options, console)
        found = studies.effective_of(folder, wanted)
    click.echo(effective_line(found))
    click.echo(studies.answered(folder))
    sys.exit(found.exit_code)


def _is_config(name: str) -> bool:
    try:
        config_path(name)
    except UnknownName:
        return name.endswith(".toml")
    return True
