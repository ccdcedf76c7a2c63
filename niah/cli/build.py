"""niah build: the prompts themselves, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.help import Command
from niah.cli.options import config_from, config_options
from niah.errors import ConfigError
from niah.experiment.export import FORMATS, as_line
from niah.plotter.formatting import plural


@click.command(cls=Command)
@config_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; by default standard output."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="Form of a line."
)
@click.option("--verify", is_flag=True, help="Count every prompt again as one piece.")
def build(config: str | None, out: Path | None, form: str, verify: bool, **flags: Any) -> None:
    """Write the prompts of CONFIG and flags, one JSON object a line, as they are built. Needs no model and no key."""
    lines = map(as_line, api.build(config_from(config, flags), form=form, verify=verify))
    count = _print(lines) if out is None else _write(out, lines)
    click.echo(f"{plural(count, 'prompt')}{' verified' if verify else ''}", err=True)


def _print(lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        click.echo(line, nl=False)
        count += 1
    return count


def _write(out: Path, lines: Iterable[str]) -> int:
    """How many lines; written under another name, then renamed: a file of that name is always whole."""
    part, count = out.with_name(f"{out.name}.part"), 0
    with _named_in_errors(out):
        file = part.open("w", encoding="utf-8", newline="\n")
    try:
        for line in lines:  # building stays outside: its errors are not the file's
            with _named_in_errors(out):
                file.write(line)
            count += 1
    finally:
        with _named_in_errors(out):
            file.close()
    with _named_in_errors(out):
        part.replace(out)
    return count


@contextmanager
def _named_in_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
