"""niah doctor: what is there, what is not, what to do."""

from __future__ import annotations

import sys
from collections import Counter

import click
from rich.console import Console
from rich.text import Text

from niah.cli.options import config_from, setting_options
from niah.cli.screen import fit_to_terminal, has_width
from niah.doctor import Check, State, checks
from niah.experiment.checks import check_used
from niah.plotter.wrapping import Words

UNHEALTHY = 3
_STYLES = {State.OK: "green", State.NOTE: "yellow", State.BAD: "red"}
_INDENT = " " * 19  # of what follows mark and name


@click.command()
@setting_options("provider", "base_url", "model", "api_key_env", "api_key_file")
def doctor(**flags: str | None) -> None:
    """Check this installation: Python, extras, fonts, cache, haystacks, keys (names only), disk.

    With --provider or --base-url that server is asked, too, for at most three seconds. A note is about something not
    everybody needs. Exits 3 where something is bad; each such line says what to do.
    """
    config = config_from(None, flags)
    if any(flags.values()):
        check_used(config)
    console, states = Console(highlight=False), Counter[State]()
    fit_to_terminal(console)
    for check in checks(config if flags["provider"] or flags["base_url"] else None):
        states[check.state] += 1
        _print(check, console)
    click.echo(f"{states[State.OK]} ok, {states[State.NOTE]} to note, {states[State.BAD]} bad", err=True)
    sys.exit(UNHEALTHY if states[State.BAD] else 0)


def _print(check: Check, console: Console) -> None:
    """On a terminal wrapped, with its advice on a line of its own; elsewhere in one line."""
    head, advice = f" {check.name:<12} ", f"-> {check.advice}" if check.advice else ""
    mark = Text(f"{check.state.value:<5}", style=_STYLES[check.state])
    if not has_width(console):
        console.print(mark.append(f"{head}{check.said} {advice}".rstrip(), style="default"), soft_wrap=True)
        return
    width = max(console.width - len(_INDENT), 30)
    said = [
        line for text in (check.said, advice) if text for line in Words(text).lines(console, console.options, width)
    ]
    for number, line in enumerate(said):
        console.print(Text.assemble(*((mark, head) if number == 0 else (_INDENT,)), line))
