"""niah gate: does a run hold what was asked of it? The answer is the exit code."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from niah import api
from niah.cli.options import RESULTS, RUN
from niah.errors import ConfigError
from niah.plotter.ci import judgement_json, junit_xml, outputs, summary_markdown, workflow_commands
from niah.plotter.report_text import judgement_lines
from niah.records import Grid
from niah.verdict.records import Judgement


@click.command()
@RUN
@click.option(
    "--baseline", "baseline_name", metavar="RUN|FILE", help="The older run, or a file of 'niah baseline save'."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The gates, as TOML (niah init gate writes one); without it, only a loss against the baseline.",
)
@click.option("--verify", is_flag=True, help="First score the stored answers again; needs the haystack of the run.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write JUnit XML to this file.")
@click.option(
    "--github", is_flag=True, help="Also write the step summary and outputs of a GitHub workflow, and annotations."
)
@RESULTS
def gate(
    run_name: str,
    baseline_name: str | None,
    config: Path | None,
    verify: bool,
    as_json: bool,
    junit: Path | None,
    github: bool,
    results: Path,
) -> None:
    """Judge RUN by the gates of a gate.toml, and against a baseline: pass, fail or not enough evidence.

    Exits 0 for pass, 1 for fail, 2 for a wrong setting, 3 where the evidence is not enough, 4 where the instrument
    cannot be trusted (a truncated prompt, a failed control), 5 where the run is not finished. Each gate's reason is
    printed.
    """
    run = api.open_run(run_name, results)
    if verify:
        from niah.studies import verify as check  # brings haystacks

        check(run)
    judgement = run.gate(config, baseline=baseline_name, results=results)
    if junit is not None:
        _write(junit, junit_xml(judgement, run.grid, datetime.now(UTC).isoformat(timespec="seconds")))
    click.echo(judgement_json(judgement) if as_json else "\n".join(judgement_lines(judgement)))
    if github:
        _tell_github(judgement, run.grid)
    sys.exit(judgement.exit_code)


def _tell_github(judgement: Judgement, grid: Grid) -> None:
    for line in workflow_commands(judgement):
        click.echo(line, err=True)
    files = {"GITHUB_STEP_SUMMARY": summary_markdown(judgement, grid), "GITHUB_OUTPUT": outputs(judgement, grid)}
    for variable, text in files.items():
        path = os.environ.get(variable)
        if path is None:
            raise ConfigError(f"--github: {variable} is not set; use it in a step of a GitHub workflow")
        _write(Path(path), text, mode="a")


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
