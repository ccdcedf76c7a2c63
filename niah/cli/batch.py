"""niah batch: a run that a batch service answers within a day, at half price."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.one_run import INCOMPLETE
from niah.cli.options import RESULTS, config_from, config_options

KEY = click.option("--api-key-env", metavar="VARIABLE", help="Environment variable that holds the key.")


@click.group()
def batch() -> None:
    """Have a batch service answer a run: OpenAI, Anthropic or Gemini, within a day and at half price."""


@batch.command()
@config_options
@click.option("--run", required=True, metavar="RUN", help="Name of the run.")
@RESULTS
def submit(config: str | None, run: str, results: Path, **flags: Any) -> None:
    """Submit the trials of CONFIG and flags that have no answer yet. The same command goes on after a kill.

    Nothing is submitted twice. Exits 3 while results are waited for.
    """
    resolved = config_from(config, flags)
    _tell(api.submit_batch(api.ready(resolved), run, results))


def _of_run(command: Callable[..., None]) -> Callable[..., None]:
    return click.argument("run", metavar="RUN")(KEY(RESULTS(command)))


@batch.command()
@_of_run
def status(run: str, results: Path, api_key_env: str | None) -> None:
    """Say how the batches of RUN stand. Exits 3 while one is waited for, or trials are missing."""
    _tell(api.look_at_batches(run, results, api_key_env=api_key_env))


@batch.command()
@_of_run
def collect(run: str, results: Path, api_key_env: str | None) -> None:
    """Take in what is answered, partial results among it. Exits 3 where trials are missing yet.

    What failed or expired is sent again by the command that submitted it.
    """
    collection = api.collect_batches(run, results, api_key_env=api_key_env)
    for line in (*collection.found.words(), *collection.run.warnings):
        click.echo(f"niah: {line}", err=True)
    sys.exit(INCOMPLETE if collection.found.missing else 0)


def _tell(found: api.Batches) -> None:
    for line in found.words():
        click.echo(line)
    sys.exit(0 if found.done and not found.missing else INCOMPLETE)
