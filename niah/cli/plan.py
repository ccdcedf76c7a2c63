"""niah plan: what a run would send, cost and take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from niah.cli.help import Command
from niah.cli.options import RESULTS, config_from, config_options, run_folder
from niah.cli.several import by_model
from niah.errors import ConfigError
from niah.experiment.checks import completed, concurrency_of
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.experiment.trials import Shape, cacheable_tokens
from niah.installation import install_hint
from niah.providers import known_provider
from niah.records import Trial, Usage
from niah.text.lengths import label_of


@click.command(cls=Command)
@config_options
@click.option("--speed", metavar="TOKENS|RUN", help="Prompt tokens per second, or a finished run to take it from.")
@RESULTS
@click.option("--gate", type=click.Path(path_type=Path), help="A gate.toml: warn where this run could not decide it.")
def plan(config: str | None, speed: str | None, results: Path, gate: Path | None, **flags: Any) -> None:
    """Count the cells, trials, tokens, cacheable share, price and time of CONFIG and flags. Sends nothing."""
    for number, one in enumerate(by_model(config_from(config, flags)).values()):
        experiment = planned(one)
        for line in ["", *plan_lines(experiment, speed, results)][number == 0 :]:
            click.echo(line)
        for warning in experiment.warnings():
            click.echo(f"niah: {warning}", err=True)
        if gate is not None:
            _warn_of_gates(experiment, gate)


def planned(config: RunConfig) -> Experiment:
    """The recipe of a config, checked as for a run but for its key. Raises the NiahError of what is wrong."""
    experiment = experiment_of(completed(config, key_needed=False))
    experiment.check_lengths()
    return experiment


def plan_lines(experiment: Experiment, speed: str | None, results: Path) -> list[str]:
    """What a run would send, cost and take: a line for each figure, then one for each length."""
    c, tokens = experiment.config, sum(map(experiment.prompt_tokens, experiment.trials))
    served = cacheable_tokens(experiment.waves((), concurrency_of(c)), _shapes(experiment))
    size = "endless" if experiment.haystack.tokens is None else f"{experiment.haystack.tokens:,} tokens"
    cells = f"{len(c.lengths)} lengths x {len(c.depths)} depths = {len(c.lengths) * len(c.depths)}"
    rows = {
        "model": f"{c.model} ({c.provider})",
        "task": f"{c.task}, needle in {experiment.language}, reply budget {experiment.reply_tokens} tokens",
        "haystack": f"{experiment.haystack.name}: {size}, drawn per {c.haystack_per}",
        "tokenizer": experiment.tokenizer.name,
        "cells": cells,
        "trials": f"{len(experiment.trials)} ({c.epochs} per cell{_controls(experiment)})",
        "tokens": f"{tokens:,} in prompts, {max(c.lengths) - experiment.reply_tokens:,} in the largest",
        "cacheable": f"{100 * served / tokens:.0f} % by a prefix cache, one by one, order {c.order}, layout {c.layout}",
        "price": _price(experiment, tokens, served),
        "time": _time(tokens, served, speed, results),
    }
    lines = [f"{name:<11} {value}" for name, value in rows.items()]
    for length in c.lengths:
        sizes = [experiment.prompt_tokens(t) for t in experiment.trials if t.context_length == length]
        counts = f"{len(sizes):>5} trials  {sum(sizes):>13,} tokens"
        lines.append(f"  {label_of(length):>9}   {counts}   {100 * experiment.unique_share(length):.0f} % unique text")
    return lines


def _warn_of_gates(experiment: Experiment, path: Path) -> None:
    """A line for every gate that even a perfect run of this size would leave open."""
    from niah.plotter.report_text import finding_words
    from niah.verdict.gate_config import read_gate_config
    from niah.verdict.power import cannot_decide, cannot_fail

    planned = (read_gate_config(path), experiment.header(), experiment.trials)
    undecided = cannot_decide(*planned)
    for finding in undecided:
        click.echo(f"niah: this run cannot pass {path.name} even if it is perfect: {finding_words(finding)}", err=True)
    if cannot_fail(*planned):
        click.echo(f"niah: this run cannot fail {path.name} even if it finds nothing: run more trials", err=True)
    elif not undecided:
        click.echo(f"{'gate':<11} a perfect run of this size passes {path.name}")


def _controls(experiment: Experiment) -> str:
    controls = sum(t.control is not None for t in experiment.trials)
    return f", and {controls} controls" if controls else ""


def _shapes(experiment: Experiment) -> Callable[[Trial], Shape]:
    """What a prefix cache sees of every prompt, to within a segment; nothing is built."""

    def shape(trial: Trial) -> Shape:
        planting = experiment.plant(trial)
        tokens = experiment.prompt_tokens(trial)
        lines = [*planting.needles, *planting.marks]
        depth, text = min(
            ((trial.depth_percent if n.depth_percent is None else n.depth_percent, n.text) for n in lines),
            default=(100.0, planting.question),
        )
        alone = (
            experiment.config.haystack_per == "trial" or planting.passage or trial.control in ("closed-book", "oracle")
        )
        stretch = trial.id if alone else trial.epoch
        place = planting.needles[0].tokens_before if planting.needles else None
        before = round(tokens * depth / 100) if place is None else place
        return Shape(stretch=stretch, needle=text, before=before, tokens=tokens)

    return shape


def _price(experiment: Experiment, tokens: int, served: int) -> str:
    """Dollars without and with a cache that serves its share of every request."""
    from niah.providers.prices import pricing_of

    c = experiment.config
    known = known_provider(c.provider)
    if known.on_this_machine and c.base_url is None and c.price is None:
        return "nothing: it runs on this machine"
    pricing = pricing_of(str(c.model), c.base_url or known.base_url, c.price)
    if pricing is None:
        return f"unknown (set price in the config, or {install_hint('prices')})"
    share = served / tokens
    sizes = [experiment.prompt_tokens(t) for t in experiment.trials]

    def dollars(cached_share: float) -> float:
        usages = (
            Usage(input_tokens=n, cached_tokens=round(n * cached_share), output_tokens=experiment.reply_tokens)
            for n in sizes
        )
        return sum(map(pricing.dollars, usages))

    least = f"${dollars(share):,.2f} with the cacheable share read from a cache"
    return f"${dollars(0):,.2f}, or {least} (by {pricing.source})"


def _time(tokens: int, served: int, speed: str | None, results: Path) -> str:
    if speed is None:
        return "unknown (give --speed TOKENS per second, or a finished run)"
    rate = _number(speed) or _measured(run_folder(speed, results))
    with_cache = _duration((tokens - served) / rate)
    return f"{_duration(tokens / rate)} one after the other at {rate:,.0f} tokens/s, {with_cache} with the cache"


def _number(text: str) -> float | None:
    try:
        rate = float(text.replace(",", ""))
    except ValueError:
        return None
    if not 0 < rate < math.inf:
        raise ConfigError(f"--speed {text!r}: give prompt tokens per second above 0, or the name of a run")
    return rate


def _measured(folder: Path) -> float:
    """Prompt tokens per second to the first token, over the scored trials of a run."""
    from niah.runlog.log import read_rows

    timed = [r for r in read_rows(folder)[1].values() if r.first_token_s]
    if not timed:
        raise ConfigError(f"{folder}: no trial of this run has a time to first token; give --speed as a number")
    return sum(r.prompt_tokens for r in timed) / sum(r.first_token_s or 0 for r in timed)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
