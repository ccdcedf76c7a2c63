"""Ask a server about itself: its models, its window, and lengths at which context may break there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from niah.errors import OutageError, ProviderError
from niah.experiment.checks import key_hint
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.providers import HttpRequest, ServedModel, known_provider, provider_of
from niah.providers.local import LOCAL_MODELS
from niah.providers.simulated import READERS
from niah.runner.observer import Observer
from niah.runner.pool import Pool, body_of
from niah.runner.session import Session, connected, open_session, pool_of, service_of
from niah.text.outside import json_in

TOTAL_S = 15.0
MOST_BYTES = 8_000_000
_TRAINED = ("n_ctx_train", "original_max_position_embeddings", "max_position_embeddings")
_WINDOW = ("n_ctx", "max_model_len", "context_length", "max_context_length")
_AROUND = (0.85, 1.1)  # of an edge: safely before it, and behind; a tokenizer counts otherwise than ours


def served_models(config: RunConfig, total_s: float = TOTAL_S) -> list[ServedModel]:
    """The models of a config's provider; of those inside this process the ones that are known.

    Raises OutageError where no server answers in time, ProviderError where it answers with anything but a list of
    models, ConfigError for a key that is missing.
    """
    if config.provider == "local":
        return [ServedModel(name=name, window=known.window) for name, known in LOCAL_MODELS.items()]
    if config.provider == "simulated":
        return [ServedModel(name=reader) for reader in READERS]
    known_provider(config.provider)
    return asyncio.run(_asked(config, total_s))


async def _asked(config: RunConfig, total_s: float) -> list[ServedModel]:
    service = service_of(config.model_copy(update={"model": config.model or ""}))
    provider = provider_of(service)
    session = Session(provider=provider, concurrency=1, address=service.base_url)
    request = provider.models_request()
    place = request.url.partition("?")[0]
    async with pool_of(session, config) as pool:
        try:
            async with asyncio.timeout(total_s):
                status, body = await _exchange(pool, request, total_s)
        except TimeoutError:
            raise OutageError(f"{place}: no whole answer within {total_s:g} s; is this the right --base-url?") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = "nobody answers" if isinstance(error, httpx.ConnectError) else f"no answer ({_words(error)})"
            raise OutageError(f"{place}: {why}; start the server, or give its --base-url") from error
    if status == 404:
        raise ProviderError(f"{place}: this server lists no models (404); its documentation names them")
    if status != 200:
        raise ProviderError(f"{place}: {(said := provider.failure(status, body).message)}{key_hint(config, said)}")
    try:
        return sorted(provider.models_in(body), key=lambda m: m.name)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ProviderError(f"{place}: the answer is no list of models; is this the right --base-url?") from error


async def _exchange(pool: Pool, request: HttpRequest, total_s: float) -> tuple[int, str]:
    """Status and body. Raises ProviderError for a body without an end."""
    async with pool.sent(request, httpx.Timeout(total_s)) as reply:
        body = await body_of(reply, MOST_BYTES)
        if len(body) > MOST_BYTES:
            raise ProviderError(f"{request.url}: more than {MOST_BYTES // 1_000_000} MB, which is no list")
        return reply.status_code, body.decode("utf-8-sig", errors="replace")


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def told_edges(experiment: Experiment) -> tuple[int | None, int | None]:
    """Window and trained length in the server's tokens, as its list of models and its properties tell them."""
    return asyncio.run(_told(experiment))


def lengths_around(window: int | None, trained: int | None, least: int) -> list[int]:
    """Lengths before and behind half the window, the window, the trained length and twice it; none over the window."""
    edges = [window and window // 2, window, trained, trained and 2 * trained]
    around = {round(edge * share) for edge in edges if edge for share in _AROUND}
    most = round(window * _AROUND[0]) if window else max(around, default=0)
    return sorted(n for n in around if least <= n <= most)


async def _told(experiment: Experiment) -> tuple[int | None, int | None]:
    with open_session(experiment, lambda text: None) as session:
        provider = session.provider
        requests = [provider.models_request(), provider.window_request()]
        async with connected(session, experiment, Observer()) as client:
            bodies = [await client.fetch(request) for request in requests if isinstance(request, HttpRequest)]
    tables = [table for body in bodies if body is not None and (table := _table(body)) is not None]
    return _named(tables, _WINDOW), _named(tables, _TRAINED)


def _table(body: str) -> Any:
    try:
        return json_in(body)
    except ValueError:
        return None


def _named(tables: Iterable[Any], names: Iterable[str]) -> int | None:
    """The first whole number of these names, however deep; of several the smallest."""
    found = [n for name in names for table in tables for n in _values(table, name)]
    return min(found, default=None)


def _values(table: Any, name: str) -> Iterable[int]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            if key == name and isinstance(value, int) and value > 0:
                yield value
            yield from _values(value, name)
    elif isinstance(table, list):
        for item in table:
            yield from _values(item, name)
