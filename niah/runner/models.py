"""Ask a server about itself: its models, how it counts and caches, where its window truly ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from niah.errors import OutageError, ProviderError
from niah.experiment.access import key_hint, service_of
from niah.experiment.checks import READERS
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.providers import ServedModel, provider_of, simulated
from niah.providers.local import LOCAL_MODELS
from niah.records import Outcome, Trial, Usage
from niah.runner.calibration import Calibration
from niah.runner.client import Client
from niah.runner.exchange import ODD_SHAPE, Answer
from niah.runner.preflight import Preflight, preflight, small_prompts
from niah.runner.progress import Observer
from niah.runner.session import Session, connected, open_session, pool_of
from niah.text.outside import json_in

TOTAL_S = 15.0
MOST_BYTES = 8_000_000
_TRAINED = ("n_ctx_train", "original_max_position_embeddings", "max_position_embeddings")
_WINDOW = ("n_ctx", "max_model_len", "context_length", "max_context_length")
WITHIN = 0.01  # of the window
# of an edge: safely before it, and behind; a tokenizer counts otherwise than ours
_AROUND = (0.85, 1.1)


def served_models(config: RunConfig, total_s: float = TOTAL_S) -> list[ServedModel]:
    """The models of a config's provider; of those inside this process the ones that are known.

    Raises OutageError where no server answers in time, ProviderError where it answers with anything
    but a list of models, ConfigError for a key that is missing.
    """
    if config.provider == "local":
        return [ServedModel(name=name, window=known.window) for name, known in LOCAL_MODELS.items()]
    if config.provider in READERS:
        return [ServedModel(name=reader) for reader in simulated.READERS]
    return asyncio.run(_asked(config, total_s))


async def _asked(config: RunConfig, total_s: float) -> list[ServedModel]:
    service = service_of(config.model_copy(update={"model": config.model or ""}))
    provider = provider_of(service)
    session = Session(provider=provider, concurrency=1, address=service.base_url)
    request = provider.models_request()
    place = request.url.partition("?")[0]
    async with pool_of(session, config) as pool:
        try:
            reply, raw = await pool.read(request, total_s, MOST_BYTES)
        except TimeoutError:
            raise OutageError(
                f"{place}: no whole answer within {total_s:g} s; is this the right --base-url?"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutageError(f"{place}: {_no_answer(error)}") from error
    if len(raw) > MOST_BYTES:
        most = f"{MOST_BYTES // 1_000_000} MB"
        raise ProviderError(f"{request.url}: more than {most}, which is no list")
    body = raw.decode("utf-8-sig", errors="replace")
    if reply.status_code == 404:
        why = "this server lists no models (404); its documentation names them"
        raise ProviderError(f"{place}: {why}")
    if reply.status_code != 200:
        said = provider.failure(reply.status_code, body).message
        raise ProviderError(f"{place}: {said}{key_hint(config, said)}")
    try:
        return sorted(provider.models_in(body), key=lambda m: m.name)
    except ODD_SHAPE as error:
        raise ProviderError(
            f"{place}: the answer is no list of models; is this the right --base-url?"
        ) from error


def _no_answer(error: Exception) -> str:
    """What is wrong, and what to do about it."""
    words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if "CERTIFICATE" in words.upper():
        return f"{words}; name the certificate authority of that server with --ca-file"
    why = "nobody answers" if isinstance(error, httpx.ConnectError) else f"no answer ({words})"
    return f"{why}; start the server, or give its --base-url"


def told_edges(experiment: Experiment) -> tuple[int | None, int | None]:
    """Window and trained length in the server's tokens, by its list of models and properties."""
    return asyncio.run(_told(experiment))


def lengths_around(window: int | None, trained: int | None, least: int) -> list[int]:
    """Lengths before and behind the window, half of it, the trained length and twice it.

    None is over the window.
    """
    edges = [window and window // 2, window, trained, trained and 2 * trained]
    around = {round(edge * share) for edge in edges if edge for share in _AROUND}
    most = round(window * _AROUND[0]) if window else max(around, default=0)
    return sorted(n for n in around if least <= n <= most)


async def _told(experiment: Experiment) -> tuple[int | None, int | None]:
    with open_session(experiment, lambda text: None) as session:
        provider = session.provider
        requests = [provider.models_request(), provider.window_request()]
        async with connected(session, experiment, Observer()) as client:
            bodies = [await client.fetch(request) for request in requests if request is not None]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One length that was tried."""

    context_length: int  # tokens of ours, reply budget included
    fits: bool
    server_tokens: int | None
    why: str  # how the server said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where a window ends, in tokens of ours; None where that was not met."""

    fits: Step | None  # the longest that was accepted whole
    too_long: Step | None  # the shortest that was not


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks one server."""

    client: Client
    experiment: Experiment

    async def look(self) -> tuple[Preflight, Answer | None]:
        """The small requests, and the answer to the last of them sent again.

        A server that caches reads it from there then. Raises ProviderError or OutageError.
        """
        found = await preflight(self.client, self.experiment)
        last = self.client.provider.request(small_prompts(self.experiment)[-1])
        return found, await self.client.ask(last)

    async def window(self, found: Preflight, most: int, on_step: Callable[[Step], None]) -> Window:
        """The true window, by longer and longer prompts up to ``most``, then halving what is open.

        Starts near the window that the server tells. Raises ProviderError or OutageError for a
        request that fails.
        """
        fits: Step | None = None
        too_long: Step | None = None
        length, factor = self._start(found, most)
        while True:
            step = await self._try(found.calibration, length)
            on_step(step)
            if step.fits:
                fits = step
            else:
                too_long = step
            if fits is None:
                length, factor = round(length / factor), 2.0
                if length < self._least():
                    break
            elif too_long is None:
                if length >= most:
                    break
                length = min(most, round(length * factor))
            else:
                short, long = fits.context_length, too_long.context_length
                if long - short <= max(1, WITHIN * long):
                    break
                length = (short + long) // 2
        return Window(fits=fits, too_long=too_long)

    def _start(self, found: Preflight, most: int) -> tuple[int, float]:
        """The first length to try, and the factor by which to go on."""
        if found.window is None:
            return min(most, max(2_000, self._least())), 2.0
        ratio = 1.0 if found.calibration is None else max(found.calibration.narrow, 0.1)
        return max(self._least(), min(most, round(0.97 * found.window / ratio))), 1.1

    def _least(self) -> int:
        return min(self.experiment.config.lengths)

    async def _try(self, known: Calibration | None, length: int) -> Step:
        """Whether a prompt of this length is accepted and counted as a whole."""
        task = self.experiment.config.task
        trial = Trial(id="", task=task, context_length=length, depth_percent=0, epoch=0)
        prompt = self.experiment.prompt(trial)
        request = self.client.provider.request(prompt)
        answer = await self.client.ask_or_raise(request, f"at {length:,} tokens")
        usage = answer.response.usage if answer.response else Usage()
        counted = known.total(usage) if known else usage.input_tokens
        expected = known.expected(prompt.utf8, prompt.tokens) if known else None
        if answer.outcome is Outcome.OVERFLOW:
            why = f"refused ({answer.error})"
        elif known and expected and counted and known.is_short(counted, expected):
            why = f"cut in silence: {counted:,} tokens counted where about {expected:,} were sent"
        else:
            return Step(context_length=length, fits=True, server_tokens=counted, why="accepted")
        return Step(context_length=length, fits=False, server_tokens=counted, why=why)
