"""niah run --model A,B: one run for each model in turn, then one table and one picture of all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from niah.cli.naming import INCOMPLETE, INTERRUPTED, folder_name
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.cli.suite import summary_view
from niah.errors import ConfigError, NiahError, RunError
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.records import Grid
from niah.runlog.log import LOG_NAME

PICTURE = "models.png"
RunOne = Callable[
    [Experiment, Path, RunOptions, RunConsole], tuple[bool, Grid, str | None]
]  # complete, grid, why it stopped early


def by_model(config: RunConfig) -> dict[str, RunConfig]:
    """The config of every model that is named, where several are joined by commas. Raises ConfigError."""
    text = config.model or ""
    if "," not in text or Path(text).is_file():
        return {text: config}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"--model {text!r}: {name!r} is named twice; name every model once")
    if not names:
        raise ConfigError(f"--model {text!r}: name at least one model, several joined as A,B")
    return {name: config.model_copy(update={"model": name}) for name in names}


def folder_of_all(experiments: Mapping[str, Experiment], results: Path, name: str | None) -> Path:
    """The folder of the picture of all."""
    first = next(iter(experiments.values())).config
    return results / folder_name(name, first.model_copy(update={"model": ",".join(experiments)}))


def model_folders(experiments: Mapping[str, Experiment], results: Path, name: str | None) -> dict[str, Path]:
    """The folder of every model's run; without a name the one that a command for that model alone uses.

    Raises ConfigError where two would share one.
    """
    if name is None or len(experiments) == 1:
        return {model: results / folder_name(name, experiment.config) for model, experiment in experiments.items()}
    root = results / name
    if (root / LOG_NAME).exists():
        raise ConfigError(f"{root} is the folder of a single run; give these models another --name")
    folders = {model: root / (re.sub(r"[^\w.-]+", "-", model).strip(".-") or "model") for model in experiments}
    if len(set(folders.values())) < len(folders):
        raise ConfigError(f"--name {name!r}: two of these models would share a folder in it; leave out --name")
    return folders


def run_models(
    run_one: RunOne,
    experiments: Mapping[str, Experiment],
    folders: Mapping[str, Path],
    folder: Path,
    options: RunOptions,
    console: RunConsole,
) -> int:
    """Run every model, whatever becomes of the others; the worst exit code."""
    grids: dict[str, Grid] = {}
    codes: list[int] = []
    for number, (model, experiment) in enumerate(experiments.items(), 1):
        say(console, f"{number}/{len(experiments)}  {model}", "bold")
        try:
            done, grids[model], stopped = run_one(experiment, folders[model], options, console)
        except NiahError as error:  # this one cannot be run; the others can
            say(console, f"{model}: {error}", "bold red")
            codes.append(error.exit_code)
            continue
        codes.append(0 if done else INCOMPLETE)
        if stopped == INTERRUPTED and number < len(experiments):
            say(console, f"stopped after {number} of {len(experiments)} models; type the same command to go on")
            codes.append(INCOMPLETE)
            break
    _summary(grids, folder, options, console)
    return max(codes)


def _summary(grids: Mapping[str, Grid], folder: Path, options: RunOptions, console: RunConsole) -> None:
    """The table and the picture of all runs that there are."""
    if not grids:
        return
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results") from error
    for warning in save_heatmaps(list(grids.values()), folder / PICTURE, options.palette):
        say(console, warning)
    console.print(summary_view("models", grids, console.width, "model"))
    click.echo(folder / PICTURE)
