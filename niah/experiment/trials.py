"""The trials of a sweep, each with an id that leaves the model out, and the order of their sending.

Trials go in waves: a wave is sent together, the next one when it is answered. For servers that keep
the beginning of earlier prompts, an epoch first sends its longest prompt alone (all others begin as
it does) and then all the rest by rising place of the needle: caches that read only what an earlier
request wrote want rising places, and requests in flight together cannot see each other, which makes
deepest-first without a warm-up the worst order of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from niah.experiment.config import RunConfig
from niah.records import Trial
from niah.text.seeded import Draw, adaptive_places

CONTROL_DEPTH = 50.0  # of the needle that a control leaves out or shows alone
Waves = tuple[tuple[Trial, ...], ...]


def all_trials(config: RunConfig, recipe: str) -> tuple[Trial, ...]:
    """The trials of a grid and its controls, or all that an adaptive run may send."""
    if config.adaptive:
        return tuple(_adaptive(config, recipe))
    trials = trials_of(config.task, recipe, config.lengths, config.depths, config.epochs)
    return (*trials, *_controls(config, recipe)) if config.controls else trials


def trials_of(
    task: str, recipe: str, lengths: Sequence[int], depths: Sequence[float], epochs: int
) -> tuple[Trial, ...]:
    """The trials of a grid, by epoch, length and depth."""
    cells = product(range(epochs), lengths, depths)
    return tuple(_trial(task, recipe, *cell) for cell in cells)


def _adaptive(config: RunConfig, recipe: str) -> Iterator[Trial]:
    """By length, then depth and epoch of each in their order."""
    shared, most = config.haystack_per == "epoch", config.trials_per_length
    for n in config.lengths:
        for depth, epoch in adaptive_places(config.seed, n, config.depths, most, shared=shared):
            yield _trial(config.task, recipe, epoch, n, depth)


def _controls(config: RunConfig, recipe: str) -> Iterator[Trial]:
    """Per epoch one closed book, one oracle, and one absent needle at every length."""
    alone = [(min(config.lengths), "closed-book"), (min(config.lengths), "oracle")]
    cells = [*alone, *((n, "absent") for n in config.lengths)]
    for epoch, (n, control) in product(range(config.epochs), cells):
        yield _trial(config.task, recipe, epoch, n, CONTROL_DEPTH, control)


def _trial(
    task: str, recipe: str, epoch: int, length: int, depth: float, control: str | None = None
) -> Trial:
    depth = float(depth)  # 50 and 50.0 are one depth, and one needle
    coordinates = f"{recipe}/{length}/{depth!r}/{epoch}" + (f"/{control}" if control else "")
    return Trial(
        id=hashlib.sha256(coordinates.encode()).hexdigest()[:16],
        task=task,
        context_length=length,
        depth_percent=depth,
        epoch=epoch,
        control=control,
    )


def waves_of(
    trials: Iterable[Trial], order: str, *, seed: int, haystack_shared: bool, together: int
) -> Waves:
    """The waves of some trials.

    ``cache`` is described above (the warm-up is left out where nothing is shared or nothing is sent
    together), ``length`` goes from short to long, ``shuffled`` is a seeded order of all.
    """
    rest = sorted(trials, key=lambda t: (t.context_length, t.epoch, t.depth_percent))
    if not rest:
        return ()
    if order == "shuffled":
        return (tuple(Draw(seed, "order").shuffled(rest)),)
    if order == "length" or not haystack_shared:
        return (tuple(rest),)
    waves: list[tuple[Trial, ...]] = []
    for epoch in sorted({t.epoch for t in rest}):
        own = (t for t in rest if t.epoch == epoch)
        rising = sorted(own, key=lambda t: (t.context_length * t.depth_percent, t.context_length))
        if together > 1 and len(rising) > 2:
            waves.append((rising.pop(),))  # the longest prompt with the deepest needle
        waves.append(tuple(rising))
    return tuple(waves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a prefix cache sees of a prompt, in tokens."""

    stretch: object  # equal where two prompts begin with the same haystack
    needle: str  # the first one in the text
    before: int  # tokens before it
    tokens: int  # of the whole prompt


def cacheable_tokens(waves: Waves, shape: Callable[[Trial], Shape]) -> int:
    """Prompt tokens that an endless token-prefix cache serves in this order, one by one.

    Two prompts share what stands before the first needle of either; where they hold the same needle
    at the same place, the shorter one without its question.
    """
    deepest: dict[object, int] = {}
    longest: dict[tuple[object, str, int], int] = {}
    served = 0
    for trial in (t for wave in waves for t in wave):
        s = shape(trial)
        same = (s.stretch, s.needle, s.before)
        served += max(min(s.before, deepest.get(s.stretch, 0)), min(s.tokens, longest.get(same, 0)))
        deepest[s.stretch] = max(deepest.get(s.stretch, 0), s.before)
        longest[same] = max(longest.get(same, 0), s.tokens)
    return served
