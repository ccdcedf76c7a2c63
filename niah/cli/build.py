"""niah build: the prompts themselves, without a model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from niah import api
from niah.cli.help import Command
from niah.cli.options import RESULTS, config_from, config_options
from niah.experiment.export import FORMS, as_line, write_lines
from niah.plotter.formatting import plural


@click.command(cls=Command)
@config_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; by default standard output."
)
@click.option("--format", "form", type=click.Choice(FORMS), default="jsonl", show_default=True, help="Form of a line.")
@click.option("--run", metavar="RUN", help="Also plan a run of this name for the answers, which niah collect takes in.")
@RESULTS
@click.option("--verify", is_flag=True, help="Count every prompt again as one piece.")
def build(
    config: str | None, out: Path | None, form: str, verify: bool, run: str | None, results: Path, **flags: Any
) -> None:
    """Write the prompts of CONFIG and flags, one JSON object a line, as they are built. Needs no key.

    With --run, answers to them become that run: niah collect FILE --run RUN. A service's file that grows beyond its
    limits goes on in further ones.
    """
    resolved = config_from(config, flags)
    lines = map(as_line, api.build(resolved, form=form, verify=verify, run=run, results=results))
    if out is None:
        count = _print(lines)
    else:
        files, count = write_lines(out, lines, form)
        for file in files if len(files) > 1 else ():
            click.echo(file, err=True)
    click.echo(f"{plural(count, 'prompt')}{' verified' if verify else ''}", err=True)


def _print(lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        click.echo(line, nl=False)
        count += 1
    return count
