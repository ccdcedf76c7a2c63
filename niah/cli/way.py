"""How a run is made beside what its config says. Nothing here decides a byte of a prompt, or which run it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from niah.cli.look import Look
from niah.records import Header
from niah.runner.recipe import Recipe
from niah.runner.settings import concurrency_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What the flags of ``niah run`` say that is no config key."""

    palette: str
    limit: int | None = None  # trials that are sent, from the first on
    environment: Mapping[str, str] = field(default_factory=dict)  # by config key: the variable that gave it
    look: Look = field(default_factory=Look)

    def header(self, recipe: Recipe) -> Header:
        """The header of a run, with the names of the variables that had a part in it."""
        return replace(recipe.header(), environment=dict(self.environment))

    def limited(self, recipe: Recipe) -> Recipe:
        """The recipe with the first trials only, in the order in which they are sent: the same ones at every call."""
        if self.limit is None:
            return recipe
        order = [trial for wave in recipe.waves((), concurrency_of(recipe.config)) for trial in wave]
        return replace(recipe, trials=tuple(order[: self.limit]))

    def words(self) -> list[str]:
        """What a person should know of it before the run."""
        if not self.environment:
            return []
        return [f"from the environment: {', '.join(f'{key} ({name})' for key, name in self.environment.items())}"]
