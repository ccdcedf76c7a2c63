"""niah init: a commented file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from niah.errors import ConfigError
from niah.templates import TEMPLATES


@click.command()
@click.argument("kind", metavar="[run|gate|suite|questions]", type=click.Choice(list(TEMPLATES)), default="run")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; by default KIND.toml in this folder."
)
def init(kind: str, out: Path | None) -> None:
    """Write a commented TOML file: a run (by default), a gate, a suite, or questions about transcripts.

    It names every key with what it does and can be used as it is, once the model in it is yours. A file that is
    there already is never overwritten.
    """
    path = out or Path(f"{kind}.toml")
    write_new(path, TEMPLATES[kind](str(path)))


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, and tell its name. Raises ConfigError where it is, or cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and is left as it is; choose another file with --out") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another file with --out") from error
    click.echo(path)
