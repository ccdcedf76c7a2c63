"""How a run is made beside what its config says. Nothing here decides a byte of a prompt, or which run it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from niah.cli.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the flags of ``niah run`` say that is no config key."""

    palette: str
    limit: int | None = None  # trials that are sent, from the first on
    environment: Mapping[str, str] = field(default_factory=dict)  # by config key: the variable that gave it
    tracing: Tracing = field(default_factory=Tracing)

    def words(self) -> list[str]:
        """What a person should know of it before the run."""
        if not self.environment:
            return []
        return [f"from the environment: {', '.join(f'{key} ({name})' for key, name in self.environment.items())}"]
