"""Ask a server for its models: one small request through the connections of a run, bounded in time and size."""

from __future__ import annotations

import asyncio

import httpx

from niah.errors import OutageError, ProviderError
from niah.experiment.checks import key_hint
from niah.experiment.config import RunConfig
from niah.providers import HttpRequest, ServedModel, known_provider, provider_of
from niah.providers.local import LOCAL_MODELS
from niah.providers.simulated import READERS
from niah.runner.pool import Pool, body_of
from niah.runner.session import Session, pool_of, service_of

TOTAL_S = 15.0
MOST_BYTES = 8_000_000


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
