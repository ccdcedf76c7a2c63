"""niah run --model A,B: one run for each model in turn, then one table and one picture of all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from niah.cli.naming import INCOMPLETE, INTERRUPTED, folder_name
from niah.cli.screen import RunConsole, say
from niah.cli.suite import summary_view
from niah.cli.way import Way
from niah.config import RunConfig
from niah.errors import ConfigError, NiahError, RunError
from niah.records import Grid
from niah.runner.log import LOG_NAME
from niah.runner.recipe import Recipe

PICTURE = "models.png"
RunOne = Callable[
    [Recipe, Path, Way, RunConsole], tuple[bool, Grid, str | None]
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


def folder_of_all(recipes: Mapping[str, Recipe], results: Path, name: str | None) -> Path:
    """The folder of the picture of all."""
    first = next(iter(recipes.values())).config
    return results / folder_name(name, first.model_copy(update={"model": ",".join(recipes)}))


def model_folders(recipes: Mapping[str, Recipe], results: Path, name: str | None) -> dict[str, Path]:
    """The folder of every model's run; without a name the one that a command for that model alone uses.

    Raises ConfigError where two would share one.
    """
    if name is None or len(recipes) == 1:
        return {model: results / folder_name(name, recipe.config) for model, recipe in recipes.items()}
    root = results / name
    if (root / LOG_NAME).exists():
        raise ConfigError(f"{root} is the folder of a single run; give these models another --name")
    folders = {model: root / (re.sub(r"[^\w.-]+", "-", model).strip(".-") or "model") for model in recipes}
    if len(set(folders.values())) < len(folders):
        raise ConfigError(f"--name {name!r}: two of these models would share a folder in it; leave out --name")
    return folders


def run_models(
    run_one: RunOne,
    recipes: Mapping[str, Recipe],
    folders: Mapping[str, Path],
    folder: Path,
    way: Way,
    console: RunConsole,
) -> int:
    """Run every model, whatever becomes of the others; the worst exit code."""
    grids: dict[str, Grid] = {}
    codes: list[int] = []
    for number, (model, recipe) in enumerate(recipes.items(), 1):
        say(console, f"{number}/{len(recipes)}  {model}", "bold")
        try:
            done, grids[model], stopped = run_one(recipe, folders[model], way, console)
        except NiahError as error:  # this one cannot be run; the others can
            say(console, f"{model}: {error}", "bold red")
            codes.append(error.exit_code)
            continue
        codes.append(0 if done else INCOMPLETE)
        if stopped == INTERRUPTED and number < len(recipes):
            say(console, f"stopped after {number} of {len(recipes)} models; type the same command to go on")
            codes.append(INCOMPLETE)
            break
    _summary(grids, folder, way, console)
    return max(codes)


def _summary(grids: Mapping[str, Grid], folder: Path, way: Way, console: RunConsole) -> None:
    """The table and the picture of all runs that there are."""
    if not grids:
        return
    from niah.plotter.heatmap import save_heatmaps  # matplotlib, after the runs

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}); choose another --results") from error
    for warning in save_heatmaps(list(grids.values()), folder / PICTURE, way.palette):
        say(console, warning)
    console.print(summary_view("models", grids, console.width, "model"))
    click.echo(folder / PICTURE)
