"""Open what a config names: key, server, provider, transport, client.

Only this knows how each provider is reached.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from niah.errors import ConfigError
from niah.experiment.access import embed_key_of, service_of
from niah.experiment.checks import READERS, concurrency_of
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.providers import PROVIDERS, Provider, is_loopback, provider_of, simulated
from niah.providers import local as local_models
from niah.providers.prices import Pricing, pricing_of
from niah.providers.replies import HttpApi
from niah.providers.simulated import Function
from niah.runner import instruments
from niah.runner.budget import Ledger
from niah.runner.client import Client
from niah.runner.exchange import AdaptiveTimeout
from niah.runner.local_server import Say, local_server
from niah.runner.pool import KEEP_ALIVE_S, DirectTransport, Pool
from niah.runner.progress import Observer
from niah.runner.throttle import Shared, Throttle
from niah.runner.uploads import Uploads
from niah.text.validation import path_of

# routers forget connections that are silent for minutes: probe every minute, as Anthropic's SDK
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
    address: str = ""
    idle_s: float = KEEP_ALIVE_S  # for which a connection is used again
    start: str | None = None  # the command that starts such a server


@contextmanager
def open_session(experiment: Experiment, say: Say) -> Iterator[Session]:
    """The session of a completed config; an embedded server lives as long as the block."""
    config, own = experiment.config, experiment.own.provider
    embed_key_of(config)  # before anything is made
    model, longest = str(config.model), experiment.longest
    if own is not None:
        # one that runs here brings its transport; of another its requests tell the address
        inside = own.transport() if isinstance(own, Function) else None
        yield _session(config, own, own.models_request().url, transport=inside)
    elif config.provider in READERS:
        reader, transport = simulated.simulated(model, config.extra), _reader(experiment, model)
        yield _session(config, reader, "", priced=False, transport=transport)
    elif config.provider == "local":
        settings, mmproj = config.engine, config.mmproj
        with local_server(model, longest, say, settings=settings, mmproj=mmproj) as base_url:
            provider = local_models.local(model, base_url, config.extra)
            # a busy embedded server hangs up on what it has not looked at; to connect anew is cheap
            yield _session(config, provider, base_url, priced=False, idle_s=0.0)
    else:
        service = replace(service_of(config), longest_context=longest)
        yield _session(config, provider_of(service), service.base_url)


def _reader(experiment: Experiment, model: str) -> httpx.AsyncBaseTransport:
    """The in-process server of a reader that is no model."""

    def solve(text: str) -> str:
        return experiment.task.solve(text, experiment.options)

    if experiment.config.provider == instruments.OCR:
        return instruments.looking(model, solve, experiment.tokenizer, experiment.language)
    if experiment.config.provider == instruments.LISTENER:
        heard = experiment.language, experiment.options.value_kind
        if heard != ("en", "number"):  # it would hear nothing, and all would be red
            raise ConfigError(
                f"provider 'listener' hears English needles of plain numbers, not {' '.join(heard)}"
            )
        return instruments.listening(model, solve, experiment.tokenizer)
    return simulated.transport(model, solve, experiment.tokenizer)


def _session(
    config: RunConfig, provider: Provider, address: str, *, priced: bool = True, **differs: Any
) -> Session:
    known, pricing = PROVIDERS.get(config.provider), None
    if priced or config.price is not None:
        pricing = pricing_of(config.provider, str(config.model), address, config.price)
    return Session(
        provider=provider,
        concurrency=concurrency_of(config),
        pricing=pricing,
        address=address,
        start=known.start if known and is_loopback(address) else None,
        **differs,
    )


def throttle_of(
    experiment: Experiment, session: Session, observer: Observer, shared: Shared | None = None
) -> Throttle:
    """The throttle that a config sets; ``shared``: its rates are those of all workers of a run."""
    config = experiment.config
    return Throttle(
        cap=session.concurrency,
        in_flight_tokens=config.in_flight_tokens,
        requests_per_minute=config.requests_per_minute,
        tokens_per_minute=config.tokens_per_minute,
        clock=time.monotonic,
        observer=observer,
        shared=shared,
    )


def client_of(
    session: Session,
    experiment: Experiment,
    pool: Pool,
    throttle: Throttle,
    observer: Observer,
    ledger: Ledger | None = None,
) -> Client:
    """A client over some connections."""
    config = experiment.config
    return Client(
        pool,
        session.provider,
        throttle,
        attempts=config.attempts,
        clock=time.monotonic,
        timeouts=AdaptiveTimeout(config.timeout_s, reply_tokens=experiment.reply_tokens),
        longest_wait_s=config.longest_wait_s,
        patience_s=config.patience,
        ledger=ledger or Ledger(),
        observer=observer,
        start=session.start,
    )


def uploads_of(experiment: Experiment, folder: Path, client: Client) -> Uploads | None:
    """What uploads a run's media; None where they go with every request. Raises ConfigError."""
    if experiment.config.media == "inline":
        return None
    if not isinstance(client.provider, HttpApi):
        raise ConfigError(
            "media = 'upload' has no meaning for a provider of your own; use --media inline"
        )
    return Uploads(folder, client.provider, client, clock=time.time)


@asynccontextmanager
async def connected(
    session: Session, experiment: Experiment, observer: Observer
) -> AsyncIterator[Client]:
    """A client without a budget, for as long as the block runs."""
    throttle = throttle_of(experiment, session, observer)
    async with pool_of(session, experiment.config) as pool:
        yield client_of(session, experiment, pool, throttle, observer)


def pool_of(session: Session, config: RunConfig) -> Pool:
    """The connections of a config, to be opened.

    Raises ConfigError where proxy or certificates cannot be used.
    """
    if (transport := session.transport) is not None:
        return Pool(lambda: transport, config.headers)
    trust, proxy = trust_of(config.ca_file), _proxy_for(session.address)
    if proxy is None:
        direct = partial(DirectTransport, trust, idle_s=session.idle_s, options=_ALIVE)
        return Pool(direct, config.headers)
    limit = httpx.Limits(max_connections=1, keepalive_expiry=KEEP_ALIVE_S)
    make = partial(
        httpx.AsyncHTTPTransport, verify=trust, limits=limit, socket_options=_ALIVE, proxy=proxy
    )
    try:
        make()  # opens nothing
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise ConfigError(
            f"the proxy set in the environment cannot be used ({error}); unset ALL_PROXY"
        ) from error
    return Pool(make, config.headers)


def _proxy_for(address: str) -> str | None:
    """The environment's proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY); None for this machine."""
    parts, proxies = urlsplit(address), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_loopback(address) or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def trust_of(ca_file: str | None) -> ssl.SSLContext:
    """The certificate authorities that are believed: the usual ones, and those of a file."""
    if ca_file is None:
        return _usual_trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    trust = _usual_trust.__wrapped__()  # one of its own, which the file is added to
    try:
        trust.load_verify_locations(cafile=path_of(ca_file))
    except OSError as error:  # no certificate in it is one, too
        why = error.strerror or error
        raise ConfigError(
            f"ca_file {ca_file!r} cannot be used ({why}); name a PEM file of certificates"
        ) from error
    return trust


@lru_cache(maxsize=1)  # reading them takes longer than a small run
def _usual_trust(*_environment: str | None) -> ssl.SSLContext:
    """Those that httpx knows, or SSL_CERT_FILE's and SSL_CERT_DIR's; also for this machine."""
    try:
        return httpx.create_ssl_context(trust_env=True)
    except OSError as error:
        raise ConfigError(
            f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used ({error.strerror or error})"
        ) from error
