"""Ask a model for a second opinion on the stored answers of a run. Its verdicts are a run log of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from niah.errors import RunError
from niah.experiment.config import RunConfig
from niah.experiment.experiment import experiment_of
from niah.experiment.judge import Agreement, agreement, judge_experiment
from niah.runlog.log import open_log, read_log
from niah.runner.session import open_session
from niah.runner.sweep import Sweep


def ask_judge(folder: Path, place: Path, judge: RunConfig, told: Callable[[str], None]) -> Agreement:
    """Ask for every scored answer that has no verdict yet; verdicts are kept in ``place``.

    ``judge`` names provider and model; ``told`` hears how an embedded server comes up. Raises
    RunError where no answer has a score.
    """
    header, stored = read_log(folder)
    experiment = judge_experiment(experiment_of(RunConfig(**header.config)), stored, judge)
    if not experiment.trials:
        raise RunError(f"{folder}: no answer of this run has a score, so there is nothing to judge")
    with open_log(place, experiment.header()) as log, open_session(experiment, told) as session:
        asyncio.run(Sweep(experiment, session, log).run())
        verdicts = dict(log.results)
    return agreement(experiment.answers, verdicts)
