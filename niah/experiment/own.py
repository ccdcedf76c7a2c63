"""Parts of an experiment that a program hands over as objects: its own task, haystack or provider.

A config names its parts; an object stands in the place of a name. The names that a run log keeps
follow from the objects: such a run is drawn, judged and compared like any other, and only its
prompts need the objects to be built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from niah.errors import ConfigError
from niah.experiment.config import RunConfig
from niah.generator.haystack import Haystack
from niah.generator.tokenizers import Tokenizer
from niah.providers import Provider, Service
from niah.providers.simulated import FUNCTION, Function
from niah.records import Planting
from niah.tasks import Task, task_names, task_of
from niah.text.outside import hide

# what an object must have to be such a part
_TASK = "SUMMARY VERSION REPLY_TOKENS WORDING OPTIONS FILLER plant score solve"
_HAYSTACK = "name language digest tokens leaks unique_tokens walk"
_PROVIDER = "request reply failure window_request window_in models_request models_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What stands in the place of the parts that a config names; None: as it names them."""

    task: Task | None = None
    haystack: Haystack | None = None
    provider: Provider | None = None

    def task_for(self, config: RunConfig) -> Task:
        """The task of an experiment. Raises UnknownName where the config names none."""
        return self.task or task_of(config.task)

    def haystack_in(self, tokenizer: Tokenizer) -> Haystack | None:
        """The haystack handed over. Raises ConfigError where another tokenizer counted it."""
        counted = getattr(self.haystack, "tokenizer", None)
        if self.haystack is not None and counted not in (None, tokenizer.name):
            raise ConfigError(
                f"haystack {self.haystack.name!r} was counted in {counted},"
                f" the run counts in {tokenizer.name}; give both the same tokenizer"
            )
        return self.haystack

    def named(self, config: RunConfig) -> RunConfig:
        """The config with the names of the objects. Raises ConfigError for what is no such part."""
        update: dict[str, Any] = {}
        if self.task is not None:
            update["task"] = _task_name(self.task)
        if self.haystack is not None:
            _check(self.haystack, "haystack", _HAYSTACK)
            update["haystack"] = (self.haystack.name,)
        if self.provider is not None:
            update |= _served(self.provider, config)
        return config.model_copy(update=update)


NOTHING = Own()


class PlantsNothing:
    """What tasks of their own have in common whose prompts are there already."""

    VERSION = 1
    REPLY_TOKENS = 0
    WORDING: tuple[str, ...] = ()
    OPTIONS: tuple[str, ...] = ()
    FILLER: str | None = None

    def plant(self, draw: object, site: object) -> Planting:
        raise NotImplementedError("nothing is planted")


def _task_name(task: Task) -> str:
    """The task's own NAME, or that of its module or class in lower case. Raises ConfigError."""
    _check(task, "task", _TASK)
    if isinstance(task, ModuleType):
        name = task.__name__.rpartition(".")[2].replace("_", "-")
    else:
        name = str(getattr(task, "NAME", "") or _dashed(type(task).__name__))
    if name in task_names() and task is not task_of(name):
        raise ConfigError(
            f"a task called {name!r} comes with niah; give yours another name (NAME = ...)"
        )
    return name


def _served(provider: Provider, config: RunConfig) -> dict[str, str | None]:
    """Names of a provider and its model, by its service where it has one. Raises ConfigError."""
    _check(provider, "provider", _PROVIDER)
    service = getattr(provider, "service", None)
    if isinstance(provider, Function):
        return {"provider": FUNCTION, "model": provider.service.model}
    if isinstance(service, Service):
        hide(*filter(None, [service.api_key]))
        model = config.model or service.model
        return {"provider": service.provider, "model": model, "base_url": service.base_url}
    if config.model is None:
        raise ConfigError(
            f"a provider of your own ({type(provider).__name__}) needs model=...,"
            " the name in the log"
        )
    return {"provider": _dashed(type(provider).__name__)}


def _check(part: object, kind: str, wanted: str) -> None:
    missing = [name for name in wanted.split() if not hasattr(part, name)]
    if missing:
        raise ConfigError(f"{part!r} is no {kind}: it has no {', '.join(missing)}")


def _dashed(name: str) -> str:
    """ "MyTask" as "my-task"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
