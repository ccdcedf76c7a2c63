"""How a run is made beside what its config says. Nothing here decides a byte of a prompt, or which run it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from niah.experiment.experiment import Experiment
from niah.text.outside import without_secrets

if TYPE_CHECKING:
    from niah.providers import HttpRequest
    from niah.runner.exchange import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the flags of ``niah run`` say that is no config key."""

    palette: str
    limit: int | None = None  # trials that are sent, from the first on
    environment: Mapping[str, str] = field(default_factory=dict)  # by config key: the variable that gave it
    log_requests: Path | None = None  # file for requests and replies
    log_prompts: bool = False  # whole ones in it
    verbose: bool = False

    def words(self) -> list[str]:
        """What a person should know of it before the run."""
        given = ", ".join(f"{key} ({name})" for key, name in self.environment.items())
        return [f"from the environment: {given}"] if given else []

    def trace(self, experiment: Experiment, say: Callable[[str], None]) -> Callable[[HttpRequest, Attempt], None]:
        """What takes in every attempt. Raises ConfigError for a file that cannot be written."""
        from niah.runner.request_log import RequestLog, told  # these bring the network

        log = None
        if self.log_requests is not None:
            headers = without_secrets({"headers": experiment.config.headers})["headers"]
            log = RequestLog(self.log_requests, prompts=self.log_prompts, headers=headers, say=say)

        def attempt(request: HttpRequest, attempt: Attempt) -> None:
            if log is not None:
                log.take(request, attempt)
            if self.verbose and (line := told(request, attempt)):
                say(line)

        return attempt
