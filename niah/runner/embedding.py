"""Dense vectors from a server that speaks OpenAI's ``/v1/embeddings``.

It is asked as the model is: with the run's attempts, times, certificates, proxy and budget. A text
is sent once in a run.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from niah.deliveries import Embed
from niah.experiment.access import embed_key_of
from niah.experiment.experiment import Experiment
from niah.providers import HttpRequest, Service
from niah.providers.openai import ChatReply, OpenAI
from niah.providers.replies import count_of
from niah.records import Usage
from niah.runner.budget import RunLedger
from niah.runner.exchange import Answer
from niah.runner.progress import Observer
from niah.runner.session import Session, client_of, pool_of
from niah.runner.throttle import Throttle

_AT_ONCE = 32  # texts of one request: their vectors are one line of at most 4 MB


class _Vectors(ChatReply):
    """The vectors of one reply, in the order of their texts, as its text."""

    def take(self, chunk: dict[str, Any]) -> bool:
        rows = sorted(chunk["data"], key=lambda row: row.get("index", 0))
        vectors = [[float(value) for value in row["embedding"]] for row in rows]
        self._text.append(json.dumps(vectors))
        tokens = count_of((chunk.get("usage") or {}).get("prompt_tokens"))
        self._usage, self._stop_reason = Usage(input_tokens=tokens, output_tokens=0), "stop"
        return True


class _Embeddings(OpenAI):
    """One server of vectors."""

    REPLY = _Vectors

    def vectors_request(self, texts: list[str], tokens: int, trial: str) -> HttpRequest:
        body = json.dumps({"model": self.model, "input": texts}, ensure_ascii=False)
        return HttpRequest(
            url=self.service.url("/embeddings"),
            headers={"Content-Type": "application/json", **self.headers()},
            body=(body.encode(),),
            tokens=tokens,
            label=f"vectors for trial {trial}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What came of texts whose vectors were wanted: the vectors, or the answer that is none."""

    vectors: npt.NDArray[np.float32] | None = None  # shape (texts, dimensions)
    failed: Answer | None = None  # None beside no vectors: a stop came first
    seconds: float = 0.0
    calls: int = 0  # answered requests
    tokens: int = 0  # of them, as the server counts, else in the run's tokenizer


class Embedder:
    """The vectors of one run's server; one request at a time."""

    def __init__(
        self, session: Session, experiment: Experiment, observer: Observer, ledger: RunLedger
    ) -> None:
        """Raises ConfigError for a key, a proxy or certificates that cannot be used."""
        config = experiment.config
        model, url, key = str(config.embed_model), str(config.embed_url), embed_key_of(config)
        service = Service(provider="openai", model=model, base_url=url, api_key=key)
        self._api = _Embeddings(service)
        there = replace(session, provider=self._api, address=url, transport=None, start=None)
        plain = config.model_copy(update={"headers": {}})  # the others are for the model's server
        self.pool = pool_of(there, plain)
        self.throttle = Throttle(
            cap=1, in_flight_tokens=config.in_flight_tokens, clock=time.monotonic, observer=observer
        )
        self._client = client_of(there, experiment, self.pool, self.throttle, observer, ledger)
        self._count = experiment.tokenizer.count
        self._known: dict[str, npt.NDArray[np.float32]] = {}
        self._turn = asyncio.Lock()  # trials of one haystack want the same texts at the same time

    async def embedded(self, wanted: Embed, trial: str) -> Embedded:
        """One vector for each text."""
        began, calls, tokens = time.perf_counter(), 0, 0
        async with self._turn:
            new = [text for text in dict.fromkeys(wanted.texts) if text not in self._known]
            for start in range(0, len(new), _AT_ONCE):
                texts = new[start : start + _AT_ONCE]
                request = self._api.vectors_request(texts, sum(map(self._count, texts)), trial)
                answer = await self._client.ask(request, trial=trial)
                if answer is None:
                    return Embedded()
                if answer.response is None:
                    said = f"no vectors: {answer.error}".replace("base_url", "--embed-url")
                    return Embedded(failed=replace(answer, error=said))
                rows = json.loads(answer.response.text)
                sizes = sorted({len(row) for row in (*rows, *islice(self._known.values(), 1))})
                if len(rows) != len(texts) or len(sizes) > 1:
                    why = f"{len(rows)} vectors for {len(texts)} texts, of sizes {sizes}"
                    said = f"no vectors: {why}"
                    wrong = replace(answer, response=None, error=said, retried=False, fatal=True)
                    return Embedded(failed=wrong)
                self._known.update(zip(texts, np.asarray(rows, np.float32), strict=True))
                calls += 1
                tokens += answer.response.usage.input_tokens or request.tokens
            found = np.stack([self._known[text] for text in wanted.texts])
        seconds = time.perf_counter() - began
        return Embedded(vectors=found, seconds=seconds, calls=calls, tokens=tokens)
