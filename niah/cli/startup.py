"""To start from: niah init, tasks and providers."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from niah.cli.flags import TASKS, file_option
from niah.cli.screen import warn, write_text
from niah.cli.settings import default_words, flag_of
from niah.errors import ConfigError
from niah.experiment.config import RunConfig
from niah.experiment.suites import suite_summaries
from niah.providers import PROVIDERS
from niah.providers.local import DEFAULT_MODEL, LOCAL_MODELS
from niah.tasks import measured_of, task_names, task_of
from niah.templates import TEMPLATES


@click.command()
@click.argument(
    "kind", metavar="[run|gate|suite|questions]", type=click.Choice(list(TEMPLATES)), default="run"
)
@file_option("--out", "File to write; by default KIND.toml in this folder.")
def init(kind: str, out: Path | None) -> None:
    """Write a commented TOML file: a run (by default), a gate, a suite,
    or questions about transcripts.

    It names every key with what it does and can be used as it is, once the model in it is yours.
    A file that is there already is never overwritten.
    """
    path = out or Path(f"{kind}.toml")
    write_text(path, TEMPLATES[kind](str(path)), "x")
    click.echo(path)


@click.command()
@click.argument("name", metavar="[TASK]", required=False, shell_complete=TASKS)
def tasks(name: str | None) -> None:
    """List the tasks: what each of them tests, and the config keys that it reads.

    With TASK, tell all about that one: what it plants and asks,
    its settings with their defaults, its controls.
    """
    if name is not None:
        _tell(name)
        return
    for name in task_names():
        try:
            task, row = task_of(name), measured_of(name)
        except ConfigError as error:  # a package's: the others can be listed
            warn(str(error))
            continue
        told = f"version {task.VERSION}"
        if task.OPTIONS:
            told += f"; keys: {', '.join(task.OPTIONS)}"
        if row:
            shares = [f"{name} {100 * share:.0f} %" for name, share in row.search().items()]
            told += f"; {row.measures}: searching scores {', '.join(shares)}"
        click.echo(f"{name:<14} {task.SUMMARY} ({told})")
    for name, summary in suite_summaries().items():
        click.echo(f"suite {name:<10} {summary}", err=True)
    usage = "niah tasks NAME tells all about one; niah show --task NAME prints an example prompt."
    click.echo(usage, err=True)


def _tell(name: str) -> None:
    """All that a task says of itself."""
    task = task_of(name)
    click.echo(f"{name}: {task.SUMMARY}\n\n{inspect.cleandoc(str(task.__doc__))}\n")
    click.echo(f"version       {task.VERSION}: raised by whatever changes its numbers")
    click.echo(f"reply budget  {task.REPLY_TOKENS} tokens")
    if task.FILLER:
        click.echo(f"stands in     {task.FILLER}, a made haystack, instead of speech")
    for key in task.OPTIONS:
        field = RunConfig.model_fields[key]
        told = f"{field.description}{default_words(key, field.default)}"
        click.echo(f"{flag_of(key):<20}{told}")
    click.echo(f"\nAn example: niah show --task {name} --length 2k --depth 50", err=True)


@click.command()
def providers() -> None:
    """List the providers, and the models that run inside niah with their licences."""
    for name, known in PROVIDERS.items():
        key = f"; key in {known.key_variable}" if known.key_variable else ""
        place = f" ({known.base_url}{key})" if known.base_url else ""
        click.echo(f"{name:<17} {known.line}{place}")
    click.echo("\nmodels of provider local:")
    for name, model in LOCAL_MODELS.items():
        default = ", the default" if name == DEFAULT_MODEL else ""
        told = f"{model.licence}, window {model.window:,}{default}"
        click.echo(f"  {name:<14} {told}: {model.install_hint()}")
    click.echo("  PATH.gguf      any GGUF file of yours")
