"""Suites: several runs of one model, read from a TOML file of shared settings and one table a
run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from niah.errors import ConfigError, NiahError, UnknownName
from niah.experiment.checks import check_used
from niah.experiment.config import RunConfig, read_config, settings_over
from niah.generator.library import language_of_haystack, shared_root
from niah.tasks import task_of
from niah.text.validation import table_in

_RUN_KEYS = {*RunConfig.model_fields, "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named set of runs."""

    name: str
    summary: str
    configs: Mapping[str, RunConfig]  # by the name of the run's folder


def suite_names() -> dict[str, Path]:
    """The shipped suites."""
    return {p.stem: p for p in sorted((shared_root("configs") / "suites").glob("*.toml"))}


def suite_summaries() -> dict[str, str]:
    """One line on each of them."""
    return {name: _table(path).get("summary", "") for name, path in suite_names().items()}


def read_suite(name: str, flags: Mapping[str, Any]) -> Suite:
    """A suite by name or path, with flags on top of everything in it. Raises ConfigError or
    UnknownName."""
    path = Path(name)
    if not path.is_file():
        if name not in suite_names():
            raise UnknownName("suite", name, suite_names())
        path = suite_names()[name]
    if flags.get("task"):
        raise ConfigError(
            "a suite brings its own tasks: leave out --task (or NIAH_TASK), or run that task"
            " without --suite"
        )
    table = _table(path)
    configs: dict[str, RunConfig] = {}
    for run in table["runs"]:
        run_name = run.get("name", run["task"])
        if not _is_plain(run_name):
            raise ConfigError(
                f"{path}: name = {run_name!r}: a run's name is a plain folder name without slashes"
            )
        if run_name in configs:
            raise ConfigError(f"{path}: two runs are called {run_name!r}; give one another name")
        configs[run_name] = _config(path, run_name, table["shared"], run, flags)
    return Suite(name=path.stem, summary=table.get("summary", ""), configs=configs)


def _table(path: Path) -> dict[str, Any]:
    table = table_in(path)
    shared, runs = table.setdefault("shared", {}), table.get("runs")
    if (
        not isinstance(shared, dict)
        or not isinstance(table.get("summary", ""), str)
        or not _are_runs(runs)
    ):
        raise ConfigError(
            f"{path}: not a suite; it holds a summary, [shared] settings and [[runs]] with a task"
            " each"
        )
    unknown = [key for run in table["runs"] for key in run if key not in _RUN_KEYS]
    strange = [key for key in table["shared"] if key not in RunConfig.model_fields]
    if strange:
        raise UnknownName(f"key of [shared] in {path}", strange[0], RunConfig.model_fields)
    if unknown:
        raise UnknownName(f"key of a run in {path}", unknown[0], _RUN_KEYS)
    return table


def _are_runs(runs: object) -> bool:
    return (
        isinstance(runs, list)
        and bool(runs)
        and all(isinstance(run, dict) and "task" in run for run in runs)
    )


def _is_plain(name: object) -> bool:
    return (
        isinstance(name, str)
        and bool(name.strip())
        and Path(name).name == name
        and not name.startswith(".")
    )


def _config(
    path: Path,
    name: str,
    shared: Mapping[str, Any],
    run: Mapping[str, Any],
    flags: Mapping[str, Any],
) -> RunConfig:
    given = {k: v for k, v in flags.items() if v is not None}
    own = {k: v for k, v in run.items() if k != "name"}
    merged = settings_over(settings_over(shared, own), given)
    haystack = str(run.get("haystack", ""))
    if haystack.endswith(
        ":LANGUAGE"
    ):  # a made haystack, in the language of the one that all runs share
        named = given.get(
            "haystack", shared.get("haystack", RunConfig.model_fields["haystack"].default)
        )
        merged["haystack"] = haystack.replace("LANGUAGE", language_of_haystack(named))
    try:
        config = read_config(None, merged)
        task_of(config.task)
        check_used(config)
        return config
    except NiahError as error:
        raise ConfigError(f"{path.name}, run {name}: {error}") from error
