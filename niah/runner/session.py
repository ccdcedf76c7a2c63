"""Open what a config names: key, server, provider, transport. Only this knows how each provider is reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from niah.providers import Provider, openai, simulated
from niah.providers import local as local_models
from niah.runner.recipe import Recipe
from niah.runner.server import Say, local_server
from niah.runner.settings import api_key_of, concurrency_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A provider ready to be asked, and how many requests it takes at once."""

    provider: Provider
    concurrency: int
    transport: httpx.AsyncBaseTransport | None = None
    proxies: bool = True  # whether the environment's proxies are used


@contextmanager
def open_session(recipe: Recipe, say: Say) -> Iterator[Session]:
    """The session of a completed config; an embedded server lives as long as the block."""
    config = recipe.config
    model, concurrency = str(config.model), concurrency_of(config)
    if config.provider == "simulated":
        transport = simulated.transport(model, lambda text: recipe.task.solve(text, recipe.options), recipe.tokenizer)
        yield Session(provider=simulated.simulated(model, config.extra), transport=transport, concurrency=concurrency)
    elif config.provider == "local":
        with local_server(model, max(config.lengths), say) as base_url:
            provider = local_models.local(model, base_url, config.extra)
            yield Session(provider=provider, concurrency=concurrency, proxies=False)
    else:
        base_url = config.base_url or openai.BASE_URL
        provider = openai.OpenAI(model=model, base_url=base_url, api_key=api_key_of(config), extra=config.extra)
        proxies = urlsplit(base_url).hostname not in ("127.0.0.1", "::1", "localhost")
        yield Session(provider=provider, concurrency=concurrency, proxies=proxies)
