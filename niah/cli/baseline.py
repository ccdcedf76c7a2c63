"""niah baseline: keep a run as a small file, fit for git, that later runs are compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from niah.api import open_run
from niah.cli import completion
from niah.cli.options import RESULTS
from niah.errors import RunError
from niah.verdict.baseline import baseline_json, mean_baseline

LEAST_FOUND = 0.5  # of a baseline that can tell much


@click.group()
def baseline() -> None:
    """Keep runs as baselines."""


@baseline.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.RUNS)
@click.option("--out", type=click.Path(path_type=Path), help="The file; by default baselines/RUN.json.")
@RESULTS
def save(runs: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Write the scores of RUN, its recipe digest and the date to a small file for 'niah gate --baseline'.

    Of several runs of one model the mean of every trial: a single lucky run would cry wolf until it is replaced.
    """
    opened = [open_run(name, results) for name in runs]
    run = opened[-1]
    whole = mean_baseline([one.as_baseline() for one in opened])
    text = baseline_json(whole, datetime.now(UTC).date().isoformat())
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
