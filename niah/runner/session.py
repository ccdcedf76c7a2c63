"""Open what a config names: key, server, provider, transport, client. Only this knows how each provider is reached."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.request import getproxies

import httpx

from niah.errors import ConfigError
from niah.providers import Provider, Service, is_loopback, known_provider, provider_of, simulated
from niah.providers import local as local_models
from niah.providers.prices import Pricing, pricing_of
from niah.runner.client import Client
from niah.runner.connections import Connections
from niah.runner.limits import Limits
from niah.runner.patience import Patience
from niah.runner.progress import Trouble
from niah.runner.recipe import Recipe
from niah.runner.server import Say, local_server
from niah.runner.settings import api_key_of, concurrency_of

KEEP_ALIVE_S = 4.0  # below the 5 s after which common servers hang up
# routers forget connections that are silent for minutes, and a long prompt is: probe every minute (as Anthropic's SDK)
_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
    if hasattr(socket, name)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A provider ready to be asked."""

    provider: Provider
    concurrency: int  # most requests at once
    pricing: Pricing | None = None
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
        base_url = config.base_url or str(known_provider(config.provider).base_url)
        service = Service(
            provider=config.provider,
            model=model,
            base_url=base_url,
            api_key=api_key_of(config),
            extra=config.extra,
            reply_field=config.reply_field,
            longest_context=max(config.lengths),
        )
        yield Session(
            provider=provider_of(service),
            concurrency=concurrency,
            pricing=pricing_of(model, base_url, config.price),
            proxies=not is_loopback(base_url),
        )


def limits_of(recipe: Recipe, session: Session) -> Limits:
    """The limits that a config sets."""
    config = recipe.config
    return Limits(
        cap=session.concurrency,
        in_flight_tokens=config.in_flight_tokens,
        requests_per_minute=config.requests_per_minute,
        tokens_per_minute=config.tokens_per_minute,
        clock=time.monotonic,
    )


@asynccontextmanager
async def connected(
    session: Session, recipe: Recipe, limits: Limits, on_trouble: Callable[[Trouble], None] = lambda trouble: None
) -> AsyncIterator[Client]:
    """A client for as long as the block runs. It follows no redirect: the key goes to the named server only."""
    config = recipe.config
    trust = httpx.create_ssl_context(trust_env=session.proxies)
    limit = httpx.Limits(max_connections=1, keepalive_expiry=KEEP_ALIVE_S)

    def one() -> httpx.AsyncClient:
        transport = session.transport
        if transport is None and not (session.proxies and getproxies()):
            transport = httpx.AsyncHTTPTransport(verify=trust, limits=limit, socket_options=_ALIVE)
        return httpx.AsyncClient(
            headers=config.headers,
            limits=limit,
            verify=trust,
            transport=transport,
            trust_env=session.proxies,
            follow_redirects=False,
        )

    try:
        await one().aclose()
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # a proxy of the environment that httpx cannot use
        raise ConfigError(f"the proxy set in the environment cannot be used ({error}); unset ALL_PROXY") from error
    async with Connections(one) as connections:
        yield Client(
            connections,
            session.provider,
            limits,
            attempts=config.attempts,
            clock=time.monotonic,
            patience=Patience(config.timeout_s),
            longest_wait_s=config.longest_wait_s,
            on_trouble=on_trouble,
        )
