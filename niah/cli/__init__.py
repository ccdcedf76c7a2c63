"""The command line: parse, call, print. Commands are imported when they are called, so that help is fast."""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from niah import __version__
from niah.errors import NiahError
from niah.installation import SCRIPT, script_warning
from niah.outside import secrets_kept, visible

BUG = 70  # EX_SOFTWARE of sysexits.h

# name -> module:attribute, and the line that help shows (kept here so that help imports no command)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("niah.cli.run:run", "Sweep lengths and depths, draw the heatmap; the same command resumes."),
    "probe": ("niah.cli.probe:probe", "Ask a server small questions: its counts, its cache, its true window."),
    "build": ("niah.cli.build:build", "Write the prompts themselves as JSON Lines. Needs no model."),
    "plan": ("niah.cli.plan:plan", "Count cells, tokens, price and time of a run. Sends nothing."),
    "show": ("niah.cli.show:show", "Show one trial: needle in its surroundings, question, answer, score."),
    "plot": ("niah.cli.plot:plot", "Draw the heatmap of finished runs, side by side where there are several."),
    "score": ("niah.cli.score:score", "Score the stored answers of a run again."),
    "judge": ("niah.cli.judge:judge", "Ask a model for a second opinion on the answers of a run."),
    "report": ("niah.cli.report:report", "Print the figures of a run: recall, effective length, weak spots, times."),
    "compare": (
        "niah.cli.compare:compare",
        "Compare runs: what was lost and gained, and whether it is more than chance.",
    ),
    "gate": ("niah.cli.gate:gate", "Judge a run for a pipeline: pass, fail or not enough evidence."),
    "power": ("niah.cli.power:power", "Count the trials that a gate needs, with their tokens and price."),
    "baseline": ("niah.cli.baseline:baseline", "Keep a run as a small file to compare with."),
    "import-results": ("niah.cli.import_results:import_results", "Import results that other tools have published."),
    "haystack": ("niah.cli.haystack:haystack", "Import, list, check and remove transcripts."),
    "tasks": ("niah.cli.registries:tasks", "List the tasks."),
    "providers": ("niah.cli.registries:providers", "List the providers and the embedded models."),
}


class _Lazy(click.Group):
    """A group that knows its commands by name and loads them when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="niah")
def cli() -> None:
    """Measure how well a language model reads a long context.

    niah hides a sentence in long podcast transcripts, at every length and depth,
    asks for it, and draws where it was found.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. A NiahError is one line on stderr; anything else is a bug: a traceback and exit 70.

    Python's own exit of 1 would read as the verdict "fail".
    """
    if arguments is None and Path(sys.argv[0]).stem != SCRIPT and (warning := script_warning()):
        click.echo(f"niah: {warning}", err=True)
    with secrets_kept():
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> None:
    try:
        cli.main(args=arguments, prog_name="niah")
    except NiahError as error:
        click.echo(visible(f"niah: {error}"), err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the outermost frame: nobody else would choose the exit code
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            click.echo(f"niah: standard output cannot be written ({error.strerror})", err=True)
            sys.exit(2)
        click.echo(visible(traceback.format_exc()), err=True)
        sys.exit(BUG)


if __name__ == "__main__":
    main()
