"""What is told while a sweep goes on. Each method does nothing unless it is overridden. Imports no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.records import Part, Result
    from niah.runlog.log import RunLog
    from niah.runner.budget import Spent
    from niah.runner.exchange import Attempt
    from niah.runner.preflight import Preflight
    from niah.runner.progress import Trouble
    from niah.runner.session import Session
    from niah.runner.sweep import Sweep


INTERRUPTED = "interrupted"  # why a sweep stopped that a person has stopped


class Observer:
    """Observes one sweep after another."""

    def extended(self, folder: Path, part: Part) -> None:
        """An older run in this folder takes a further grid."""

    def nothing_to_do(self) -> None:
        """Every trial that is asked for is finished."""

    def warned(self, text: str) -> None:
        """Something that a reader of the picture should know."""

    def told(self, text: str) -> None:
        """How an embedded server comes up."""

    def opened(self, session: Session, log: RunLog) -> None:
        """The session is ready."""

    @asynccontextmanager
    async def beside(self, sweep: Sweep) -> AsyncIterator[None]:
        """Around the sweep, in its event loop: to draw, and to stop it."""
        yield

    def found(self, found: Preflight) -> None:
        """The small requests before the sweep were answered."""

    def landed(self, result: Result) -> None:
        """A trial has ended and is in the log."""

    def trouble(self, trouble: Trouble) -> None:
        """An attempt failed and will be made again, or must wait."""

    def attempt(self, request: HttpRequest, attempt: Attempt) -> None:
        """An attempt ended."""

    def spent(self, spent: Spent) -> None:
        """What the whole run has cost, at the end of a sweep."""
