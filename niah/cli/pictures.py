"""Flags of the commands that draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from niah.cli.options import PALETTE
from niah.plotter.look import LOOK, SHEETS, Look

_Command = TypeVar("_Command", bound=Callable[..., Any])


def look_options(command: _Command) -> _Command:
    """Size, colours and form of a picture."""
    command = click.option("--true-depths", is_flag=True, help="Draw rows as far apart as their depths are.")(command)
    command = click.option("--dark", is_flag=True, help="Light on dark.")(command)
    command = PALETTE(command)
    sizes = ", ".join(f"{name} {s.width * s.dpi:.0f} x {s.height * s.dpi:.0f}" for name, s in SHEETS.items())
    return click.option(
        "--size", type=click.Choice(list(SHEETS)), default=LOOK.size, show_default=True, help=f"Pixels: {sizes}."
    )(command)


def look_of(flags: dict[str, Any]) -> Look:
    return Look(**flags)
