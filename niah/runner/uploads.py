"""Upload every page and piece of sound once, and put a reference in its place.

What a service keeps is noted in ``uploads.jsonl`` of the run's folder, by the digest of the bytes
and without any key: trials share it, and a run that goes on asks once for each piece whether it is
still there.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

from niah.errors import ProviderError
from niah.messages import MediaPart, TextPart
from niah.providers import Failure, HttpRequest
from niah.providers.files import Received, Steps, Stored
from niah.providers.replies import HttpApi
from niah.records import Outcome, Prompt
from niah.runlog.disk import append, drop_torn_line
from niah.runner.client import Client
from niah.runner.exchange import CAUGHT, ODD_SHAPE, Answer, NoAnswer, failure_of_exception
from niah.text.outside import redacted

UPLOADS_NAME = "uploads.jsonl"
_AT_ONCE = 4
_WITHIN_S = 600.0  # for one request: a piece may have megabytes
_LEFT_S = 3_600.0  # what expires sooner is uploaded anew
_MOST_BYTES = 1_000_000  # of a reply
_MOST_LOOKS = 150  # at a file that the service has not read yet
_LOOK_S = 2.0


class NotStored(ProviderError):
    """A piece that could not be uploaded, as the end of the trial that needs it."""

    def __init__(self, answer: Answer | None) -> None:
        """None: a stop came first."""
        super().__init__("stopped" if answer is None else f"{answer.error}; nothing more was sent")
        self.answer = answer


class Uploads:
    """What one run has uploaded to one service. ``clock`` tells seconds since 1970."""

    def __init__(
        self, folder: Path, api: HttpApi, client: Client, *, clock: Callable[[], float]
    ) -> None:
        self._path, self._api, self._client, self._clock = folder / UPLOADS_NAME, api, client, clock
        self._address = urlsplit(api.service.base_url).netloc
        self._kept = self._read()
        self._sure: set[str] = set()  # digests that the service was asked for
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def referenced(self, prompt: Prompt) -> Prompt:
        """The prompt with a reference in every media part. Raises NotStored."""
        media = {p.digest: p for m in prompt.messages for p in m.parts if isinstance(p, MediaPart)}
        ended = await asyncio.gather(*map(self._stored, media.values()), return_exceptions=True)
        stored = {}
        for digest, end in zip(media, ended, strict=True):
            if isinstance(end, BaseException):
                raise end
            stored[digest] = end

        def told(part: TextPart | MediaPart) -> TextPart | MediaPart:
            if isinstance(part, TextPart):
                return part
            return replace(part, reference=stored[part.digest])

        messages = (replace(m, parts=tuple(map(told, m.parts))) for m in prompt.messages)
        return replace(prompt, messages=tuple(messages))

    async def _stored(self, part: MediaPart) -> str:
        async with self._locks[part.digest], self._room:
            known = self._kept.get(part.digest)
            if known is None or not await self._lives(part.digest, known):
                known = await self._uploaded(part)
                self._kept[part.digest] = known
                line = {"digest": part.digest, "address": self._address, **asdict(known)}
                append(self._path, json.dumps(line).encode() + b"\n")
            self._sure.add(part.digest)
            return known.reference

    async def _lives(self, digest: str, known: Stored) -> bool:
        """Whether the service keeps it for long enough: asked once in a command."""
        if known.expires is not None and known.expires - self._clock() <= _LEFT_S:
            return False
        if digest in self._sure:
            return True
        files = self._api.FILES
        body = await self._client.fetch(self._api.get(files.route.format(name=known.name)))
        try:
            return body is not None and files.told(body).ready
        except ODD_SHAPE:
            return False

    async def _uploaded(self, part: MediaPart) -> Stored:
        """As many attempts as a request has. Raises NotStored."""
        throttle, number = self._client.throttle, 0
        while True:
            number += 1
            got = await self._attempt(part)
            if isinstance(got, Stored):
                return got
            if not got.retry or number >= self._client.attempts:
                why = f"upload of {part.mime} failed: {got.message}"
                error = f"{why}; if this server takes none, use --media inline"
                raise NotStored(
                    Answer(outcome=Outcome.ERROR, error=error, retried=got.retry, fatal=got.fatal)
                )
            if not await throttle.pause(got.wait_s or throttle.pause_s(number)):
                raise NotStored(None)

    async def _attempt(self, part: MediaPart) -> Stored | Failure:
        """One upload from its first request to its last. Raises NotStored where a stop came."""
        api = self._api
        try:
            return await self._driven(api.FILES.upload(api.service, api.headers(), part))
        except CAUGHT as error:
            return failure_of_exception(error)
        except ODD_SHAPE as odd:
            why = redacted(f"a reply of an unexpected shape ({type(odd).__name__}: {odd})")
            return Failure(outcome=Outcome.ERROR, message=why[:300], retry=False)

    async def _driven(self, steps: Steps) -> Stored | Failure:
        request, looks = next(steps), 0
        while True:
            if request.method == "GET":  # has the service read it? asked at once, then again
                looks += 1
                if looks > _MOST_LOOKS:
                    waited = f"{looks * _LOOK_S:.0f} s"
                    raise NoAnswer(f"the service was not done with it after {waited}")
                if looks > 1 and not await self._client.throttle.pause(_LOOK_S):
                    raise NotStored(None)
            received = await self._client.throttle.unless_stopped(self._received(request))
            if received is None:
                raise NotStored(None)
            if isinstance(received, Failure):
                return received
            try:
                request = steps.send(received)
            except StopIteration as ended:
                stored: Stored = ended.value
                return stored

    async def _received(self, request: HttpRequest) -> Received | Failure:
        reply, raw = await self._client.pool.read(request, _WITHIN_S, _MOST_BYTES)
        done, body = reply.status_code in (200, 201), raw.decode(errors="replace")
        return Received(reply.headers, body) if done else self._api.failure(reply.status_code, body)

    def _read(self) -> dict[str, Stored]:
        """What earlier commands uploaded to this address; a damaged line is uploaded again."""
        kept: dict[str, Stored] = {}
        if not self._path.is_file():
            return kept
        drop_torn_line(self._path)
        for line in self._path.read_bytes().splitlines():
            try:
                table = json.loads(line)
                digest, address = table.pop("digest"), table.pop("address")
                if address == self._address:
                    kept[digest] = Stored(**table)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
        return kept
