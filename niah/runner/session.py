"""Open what a config names: key, server, provider, transport. Only this knows how each provider is reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from niah.config import RunConfig
from niah.errors import ConfigError
from niah.providers import Provider, check_provider, openai, simulated
from niah.providers import local as local_models
from niah.runner.recipe import Recipe
from niah.runner.server import Say, local_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A provider ready to be asked, and how many requests it takes at once."""

    provider: Provider
    concurrency: int
    transport: httpx.AsyncBaseTransport | None = None


def completed(config: RunConfig) -> RunConfig:
    """The config with its model's default filled in and all names checked; nothing is opened yet.

    Raises UnknownName or ConfigError.
    """
    check_provider(config.provider)
    if config.provider == "local":
        config = config.model_copy(update={"model": config.model or local_models.DEFAULT_MODEL})
        local_models.check_local_model(str(config.model))
    elif not config.model:
        example = "perfect" if config.provider == "simulated" else "NAME"
        raise ConfigError(f"provider {config.provider!r} needs a model: --model {example}")
    elif config.provider == "simulated":
        simulated.check_reader(config.model)
    else:
        _key(config)
    return config


@contextmanager
def open_session(recipe: Recipe, say: Say) -> Iterator[Session]:
    """The session of a completed config; an embedded server lives as long as the block."""
    config = recipe.config
    model = str(config.model)
    if config.provider == "simulated":
        transport = simulated.transport(model, recipe.task.solve, recipe.tokenizer)
        yield Session(
            provider=simulated.simulated(model, config.extra), transport=transport, concurrency=config.concurrency or 4
        )
    elif config.provider == "local":
        with local_server(model, max(config.lengths), say) as base_url:
            provider = local_models.local(model, base_url, config.extra)
            yield Session(provider=provider, concurrency=config.concurrency or 1)
    else:
        provider = openai.OpenAI(
            model=model, base_url=config.base_url or openai.BASE_URL, api_key=_key(config), extra=config.extra
        )
        yield Session(provider=provider, concurrency=config.concurrency or 4)


def _key(config: RunConfig) -> str | None:
    """The key from the environment. OpenAI's own variable is read for OpenAI's own address only."""
    variable = config.api_key_env or (openai.KEY_VARIABLE if config.base_url is None else None)
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(f"no key: set the environment variable {variable}, or name another with --api-key-env")
    return key
