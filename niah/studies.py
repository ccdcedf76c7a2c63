"""Questions that one grid does not answer, as functions above ``niah.api``: how long a context a model reads.

Imports stand inside functions where they bring haystacks or the network.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from niah.api import AnyRun, Folder, sweep
from niah.errors import ConfigError
from niah.run import open_run
from niah.runs import DEFAULT_RESULTS
from niah.verdict.ladder import Effective
from niah.verdict.ladder import effective_of as found_in

if TYPE_CHECKING:
    from niah.api import Config
    from niah.experiment.config import RunConfig


def effective(
    config: Config = None,
    *,
    at_least: int | None = None,
    results: Folder = DEFAULT_RESULTS,
    name: str | None = None,
    **settings: Any,
) -> Effective:
    """Find the effective length of a model by an adaptive run, which spares most of a grid; the
    same call resumes.

    By default 15 lengths from 1k up to ``claimed`` (or 128k), at 11 depths. Raises as ``sweep``.
    """
    from niah.experiment.config import config_of

    read = config_of(config, {k: v for k, v in settings.items() if k == "claimed"})
    usual = _usual({*settings, *read.model_fields_set}, read.claimed)
    run = sweep(config, results=results, name=name, **{**usual, **settings, "adaptive": True})
    return effective_of(run, at_least)


def effective_config(config: RunConfig) -> RunConfig:
    """The config of an adaptive run, with lengths, depths and haystack where none were given. Raises ConfigError."""
    from niah.experiment.config import by_model, config_of

    if len(by_model(config)) > 1:
        raise ConfigError(f"model {config.model!r}: niah effective is for one model; call it for each of them")
    return config_of(config, {**_usual(config.model_fields_set, config.claimed), "adaptive": True})


def effective_of(run: AnyRun, at_least: int | None = None, results: Folder = DEFAULT_RESULTS) -> Effective:
    """What an adaptive run has found, and whether it shows a model to read at least so many tokens."""
    opened = open_run(run, results)
    return found_in(opened.header, opened.rows.values(), at_least)


def _usual(given: Collection[str], claimed: int | None) -> dict[str, str]:
    """Settings of an adaptive run that are not given."""
    usual = {"lengths": f"1k..{claimed or 128_000}:15", "depths": "0:100:10", "haystack": "synthetic:en"}
    return {key: value for key, value in usual.items() if key not in given}
