"""niah import-results: published results of other tools as a run folder of ours."""

from __future__ import annotations

from pathlib import Path

import click

from niah.api import open_run
from niah.cli.options import PALETTE, RESULTS
from niah.errors import RunError
from niah.importers import FORMATS, importer_of
from niah.plotter.outputs import write_outputs
from niah.runlog.log import write_log
from niah.runs import check_name, plain_name
from niah.verdict.grid import grid_of


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, metavar="|".join(FORMATS), help="The tool that wrote them.")
@click.option("--model", help="The model's name, where the files do not say it.")
@click.option("--name", help="Name of the run's folder; by default the model's.")
@PALETTE
@RESULTS
def import_results(path: Path, form: str, model: str | None, name: str | None, palette: str, results: Path) -> None:
    """Import the results of another tool from PATH (a file, or a folder of files) as a run.

    The run is marked as imported; plot, report, compare and gate read it like any other. Its prompts cannot be built.
    """
    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
    imported = importer_of(form)(path, model)
    check_name(name)
    folder = results / (name or plain_name(str(imported.header.config["model"])))
    grid_of(imported.header, imported.results)  # before anything is written
    write_log(folder, imported.header, imported.results)
    for line in imported.said:
        click.echo(line, err=True)
    for warning in write_outputs(folder, open_run(folder).view, palette):
        click.echo(f"niah: {warning}", err=True)
    click.echo(folder / "heatmap.png")
