"""How a run is made beside what its config says. Nothing here decides a byte of a prompt, or which run it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from niah.cli.tracing import Tracing
from niah.experiment.checks import concurrency_of
from niah.experiment.experiment import Experiment
from niah.records import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the flags of ``niah run`` say that is no config key."""

    palette: str
    limit: int | None = None  # trials that are sent, from the first on
    environment: Mapping[str, str] = field(default_factory=dict)  # by config key: the variable that gave it
    tracing: Tracing = field(default_factory=Tracing)

    def header(self, experiment: Experiment) -> Header:
        """The header of a run, with the names of the variables that had a part in it."""
        return replace(experiment.header(), environment=dict(self.environment))

    def limited(self, experiment: Experiment) -> Experiment:
        """The recipe with the first trials only, in the order in which they are sent: the same ones at every call."""
        if self.limit is None:
            return experiment
        order = [trial for wave in experiment.waves((), concurrency_of(experiment.config)) for trial in wave]
        return replace(experiment, trials=tuple(order[: self.limit]))

    def words(self) -> list[str]:
        """What a person should know of it before the run."""
        if not self.environment:
            return []
        return [f"from the environment: {', '.join(f'{key} ({name})' for key, name in self.environment.items())}"]
