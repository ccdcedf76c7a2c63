"""niah tasks and niah providers: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from niah.tasks._measured import Measured


@click.command()
def tasks() -> None:
    """List the tasks: what each of them tests, and the config keys that it reads."""
    from niah.cli.suite import suite_summaries
    from niah.tasks import task_names, task_of
    from niah.tasks._measured import measured_of

    for name in task_names():
        task, row = task_of(name), measured_of(name)
        keys = f"; keys: {', '.join(task.OPTIONS)}" if task.OPTIONS else ""
        kind = f"; {row.measures}: searching scores {_shares(row)}" if row else ""
        click.echo(f"{name:<14} {task.SUMMARY} (version {task.VERSION}{keys}{kind})")
    for name, summary in suite_summaries().items():
        click.echo(f"suite {name:<10} {summary}", err=True)
    hint = "niah show --task NAME --length 2k --depth 50 prints an example; docs/tasks.md tells all about them."
    click.echo(hint, err=True)


def _shares(row: Measured) -> str:
    """What the search reader scores, by language: en 100 %, zh-Hant 67 %."""
    return ", ".join(f"{language} {100 * share:.0f} %" for language, share in row.search().items())


@click.command()
def providers() -> None:
    """List the providers, and the models that run inside niah with their licences."""
    from niah.providers import PROVIDERS
    from niah.providers.local import DEFAULT_MODEL, LOCAL_MODELS

    for name, known in PROVIDERS.items():
        key = f"; key in {known.key_variable}" if known.key_variable else ""
        place = f" ({known.base_url}{key})" if known.base_url else ""
        click.echo(f"{name:<17} {known.line}{place}")
    click.echo("\nmodels of provider local:")
    for name, model in LOCAL_MODELS.items():
        default = ", the default" if name == DEFAULT_MODEL else ""
        click.echo(f"  {name:<14} {model.licence}, window {model.window:,}{default}: {model.install}")
    click.echo("  PATH.gguf      any GGUF file of yours")
