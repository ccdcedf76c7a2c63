"""niah models: what a provider serves."""

from __future__ import annotations

import click

from niah.cli.completion import PROVIDERS
from niah.cli.options import config_from
from niah.experiment.checks import check_used
from niah.runner.models import served_models


@click.command()
@click.option(
    "--provider", metavar="NAME", shell_complete=PROVIDERS, help="API to ask (see: niah providers).  [default: local]"
)
@click.option("--base-url", metavar="URL", help="Address of the server, ending in /v1.")
@click.option("--api-key-env", metavar="VARIABLE", help="Environment variable that holds the key.")
@click.option("--api-key-file", metavar="FILE", help="File that holds the key, and nothing else.")
def models(**flags: str | None) -> None:
    """List the models that a provider serves, and their windows in tokens where it tells them.

    Sends one small request, with the provider's key where it needs one.
    """
    config = config_from(None, flags)
    check_used(config)
    served = served_models(config)
    width = max((len(m.name) for m in served), default=0)
    for model in served:
        name = "".join(sign if sign.isprintable() else " " for sign in model.name)  # it is a server's word
        click.echo(f"{name:<{width}}  {model.window:>11,}" if model.window else name)
    click.echo(f"{len(served)} model{'' if len(served) == 1 else 's'} of provider {config.provider}", err=True)
