"""niah models: what a provider serves."""

from __future__ import annotations

import click

from niah.cli.options import config_from, setting_options
from niah.experiment.checks import check_used
from niah.runner.models import served_models


@click.command()
@setting_options("provider", "base_url", "api_key_env", "api_key_file")
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
