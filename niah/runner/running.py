"""From an experiment to its finished log: open the session, sweep in an event loop of its own, tell a follower."""

from __future__ import annotations

import asyncio
from functools import partial

from niah.experiment.experiment import Experiment
from niah.runlog.log import RunLog
from niah.runner.follower import Follower
from niah.runner.preflight import Preflight
from niah.runner.session import open_session
from niah.runner.sweep import Sweep
from niah.runner.warnings import preflight_warnings


def send_missing(experiment: Experiment, log: RunLog, follower: Follower) -> str | None:
    """Send every trial that is not finished; the reason where the sweep stopped early.

    Not to be called in a thread whose event loop runs. Raises ProviderError, OutageError or ConfigError.
    """
    for warning in experiment.warnings():
        follower.warned(warning)
    with open_session(experiment, follower.told) as session:
        session = follower.opened(session, log)
        sweep = Sweep(
            experiment,
            session,
            log,
            on_preflight=partial(_found, experiment, follower),
            on_result=follower.landed,
            on_trouble=follower.trouble,
            on_attempt=follower.attempt,
        )
        asyncio.run(_followed(sweep, follower))
    follower.spent(sweep.spent)
    return sweep.stopped_because


async def _followed(sweep: Sweep, follower: Follower) -> None:
    async with follower.beside(sweep):
        await sweep.run()


def _found(experiment: Experiment, follower: Follower, found: Preflight) -> None:
    """Tell what the small requests found out, and what of it a reader should know; a simulated reader has no server."""
    follower.found(found)
    if experiment.config.provider != "simulated":
        for warning in preflight_warnings(found, experiment):
            follower.warned(warning)
