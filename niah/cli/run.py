"""niah run: sweep, watch the heatmap fill, keep everything; the same command resumes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from niah.cli.completion import SUITES
from niah.cli.dry_run import print_dry_run
from niah.cli.help import Command
from niah.cli.naming import INCOMPLETE, INTERRUPTED, check_name, folder_name
from niah.cli.options import (
    PALETTE,
    RESULTS,
    at_least_one,
    config_from,
    config_options,
    environment_of,
    flags_over,
    warn_of_variables,
)
from niah.cli.outputs import write_outputs
from niah.cli.progress import Watch
from niah.cli.run_options import RunOptions
from niah.cli.screen import RunConsole, say
from niah.cli.several import by_model, folder_of_all, model_folders, run_models
from niah.cli.signals import handled
from niah.cli.suite import Suite, read_suite, summary_view, write_summary
from niah.cli.tracing import Tracing
from niah.errors import ConfigError
from niah.experiment.checks import completed
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.experiment.searched import best_search
from niah.plotter.report_text import incomplete_lines
from niah.plotter.summary import summary_lines
from niah.plotter.terminal import terminal_heatmap
from niah.records import Grid, Outcome, Part
from niah.runlog.cost import unreported_line
from niah.runlog.log import LOG_NAME, RunLog, open_log
from niah.runlog.warnings import run_warnings
from niah.text.lengths import label_of
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of

if TYPE_CHECKING:
    from niah.runner.preflight import Preflight
    from niah.runner.sweep import Sweep


@click.command(cls=Command)
@config_options
@RESULTS
@click.option("--name", metavar="NAME", help="Name of this run's folder; made from the config by default.")
@click.option(
    "--suite",
    metavar="SUITE",
    shell_complete=SUITES,
    help="Run all tasks of a suite instead, by its name (see: niah tasks) or TOML file.",
)
@click.option(
    "--limit", type=int, callback=at_least_one, metavar="COUNT", help="Send only the first so many trials of a run."
)
@click.option("--dry-run", is_flag=True, help="Print what would be sent, as niah plan does, and send nothing.")
@click.option(
    "--log-requests", type=click.Path(path_type=Path), metavar="FILE", help="Write requests and replies to FILE, too."
)
@click.option("--log-prompts", is_flag=True, help="Keep whole prompts in --log-requests, not only their ends.")
@click.option("-v", "--verbose", is_flag=True, help="Say why each attempt failed.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "lines", "json"]),
    default="auto",
    show_default=True,
    help="What standard error shows: a live picture on a terminal, a line per trial, or JSON Lines for programs.",
)
@click.option(
    "--progress-file", type=click.Path(path_type=Path), metavar="FILE", help="Also append those JSON Lines to FILE."
)
@PALETTE
def run(
    config: str | None,
    results: Path,
    name: str | None,
    suite: str | None,
    limit: int | None,
    dry_run: bool,
    log_requests: Path | None,
    log_prompts: bool,
    verbose: bool,
    progress: str,
    progress_file: Path | None,
    palette: str,
    **flags: Any,
) -> None:
    """Sweep lengths and depths as CONFIG and flags say, and draw the heatmap.

    Type the same command again to go on after an interruption. Ctrl-C once: finish what is in flight; twice: stop at
    once. Several models (--model A,B) are run in turn, and drawn side by side. Exits 3 where trials are missing.
    """
    outside = environment_of(flags)
    options = RunOptions(
        palette=palette,
        limit=limit,
        environment={key: given.origin for key, given in outside.items()},
        tracing=Tracing(requests=log_requests, prompts=log_prompts, verbose=verbose),
    )
    check_name(name)
    console = RunConsole(progress, progress_file)
    with console.until_closed():
        whole = _suite_of(suite, config, flags_over(outside, flags)) if suite is not None else None
        configs = whole.configs if whole else by_model(config_from(config, flags))
        experiments = {
            label: _experiment(c, console, key_needed=not dry_run) for label, c in configs.items()
        }  # all are checked
        folders = (
            _suite_folders(whole, experiments, results, name) if whole else model_folders(experiments, results, name)
        )
        for line in options.words():
            say(console, line, "dim")
        if dry_run:
            print_dry_run(experiments, folders, results, options)
            return
        if whole is not None:
            code = 0 if _run_suite(whole, experiments, folders, options, console) else INCOMPLETE
        elif len(experiments) > 1:
            code = run_models(
                run_one, experiments, folders, folder_of_all(experiments, results, name), options, console
            )
        else:
            (label, experiment), *_ = experiments.items()
            code = 0 if run_one(experiment, folders[label], options, console)[0] else INCOMPLETE
    sys.exit(code)


def _experiment(config: RunConfig, console: RunConsole, *, key_needed: bool = True) -> Experiment:
    """The recipe of a config, checked before anything is sent."""
    experiment = experiment_of(completed(config, key_needed=key_needed))
    experiment.check_lengths()
    if experiment.config.haystack != config.haystack and "haystack" in config.model_fields_set:
        say(console, f"task {config.task} stands in {experiment.config.haystack[0]}, not in speech", "dim")
    return experiment


def run_one(
    experiment: Experiment, folder: Path, options: RunOptions, console: RunConsole
) -> tuple[bool, Grid, str | None]:
    """One run in its folder: whether it is complete, its grid, and why it stopped early."""
    with open_log(folder, options.header(experiment)) as log:
        if log.added is not None:
            say(console, f"{folder} is extended by {grid_words(log.added)}; what it holds is not asked again")
        stopped = _sweep(options.limited(experiment), log, options, console)
    grid = grid_of(log.header, log.results.values())
    if not log.results:
        left = "keeps what was paid" if folder.exists() else "was not made"
        say(console, f"stopped early ({stopped or 'no trial was sent'}): nothing was measured, {folder} {left}")
        return False, grid, stopped
    try:
        for line in write_outputs(folder, grid, options.palette):
            say(console, line)
    finally:  # where they cannot be written, too
        _report(console, folder, grid, log, stopped)
    missing = sum(t.id not in log.finished for t in experiment.trials)
    if missing and options.limit is not None and stopped is None:
        say(
            console, f"--limit {options.limit}: {missing} of {len(experiment.trials)} trials are left; go on without it"
        )
    console.event("finished", folder=str(folder), complete=not missing, stopped=stopped, **asdict(grid.recall))
    return not missing, grid, stopped


def _suite_of(name: str, config: str | None, flags: dict[str, Any]) -> Suite:
    """The suite of a name. Raises ConfigError for a setting that has no place beside it."""
    if config is not None:
        raise ConfigError(f"{config!r} and --suite {name}: give one of the two")
    warn_of_variables()
    suite = read_suite(name, flags)
    if len(by_model(next(iter(suite.configs.values())))) > 1:
        raise ConfigError(f"--suite {name} with several models: run it once for each --model")
    return suite


def _suite_folders(
    suite: Suite, experiments: Mapping[str, Experiment], results: Path, name: str | None
) -> dict[str, Path]:
    """The folder of every run of a suite, inside one of its own."""
    first = next(iter(experiments.values())).config
    folder = results / (name or f"{suite.name}-{folder_name(None, first)}")
    if (folder / LOG_NAME).exists():
        raise ConfigError(f"{folder} is the folder of a single run; give the suite another --name")
    return {run_name: folder / run_name for run_name in experiments}


def _run_suite(
    suite: Suite,
    experiments: Mapping[str, Experiment],
    folders: Mapping[str, Path],
    options: RunOptions,
    console: RunConsole,
) -> bool:
    """Every run of a suite, and its summary: whether all are complete."""
    folder = next(iter(folders.values())).parent
    grids: dict[str, Grid] = {}
    complete = True
    for number, (run_name, experiment) in enumerate(experiments.items(), 1):
        say(console, f"{number}/{len(experiments)}  {run_name}", "bold")
        done, grids[run_name], stopped = run_one(experiment, folders[run_name], options, console)
        complete = complete and done
        if stopped is not None:
            say(console, f"suite stopped after {number} of {len(experiments)} runs; type the same command to go on")
            complete = complete and number == len(experiments)
            break
    if not folder.is_dir():
        return False  # nothing was measured
    searched = {run_name: best_search(experiments[run_name]) for run_name in grids}
    for line in write_summary(folder, suite, grids, searched, options.palette):
        say(console, line)
    console.print(summary_view(f"suite {suite.name}", grids, console.width, searched=searched))
    click.echo(folder / "suite.png")
    return complete


def grid_words(part: Part) -> str:
    """ "4k, 8k tokens at 5 depths, 3 epochs"."""
    lengths, depths, n = ", ".join(map(label_of, part.lengths)), len(part.depths), part.epochs
    return f"{lengths} tokens at {depths} depth{'s' * (depths > 1)}, {n} epoch{'s' * (n > 1)}"


def _sweep(experiment: Experiment, log: RunLog, options: RunOptions, console: RunConsole) -> str | None:
    """Run what is missing; the reason where it stopped early."""
    if all(t.id in log.finished for t in experiment.trials):
        say(console, "Nothing to do: every trial that is asked for is finished.")
        return None
    from niah.runner.session import open_session  # these bring the network, which takes 0.1 s to import
    from niah.runner.sweep import Sweep

    for warning in experiment.warnings():
        say(console, warning)
    with open_session(experiment, lambda text: say(console, text, "dim")) as session:
        watch = Watch(experiment, log, console, session.concurrency)
        tell = partial(_tell, experiment, console)
        session, on_attempt = options.tracing.at(session, experiment, partial(say, console))
        sweep = Sweep(
            experiment,
            session,
            log,
            on_preflight=tell,
            on_result=watch.landed,
            on_trouble=watch.trouble,
            on_attempt=on_attempt,
        )
        watch.follow(lambda: sweep.spent)
        with watch:
            asyncio.run(_until_done(sweep, watch, console))
    console.event("spent", **asdict(sweep.spent))
    if sweep.spent.dollars:
        say(console, f"{sweep.spent.tokens:,} tokens and ${sweep.spent.dollars:,.2f} for the whole run", "dim")
    return sweep.stopped_because


def _tell(experiment: Experiment, console: RunConsole, found: Preflight) -> None:
    """What the small requests before the sweep found out, where it matters."""
    if experiment.config.provider == "simulated":
        return
    from niah.runner.warnings import preflight_warnings  # brings the network

    for warning in preflight_warnings(found, experiment):
        say(console, warning)


async def _until_done(sweep: Sweep, watch: Watch, console: RunConsole) -> None:
    ticking = asyncio.create_task(watch.tick())
    try:
        with _draining_on_interrupt(sweep, console):
            await sweep.run()
    finally:
        ticking.cancel()


@contextmanager
def _draining_on_interrupt(sweep: Sweep, console: RunConsole) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains, the second one stops at once; SIGHUP drains."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    pressed = 0

    def interrupted() -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            sweep.stop(INTERRUPTED)
            say(console, "Finishing what is in flight; press Ctrl-C again to stop at once.")
        elif main is not None:
            main.cancel()

    # a terminal that closes sends SIGHUP, often twice: its shell does, too
    hangup = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
    closed = partial(sweep.stop, "the terminal was closed")
    # stopped at once, as asked: what was in flight has no result and runs again
    with (
        handled((signal.SIGINT, signal.SIGTERM), loop, interrupted),
        handled(hangup, loop, closed),
        suppress(asyncio.CancelledError),
    ):
        yield


def _report(console: RunConsole, folder: Path, grid: Grid, log: RunLog, stopped: str | None) -> None:
    with suppress(OSError):  # the terminal may be gone, and the picture is written
        console.print(terminal_heatmap(grid, console.width))
    figures = report_of(log.header, log.results.values())
    for line in incomplete_lines(figures):
        say(console, line)
    for line in summary_lines(figures):
        say(console, line, style="")
    for warning in run_warnings(log.header, log.results.values()):
        say(console, warning, "bold red")
    unreported = unreported_line(folder, log.header)
    if unreported:
        say(console, unreported)
    errors = [r.error for r in log.results.values() if r.outcome is Outcome.ERROR]
    if errors:
        say(console, f"last error: {errors[-1]}")
    if stopped:
        say(console, f"stopped early ({stopped}); type the same command to go on")
    if (folder / "heatmap.png").exists():
        click.echo(folder / "heatmap.png")
