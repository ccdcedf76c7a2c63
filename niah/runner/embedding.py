"""Dense vectors from a server that speaks OpenAI's ``/v1/embeddings``. A text is sent once in a run."""

from __future__ import annotations

import asyncio
import time

import httpx
import numpy as np
import numpy.typing as npt

from niah.deliveries import Embed
from niah.errors import ProviderError
from niah.experiment.config import RunConfig
from niah.experiment.environment import variable
from niah.text.outside import hide, json_in

TIMEOUT_S = 120.0
_AT_ONCE = 64  # texts of one request
_TRIES = 3
_PAUSE_S = 1.0


class Embedder:
    """The vectors of one run's server."""

    def __init__(self, config: RunConfig, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` stands in for the network. Raises nothing until something is asked."""
        self._config = config
        self._transport = transport
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    async def vectors(self, wanted: Embed) -> tuple[npt.NDArray[np.float32], float]:
        """One vector for each text, of shape (texts, dimensions), and the seconds it took. Raises ProviderError."""
        began = time.perf_counter()
        new = [text for text in dict.fromkeys(wanted.texts) if text not in self._known]
        async with httpx.AsyncClient(timeout=TIMEOUT_S, transport=self._transport, headers=self._key()) as client:
            for start in range(0, len(new), _AT_ONCE):
                texts = new[start : start + _AT_ONCE]
                self._known |= dict(zip(texts, await self._asked(client, texts), strict=True))
        return np.stack([self._known[text] for text in wanted.texts]), time.perf_counter() - began

    async def _asked(self, client: httpx.AsyncClient, texts: list[str]) -> list[npt.NDArray[np.float32]]:
        url, body = f"{str(self._config.embed_url).rstrip('/')}/embeddings", {"model": self._config.embed_model}
        for attempt in range(1, _TRIES + 1):
            try:
                reply = await client.post(url, json={**body, "input": texts})
                if reply.status_code == 200:
                    rows = sorted(json_in(reply.text)["data"], key=lambda row: row.get("index", 0))
                    return [np.asarray(row["embedding"], np.float32) for row in _all_of(rows, texts)]
                why = f"{reply.status_code}: {reply.text[:200]}"
            except (httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError) as error:
                why = f"{type(error).__name__}: {error}"
            if attempt < _TRIES:
                await asyncio.sleep(_PAUSE_S * attempt)
        raise ProviderError(f"{url}: no vectors after {_TRIES} tries ({why}); is --embed-url right?")

    def _key(self) -> dict[str, str]:
        name = self._config.embed_key_env
        key = variable(name) if name else None
        if not key:
            return {}
        hide(key)
        return {"Authorization": f"Bearer {key}"}


def _all_of(rows: list[dict[str, object]], texts: list[str]) -> list[dict[str, object]]:
    if len(rows) != len(texts):
        raise ValueError(f"{len(rows)} vectors for {len(texts)} texts")
    return rows
