"""One run, several models or a suite in turn, for the command line: followed, written, told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from niah import api
from niah.cli.progress import OnScreen, RunOptions
from niah.cli.screen import INCOMPLETE, RunConsole, say
from niah.errors import ConfigError, NiahError, writing
from niah.experiment.experiment import Experiment
from niah.experiment.scoring import best_search
from niah.plotter.formatting import plural
from niah.plotter.look import Look
from niah.plotter.outputs import write_suite
from niah.plotter.report_text import incomplete_lines
from niah.plotter.summary import summary_lines
from niah.plotter.terminal import TerminalHeatmap, summary_view
from niah.records import Outcome
from niah.run import Run
from niah.runlog.attempts import unreported_line
from niah.runlog.log import LOG_NAME
from niah.runner.progress import INTERRUPTED
from niah.runs import folder_name, folder_of
from niah.share import write_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one command runs: by model, or by run of a suite, an experiment and its folder."""

    experiments: Mapping[str, Experiment]
    folders: Mapping[str, Path]
    together: Path  # of what is told of all of them
    suite: str | None = None


def run_one(experiment: Experiment, folder: Path, options: RunOptions, console: RunConsole) -> Run:
    """One run in its folder, followed, written and told."""
    observer = OnScreen(experiment, console, options)
    run = api.run_in(
        folder, experiment, observer, limit=options.limit, environment=options.environment
    )
    left, found = left_of(run, experiment), asdict(run.grid.whole)
    if run.rows:
        try:
            for line in write_files(run, options.palette, experiment):
                say(console, line)
        finally:  # where they cannot be written, too
            _report(console, run)
        if left and options.limit is not None and run.stopped is None:
            of = plural(len(experiment.trials), "trial")
            say(console, f"--limit {options.limit}: {left} of {of} are left; go on without it")
    elif left:
        say(console, api.nothing_measured(run))
    console.event("finished", folder=str(folder), complete=not left, stopped=run.stopped, **found)
    return run


def left_of(run: Run, experiment: Experiment) -> int:
    """Trials that are missing or errors; an adaptive run may be complete before all are sent."""
    if run.rows and run.complete:
        return 0
    rows, ids = run.rows, [trial.id for trial in experiment.trials]
    return sum(i not in rows or rows[i].outcome is Outcome.ERROR for i in ids)


def _report(console: RunConsole, run: Run) -> None:
    """What a run found, under its picture, and what is to be known about it."""
    with suppress(OSError):  # the terminal may be gone, and the picture is written
        console.print(TerminalHeatmap(run.grid, console.width))
    figures = run.report()
    for line in incomplete_lines(figures):
        say(console, line)
    for line in summary_lines(figures):
        say(console, line, style="")
    for warning in run.warnings:
        say(console, warning, "bold red")
    if unreported := unreported_line(run.folder, run.header):
        say(console, unreported)
    errors = [r.error for r in run.rows.values() if r.outcome is Outcome.ERROR]
    if errors:
        say(console, f"last error: {errors[-1]}")
    if run.stopped:
        say(console, f"stopped early ({run.stopped}); type the same command to go on")
    if (run.folder / "heatmap.png").exists():
        click.echo(run.folder / "heatmap.png")


def models_asked(experiments: Mapping[str, Experiment], results: Path, name: str | None) -> Asked:
    """A folder for every model's run; without a name that of a command for this model alone.

    Raises ConfigError where two would share one.
    """
    configs = {model: experiment.config for model, experiment in experiments.items()}
    of_all = next(iter(configs.values())).model_copy(update={"model": ",".join(configs)})
    together = results / folder_name(name, of_all)
    if name is None or len(configs) == 1:
        folders = {model: results / folder_name(name, one) for model, one in configs.items()}
        return Asked(experiments=experiments, folders=folders, together=together)
    _check_no_run(together, "these models")
    folders = {model: together / folder_of(model) for model in configs}
    if len(set(folders.values())) < len(folders):
        shared = "two of these models would share a folder in it"
        raise ConfigError(f"--name {name!r}: {shared}; leave out --name")
    return Asked(experiments=experiments, folders=folders, together=together)


def suite_asked(
    suite: str, experiments: Mapping[str, Experiment], results: Path, name: str | None
) -> Asked:
    """A folder for every run, in one of the suite. Raises ConfigError where that is a run's."""
    first = next(iter(experiments.values())).config
    folder = results / (name or f"{suite}-{folder_name(None, first)}")
    _check_no_run(folder, "the suite")
    folders = {run_name: folder / run_name for run_name in experiments}
    return Asked(experiments=experiments, folders=folders, together=folder, suite=suite)


def _check_no_run(folder: Path, whose: str) -> None:
    if (folder / LOG_NAME).exists():
        raise ConfigError(f"{folder} is the folder of a single run; give {whose} another --name")


def run_all(asked: Asked, options: RunOptions, console: RunConsole) -> int:
    """Run one after another, models whatever becomes of the others; the worst exit code."""
    total = len(asked.experiments)
    if total == 1 and asked.suite is None:
        (label, experiment), *_ = asked.experiments.items()
        run = run_one(experiment, asked.folders[label], options, console)
        return INCOMPLETE if left_of(run, experiment) else 0
    runs: dict[str, Run] = {}
    codes: list[int] = []
    for number, (label, experiment) in enumerate(asked.experiments.items(), 1):
        say(console, f"{number}/{total}  {label}", "bold")
        try:
            run = run_one(experiment, asked.folders[label], options, console)
        except NiahError as error:  # this model cannot be run; the others can
            if asked.suite is not None:
                raise
            say(console, f"{label}: {error}", "bold red")
            codes.append(error.exit_code)
            continue
        runs[label] = run
        codes.append(INCOMPLETE if left_of(run, experiment) else 0)
        if number < total and run.stopped and (asked.suite or run.stopped == INTERRUPTED):
            what, of = ("suite stopped", "runs") if asked.suite else ("stopped", "models")
            say(console, f"{what} after {number} of {total} {of}; type the same command to go on")
            codes.append(INCOMPLETE)
            break
    if any(run.rows for run in runs.values()):
        _tell_all(asked, runs, options, console)
    return max(codes)


def _tell_all(
    asked: Asked, runs: Mapping[str, Run], options: RunOptions, console: RunConsole
) -> None:
    """The table and the picture of all runs that there are."""
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    views = {label: run.view for label, run in runs.items()}
    grids = {label: run.grid for label, run in runs.items()}
    folder, palette, searched = asked.together, options.palette, None
    with writing(folder, "choose another --results"):
        folder.mkdir(parents=True, exist_ok=True)
    if asked.suite is not None:
        title, rows, picture = f"suite {asked.suite}", "run", folder / "suite.png"
        searched = {label: best_search(asked.experiments[label]) for label in runs}
        warnings = write_suite(folder, asked.suite, views, searched, palette)
    else:
        title, rows, picture = "models", "model", folder / "models.png"
        warnings = save_heatmaps([*views.values()], picture, Look(palette=palette))
    for warning in warnings:
        say(console, warning)
    console.print(summary_view(title, grids, console.width, rows, searched))
    click.echo(picture)
