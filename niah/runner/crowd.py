"""Who asks at the same time. One may ask alone: the others wait until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Stay:
    """One asking; ``alone`` as long as nobody else asked during it."""

    alone: bool = True


class Crowd:
    """The askings of one sweep, in one event loop."""

    def __init__(self) -> None:
        self._inside: set[Stay] = set()
        self._closed = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def among(self) -> AsyncIterator[Stay]:
        """Ask beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            stay = Stay(alone=not self._inside)
            for other in self._inside:
                other.alone = False
            self._inside.add(stay)
        try:
            yield stay
        finally:
            self._inside.discard(stay)
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Ask once nobody else does, and keep the others out."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._inside)
            yield
        finally:
            self._closed = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
