"""niah import-results: published results of other tools as a run folder of ours."""

from __future__ import annotations

from pathlib import Path

import click

from niah import api
from niah.cli.options import PALETTE, RESULTS
from niah.errors import RunError
from niah.importers import FORMATS


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, metavar="|".join(FORMATS), help="The tool that wrote them.")
@click.option("--model", help="The model's name, where the files do not say it.")
@click.option("--name", help="Name of the run's folder; by default the model's.")
@PALETTE
@RESULTS
def import_results(path: Path, form: str, model: str | None, name: str | None, palette: str, results: Path) -> None:
    """Import the results of another tool from PATH (a file, or a folder of files) as a run, or one for each task.

    The run is marked as imported; plot, report, compare and gate read it like any other. Its prompts cannot be built.
    """
    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
    imported = api.import_results(path, form, model=model, name=name, results=results, palette=palette)
    for line in imported.said:
        click.echo(line, err=True)
    click.echo(imported.picture)
