"""Write results as they land, without holding up the sweep: what lands together is synced to disk once."""

from __future__ import annotations

import asyncio

from niah.records import Result
from niah.runlog.log import RunLog

_Landed = tuple[Result, asyncio.Future[None]]


class LogWriter:
    """Feeds one run log from one event loop."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._landed: list[_Landed] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, result: Result) -> None:
        """Return when the result is on disk and in the log's results. Raises RunError where it cannot be."""
        written = asyncio.get_running_loop().create_future()
        self._landed.append((result, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(written)

    async def close(self) -> None:
        """Wait until everything that landed is on disk, also where nobody waits for it any more."""
        while self._landed or (self._writing is not None and not self._writing.done()):
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write())
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        while self._landed:
            batch, self._landed = self._landed, []
            if not await self._written(batch) and len(batch) > 1:
                for one in batch:  # on a disk that is nearly full, some may fit
                    await self._written([one])

    async def _written(self, batch: list[_Landed]) -> bool:
        """Write some results and tell those who wait; of a batch that fails nobody is told yet."""
        try:
            await asyncio.to_thread(self._log.write, *(result for result, _ in batch))
        except Exception as error:  # noqa: BLE001  # handed to the one who waits for it
            if len(batch) == 1 and not batch[0][1].cancelled():
                batch[0][1].set_exception(error)
            return False
        for result, written in batch:
            self._log.results[result.trial.id] = result  # here: the live view reads it in this thread
            if not written.cancelled():
                written.set_result(None)
        return True
