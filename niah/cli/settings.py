"""Settings: a flag for every key of RunConfig, and the config that flags and environment give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from niah.cli.flags import BESIDE, HAYSTACKS, TASKS, AnyCommand, Decorator, listed, offering
from niah.cli.help import Setting
from niah.cli.screen import warn
from niah.errors import ConfigError
from niah.experiment.config import RunConfig, config_path, read_config
from niah.experiment.environment import Given, settings_given, unknown_variables
from niah.text.lengths import label_of
from niah.text.outside import json_or_text
from niah.text.validation import model_from, plain_type
from niah.text.wording import LANGUAGES


def _models(ctx: click.Context) -> Iterable[str]:
    """Of the providers that need no server; nobody is asked while a word is typed."""
    from niah.providers.local import LOCAL_MODELS
    from niah.providers.simulated import READERS

    match ctx.params.get("provider") or "local":
        case "local":
            return LOCAL_MODELS
        case "simulated":
            return [reader.partition("TOKENS")[0] for reader in READERS]
    return ()


_BY_KEY = {
    "task": TASKS,
    "provider": offering(listed("niah.providers:PROVIDERS")),
    "model": offering(_models, files=True),
    "haystack": HAYSTACKS,
}
_REPEATED = {  # with an example
    "extra": "temperature=0",
    "engine": "cache_type_k=q4_0",
    "headers": "anthropic-beta=context-1m-2025-08-07",
}
_UNSAID: tuple[Any, ...] = (None, ())
_FORMS = {
    "lengths": "LENGTHS", "depths": "PERCENTS", "claimed": "LENGTH", "base_url": "URL",
    "api_key_env": "VARIABLE", "api_key_file": "FILE", "ca_file": "FILE", "questions": "FILES",
    "price": "DOLLARS", "max_cost": "DOLLARS", "max_minutes": "MINUTES", "timeout_s": "SECONDS",
    "longest_wait_s": "SECONDS", "tolerance_s": "SECONDS", "extra": "KEY=VALUE",
    "engine": "KEY=VALUE", "headers": "NAME=VALUE", "reply_tokens": "TOKENS",
    "in_flight_tokens": "TOKENS", "tokens_per_minute": "TOKENS", "max_tokens": "TOKENS",
    "turn_tokens": "TOKENS", "chunk_tokens": "TOKENS", "chunk_overlap": "TOKENS",
    "embed_url": "URL", "embed_key_env": "VARIABLE", "delivery": "DELIVERY", "page_px": "SIZE",
    "page_font": "FILE", "mmproj": "FILE", "prompts": "FILE", "reply_field": "FIELD",
    "haystack": "NAMES", "tokenizer": "TOKENIZER", "seed": "NUMBER",
}  # fmt: skip
_KINDS = {int: "COUNT", float: "NUMBER"}
_SHORT = {"sent_as": "--as"}
_CHOICES = {"language": ("auto", *LANGUAGES)}  # of keys that are no literals


def config_options(command: AnyCommand) -> AnyCommand:
    """Add CONFIG, and a flag for every config key."""
    offered = offering(listed("niah.experiment.config:shipped_configs"), files=True)
    command = setting_options(*RunConfig.model_fields)(command)
    return click.argument("config", required=False, shell_complete=offered)(command)


def setting_options(*keys: str) -> Decorator:
    """Add the flags of some config keys."""

    def add(command: AnyCommand) -> AnyCommand:
        for key in reversed(keys):
            command = _option(key, RunConfig.model_fields[key])(command)
        return command

    return add


def _option(key: str, field: FieldInfo) -> Decorator:
    name = flag_of(key)
    text = f"{field.description}{default_words(key, field.default)}"
    if field.annotation is bool:
        return click.option(f"{name}/--no-{name[2:]}", key, cls=Setting, default=None, help=text)
    kind = plain_type(field)
    choices = get_args(kind) if get_origin(kind) is Literal else _CHOICES.get(key, ())
    form = f"[{'|'.join(choices)}]" if choices else _FORMS.get(key) or _KINDS.get(kind, "NAME")
    return click.option(
        *filter(None, (name, _SHORT.get(key), key)),
        cls=Setting,
        multiple=key in _REPEATED,
        metavar=form,
        shell_complete=offering(lambda _: choices) if choices else _BY_KEY.get(key),
        help=text,
    )


def flag_of(key: str) -> str:
    """The flag of a config key, as help calls it first."""
    return f"--{key.replace('_', '-')}"


def config_from(
    config: str | None, flags: Mapping[str, Any], tell: Callable[[str], None] = warn
) -> RunConfig:
    """The config of a file, or of a shipped one by name, with environment and flags on top.

    A flag goes before a variable, a variable before .env, that before the file. Raises ConfigError
    that names whence the value came.
    """
    warn_of_variables(tell)
    path = None if config is None else config_path(config)
    settings = settings_from(flags)
    try:
        return read_config(path, settings)
    except ConfigError as error:
        raise _named(error, settings, flags) from error


def settings_from(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the environment with the flags on top, row by row where one is a table."""
    settings = {key: given.value for key, given in _environment_of(flags).items()}
    for key, value in {**flags, **tables_in(flags)}.items():
        if isinstance(value, dict):
            settings[key] = {**settings.get(key, {}), **value}
        elif value is not None:
            settings[key] = value
    return settings


def origins_of(flags: Mapping[str, Any]) -> dict[str, str]:
    """The variable that gave a setting, by key, where the flags do not override it."""
    return {key: given.origin for key, given in _environment_of(flags).items()}


def _environment_of(flags: Mapping[str, Any]) -> dict[str, Given]:
    given = settings_given(RunConfig.model_fields)
    return {k: g for k, g in given.items() if k in _REPEATED or flags.get(k) in _UNSAID}


def warn_of_variables(tell: Callable[[str], None] = warn) -> None:
    """Say which variables look like settings and are none."""
    for line in unknown_variables((*RunConfig.model_fields, *BESIDE)):
        tell(line)


def _named(
    error: ConfigError, settings: Mapping[str, Any], flags: Mapping[str, Any]
) -> ConfigError:
    """The error with the flag or variable that gave the value; as it is where none is wrong."""
    key = next((k for k, value in settings.items() if _is_wrong(k, value)), None)
    if key is None:
        return error
    origin = _SHORT.get(key, flag_of(key))
    if flags.get(key) in _UNSAID:
        origin = origins_of(flags).get(key, origin)
    start = f"{key} = {settings[key]!r}: "
    if str(error).startswith(start):
        return ConfigError(f"{origin} {settings[key]!r}: {str(error).removeprefix(start)}")
    return ConfigError(f"{origin}: {error}")


def _is_wrong(key: str, value: Any) -> bool:
    """Whether a key cannot have this value, whatever the others are."""
    try:
        model_from(RunConfig, {key: value}, "config key")
    except ConfigError:
        return True
    return False


def tables_in(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the repeated flags say: request fields and headers; None where nothing is said."""
    return {
        key: (pairs if key == "headers" else json_pairs)(key, flags.get(key, ()), like) or None
        for key, like in _REPEATED.items()
    }


def json_pairs(flag: str, items: tuple[str, ...], like: str) -> dict[str, Any]:
    """A table from KEY=JSON, KEY=text ..."""
    table = pairs(flag, items, like)
    return {key: json_or_text(text, f"--{flag} {key}") for key, text in table.items()}


def pairs(flag: str, items: tuple[str, ...], like: str) -> dict[str, str]:
    """A table from KEY=VALUE, KEY=VALUE ..."""
    table = {}
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


def default_words(key: str, default: Any) -> str:
    """ "  [default: 1k,2k]", or nothing where a key has none."""
    if default in _UNSAID or key in _REPEATED:
        return ""
    return f"  [default: {people_value(default)}]"
