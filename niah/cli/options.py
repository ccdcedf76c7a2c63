"""Flags that commands share, and what the shell offers behind Tab: a flag for every key of
RunConfig, made from its fields; runs, files, looks of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from niah.cli.help import Setting
from niah.cli.screen import warn
from niah.errors import ConfigError
from niah.experiment.config import RunConfig, config_path, read_config
from niah.experiment.environment import Given, settings_given, unknown_variables
from niah.plotter.look import LOOK, PALETTES, SHEETS
from niah.runs import DEFAULT_RESULTS
from niah.text.lengths import label_of
from niah.text.outside import json_or_text
from niah.text.validation import model_from, plain_type
from niah.text.wording import LANGUAGES

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def offering(names: Callable[[click.Context], Iterable[str]], *, files: bool = False) -> Complete:
    """Offer those names that begin as the word does; behind a comma its last part. Files where none
    does."""

    def complete(ctx: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
        done, comma, begun = word.rpartition(",")
        found = [
            CompletionItem(done + comma + name) for name in names(ctx) if name.startswith(begun)
        ]
        return found or ([CompletionItem(word, type="file")] if files else [])

    return complete


def _listed(where: str) -> Callable[[click.Context], Iterable[str]]:
    """The names that a function or a table lists, as module:name; it is imported while a word is
    typed, not before."""

    module, _, attribute = where.partition(":")

    def names(_: click.Context) -> Iterable[str]:
        found: Any = getattr(import_module(module), attribute)
        return [*(found() if callable(found) else found)]

    return names


def _models(ctx: click.Context) -> Iterable[str]:
    """Of the providers that need no server; nobody is asked while a word is typed."""
    from niah.providers.local import LOCAL_MODELS
    from niah.providers.simulated import READERS

    provider = ctx.params.get("provider") or "local"
    return {"local": [*LOCAL_MODELS], "simulated": [r.partition("TOKENS")[0] for r in READERS]}.get(
        provider, []
    )


def _haystacks(_: click.Context) -> Iterable[str]:
    from niah.generator.library import SYNTHETIC, haystack_folders
    from niah.generator.synthetic import spoken

    return [*haystack_folders(), *(f"{SYNTHETIC}:{language}" for language in spoken())]


def _runs(ctx: click.Context) -> Iterable[str]:
    from niah.runs import run_folders

    results = Path(ctx.params.get("results") or results_folder())
    return [folder.relative_to(results).as_posix() for folder in run_folders(results)]


TASKS = offering(_listed("niah.tasks:task_names"))
HAYSTACKS = offering(_haystacks, files=True)
OFFERED_RUNS = offering(_runs, files=True)
_BY_KEY = {
    "task": TASKS, "provider": offering(_listed("niah.providers:PROVIDERS")), "model": offering(_models, files=True),
    "haystack": HAYSTACKS,
}  # fmt: skip

_REPEATED = {
    "extra": "temperature=0",
    "engine": "cache_type_k=q4_0",
    "headers": "anthropic-beta=context-1m-2025-08-07",
}  # with an example
_BESIDE = ("results",)  # settings that are no config keys
_FORMS = {
    "lengths": "LENGTHS", "depths": "PERCENTS", "claimed": "LENGTH", "base_url": "URL", "api_key_env": "VARIABLE",
    "api_key_file": "FILE", "questions": "FILES", "price": "DOLLARS", "max_cost": "DOLLARS",
    "max_minutes": "MINUTES", "timeout_s": "SECONDS", "longest_wait_s": "SECONDS", "tolerance_s": "SECONDS",
    "extra": "KEY=VALUE", "engine": "KEY=VALUE", "headers": "NAME=VALUE", "reply_tokens": "TOKENS",
    "in_flight_tokens": "TOKENS", "tokens_per_minute": "TOKENS", "max_tokens": "TOKENS", "turn_tokens": "TOKENS",
    "chunk_tokens": "TOKENS", "chunk_overlap": "TOKENS", "embed_url": "URL", "embed_key_env": "VARIABLE",
    "delivery": "DELIVERY", "page_px": "SIZE", "page_font": "FILE", "mmproj": "FILE", "ca_file": "FILE",
    "prompts": "FILE", "reply_field": "FIELD", "haystack": "NAMES", "tokenizer": "TOKENIZER", "seed": "NUMBER",
}  # fmt: skip
_KINDS = {int: "COUNT", float: "NUMBER"}
_SHORT = {"sent_as": ("--as",)}
_CHOICES = {"language": ("auto", *LANGUAGES)}  # of keys that are no literals

_Command = TypeVar("_Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
RUN = click.argument("run_name", metavar="RUN", shell_complete=OFFERED_RUNS)
RUNS = click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, shell_complete=OFFERED_RUNS
)
NAME = click.option(
    "--name", metavar="NAME", help="Name of this run's folder; made from the config by default."
)
SUITE = click.option(
    "--suite",
    metavar="SUITE",
    shell_complete=offering(_listed("niah.experiment.suites:suite_names"), files=True),
    help="Run all tasks of a suite, by its name (see: niah tasks) or TOML file.",
)
TOKENIZER = click.option(
    "--tokenizer", default="o200k_base", show_default=True, help="Counts the tokens."
)
PALETTE = click.option(
    "--palette",
    type=click.Choice(PALETTES),
    default=PALETTES[0],
    show_default=True,
    help="Colours of the picture.",
)
RESULTS = click.option(
    "--results",
    type=PATH,
    default=lambda: results_folder(),
    help=f"Folder of all runs.  [default: {DEFAULT_RESULTS}]",
)


def out_option(text: str) -> Callable[[_Command], _Command]:
    """Where a command writes."""
    return click.option("--out", type=PATH, metavar="FILE", help=text)


def json_option(text: str) -> Callable[[_Command], _Command]:
    """Figures for other programs."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def look_options(command: _Command) -> _Command:
    """Size, colours and form of a picture: the fields of a ``Look``."""
    command = click.option(
        "--true-depths", is_flag=True, help="Draw rows as far apart as their depths are."
    )(command)
    command = PALETTE(click.option("--dark", is_flag=True, help="Light on dark.")(command))
    sizes = ", ".join(
        f"{name} {s.width * s.dpi:.0f} x {s.height * s.dpi:.0f}" for name, s in SHEETS.items()
    )
    return click.option(
        "--size",
        type=click.Choice(list(SHEETS)),
        default=LOOK.size,
        show_default=True,
        help=f"Pixels: {sizes}.",
    )(command)


def results_folder() -> Path:
    """The folder of all runs, as NIAH_RESULTS or .env names it, or the usual one."""
    given = settings_given(_BESIDE)
    return Path(given["results"].value) if given else DEFAULT_RESULTS


def at_least_one(_: click.Context, __: click.Parameter, value: int | None) -> int | None:
    """A callback for counts."""
    if value is not None and value < 1:
        raise click.BadParameter(f"{value}: use a whole number of 1 or more")
    return value


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add CONFIG and a flag per config key; the command gets them as ``config`` and
    ``overrides``."""
    command = setting_options(*RunConfig.model_fields)(command)
    offered = offering(_listed("niah.experiment.config:shipped_configs"), files=True)
    return click.argument("config", required=False, shell_complete=offered)(command)


def setting_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the flags of some config keys."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = _option(name, RunConfig.model_fields[name])(command)
        return command

    return add


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag, text = (
        f"--{name.replace('_', '-')}",
        f"{field.description}{default_words(name, field.default)}",
    )
    if field.annotation is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, cls=Setting, default=None, help=text)
    kind = plain_type(field)
    choices = get_args(kind) if get_origin(kind) is Literal else _CHOICES.get(name, ())
    form = f"[{'|'.join(choices)}]" if choices else _FORMS.get(name) or _KINDS.get(kind, "NAME")
    offered = offering(lambda _: choices) if choices else _BY_KEY.get(name)
    names, repeated = (flag, *_SHORT.get(name, ()), name), name in _REPEATED
    return click.option(
        *names, cls=Setting, multiple=repeated, metavar=form, shell_complete=offered, help=text
    )


def config_from(config: str | None, flags: Mapping[str, Any]) -> RunConfig:
    """The config of a file (by path, or by the name of a shipped one) with environment and flags on
    top.

    A flag goes before a variable, a variable before .env, that before the file. Raises ConfigError
    that names whence the value came.
    """
    warn_of_variables()
    path, outside = None if config is None else config_path(config), environment_of(flags)
    merged = flags_over(outside, flags)
    try:
        return read_config(path, merged)
    except ConfigError as error:
        raise _named(error, merged, outside, flags) from error


def flags_over(outside: Mapping[str, Given], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the environment with the flags on top of them, row by row where one is a
    table."""
    merged = {key: given.value for key, given in outside.items()}
    for key, value in {**flags, **tables_in(flags)}.items():
        if value is not None:
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def environment_of(flags: Mapping[str, Any]) -> dict[str, Given]:
    """The settings that the environment gives and no flag overrides, by key."""
    said = {key for key, value in flags.items() if value is not None and value != ()}
    given = settings_given(RunConfig.model_fields)
    return {key: g for key, g in given.items() if key not in said or key in _REPEATED}


def warn_of_variables() -> None:
    """Say which variables look like settings and are none."""
    for line in unknown_variables((*RunConfig.model_fields, *_BESIDE)):
        warn(line)


def _named(
    error: ConfigError,
    merged: Mapping[str, Any],
    outside: Mapping[str, Given],
    flags: Mapping[str, Any],
) -> ConfigError:
    """The error with the flag or variable that the value came by; one that is about something else
    as it is."""
    key = next(
        (k for k, value in merged.items() if k in RunConfig.model_fields and _is_wrong(k, value)),
        None,
    )
    if key is None:
        return error
    flag = flags.get(key) is not None and flags.get(key) != ()
    origin = (
        _SHORT.get(key, (f"--{key.replace('_', '-')}",))[0]
        if flag or key not in outside
        else outside[key].origin
    )
    start = f"{key} = {merged[key]!r}: "
    text = str(error)
    if text.startswith(start):
        return ConfigError(f"{origin} {merged[key]!r}: {text.removeprefix(start)}")
    return ConfigError(f"{origin}: {text}")


def _is_wrong(key: str, value: Any) -> bool:
    """Whether a key cannot have this value, whatever the others are."""
    try:
        model_from(RunConfig, {key: value}, "config key")
    except ConfigError:
        return True
    return False


def json_pairs(flag: str, items: tuple[str, ...], like: str) -> dict[str, Any]:
    """A table from KEY=JSON, KEY=text ..."""
    table = pairs(flag, items, like)
    return {key: json_or_text(text, f"--{flag} {key}") for key, text in table.items()}


def tables_in(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the repeated flags say: request fields (KEY=JSON, else text) and headers; None where
    nothing is said."""
    return {
        flag: (pairs if flag == "headers" else json_pairs)(flag, flags.get(flag, ()), like) or None
        for flag, like in _REPEATED.items()
    }


def pairs(flag: str, items: tuple[str, ...], like: str) -> dict[str, Any]:
    """A table from KEY=VALUE, KEY=VALUE ..."""
    table: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise ConfigError(f"--{flag} {item!r}: write KEY=VALUE, like {like}")
        table[key] = value
    return table


def people_value(value: Any) -> str:
    """A setting's value as people write it: 16M, 1k,2k, 0,25."""
    if isinstance(value, tuple):
        return ",".join(map(people_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return label_of(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def default_words(name: str, default: Any) -> str:
    """ "  [default: 1k,2k]", or nothing where a key has none."""
    return (
        ""
        if default in (None, ()) or name in _REPEATED
        else f"  [default: {people_value(default)}]"
    )
