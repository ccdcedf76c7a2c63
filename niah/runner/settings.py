"""What a config leaves open, filled in, and its names checked, before anything is loaded or opened."""

from __future__ import annotations

import os
from dataclasses import fields

from niah.config import RunConfig
from niah.errors import ConfigError
from niah.providers import check_provider, local, openai, simulated
from niah.tasks import Options, task_names, task_of


def concurrency_of(config: RunConfig) -> int:
    """Requests in flight: as asked, else one for an embedded model (a CPU gains nothing from more), four for others."""
    return config.concurrency or (1 if config.provider == "local" else 4)


def completed(config: RunConfig, *, key_needed: bool = True) -> RunConfig:
    """The config with its model's default filled in and all names checked; nothing is opened yet.

    Raises UnknownName or ConfigError.
    """
    check_used(config)
    if config.provider == "local":
        config = config.model_copy(update={"model": config.model or local.DEFAULT_MODEL})
        local.check_local_model(str(config.model))
    elif not config.model:
        example = "perfect" if config.provider == "simulated" else "NAME"
        raise ConfigError(f"provider {config.provider!r} needs a model: --model {example}")
    elif config.provider == "simulated":
        simulated.check_reader(config.model)
    elif key_needed:
        api_key_of(config)
    return config


def check_used(config: RunConfig) -> None:
    """Raises UnknownName for a provider that is not there, ConfigError for a setting that would be ignored."""
    check_provider(config.provider)
    given = config.model_fields_set
    for key in ("base_url", "api_key_env"):
        if key in given and getattr(config, key) is not None and config.provider in ("local", "simulated"):
            raise ConfigError(f"{key} has no meaning for provider {config.provider!r}; leave it out, or use openai")
    for option in fields(Options):
        task = task_of(config.task)
        if option.name in given and getattr(config, option.name) is not None and option.name not in task.OPTIONS:
            users = [name for name in task_names() if option.name in task_of(name).OPTIONS]
            raise ConfigError(
                f"{option.name} has no meaning for task {config.task!r}; leave it out, or use {' or '.join(users)}"
            )


def api_key_of(config: RunConfig) -> str | None:
    """The key from the environment. OpenAI's own variable is read for OpenAI's own address only."""
    variable = config.api_key_env or (openai.KEY_VARIABLE if config.base_url is None else None)
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(f"no key: set the environment variable {variable}, or name another with --api-key-env")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"the key in {variable} holds a space, a line end or another sign that no key has; set it again"
        )
    return key
