"""A run in parts, one for each worker: whole epochs, or stretches of the order of sending.

Never every n-th trial: a prefix cache serves what came just before, and each worker would pay for
all of it anew.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace

from niah.errors import ConfigError
from niah.experiment.experiment import Experiment
from niah.records import Trial

FOLDER = "shards"  # inside the folder of the run


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts of a run; numbers begin with 1."""

    number: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.number}of{self.count}"


def shard_of(text: str) -> Shard:
    """Raises ConfigError for what is not i/n with i from 1 to n."""
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.count <= 100_000:
        raise ConfigError(f"--shard {text!r}: write the part and their number, like 1/4 to 4/4")
    return shard


def part_of(experiment: Experiment, shard: Shard, finished: Container[str] = ()) -> Experiment:
    """The part of a run, without trials that are ``finished`` elsewhere.

    Raises ConfigError for an adaptive run.
    """
    if experiment.config.adaptive:
        raise ConfigError(
            "--shard has no meaning for an adaptive run, whose answers choose its trials;"
            " leave it out"
        )
    trials = parts_of(experiment, shard.count)[shard.number - 1]
    return replace(experiment, trials=tuple(t for t in trials if t.id not in finished))


def parts_of(experiment: Experiment, count: int) -> list[list[Trial]]:
    """All trials in so many parts of about as many tokens, each in the order of its sending."""
    order = [trial for wave in experiment.waves((), 1) for trial in wave]
    epochs = sorted({t.epoch for t in order})
    shared = experiment.config.haystack_per == "epoch" and len(epochs) >= count
    units = [[t for t in order if t.epoch == e] for e in epochs] if shared else [[t] for t in order]
    sizes = [sum(map(experiment.prompt_tokens, unit)) for unit in units]
    parts: list[list[Trial]] = [[] for _ in range(count)]
    whole, before = max(1, sum(sizes)), 0
    for unit, size in zip(units, sizes, strict=True):
        middle = before + size / 2  # each unit goes where that lies
        parts[min(count - 1, int(count * middle / whole))] += unit
        before += size
    return parts
