"""What a run would send, cost and take, counted before anything is built or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

from niah.deliveries.pages import Pages
from niah.deliveries.speech import Speech
from niah.experiment.checks import chunking_of, concurrency_of
from niah.experiment.config import RunConfig
from niah.experiment.controls import CLOSED_BOOK, ORACLE
from niah.experiment.delivering import call_tokens, delivery_in, most_reply_tokens, presenter_in
from niah.experiment.experiment import Experiment
from niah.experiment.export import BATCH_SERVICES
from niah.experiment.recipe import reply_tokens_of
from niah.experiment.trials import Shape, cacheable_tokens
from niah.installation import install_hint
from niah.messages import MediaSize, media_size
from niah.providers import PROVIDERS
from niah.providers.prices import Pricing, pricing_of
from niah.providers.simulated import FUNCTION
from niah.records import Trial, Usage
from niah.tasks import Task
from niah.text.lengths import label_of
from niah.text.shares import duration

FREE = "nothing: it runs on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLength:
    """All trials of one context length, its controls among them."""

    context_length: int
    trials: int
    prompt_tokens: int
    unique_share: float  # of so many tokens of haystack
    media: MediaSize | None = None  # of one trial, where it is sent as pages or sound

    def lines(self) -> list[str]:
        """For people, as they stand in a plan."""
        trials = "trial " if self.trials == 1 else "trials"
        length, unique = label_of(self.context_length), f"{100 * self.unique_share:.0f} %"
        counts = f"{self.trials:>5} {trials}  {self.prompt_tokens:>13,} tokens"
        media = [f"  {'':>9}   each {self.media.words}"] if self.media else []
        return [f"  {length:>9}   {counts}   {unique} unique text", *media]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars of a run. None where no price is known."""

    free: bool
    dollars: float | None = None  # without any cache
    dollars_cached: float | None = None  # with a cache that serves its share of every request
    batch: float | None = None  # by a batch service, where the provider has one: half of it
    source: str | None = None  # of the prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run before it is made. Tokens are those of the run's tokenizer, times are in seconds."""

    config: RunConfig = field(repr=False)  # its headers may hold secrets
    language: str  # of needle and question
    reply_tokens: int
    haystack: str
    haystack_tokens: int | None  # None: it has no end
    tokenizer: str
    lengths: tuple[PlannedLength, ...]
    trials: int
    controls: int  # of these trials
    prompt_tokens: int
    largest: int  # prompt tokens of the longest request
    cacheable_tokens: int  # that a prefix cache could serve, requests sent one by one
    price: Price
    vector_tokens: int  # at most, for a server of vectors beside the prompts; a text goes once
    tokens_per_s: float | None  # None: not known
    warnings: tuple[str, ...]

    @property
    def cacheable_share(self) -> float:
        return self.cacheable_tokens / self.prompt_tokens

    @property
    def seconds(self) -> float | None:
        """One request after the other, without a cache; None where the speed is not known."""
        return None if self.tokens_per_s is None else self.prompt_tokens / self.tokens_per_s

    @property
    def seconds_cached(self) -> float | None:
        """The same where a cache serves all that it can."""
        rate = self.tokens_per_s
        return None if rate is None else (self.prompt_tokens - self.cacheable_tokens) / rate

    def __str__(self) -> str:
        """For people: a line for each figure, then one for each length."""
        c, n, k = self.config, len(self.lengths), len(self.config.depths)
        size = "endless" if self.haystack_tokens is None else f"{self.haystack_tokens:,} tokens"
        reply = f"reply budget {self.reply_tokens} tokens"
        controls = f", and {self.controls} controls" if self.controls else ""
        cached = f"{100 * self.cacheable_share:.0f} % by a prefix cache, one by one"
        rows = {
            "model": f"{c.model} ({c.provider})",
            "task": f"{c.task}, needle in {self.language}, {reply}",
            "haystack": f"{self.haystack}: {size}, drawn per {c.haystack_per}",
            "tokenizer": self.tokenizer,
            "cells": f"{n} length{'s' * (n > 1)} x {k} depth{'s' * (k > 1)} = {n * k}",
            "trials": f"{self.trials} ({c.epochs} per cell{controls})",
            "tokens": f"{self.prompt_tokens:,} in prompts, {self.largest:,} in the largest",
            "cacheable": f"{cached}, order {c.order}{', aligned' if c.aligned else ''}",
        }
        if self.vector_tokens:
            rows["vectors"] = f"at most {self.vector_tokens:,} tokens, not in the price"
        rows |= {"price": _price_words(self.price), "time": self._time_words()}
        lines = [f"{name:<11} {value}" for name, value in rows.items()]
        return "\n".join([*lines, *(line for row in self.lengths for line in row.lines())])

    def _time_words(self) -> str:
        if self.seconds is None or self.seconds_cached is None:
            return "unknown (give --speed TOKENS per second, or a finished run)"
        rate = f"{self.tokens_per_s:,.0f} tokens/s"
        one_by_one = f"{duration(self.seconds)} one after the other at {rate}"
        return f"{one_by_one}, {duration(self.seconds_cached)} with the cache"


def plan_of(experiment: Experiment, tokens_per_s: float | None = None) -> Plan:
    """The plan of an experiment at a speed of so many prompt tokens per second. Sends nothing."""
    c, delivery = experiment.config, delivery_in(experiment)
    # of each trial, the most there may be
    calls = {t.id: call_tokens(experiment, delivery, t) for t in experiment.trials}
    sizes = {trial: sum(own) for trial, own in calls.items()}
    media, tokens, served = _media(experiment), sum(sizes.values()), 0
    if c.delivery == "full":  # of anything else nobody knows how much a cache may serve
        waves = experiment.waves((), concurrency_of(c))
        served = cacheable_tokens(waves, partial(_shape, experiment))
    return Plan(
        config=c,
        language=experiment.language,
        reply_tokens=experiment.reply_tokens,
        haystack=experiment.haystack.name,
        haystack_tokens=experiment.haystack.tokens,
        tokenizer=experiment.tokenizer.name,
        lengths=tuple(_planned_length(experiment, n, sizes, media.get(n)) for n in c.lengths),
        trials=len(experiment.trials),
        controls=sum(t.control is not None for t in experiment.trials),
        prompt_tokens=tokens,
        largest=max(n for own in calls.values() for n in own),
        cacheable_tokens=served,
        price=_price(experiment, _paid(experiment.trials, calls, media), served / tokens),
        vector_tokens=_vector_tokens(experiment),
        tokens_per_s=tokens_per_s,
        warnings=tuple(experiment.warnings()),
    )


def _vector_tokens(experiment: Experiment) -> int:
    """At most, that a server of vectors is sent: every prompt, and what its chunks repeat."""
    if experiment.config.embed_url is None:
        return 0
    chunking = chunking_of(experiment.config)
    again = chunking.tokens / (chunking.tokens - chunking.overlap)
    return round(again * sum(map(experiment.prompt_tokens, experiment.trials)))


def _media(experiment: Experiment) -> dict[int, MediaSize]:
    """What a trial of each length is as pages or sound; no page is drawn."""
    presenter = presenter_in(experiment)
    if not isinstance(presenter, Pages | Speech):
        return {}
    firsts = {t.context_length: t for t in reversed(experiment.trials) if t.control is None}
    prompts = {n: experiment.prompt(trial) for n, trial in sorted(firsts.items())}
    sizes = {n: media_size(p.tokens, presenter.measured(p)) for n, p in prompts.items()}
    return {n: size for n, size in sizes.items() if size}


def _paid(
    trials: Sequence[Trial], calls: Mapping[str, Sequence[int]], media: Mapping[int, MediaSize]
) -> list[int] | None:
    """The tokens of every call, pages and sound as their service counts them; None: not known."""
    if any(size.media_tokens is None for size in media.values()):
        return None
    beside = {n: (size.media_tokens or 0) - size.text_tokens for n, size in media.items()}
    return [max(0, n + beside.get(t.context_length, 0)) for t in trials for n in calls[t.id]]


def epoch_cost(config: RunConfig, task: Task) -> tuple[int, float | None]:
    """Prompt tokens of one epoch of a grid, and its US dollars without a cache; None: not known.

    Nothing is loaded: a prompt and its reply budget together are as long as was asked.
    """
    reply = reply_tokens_of(config, task)
    sizes = [max(0, length - reply) for length in config.lengths for _ in config.depths]
    if is_free(config):
        return sum(sizes), 0.0
    pricing = pricing_of(config.provider, config.model or "", config.base_url, config.price)
    return sum(sizes), None if pricing is None else _dollars(pricing, sizes, reply)


def is_free(config: RunConfig) -> bool:
    """Whether a run costs nothing: it stays on this machine, and nobody has set a price."""
    entry = PROVIDERS.get(config.provider)
    here = config.provider == FUNCTION or (entry is not None and entry.on_this_machine)
    return here and config.base_url is None and config.price is None


def _planned_length(
    experiment: Experiment, length: int, sizes: dict[str, int], media: MediaSize | None
) -> PlannedLength:
    own = [sizes[t.id] for t in experiment.trials if t.context_length == length]
    return PlannedLength(
        context_length=length,
        trials=len(own),
        prompt_tokens=sum(own),
        unique_share=experiment.unique_share(length),
        media=media,
    )


def _shape(experiment: Experiment, trial: Trial) -> Shape:
    """What a prefix cache sees of a prompt, to within a segment; nothing is built."""
    planting, tokens = experiment.plant(trial), experiment.prompt_tokens(trial)
    lines = [(n.depth_in(trial), n.text) for n in (*planting.needles, *planting.marks)]
    depth, text = min(lines, default=(100.0, planting.question))
    place = planting.needles[0].tokens_before if planting.needles else None
    per_trial = experiment.config.haystack_per == "trial"
    alone = per_trial or planting.passage or trial.control in (CLOSED_BOOK, ORACLE)
    return Shape(
        stretch=trial.id if alone else trial.epoch,
        needle=text,
        before=round(tokens * depth / 100) if place is None else place,
        tokens=tokens,
    )


def _price(experiment: Experiment, sizes: list[int] | None, cached_share: float) -> Price:
    c = experiment.config
    if is_free(c):
        return Price(free=True, dollars=0.0, dollars_cached=0.0)
    pricing = pricing_of(c.provider, str(c.model), c.base_url, c.price)
    if pricing is None or sizes is None:
        return Price(free=False)
    reply = most_reply_tokens(experiment)
    whole = _dollars(pricing, sizes, reply)
    return Price(
        free=False,
        dollars=whole,
        batch=whole / 2 if c.provider in BATCH_SERVICES and c.base_url is None else None,
        dollars_cached=_dollars(pricing, sizes, reply, cached_share),
        source=pricing.source,
    )


def _dollars(pricing: Pricing, sizes: list[int], reply: int, cached_share: float = 0.0) -> float:
    return sum(
        pricing.dollars(
            Usage(input_tokens=n, cached_tokens=round(n * cached_share), output_tokens=reply)
        )
        for n in sizes
    )


def _price_words(price: Price) -> str:
    if price.free:
        return FREE
    if price.dollars is None or price.dollars_cached is None:
        return unknown_price("price in the config")
    least = f"${price.dollars_cached:,.2f} with the cacheable share read from a cache"
    batch = "" if price.batch is None else f", or ${price.batch:,.2f} by niah batch"
    return f"${price.dollars:,.2f}, or {least}{batch} (by {price.source})"


def unknown_price(setting: str) -> str:
    """What stands in the place of a price, and what to do about it."""
    instead = "" if find_spec("genai_prices") else f", or {install_hint('prices')}"
    return f"unknown (set {setting}{instead})"
