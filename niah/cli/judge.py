"""niah judge: a model's second opinion on the stored answers of a run, beside the score and never instead of it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click

from niah.cli.completion import PROVIDERS
from niah.cli.options import RESULTS, RUN, own_run_folder, tables_in
from niah.errors import RunError
from niah.experiment.checks import completed
from niah.experiment.config import read_config
from niah.experiment.experiment import experiment_of
from niah.experiment.judge import judge_experiment
from niah.records import Result, Row
from niah.runlog.log import open_log, read_log
from niah.runner.session import open_session
from niah.runner.sweep import Sweep
from niah.text.outside import visible

INCOMPLETE = 3


@click.command()
@RUN
@click.option(
    "--provider",
    required=True,
    metavar="NAME",
    shell_complete=PROVIDERS,
    help="API that serves the judge (see: niah providers).",
)
@click.option("--model", metavar="NAME", help="The judge's model.")
@click.option("--base-url", metavar="URL", help="Address of the judge's server, ending in /v1.")
@click.option("--api-key-env", metavar="VARIABLE", help="Environment variable that holds its key.")
@click.option("--extra", multiple=True, metavar="KEY=VALUE", help="Further request field; may be repeated.")
@RESULTS
def judge(
    run_name: str,
    provider: str,
    model: str | None,
    base_url: str | None,
    api_key_env: str | None,
    extra: tuple[str, ...],
    results: Path,
) -> None:
    """Ask a model whether each scored answer of RUN says what is expected. Scores stay as they are.

    Verdicts are kept in RUN/judge-MODEL/run.jsonl; the same command asks only for those that are missing.
    """
    folder = own_run_folder(run_name, results)
    header, stored = read_log(folder)
    keys = {"provider": provider, "model": model, "base_url": base_url, "api_key_env": api_key_env}
    config = completed(read_config(None, {**keys, **tables_in({"extra": extra})}))
    experiment = judge_experiment(experiment_of(read_config(None, header.config)), stored, config)
    if not experiment.trials:
        raise RunError(f"{folder}: no answer of this run has a score, so there is nothing to judge")
    place = folder / ("judge-" + re.sub(r"[^\w.-]+", "-", str(config.model)))
    with (
        open_log(place, experiment.header()) as log,
        open_session(experiment, lambda text: click.echo(text, err=True)) as session,
    ):
        asyncio.run(Sweep(experiment, session, log).run())
        verdicts = dict(log.results)
    _report(experiment.answers, verdicts)
    click.echo(place / "run.jsonl")
    sys.exit(0 if set(experiment.answers) <= {i for i, v in verdicts.items() if v.score is not None} else INCOMPLETE)


def _report(answers: Mapping[str, Result], verdicts: Mapping[str, Row]) -> None:
    """How often judge and scorer agree, and every answer on which they do not."""
    counts: Counter[str] = Counter()
    for trial_id, answer in answers.items():
        verdict = verdicts.get(trial_id)
        if verdict is None or verdict.score is None or verdict.answer_class == "off-format":
            counts["no verdict"] += 1
            continue
        agree = (verdict.score == 1) == (answer.score == 1)
        counts["agree" if agree else "differ"] += 1
        if not agree:
            said = "" if answer.response is None else " ".join(answer.response.text.split())[:60]
            click.echo(visible(f"{trial_id}  score {answer.score:g}, judge {verdict.score:g}: {said}"), err=True)
    click.echo(", ".join(f"{counts[k]} {k}" for k in ("agree", "differ", "no verdict")), err=True)
