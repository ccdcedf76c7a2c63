"""What click finds wrong with a command line, in the voice of all other errors: one line that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

from niah.text.renamed import new_name


def in_our_voice(error: click.ClickException) -> str:
    """One line: what is wrong with which word, what was perhaps meant, where it is told."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "niah"
    return f"{_what(error, context)} (see: {path} --help)"


def unknown_command(name: str, known: Iterable[str], context: click.Context) -> click.UsageError:
    """The error for a command that is not there."""
    return click.UsageError(f"no command {name!r}{_guess(name, known)}", context)


def _what(error: click.ClickException, context: click.Context | None) -> str:
    match error:
        case click.NoSuchOption() if context is not None:
            flags = [flag for p in context.command.get_params(context) for flag in (*p.opts, *p.secondary_opts)]
            known = [flag for flag in flags if flag.startswith("--")]
            new = f"--{new_name(error.option_name[2:].replace('-', '_'))}".replace("_", "-")
            if new in known:
                return f"{error.option_name} is called {new} now"
            return f"no option {error.option_name}{_guess(error.option_name, known)}"
        case click.BadOptionUsage():
            return f"{error.option_name} needs a value"
        case click.MissingParameter() if error.param is not None:
            return f"{_name(error.param)} is missing"
        case click.BadParameter() if error.param is not None:
            return f"{_name(error.param)}: {_plain(error.message)}"
    unknown = getattr(error, "command_name", None)  # of a group inside the group, in newer clicks
    if isinstance(unknown, str) and context is not None and isinstance(context.command, click.Group):
        return f"no command {unknown!r}{_guess(unknown, context.command.list_commands(context))}"
    return _plain(error.format_message())


def _name(param: click.Parameter) -> str:
    """--out, or RUN."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    plain = (param.metavar or "").strip("[]")
    return plain if plain.isupper() and "|" not in plain else str(param.name).upper()


def _plain(message: str) -> str:
    """Without a capital and a full stop, as a part of a line."""
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _guess(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
