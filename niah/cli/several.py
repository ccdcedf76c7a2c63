"""niah run --model A,B and niah run --suite: several runs in turn, then one table and one picture
of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from niah.cli import one_run
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.errors import ConfigError, NiahError, RunError
from niah.experiment.experiment import Experiment
from niah.experiment.scoring import best_search
from niah.plotter.look import Look
from niah.plotter.outputs import write_suite
from niah.plotter.suite_table import summary_view
from niah.run import Run
from niah.runlog.log import LOG_NAME
from niah.runner.observer import INTERRUPTED
from niah.runs import folder_name, plain_name

PICTURE = "models.png"


def folder_of_all(experiments: Mapping[str, Experiment], results: Path, name: str | None) -> Path:
    """The folder of the picture of all."""
    first = next(iter(experiments.values())).config
    return results / folder_name(name, first.model_copy(update={"model": ",".join(experiments)}))


def model_folders(experiments: Mapping[str, Experiment], results: Path, name: str | None) -> dict[str, Path]:
    """The folder of every model's run; without a name the one that a command for that model alone
    uses.

    Raises ConfigError where two would share one.
    """
    if name is None or len(experiments) == 1:
        return {model: results / folder_name(name, experiment.config) for model, experiment in experiments.items()}
    root = results / name
    if (root / LOG_NAME).exists():
        raise ConfigError(f"{root} is the folder of a single run; give these models another --name")
    folders = {model: root / (plain_name(model).strip(".-") or "model") for model in experiments}
    if len(set(folders.values())) < len(folders):
        raise ConfigError(f"--name {name!r}: two of these models would share a folder in it; leave out --name")
    return folders


def suite_folders(
    suite: str, experiments: Mapping[str, Experiment], results: Path, name: str | None
) -> dict[str, Path]:
    """The folder of every run of a suite, inside one of its own. Raises ConfigError where that is a
    run's.
    """
    first = next(iter(experiments.values())).config
    folder = results / (name or f"{suite}-{folder_name(None, first)}")
    if (folder / LOG_NAME).exists():
        raise ConfigError(f"{folder} is the folder of a single run; give the suite another --name")
    return {run_name: folder / run_name for run_name in experiments}


def run_models(
    experiments: Mapping[str, Experiment],
    folders: Mapping[str, Path],
    folder: Path,
    options: RunOptions,
    console: RunConsole,
) -> int:
    """Run every model, whatever becomes of the others; the worst exit code."""
    runs: dict[str, Run] = {}
    codes: list[int] = []
    for number, (model, experiment) in enumerate(experiments.items(), 1):
        say(console, f"{number}/{len(experiments)}  {model}", "bold")
        try:
            ended = one_run.run_one(experiment, folders[model], options, console)
        except NiahError as error:  # this one cannot be run; the others can
            say(console, f"{model}: {error}", "bold red")
            codes.append(error.exit_code)
            continue
        runs[model] = ended.run
        codes.append(0 if ended.complete else one_run.INCOMPLETE)
        if ended.stopped == INTERRUPTED and number < len(experiments):
            say(console, f"stopped after {number} of {len(experiments)} models; type the same command to go on")
            codes.append(one_run.INCOMPLETE)
            break
    _summary(runs, folder, options, console)
    return max(codes)


def run_suite(
    suite: str,
    experiments: Mapping[str, Experiment],
    folders: Mapping[str, Path],
    options: RunOptions,
    console: RunConsole,
) -> bool:
    """Every run of a suite, and its summary: whether all are complete."""
    folder = next(iter(folders.values())).parent
    runs: dict[str, Run] = {}
    complete = True
    for number, (run_name, experiment) in enumerate(experiments.items(), 1):
        say(console, f"{number}/{len(experiments)}  {run_name}", "bold")
        ended = one_run.run_one(experiment, folders[run_name], options, console)
        runs[run_name] = ended.run
        complete = complete and ended.complete
        if ended.stopped is not None:
            say(console, f"suite stopped after {number} of {len(experiments)} runs; type the same command to go on")
            complete = complete and number == len(experiments)
            break
    if not folder.is_dir():
        return False  # nothing was measured
    searched = {run_name: best_search(experiments[run_name]) for run_name in runs}
    for line in write_suite(folder, suite, {n: r.view for n, r in runs.items()}, searched, options.palette):
        say(console, line)
    console.print(
        summary_view(f"suite {suite}", {n: r.grid for n, r in runs.items()}, console.width, searched=searched)
    )
    click.echo(folder / "suite.png")
    return complete


def _summary(runs: Mapping[str, Run], folder: Path, options: RunOptions, console: RunConsole) -> None:
    """The table and the picture of all runs that there are."""
    if not runs:
        return
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results") from error
    for warning in save_heatmaps([r.view for r in runs.values()], folder / PICTURE, Look(palette=options.palette)):
        say(console, warning)
    console.print(summary_view("models", {n: r.grid for n, r in runs.items()}, console.width, "model"))
    click.echo(folder / PICTURE)
