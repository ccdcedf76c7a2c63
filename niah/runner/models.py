"""Ask a server about itself: its models, its window, and lengths at which context may break there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpx

from niah.errors import OutageError, ProviderError
from niah.experiment.checks import key_hint, service_of
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.providers import HttpRequest, ServedModel, known_provider, provider_of
from niah.providers.local import LOCAL_MODELS
from niah.providers.simulated import READERS
from niah.runner.observer import Observer
from niah.runner.session import Session, connected, open_session, pool_of
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
            status, raw = await pool.read(request, total_s, MOST_BYTES)
        except TimeoutError:
            raise OutageError(f"{place}: no whole answer within {total_s:g} s; is this the right --base-url?") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            why = "nobody answers" if isinstance(error, httpx.ConnectError) else f"no answer ({words})"
            raise OutageError(f"{place}: {why}; start the server, or give its --base-url") from error
    if len(raw) > MOST_BYTES:
        raise ProviderError(f"{request.url}: more than {MOST_BYTES // 1_000_000} MB, which is no list")
    body = raw.decode("utf-8-sig", errors="replace")
    if status == 404:
        raise ProviderError(f"{place}: this server lists no models (404); its documentation names them")
    if status != 200:
        raise ProviderError(f"{place}: {(said := provider.failure(status, body).message)}{key_hint(config, said)}")
    try:
        return sorted(provider.models_in(body), key=lambda m: m.name)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ProviderError(f"{place}: the answer is no list of models; is this the right --base-url?") from error


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
    return _least(bodies, _WINDOW), _least(bodies, _TRAINED)


def _least(bodies: Iterable[str | None], names: Iterable[str]) -> int | None:
    """The smallest whole number of these names, however deep."""
    found: list[int] = []

    def look(table: dict[str, Any]) -> None:
        found.extend(n for name in names if isinstance(n := table.get(name), int) and n > 0)

    for body in filter(None, bodies):
        with suppress(ValueError):
            json_in(body, object_hook=look)
    return min(found, default=None)
