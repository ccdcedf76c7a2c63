"""What --log-requests and --verbose see of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from niah.experiment.experiment import Experiment
from niah.text.secrets import without_secrets

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.runner.exchange import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How closely a run is looked at."""

    requests: Path | None = None  # file for requests and replies
    prompts: bool = False  # whole ones in it
    verbose: bool = False

    def of(self, experiment: Experiment, say: Callable[[str], None]) -> Callable[[HttpRequest, Attempt], None]:
        """What takes in every attempt. Raises ConfigError for a file that cannot be written."""
        from niah.runner.request_log import RequestLog, told  # these bring the network

        log = None
        if self.requests is not None:
            headers = without_secrets({"headers": experiment.config.headers})["headers"]
            log = RequestLog(self.requests, prompts=self.prompts, headers=headers, say=say)

        def attempt(request: HttpRequest, attempt: Attempt) -> None:
            if log is not None:
                log.take(request, attempt)
            if self.verbose and (line := told(request, attempt)):
                say(line)

        return attempt
