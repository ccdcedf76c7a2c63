"""What --log-requests and --verbose see of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from niah.experiment.experiment import Experiment
from niah.text.secrets import without_secrets

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.runner.client import Answer
    from niah.runner.session import Session

    OnAttempt = Callable[[HttpRequest, Answer, float | None], None]  # seconds until the next one; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How closely a run is looked at."""

    requests: Path | None = None  # file for requests and replies
    prompts: bool = False  # whole ones in it
    verbose: bool = False

    def at(self, session: Session, experiment: Experiment, say: Callable[[str], None]) -> tuple[Session, OnAttempt]:
        """The session to sweep with, and what takes in every attempt. Raises ConfigError for a file that cannot be."""
        from niah.runner.request_log import RequestLog, told  # these bring the network

        log = None
        if self.requests is not None:
            headers = without_secrets({"headers": experiment.config.headers})["headers"]
            log = RequestLog(self.requests, prompts=self.prompts, headers=headers, say=say)
            session = replace(session, provider=log.listening(session.provider))

        def attempt(request: HttpRequest, answer: Answer, again_s: float | None) -> None:
            if log is not None:
                log.attempt(request, answer, again_s)
            line = told(request, answer, again_s) if self.verbose else None
            if line is not None:
                say(line)

        return session, attempt
