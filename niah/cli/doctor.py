"""niah doctor: what is there, what is not, what to do."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from functools import partial

import click

from niah.cli.completion import MODELS, PROVIDERS
from niah.cli.options import config_from
from niah.doctor import Check, State, checks
from niah.experiment.checks import check_used

UNHEALTHY = 3
_STYLES = {State.OK: "green", State.NOTE: "yellow", State.BAD: "red"}
_NAMES = 12  # columns of a name
_INDENT = " " * (_NAMES + 7)


@click.command()
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=PROVIDERS,
    help="Also ask this provider's server, for at most three seconds.",
)
@click.option("--base-url", metavar="URL", help="Address of that server, ending in /v1.")
@click.option("--model", metavar="NAME", shell_complete=MODELS, help="Model that it should serve.")
@click.option("--api-key-env", metavar="VARIABLE", help="Environment variable that holds the key.")
@click.option("--api-key-file", metavar="FILE", help="File that holds the key, and nothing else.")
def doctor(**flags: str | None) -> None:
    """Check this installation: Python, extras, fonts, cache, haystacks, keys (names only), disk.

    A note is about something not everybody needs. Exits 3 where something is bad; each such line says what to do.
    """
    config = config_from(None, flags)
    if any(flags.values()):
        check_used(config)
    states = []
    for check in checks(config if flags["provider"] or flags["base_url"] else None):
        states.append(check.state)
        for line in _lines(check):
            click.echo(line, color=False if os.environ.get("NO_COLOR") else None)
    notes, bad = states.count(State.NOTE), states.count(State.BAD)
    click.echo(f"{len(states) - notes - bad} ok, {notes} to note, {bad} bad", err=True)
    sys.exit(UNHEALTHY if bad else 0)


def _lines(check: Check) -> list[str]:
    """A check in words: on a terminal wrapped, with its advice on a line of its own; elsewhere in one line."""
    mark = click.style(f"{check.state.value:<5}", fg=_STYLES[check.state])
    head, advice = f"{check.name:<{_NAMES}} ", f"-> {check.advice}" if check.advice else ""
    if not sys.stdout.isatty():
        return [f"{mark} {head}{check.said} {advice}".rstrip()]
    width = max(shutil.get_terminal_size().columns - len(_INDENT), 30)
    wrap = partial(textwrap.wrap, width=width, break_long_words=False, break_on_hyphens=False)
    said = [*wrap(check.said), *wrap(advice)]
    return [f"{mark} {head}{said[0]}", *(_INDENT + line for line in said[1:])]
