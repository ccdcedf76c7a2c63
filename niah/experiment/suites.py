"""Suites: several runs of one model, from a TOML file of shared settings and one table a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from niah.errors import ConfigError, NiahError, UnknownName
from niah.experiment.checks import check_used
from niah.experiment.config import RunConfig, read_config, settings_over
from niah.generator.library import language_of_haystack, shared_root
from niah.text.validation import table_in

_RUN_KEYS = {*RunConfig.model_fields, "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named set of runs."""

    name: str
    configs: Mapping[str, RunConfig]  # by the name of the run's folder


def suite_names() -> dict[str, Path]:
    """The shipped suites."""
    return {p.stem: p for p in sorted((shared_root("configs") / "suites").glob("*.toml"))}


def suite_summaries() -> dict[str, str]:
    """One line on each of them."""
    return {name: _table(path)["summary"] for name, path in suite_names().items()}


def read_suite(name: str, flags: Mapping[str, Any]) -> Suite:
    """A suite by name or path, flags on top of all in it. Raises ConfigError or UnknownName."""
    path, shipped = Path(name), suite_names()
    if not path.is_file():
        if name not in shipped:
            raise UnknownName("suite", name, shipped)
        path = shipped[name]
    if flags.get("task"):
        raise ConfigError(
            "a suite brings its own tasks: leave out --task (or NIAH_TASK),"
            " or run that task without --suite"
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
    return Suite(name=path.stem, configs=configs)


def _table(path: Path) -> dict[str, Any]:
    """A suite's file, with its shared settings and its summary, perhaps empty ones."""
    table = {"summary": "", "shared": {}, **table_in(path)}
    shared, is_summed_up = table["shared"], isinstance(table["summary"], str)
    if not isinstance(shared, dict) or not is_summed_up or not _are_runs(table.get("runs")):
        raise ConfigError(
            f"{path}: not a suite;"
            " it holds a summary, [shared] settings and [[runs]] with a task each"
        )
    for key in shared:
        if key not in RunConfig.model_fields:
            raise UnknownName(f"key of [shared] in {path}", key, RunConfig.model_fields)
    for key in (key for run in table["runs"] for key in run):
        if key not in _RUN_KEYS:
            raise UnknownName(f"key of a run in {path}", key, _RUN_KEYS)
    return table


def _are_runs(runs: object) -> bool:
    if not isinstance(runs, list) or not runs:
        return False
    return all(isinstance(run, dict) and "task" in run for run in runs)


def _is_plain(name: object) -> bool:
    if not isinstance(name, str) or not name.strip():
        return False
    return Path(name).name == name and not name.startswith(".")


def _config(
    path: Path,
    name: str,
    shared: Mapping[str, Any],
    run: Mapping[str, Any],
    flags: Mapping[str, Any],
) -> RunConfig:
    own = {k: v for k, v in run.items() if k != "name"}
    merged = settings_over(settings_over(shared, own), flags)
    haystack = str(run.get("haystack", ""))
    if haystack.endswith(":LANGUAGE"):  # a made one, in the language of what all runs share
        usual = shared.get("haystack", RunConfig.model_fields["haystack"].default)
        named = usual if flags.get("haystack") is None else flags["haystack"]
        merged["haystack"] = haystack.replace("LANGUAGE", language_of_haystack(named))
    try:
        config = read_config(None, merged)
        check_used(config)
    except NiahError as error:
        raise ConfigError(f"{path.name}, run {name}: {error}") from error
    return config
