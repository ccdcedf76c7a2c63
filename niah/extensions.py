"""What other packages bring: tasks and providers by entry points, loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TASKS = "niah.tasks"  # an object or module with the names of a Task
PROVIDERS = "niah.providers"  # a ProviderEntry


@cache
def brought_by(group: str) -> Mapping[str, EntryPoint]:
    """What installed packages bring under a group, by name; nothing of them is loaded."""
    from importlib.metadata import entry_points  # 20 ms: only where a name is none of niah's own

    return {point.name: point for point in entry_points(group=group)}


def loaded(group: str, name: str) -> Any:
    """The object behind an entry point. Raises ConfigError where its package cannot be loaded."""
    point = brought_by(group)[name]
    try:
        return point.load()
    except Exception as error:
        package = point.dist.name if point.dist else point.module
        raise ConfigError(
            f"{name!r} of the package {package} cannot be loaded ({type(error).__name__}: {error}); "
            f"mend it, or pip uninstall {package}"
        ) from error
