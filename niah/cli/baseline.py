"""niah baseline: keep a run as a small file, fit for git, that later runs are compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from niah.api import open_run
from niah.cli.options import RESULTS, RUN
from niah.errors import RunError
from niah.verdict.baseline import baseline_json

LEAST_FOUND = 0.5  # of a baseline that can tell much


@click.group()
def baseline() -> None:
    """Keep runs as baselines."""


@baseline.command()
@RUN
@click.option("--out", type=click.Path(path_type=Path), help="The file; by default baselines/RUN.json.")
@RESULTS
def save(run_name: str, out: Path | None, results: Path) -> None:
    """Write the scores of RUN, its recipe digest and the date to a small file for 'niah gate --baseline'."""
    run = open_run(run_name, results)
    text = baseline_json(run.as_baseline(), datetime.now(UTC).date().isoformat())
    path = out or Path("baselines") / f"{run.folder.resolve().name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from error
    click.echo(path)
    found = run.grid.whole
    if found.mean is not None and found.mean < LEAST_FOUND:
        click.echo(
            f"niah: this run found {100 * found.mean:.3g} % (n = {found.n}); where so little is found, little can "
            "get lost, and a gate against it says little",
            err=True,
        )
