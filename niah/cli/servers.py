"""What is there to measure with: niah doctor, probe and models."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from niah.cli.flags import flag, option
from niah.cli.help import Command
from niah.cli.screen import fitted, has_width
from niah.cli.settings import config_from, config_options, setting_options
from niah.doctor import Check, State, checks
from niah.errors import ConfigError
from niah.experiment.checks import check_provider, completed
from niah.experiment.experiment import Experiment, experiment_of
from niah.plotter.formatting import plural
from niah.plotter.wrapping import Words
from niah.runner.exchange import Answer
from niah.runner.models import Probe, Step, Window, served_models
from niah.runner.preflight import Preflight
from niah.runner.progress import Observer, Trouble
from niah.runner.session import connected, open_session
from niah.text.lengths import length_of

UNHEALTHY = 3
_STYLES = {State.OK: "green", State.NOTE: "yellow", State.BAD: "red"}
_INDENT = " " * 19  # of what follows mark and name


@click.command()
@setting_options("provider", "base_url", "model", "api_key_env", "api_key_file", "ca_file")
def doctor(**flags: str | None) -> None:
    """Check this installation: Python, extras, fonts, cache, haystacks, keys (names only), disk.

    With --provider or --base-url that server is asked, too, for at most three seconds.
    A note is about something not everybody needs.
    Exits 3 where something is bad; each such line says what to do.
    """
    config = config_from(None, flags)
    if any(flags.values()):
        check_provider(config)
    console, states = fitted(Console(highlight=False)), Counter[State]()
    for check in checks(config if flags["provider"] or flags["base_url"] else None):
        states[check.state] += 1
        _print(check, console)
    ok, noted, bad = (states[state] for state in (State.OK, State.NOTE, State.BAD))
    click.echo(f"{ok} ok, {noted} to note, {bad} bad", err=True)
    sys.exit(UNHEALTHY if bad else 0)


def _print(check: Check, console: Console) -> None:
    """On a terminal wrapped, with its advice on a line of its own; elsewhere in one line."""
    mark, head = Text(f"{check.state.value:<5}", _STYLES[check.state]), f" {check.name:<12} "
    said = [check.said, *([f"-> {check.advice}"] if check.advice else [])]
    if not has_width(console):
        console.print(mark.append(head + " ".join(said), style="default"), soft_wrap=True)
        return
    width = max(console.width - len(_INDENT), 30)
    lines = [line for text in said for line in Words(text).lines(console, console.options, width)]
    for number, line in enumerate(lines):
        console.print(Text.assemble(*([_INDENT] if number else [mark, head]), line))


@click.command(cls=Command)
@config_options
@flag("--window", "Find the true window by longer and longer prompts. Costs their tokens.")
@option("--up-to", "LENGTH", "Longest prompt of --window.  [default: 128k]")
def probe(config: str | None, window: bool, up_to: str | None, **flags: Any) -> None:
    """Ask the server of CONFIG and flags a few small questions:
    does it answer, how does it count, does it cache.

    With --window, find by bisection how long a prompt may really be.
    """
    asked = completed(config_from(config, flags))
    if asked.provider == "simulated":
        raise ConfigError("provider 'simulated' has no server to probe; name another --provider")
    for budget in ("max_cost", "max_tokens", "max_minutes"):
        if getattr(asked, budget) is not None:
            raise ConfigError(f"{budget} has no meaning for probe; --up-to bounds its prompts")
    if up_to is not None and not window:
        raise ConfigError(
            "--up-to is the longest prompt of --window; give that too, or leave it out"
        )
    least = min(asked.lengths)
    most: int | None = None
    if window:
        most = length_of(up_to, least=least) if up_to else max(128_000, least)
        # servers that are told their window must have room for the longest prompt
        asked = asked.model_copy(update={"lengths": tuple(sorted({least, most}))})
    asyncio.run(_probe(experiment_of(asked), most))


async def _probe(experiment: Experiment, most: int | None) -> None:
    with open_session(experiment, lambda text: click.echo(text, err=True)) as session:
        async with connected(session, experiment, _Teller()) as client:
            asking = Probe(client, experiment)
            found, again = await asking.look()
            for name, value in _rows(experiment, found, again).items():
                click.echo(f"{name:<12} {value}")
            if most is not None:
                ends = await asking.window(found, most, _show)
                click.echo(f"{'true window':<12} {_window(ends)}")


class _Teller(Observer):
    def trouble(self, trouble: Trouble) -> None:
        click.echo(str(trouble), err=True)


def _rows(experiment: Experiment, found: Preflight, again: Answer | None) -> dict[str, str]:
    model, first = experiment.config.model, found.answers[-1]
    named = f", as {found.model}" if found.model and found.model != model else ""
    usage = first.response.usage if first.response else None
    kinds = ("input", "cached", "output")
    counted = [kind for kind in kinds if getattr(usage, f"{kind}_tokens", None) is not None]
    rows = {
        "model": f"{model} answers{named}",
        "first token": "not streamed",
        "tells tokens": ", ".join(counted) or "none",
        "tokens": "unknown: the server does not count",
        "cache": _cache(again),
        "told window": "none",
    }
    if first.first_token_s is not None:
        rows["first token"] = f"after {first.first_token_s:.2f} s"
    if found.window is not None:
        rows["told window"] = f"{found.window:,} of the server's tokens"
    if found.calibration is not None:
        known = found.calibration
        ratio = " to ".join(sorted({f"{known.narrow:.2f}", f"{known.wide:.2f}"}))
        rows["tokens"] = (
            f"{ratio} of the server's for one of {experiment.tokenizer.name},"
            f" {known.overhead:.0f} more around every prompt"
        )
    return rows


def _cache(again: Answer | None) -> str:
    usage = again.response.usage if again and again.response else None
    if usage is None or usage.cached_tokens is None:
        return "the server does not say"
    read = f"{usage.cached_tokens:,} of {usage.input_tokens or 0:,} tokens"
    return f"{read} of a repeated prompt were read from it"


def _show(step: Step) -> None:
    counted = "" if step.server_tokens is None else f", {step.server_tokens:,} of the server's"
    click.echo(f"  {step.context_length:>10,} tokens{counted}: {step.why}")


def _window(found: Window) -> str:
    fits, too_long = found.fits, found.too_long
    if fits is None:
        return "none: not even the shortest prompt was accepted whole"
    counted = "" if fits.server_tokens is None else f" ({fits.server_tokens:,} of the server's)"
    if too_long is None:
        return f"at least {fits.context_length:,} tokens{counted}; try longer ones with --up-to"
    return f"{fits.context_length:,} tokens fit{counted}, {too_long.context_length:,} do not"


@click.command()
@setting_options("provider", "base_url", "api_key_env", "api_key_file", "ca_file")
def models(**flags: str | None) -> None:
    """List the models that a provider serves, and their windows in tokens where it tells them.

    Sends one small request, with the provider's key where it needs one.
    """
    config = config_from(None, flags)
    check_provider(config)
    served = served_models(config)
    width = max((len(m.name) for m in served), default=0)
    for model in served:
        # it is a server's word
        name = "".join(sign if sign.isprintable() else " " for sign in model.name)
        click.echo(f"{name:<{width}}  {model.window:>11,}" if model.window else name)
    click.echo(f"{plural(len(served), 'model')} of provider {config.provider}", err=True)
