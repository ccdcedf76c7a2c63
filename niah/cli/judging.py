"""Verdicts on finished runs: niah gate, baseline, score and judge."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from niah.cli.flags import PALETTE, RESULTS, RUN, RUNS, file_option, flag, option
from niah.cli.screen import ended, warn, write_text
from niah.cli.settings import setting_options, tables_in
from niah.errors import ConfigError
from niah.plotter.ci import judgement_json, junit_xml, outputs, summary_markdown, workflow_commands
from niah.plotter.formatting import found_label
from niah.plotter.report_text import judgement_lines
from niah.run import open_run
from niah.runs import own_run_folder, plain_name
from niah.text.outside import visible
from niah.verdict.baseline import baseline_json, mean_baseline
from niah.verdict.records import Grid, Judgement

LEAST_FOUND = 0.5  # of a baseline that can tell much


@click.command()
@RUN
@option("--baseline baseline_name", "RUN|FILE", "The older run, or a file of 'niah baseline save'.")
@file_option(
    "--config",
    "The gates, as TOML (niah init gate writes one); without it, only a loss against the baseline.",
)
@flag("--verify", "First score the stored answers again; needs the haystack of the run.")
@flag("--json as_json", "Print the verdict as JSON.")
@file_option("--junit", "Also write JUnit XML to this file.")
@flag("--github", "Also write the step summary and outputs of a GitHub workflow, and annotations.")
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
    """Judge RUN by the gates of a gate.toml, and against a baseline:
    pass, fail or not enough evidence.

    Exits 0 for pass, 1 for fail, 2 for a wrong setting, 3 where the evidence is not enough, 4 where
    the instrument cannot be trusted (a truncated prompt, a failed control), 5 where the run is not
    finished. Each gate's reason is printed.
    """
    run = open_run(run_name, results)
    if verify:
        from niah.studies import verify as check  # brings haystacks

        check(run)
    judgement = run.gate(config, baseline=baseline_name, results=results)
    if junit is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_text(junit, junit_xml(judgement, run.grid, now))
    click.echo(judgement_json(judgement) if as_json else "\n".join(judgement_lines(judgement)))
    if github:
        _tell_github(judgement, run.grid)
    sys.exit(judgement.exit_code)


def _tell_github(judgement: Judgement, grid: Grid) -> None:
    for line in workflow_commands(judgement):
        click.echo(line, err=True)
    files = {
        "GITHUB_STEP_SUMMARY": summary_markdown(judgement, grid),
        "GITHUB_OUTPUT": outputs(judgement, grid),
    }
    for variable, text in files.items():
        if variable not in os.environ:
            usage = "use it in a step of a GitHub workflow"
            raise ConfigError(f"--github: {variable} is not set; {usage}")
        write_text(Path(os.environ[variable]), text, mode="a")


@click.group()
def baseline() -> None:
    """Keep runs as baselines."""


@baseline.command()
@RUNS
@file_option("--out", "The file; by default baselines/RUN.json.")
@RESULTS
def save(runs: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Write the scores of RUN, its recipe digest and the date to a small file
    for 'niah gate --baseline'.

    Of several runs of one model the mean of every trial: a single lucky run
    would cry wolf until it is replaced.
    """
    opened = [open_run(name, results) for name in runs]
    path = out or Path("baselines") / f"{opened[-1].folder.resolve().name}.json"
    whole = mean_baseline([run.as_baseline() for run in opened])
    write_text(path, baseline_json(whole, datetime.now(UTC).date().isoformat()))
    click.echo(path)
    found = opened[-1].grid.whole
    if found.mean is not None and found.mean < LEAST_FOUND:
        warn(
            f"this run found {100 * found.mean:.3g} % (n = {found.n}); where so little is found,"
            " little can get lost, and a gate against it says little"
        )


@click.command()
@RUN
@RESULTS
@PALETTE
def score(run_name: str, results: Path, palette: str) -> None:
    """Score the stored answers of RUN again; changed scores are appended to its log,
    its picture is drawn anew.
    """
    from niah.elsewhere import rescore  # these bring haystacks
    from niah.share import write_files

    again = rescore(run_name, results=results)
    warn(*write_files(again.run, palette))
    changed = f"{again.changed} of {len(again.run.rows)} scores changed"
    click.echo(f"{changed}; {found_label(again.run.grid.whole)}")


@click.command()
@RUN
@setting_options("provider", "model", "base_url", "api_key_env", "api_key_file", "ca_file", "extra")
@RESULTS
def judge(run_name: str, results: Path, **flags: Any) -> None:
    """Ask a model whether each scored answer of RUN says what is expected. Scores stay as they are.

    Verdicts are kept in RUN/judge-MODEL/run.jsonl; the same command asks only for those
    that are missing.
    """
    from niah.experiment.checks import completed
    from niah.experiment.config import read_config
    from niah.runner.sweep import ask_judge  # brings the network

    if flags["provider"] is None:  # a judge is never chosen by default
        raise click.UsageError("--provider is missing", click.get_current_context())
    folder = own_run_folder(run_name, results)
    config = completed(read_config(None, {**flags, **tables_in(flags)}))
    place = folder / f"judge-{plain_name(str(config.model))}"
    found = ask_judge(folder, place, config, lambda text: click.echo(text, err=True))
    for d in found.differ:
        said = "" if d.answer.response is None else " ".join(d.answer.response.text.split())[:60]
        scores = f"score {d.answer.score:g}, judge {d.verdict:g}"
        click.echo(visible(f"{d.answer.trial.id}  {scores}: {said}"), err=True)
    counts = f"{found.agree} agree, {len(found.differ)} differ, {found.no_verdict} no verdict"
    click.echo(counts, err=True)
    click.echo(place / "run.jsonl")
    ended(found.complete)
