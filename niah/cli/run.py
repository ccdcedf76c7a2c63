"""niah run: sweep, watch the heatmap fill, keep everything; the same command resumes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from niah.cli.look import Look
from niah.cli.options import DEFAULT_RESULTS, PALETTE, config_from, config_options, tables_in
from niah.cli.outputs import write_outputs
from niah.cli.signals import handled
from niah.cli.suite import read_suite, summary_table, write_summary
from niah.cli.watch import Watch, say
from niah.config import RunConfig
from niah.errors import ConfigError
from niah.generator.lengths import label_of
from niah.plotter.terminal import terminal_heatmap
from niah.plotter.words import summary_lines, unfinished_lines
from niah.records import Grid, Outcome, Part
from niah.runner.cost import unreported_line
from niah.runner.log import LOG_NAME, RunLog, open_log
from niah.runner.recipe import Recipe, recipe_of
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
@click.option("--log-requests", type=click.Path(path_type=Path), help="Write requests and replies to this file too.")
@click.option("--log-prompts", is_flag=True, help="Keep whole prompts in --log-requests, not only their ends.")
@click.option("-v", "--verbose", is_flag=True, help="Say why each attempt failed.")
@PALETTE
def run(
    config: str | None,
    results: Path,
    name: str | None,
    suite: str | None,
    log_requests: Path | None,
    log_prompts: bool,
    verbose: bool,
    palette: str,
    **flags: Any,
) -> None:
    """Sweep lengths and depths as CONFIG and flags say, and draw the heatmap.

    CONFIG is a TOML file, or the name of a shipped one (demo, quick, openai-128k, million). Type the same
    command again to go on after an interruption. Ctrl-C once: finish what is in flight; twice: stop at once.
    Exits 3 where trials are missing.
    """
    console = Console(stderr=True)
    look = Look(requests=log_requests, prompts=log_prompts, verbose=verbose)
    if suite is not None:
        complete = _run_suite(suite, config, results, name, palette, flags, console, look)
    else:
        recipe = _recipe(config_from(config, flags), console)
        complete, _, _ = _run_one(recipe, results / _folder_name(name, recipe.config), palette, console, look)
    sys.exit(0 if complete else INCOMPLETE)


def _recipe(config: RunConfig, console: Console) -> Recipe:
    """The recipe of a config, checked before anything is sent."""
    recipe = recipe_of(completed(config))
    recipe.check_lengths()
    if recipe.config.haystack != config.haystack and "haystack" in config.model_fields_set:
        say(console, f"task {config.task} stands in {recipe.config.haystack[0]}, not in speech", "dim")
    return recipe


def _run_one(recipe: Recipe, folder: Path, palette: str, console: Console, look: Look) -> tuple[bool, Grid, str | None]:
    """One run in its folder: whether it is complete, its grid, and why it stopped early."""
    with open_log(folder, recipe.header()) as log:
        if log.added is not None:
            say(console, f"{folder} is extended by {grid_words(log.added)}; what it holds is not asked again")
        stopped = _sweep(recipe, log, console, look)
    grid = grid_of(log.header, log.results.values())
    if not log.results:
        say(console, f"stopped early ({stopped or 'no trial was sent'}): nothing was measured, {folder} was not made")
        return False, grid, stopped
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
    look: Look,
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
        done, grids[run_name], stopped = _run_one(recipe, folder / run_name, palette, console, look)
        complete = complete and done
        if stopped is not None:
            say(console, f"suite stopped after {number} of {len(recipes)} runs; type the same command to go on")
            complete = complete and number == len(recipes)
            break
    if not folder.is_dir():
        return False  # nothing was measured
    for line in write_summary(folder, suite, grids, palette):
        say(console, line)
    console.print(summary_table(suite, grids))
    click.echo(folder / "suite.png")
    return complete


def grid_words(part: Part) -> str:
    """ "4k, 8k tokens at 5 depths, 3 epochs"."""
    lengths, depths, n = ", ".join(map(label_of, part.lengths)), len(part.depths), part.epochs
    return f"{lengths} tokens at {depths} depth{'s' * (depths > 1)}, {n} epoch{'s' * (n > 1)}"


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


def _sweep(recipe: Recipe, log: RunLog, console: Console, look: Look) -> str | None:
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
        session, on_attempt = look.at(session, recipe, partial(say, console))
        sweep = Sweep(
            recipe,
            session,
            log,
            on_preflight=tell,
            on_result=watch.landed,
            on_trouble=watch.trouble,
            on_attempt=on_attempt,
        )
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
    """The first Ctrl-C (or SIGTERM) drains, the second one stops at once; SIGHUP drains."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    pressed = 0

    def interrupted() -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            sweep.stop("interrupted")
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


def _report(console: Console, folder: Path, grid: Grid, log: RunLog, stopped: str | None) -> None:
    with suppress(OSError):  # the terminal may be gone, and the picture is written
        console.print(terminal_heatmap(grid, console.width))
    figures = figures_of(log.header, log.results.values())
    for line in unfinished_lines(figures):
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
    click.echo(folder / "heatmap.png")
