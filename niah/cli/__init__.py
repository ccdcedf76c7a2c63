"""The command line: parse, call, print. Commands are imported when they are called, so that help is
fast."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from niah import __version__
from niah.errors import NiahError
from niah.installation import SCRIPT, script_warning
from niah.text.outside import secrets_kept, visible

BUG = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # by Ctrl-C, as shells say it
NO_READER = 141  # nobody reads standard output any more: what SIGPIPE would have left

# name -> module:attribute, and the line that help shows (kept here so that help imports no command)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": (
        "niah.cli.run:run",
        "Sweep lengths and depths, draw the heatmap; the same command resumes.",
    ),
    "effective": (
        "niah.cli.studies:effective",
        "Find how long a context a model reads, for a tenth of a grid.",
    ),
    "plan": (
        "niah.cli.planning:plan",
        "Count cells, tokens, price and time of a run. Sends nothing.",
    ),
    "probe": (
        "niah.cli.servers:probe",
        "Ask a server small questions: its counts, its cache, its true window.",
    ),
    "build": (
        "niah.cli.planning:build",
        "Write the prompts themselves as JSON Lines. Needs no model.",
    ),
    "collect": (
        "niah.cli.elsewhere:collect",
        "Take answers from files into a run: batch services, vLLM, any harness.",
    ),
    "list": ("niah.cli.look:list_", "List the runs: model, task, share found, trials, date."),
    "show": (
        "niah.cli.show:show",
        "Show one trial: needle in its surroundings, question, answer, score.",
    ),
    "report": (
        "niah.cli.look:report",
        "Print the figures of a run: share found, effective length, weak spots.",
    ),
    "plot": (
        "niah.cli.look:plot",
        "Draw the heatmap of finished runs, side by side where there are several.",
    ),
    "page": (
        "niah.cli.look:page",
        "Write runs into one HTML file: every cell, needle and answer, to be shared.",
    ),
    "view": (
        "niah.cli.look:view",
        "Serve the pages of all runs here, follow a running one, mark answers by hand.",
    ),
    "compare": (
        "niah.cli.look:compare",
        "Compare runs: what was lost and gained, and whether it is more than chance.",
    ),
    "engine": (
        "niah.cli.studies:engine",
        "Judge a change of an engine: base, base again, candidate.",
    ),
    "gate": (
        "niah.cli.judging:gate",
        "Judge a run for a pipeline: pass, fail or not enough evidence.",
    ),
    "power": (
        "niah.cli.planning:power",
        "Count the trials that a gate needs, with their tokens and price.",
    ),
    "baseline": ("niah.cli.judging:baseline", "Keep a run as a small file to compare with."),
    "history": (
        "niah.cli.studies:history",
        "Keep runs over time, and find out when a model has changed.",
    ),
    "score": ("niah.cli.judging:score", "Score the stored answers of a run again."),
    "judge": (
        "niah.cli.judging:judge",
        "Ask a model for a second opinion on the answers of a run.",
    ),
    "init": (
        "niah.cli.startup:init",
        "Write a commented file to start from: run, gate, suite or questions.",
    ),
    "doctor": (
        "niah.cli.servers:doctor",
        "Check this installation, and say what to do about what is wrong.",
    ),
    "tasks": ("niah.cli.startup:tasks", "List the tasks, or tell all about one of them."),
    "providers": ("niah.cli.startup:providers", "List the providers and the embedded models."),
    "models": ("niah.cli.servers:models", "List the models that a provider serves."),
    "haystack": ("niah.cli.transcripts:haystack", "Import, list, check and remove transcripts."),
    "questions": (
        "niah.cli.transcripts:questions",
        "Check or draft questions about your transcripts.",
    ),
    "batch": (
        "niah.cli.elsewhere:batch",
        "Have a batch service answer a run within a day, at half price.",
    ),
    "submit": ("niah.cli.elsewhere:submit", "Run the shards of a run as jobs of Ray or Slurm."),
    "merge": (
        "niah.cli.elsewhere:merge",
        "Merge the shards of a run, or runs of one config from several machines.",
    ),
    "import-prompts": (
        "niah.cli.elsewhere:import_prompts",
        "Read prompts of other benchmarks, to be run like ours.",
    ),
    "import-results": (
        "niah.cli.elsewhere:import_results",
        "Import results that other tools have published.",
    ),
}
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Measure": ("run", "effective", "plan", "probe", "build"),
    "Look": ("list", "show", "report", "plot", "page", "view", "compare"),
    "Judge": ("gate", "engine", "power", "baseline", "history", "score", "judge"),
    "Elsewhere": ("batch", "submit", "collect", "merge", "import-prompts", "import-results"),
    "Set up": ("init", "doctor", "tasks", "providers", "models", "haystack", "questions"),
}
_START = """\b
Start here:
  niah doctor                      is everything there?
  niah run demo                    a real small model on this machine, no key
  niah run --help                  every setting of a sweep
\b
Every setting is a flag, a key of a TOML file (niah init run), a variable
(NIAH_MODEL=...) or a line of a .env file. Completion for your shell:
  eval "$(_NIAH_COMPLETE=bash_source niah)"        zsh_source, fish_source
"""


class _Lazy(click.Group):
    """A group that knows its commands by name and loads them when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        from niah.cli.help import with_examples  # not for the help of all

        return with_examples(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if (
            args
            and not args[0].startswith("-")
            and args[0] not in COMMANDS
            and not ctx.resilient_parsing
        ):
            from niah.cli.help import unknown_command

            raise unknown_command(args[0], COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, names in SECTIONS.items():
            with formatter.section(title):  # names are padded, so that all sections have one column
                formatter.write_dl([(name.ljust(width), COMMANDS[name][1]) for name in names])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would exit with 1, which is the verdict "fail"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(NO_READER)


@click.group(
    cls=_Lazy,
    epilog=_START,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="niah")
def cli() -> None:
    """Measure how well a language model reads a long context.

    niah hides a sentence in long podcast transcripts, at every length and depth,
    asks for it, and draws where it was found.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What is wrong is one line on stderr; a bug is a traceback and exit 70.

    Python's own exit of 1 would read as the verdict "fail".
    """
    if arguments is None and Path(sys.argv[0]).stem != SCRIPT and (warning := script_warning()):
        click.echo(f"niah: {warning}", err=True)
    with secrets_kept():
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> None:
    try:
        ended = cli.main(args=arguments, prog_name="niah", standalone_mode=False)
    except NiahError as error:
        _stop(str(error), error.exit_code)
    except click.ClickException as error:
        _refuse(error)
    except click.Abort:
        _stop("stopped", STOPPED)
    except Exception as error:  # noqa: BLE001 - the outermost frame: nobody else would choose the exit code
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            _stop(f"standard output cannot be written ({error.strerror})", 2)
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            _stop(
                f"{str(error.filename)[:80]}...: a name of files has 255 bytes at most; use a"
                " shorter --name or path",
                2,
            )
        click.echo(visible(traceback.format_exc()), err=True)
        sys.exit(BUG)
    sys.exit(ended if isinstance(ended, int) else 0)


def _refuse(error: click.ClickException) -> None:
    """A command line that cannot be used: what is wrong with it, or the help where a group stands
    alone."""
    from niah.cli.help import in_our_voice

    if type(error).__name__ == "NoArgsIsHelpError":  # not in every click
        error.show()
        sys.exit(2)
    _stop(in_our_voice(error), 2)


def _stop(message: str, code: int) -> None:
    from niah.cli.screen import warn  # rich, which help and a good end do without

    warn(message)
    sys.exit(code)


if __name__ == "__main__":
    main()
