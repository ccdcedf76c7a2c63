"""Flags: how commands declare theirs, those they share, and what the shell offers behind Tab."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, TypeVar

import click
from click.shell_completion import CompletionItem

from niah.experiment.environment import settings_given
from niah.plotter.look import PALETTES, SHEETS
from niah.runs import DEFAULT_RESULTS, run_folders

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
BESIDE = ("results",)  # settings that are no config keys


class Decorator(Protocol):
    """Adds flags to a command."""

    def __call__(self, command: AnyCommand, /) -> AnyCommand: ...


def flag(names: str, text: str) -> Decorator:
    """A flag without a value. Names are separated by spaces, that of the argument last."""
    return click.option(*names.split(), is_flag=True, help=text)


def option(names: str, form: str | None, text: str, **settings: Any) -> Decorator:
    """A flag with a value of this form; help tells its default."""
    shown = "default" in settings
    return click.option(*names.split(), metavar=form, help=text, show_default=shown, **settings)


def file_option(names: str, text: str) -> Decorator:
    """A flag for a file that is written or read."""
    return option(names, "FILE", text, type=PATH)


def choice(names: str, choices: Iterable[str], text: str) -> Decorator:
    """A flag with one of these values, by default the first."""
    known = [*choices]
    return option(names, None, text, type=click.Choice(known), default=known[0])


def offering(names: Callable[[click.Context], Iterable[str]], *, files: bool = False) -> Complete:
    """Offer the names that begin as the word does, or its part behind a comma; else files."""

    def complete(ctx: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
        done, comma, begun = word.rpartition(",")
        found = [done + comma + name for name in names(ctx) if name.startswith(begun)]
        if files and not found:
            return [CompletionItem(word, type="file")]
        return [*map(CompletionItem, found)]

    return complete


def listed(where: str) -> Callable[[click.Context], Iterable[str]]:
    """What module:name lists, a function or a table; imported only while a word is typed."""

    def names(_: click.Context) -> Iterable[str]:
        found: Any = resolve_name(where)
        return [*(found() if callable(found) else found)]

    return names


def _haystacks(_: click.Context) -> Iterable[str]:
    from niah.generator.library import SYNTHETIC, haystack_folders
    from niah.generator.synthetic import spoken

    return [*haystack_folders(), *(f"{SYNTHETIC}:{language}" for language in spoken())]


def _runs(ctx: click.Context) -> Iterable[str]:
    results = Path(ctx.params.get("results") or results_folder())
    return [folder.relative_to(results).as_posix() for folder in run_folders(results)]


def results_folder() -> Path:
    """The folder of all runs, as NIAH_RESULTS or .env names it, or the usual one."""
    given = settings_given(BESIDE)
    return Path(given["results"].value) if given else DEFAULT_RESULTS


TASKS = offering(listed("niah.tasks:task_names"))
HAYSTACKS = offering(_haystacks, files=True)
OFFERED_RUNS = offering(_runs, files=True)
RUN = click.argument("run_name", metavar="RUN", shell_complete=OFFERED_RUNS)
RUNS = click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, shell_complete=OFFERED_RUNS
)
NAME = option("--name", "NAME", "Name of this run's folder; made from the config by default.")
SUITE = option(
    "--suite",
    "SUITE",
    "Run all tasks of a suite, by its name (see: niah tasks) or TOML file.",
    shell_complete=offering(listed("niah.experiment.suites:suite_names"), files=True),
)
TOKENIZER = option("--tokenizer", "TEXT", "Counts the tokens.", default="o200k_base")
PALETTE = choice("--palette", PALETTES, "Colours of the picture.")
RESULTS = click.option(
    "--results",
    type=PATH,
    default=results_folder,
    help=f"Folder of all runs.  [default: {DEFAULT_RESULTS}]",
)


def look_options(command: AnyCommand) -> AnyCommand:
    """Size, colours and form of a picture: the fields of a ``Look``."""
    pixels = {name: (s.width * s.dpi, s.height * s.dpi) for name, s in SHEETS.items()}
    told = ", ".join(f"{name} {wide:.0f} x {high:.0f}" for name, (wide, high) in pixels.items())
    command = flag("--true-depths", "Draw rows as far apart as their depths are.")(command)
    command = PALETTE(flag("--dark", "Light on dark.")(command))
    return choice("--size", SHEETS, f"Pixels: {told}.")(command)
