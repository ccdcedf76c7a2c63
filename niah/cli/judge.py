"""niah judge: a model's second opinion on the stored answers of a run, beside the score and never instead of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from niah.cli.options import RESULTS, RUN, setting_options, tables_in
from niah.experiment.checks import completed
from niah.experiment.config import read_config
from niah.experiment.judge import Agreement
from niah.runner.sweep import ask_judge
from niah.runs import own_run_folder, plain_name
from niah.text.outside import visible

INCOMPLETE = 3


@click.command()
@RUN
@setting_options("provider", "model", "base_url", "api_key_env", "api_key_file", "extra")
@RESULTS
def judge(run_name: str, results: Path, **flags: Any) -> None:
    """Ask a model whether each scored answer of RUN says what is expected. Scores stay as they are.

    Verdicts are kept in RUN/judge-MODEL/run.jsonl; the same command asks only for those that are missing.
    """
    if flags["provider"] is None:  # a judge is never chosen by default
        raise click.UsageError("--provider is missing", click.get_current_context())
    folder = own_run_folder(run_name, results)
    config = completed(read_config(None, {**flags, **tables_in(flags)}))
    place = folder / f"judge-{plain_name(str(config.model))}"
    found = ask_judge(folder, place, config, lambda text: click.echo(text, err=True))
    _print(found)
    click.echo(place / "run.jsonl")
    sys.exit(0 if found.complete else INCOMPLETE)


def _print(found: Agreement) -> None:
    """How often judge and scorer agree, and every answer on which they do not."""
    for d in found.differ:
        said = "" if d.answer.response is None else " ".join(d.answer.response.text.split())[:60]
        scores = f"score {d.answer.score:g}, judge {d.verdict:g}"
        click.echo(visible(f"{d.answer.trial.id}  {scores}: {said}"), err=True)
    click.echo(f"{found.agree} agree, {len(found.differ)} differ, {found.no_verdict} no verdict", err=True)
