"""Open what a config names: key, server, provider, transport. Only this knows how each provider is reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from niah.config import RunConfig
from niah.errors import ConfigError
from niah.providers import Provider, check_provider, openai, simulated
from niah.providers import local as local_models
from niah.runner.recipe import Recipe
from niah.runner.server import Say, local_server
from niah.tasks import task_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A provider ready to be asked, and how many requests it takes at once."""

    provider: Provider
    concurrency: int
    transport: httpx.AsyncBaseTransport | None = None
    proxies: bool = True  # whether the environment's proxies are used


def concurrency_of(config: RunConfig) -> int:
    """Requests in flight: as asked, else one for an embedded model (a CPU gains nothing from more), four for others."""
    return config.concurrency or (1 if config.provider == "local" else 4)


def completed(config: RunConfig, *, key_needed: bool = True) -> RunConfig:
    """The config with its model's default filled in and all names checked; nothing is opened yet.

    Raises UnknownName or ConfigError.
    """
    check_provider(config.provider)
    _check_used(config)
    if config.provider == "local":
        config = config.model_copy(update={"model": config.model or local_models.DEFAULT_MODEL})
        local_models.check_local_model(str(config.model))
    elif not config.model:
        example = "perfect" if config.provider == "simulated" else "NAME"
        raise ConfigError(f"provider {config.provider!r} needs a model: --model {example}")
    elif config.provider == "simulated":
        simulated.check_reader(config.model)
    elif key_needed:
        _key(config)
    return config


@contextmanager
def open_session(recipe: Recipe, say: Say) -> Iterator[Session]:
    """The session of a completed config; an embedded server lives as long as the block."""
    config = recipe.config
    model, concurrency = str(config.model), concurrency_of(config)
    if config.provider == "simulated":
        transport = simulated.transport(model, recipe.task.solve, recipe.tokenizer)
        yield Session(provider=simulated.simulated(model, config.extra), transport=transport, concurrency=concurrency)
    elif config.provider == "local":
        with local_server(model, max(config.lengths), say) as base_url:
            provider = local_models.local(model, base_url, config.extra)
            yield Session(provider=provider, concurrency=concurrency, proxies=False)
    else:
        base_url = config.base_url or openai.BASE_URL
        provider = openai.OpenAI(model=model, base_url=base_url, api_key=_key(config), extra=config.extra)
        proxies = urlsplit(base_url).hostname not in ("127.0.0.1", "::1", "localhost")
        yield Session(provider=provider, concurrency=concurrency, proxies=proxies)


def _check_used(config: RunConfig) -> None:
    """Raises ConfigError for a setting that this provider or task would ignore."""
    given = config.model_fields_set
    for key in ("base_url", "api_key_env"):
        if key in given and getattr(config, key) is not None and config.provider in ("local", "simulated"):
            raise ConfigError(f"{key} has no meaning for provider {config.provider!r}; leave it out, or use openai")
    if "distractors" in given and "distractors" not in task_of(config.task).OPTIONS:
        raise ConfigError(f"distractors has no meaning for task {config.task!r}; leave it out, or use multikey")


def _key(config: RunConfig) -> str | None:
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
