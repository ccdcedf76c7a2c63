"""niah probe: what a server is like, in a few small requests."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from niah.cli.help import Command
from niah.cli.options import config_from, config_options
from niah.errors import ConfigError
from niah.experiment.checks import completed
from niah.experiment.experiment import Experiment, experiment_of
from niah.runner.exchange import Answer
from niah.runner.observer import Observer
from niah.runner.preflight import Preflight
from niah.runner.probe import Probe, Step, Window
from niah.runner.progress import Trouble
from niah.runner.session import connected, open_session
from niah.text.lengths import length_of

DEFAULT_MOST = "128k"


@click.command(cls=Command)
@config_options
@click.option("--window", is_flag=True, help="Find the true window by longer and longer prompts. Costs their tokens.")
@click.option("--up-to", default=DEFAULT_MOST, show_default=True, metavar="LENGTH", help="Longest prompt of --window.")
def probe(config: str | None, window: bool, up_to: str, **flags: Any) -> None:
    """Ask the server of CONFIG and flags a few small questions: does it answer, how does it count, does it cache.

    With --window, find by bisection how long a prompt may really be.
    """
    asked = completed(config_from(config, flags))
    if asked.provider == "simulated":
        raise ConfigError("provider 'simulated' has no server to probe; name another --provider")
    for budget in ("max_cost", "max_tokens", "max_minutes"):
        if getattr(asked, budget) is not None:
            raise ConfigError(f"{budget} has no meaning for probe; --up-to bounds its prompts")
    most = length_of(up_to, least=min(asked.lengths))
    if window:  # servers that are told their window must have room for the longest prompt
        asked = asked.model_copy(update={"lengths": tuple(sorted({min(asked.lengths), most}))})
    asyncio.run(_probe(experiment_of(asked), most if window else None))


async def _probe(experiment: Experiment, most: int | None) -> None:
    with open_session(experiment, lambda text: click.echo(text, err=True)) as session:
        async with connected(session, experiment, _Teller()) as client:
            asking = Probe(client, session.provider, experiment)
            found, again = await asking.look()
            for name, value in _rows(experiment, found, again).items():
                click.echo(f"{name:<12} {value}")
            if most is not None:
                click.echo(f"{'true window':<12} {_window(await asking.window(most, _show))}")


class _Teller(Observer):
    def trouble(self, trouble: Trouble) -> None:
        click.echo(str(trouble), err=True)


def _rows(experiment: Experiment, found: Preflight, again: Answer | None) -> dict[str, str]:
    first = found.answers[-1]
    usage = first.response.usage if first.response else None
    named = f", as {found.model}" if found.model and found.model != experiment.config.model else ""
    reported = [k for k in ("input", "cached", "output") if usage and getattr(usage, f"{k}_tokens") is not None]
    rows = {
        "model": f"{experiment.config.model} answers{named}",
        "first token": "not streamed" if first.first_token_s is None else f"after {first.first_token_s:.2f} s",
        "tells tokens": ", ".join(reported) or "none",
        "tokens": "unknown: the server does not count",
        "cache": _cache(again),
        "told window": "none" if found.window is None else f"{found.window:,} of the server's tokens",
    }
    if found.calibration is not None:
        known = found.calibration
        ratios = sorted({f"{known.narrow:.2f}", f"{known.wide:.2f}"})
        rows["tokens"] = (
            f"{' to '.join(ratios)} of the server's for one of {experiment.tokenizer.name}, "
            f"{known.overhead:.0f} more around every prompt"
        )
    return rows


def _cache(again: Answer | None) -> str:
    usage = again.response.usage if again and again.response else None
    if usage is None or usage.cached_tokens is None:
        return "the server does not say"
    return f"{usage.cached_tokens:,} of {usage.input_tokens or 0:,} tokens of a repeated prompt were read from it"


def _show(step: Step) -> None:
    counted = "" if step.server_tokens is None else f", {step.server_tokens:,} of the server's"
    click.echo(f"  {step.context_length:>10,} tokens{counted}: {step.why}")


def _window(found: Window) -> str:
    if found.fits is None:
        return "none: not even the shortest prompt was accepted whole"
    counted = "" if found.fits.server_tokens is None else f" ({found.fits.server_tokens:,} of the server's)"
    if found.too_long is None:
        return f"at least {found.fits.context_length:,} tokens{counted}; try longer ones with --up-to"
    return f"{found.fits.context_length:,} tokens fit{counted}, {found.too_long.context_length:,} do not"
