"""niah run: sweep, watch the heatmap fill, keep everything; the same command resumes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from niah.cli.options import DEFAULT_RESULTS, PALETTE, config_from, config_options, tables_in
from niah.cli.outputs import write_outputs
from niah.cli.suite import read_suite, summary_table, write_summary
from niah.cli.watch import Watch, say
from niah.config import RunConfig
from niah.errors import ConfigError
from niah.plotter.terminal import terminal_heatmap
from niah.plotter.words import summary_lines, unfinished_lines
from niah.records import Grid, Outcome
from niah.runner.log import LOG_NAME, RunLog, open_log
from niah.runner.recipe import Recipe, recipe_of
from niah.runner.searched import best_search
from niah.runner.settings import completed
from niah.runner.warnings import preflight_warnings, run_warnings
from niah.verdict.grid import grid_of, haystack_label, model_of
from niah.verdict.report import figures_of

if TYPE_CHECKING:
    from niah.runner.preflight import Preflight
    from niah.runner.sweep import Sweep

INCOMPLETE = 3


@click.command()
@config_options
@click.option(
    "--results", type=click.Path(path_type=Path), default=DEFAULT_RESULTS, show_default=True, help="Folder of all runs."
)
@click.option("--name", help="Name of this run's folder; made from the config by default.")
@click.option("--suite", help="Run all tasks of a suite instead: quick, retrieval, reading, ci, or a TOML file.")
@PALETTE
def run(config: str | None, results: Path, name: str | None, suite: str | None, palette: str, **flags: Any) -> None:
    """Sweep lengths and depths as CONFIG and flags say, and draw the heatmap.

    CONFIG is a TOML file, or the name of a shipped one (demo, quick, openai-128k, million). Type the same
    command again to go on after an interruption. Ctrl-C once: finish what is in flight; twice: stop at once.
    Exits 3 where trials are missing.
    """
    console = Console(stderr=True)
    if suite is not None:
        complete = _run_suite(suite, config, results, name, palette, flags, console)
    else:
        recipe = _recipe(config_from(config, flags), console)
        complete, _, _ = _run_one(recipe, results / _folder_name(name, recipe.config), palette, console)
    sys.exit(0 if complete else INCOMPLETE)


def _recipe(config: RunConfig, console: Console) -> Recipe:
    """The recipe of a config, checked before anything is sent."""
    recipe = recipe_of(completed(config))
    recipe.check_lengths()
    if recipe.config.haystack != config.haystack and "haystack" in config.model_fields_set:
        say(console, f"task {config.task} stands in {recipe.config.haystack[0]}, not in speech", "dim")
    return recipe


def _run_one(recipe: Recipe, folder: Path, palette: str, console: Console) -> tuple[bool, Grid, str | None]:
    """One run in its folder: whether it is complete, its grid, and why it stopped early."""
    with open_log(folder, recipe.header()) as log:
        stopped = _sweep(recipe, log, console)
    grid = grid_of(log.header, log.results.values())
    for line in write_outputs(folder, grid, palette):
        say(console, line)
    _report(console, folder, grid, log, stopped)
    return not [t for t in recipe.trials if t.id not in log.finished], grid, stopped


def _run_suite(
    name: str,
    config: str | None,
    results: Path,
    folder_name: str | None,
    palette: str,
    flags: dict[str, Any],
    console: Console,
) -> bool:
    """Every run of a suite, and its summary: whether all are complete."""
    if config is not None:
        raise ConfigError(f"{config!r} and --suite {name}: give one of the two")
    suite = read_suite(name, {**flags, **tables_in(flags)})
    _check_name(folder_name)
    recipes = {run: _recipe(c, console) for run, c in suite.configs.items()}  # all are checked before one is sent
    first = next(iter(recipes.values())).config
    folder = results / (folder_name or f"{suite.name}-{_folder_name(None, first)}")
    if (folder / LOG_NAME).exists():
        raise ConfigError(f"{folder} is the folder of a single run; give the suite another --name")
    grids: dict[str, Grid] = {}
    complete = True
    for number, (run_name, recipe) in enumerate(recipes.items(), 1):
        say(console, f"{number}/{len(recipes)}  {run_name}", "bold")
        done, grids[run_name], stopped = _run_one(recipe, folder / run_name, palette, console)
        complete = complete and done
        if stopped is not None:
            say(console, f"suite stopped after {number} of {len(recipes)} runs; type the same command to go on")
            complete = complete and number == len(recipes)
            break
    searched = {run_name: best_search(recipes[run_name]) for run_name in grids}
    for line in write_summary(folder, suite, grids, searched, palette):
        say(console, line)
    console.print(summary_table(suite, grids, searched))
    click.echo(folder / "suite.png")
    return complete


def _check_name(name: str | None) -> None:
    if name is not None and (not name or Path(name).name != name or name.startswith(".")):
        raise ConfigError(f"--name {name!r}: use a plain name without slashes")


def _folder_name(name: str | None, config: RunConfig) -> str:
    """The given name, or one of the config's own, so that the same command finds the same folder."""
    _check_name(name)
    if name is not None:
        return name
    identity = json.dumps(config.identity(), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    words = f"{model_of(config.model_dump())}-{config.task}-{haystack_label(config.haystack)}-{digest}"
    return re.sub(r"[^\w.-]+", "-", words)


def _sweep(recipe: Recipe, log: RunLog, console: Console) -> str | None:
    """Run what is missing; the reason where it stopped early."""
    if all(t.id in log.finished for t in recipe.trials):
        say(console, "Nothing to do: every trial of this run is finished.")
        return None
    from niah.runner.session import open_session  # these bring the network, which takes 0.1 s to import
    from niah.runner.sweep import Sweep

    for warning in recipe.warnings():
        say(console, warning)
    with open_session(recipe, lambda text: say(console, text, "dim")) as session:
        watch = Watch(recipe, log, console)
        tell = partial(_tell, recipe, console)
        sweep = Sweep(recipe, session, log, on_preflight=tell, on_result=watch.landed, on_trouble=watch.trouble)
        with watch:
            asyncio.run(_until_done(sweep, watch, console))
    if sweep.spent.dollars:
        say(console, f"{sweep.spent.tokens:,} tokens and ${sweep.spent.dollars:,.2f} for the whole run", "dim")
    return sweep.stopped_because


def _tell(recipe: Recipe, console: Console, found: Preflight) -> None:
    """What the small requests before the sweep found out, where it matters."""
    if recipe.config.provider == "simulated":
        return
    for warning in preflight_warnings(found, recipe):
        say(console, warning)


async def _until_done(sweep: Sweep, watch: Watch, console: Console) -> None:
    ticking = asyncio.create_task(watch.tick())
    try:
        with _draining_on_interrupt(sweep, console):
            await sweep.run()
    finally:
        ticking.cancel()


@contextmanager
def _draining_on_interrupt(sweep: Sweep, console: Console) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains, the second one stops at once."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    pressed = 0

    def interrupted() -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            say(console, "Finishing what is in flight; press Ctrl-C again to stop at once.")
            sweep.stop("interrupted")
        elif main is not None:
            main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    except asyncio.CancelledError:
        pass  # stopped at once, as asked: what was in flight has no result and runs again
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _report(console: Console, folder: Path, grid: Grid, log: RunLog, stopped: str | None) -> None:
    console.print(terminal_heatmap(grid, console.width))
    figures = figures_of(log.header, log.results.values())
    for line in unfinished_lines(figures):
        say(console, line)
    for line in summary_lines(figures):
        say(console, line, style="")
    for warning in run_warnings(log.header, log.results.values()):
        say(console, warning, "bold red")
    errors = [r.error for r in log.results.values() if r.outcome is Outcome.ERROR]
    if errors:
        say(console, f"last error: {errors[-1]}")
    if stopped:
        say(console, f"stopped early ({stopped}); type the same command to go on")
    click.echo(folder / "heatmap.png")
