"""The command line: parse, call, print. Commands are imported when called: so help is fast."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from niah import __version__
from niah.errors import NiahError
from niah.installation import SCRIPT, script_warning
from niah.text.outside import secrets_kept, visible

BUG = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # by Ctrl-C, as shells say it
NO_READER = 141  # nobody reads standard output any more: what SIGPIPE would have left

# what help shows of each command, kept here so that help imports none
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Measure": {
        "run": "Sweep lengths and depths, draw the heatmap; the same command resumes.",
        "effective": "Find how long a context a model reads, for a tenth of a grid.",
        "plan": "Count cells, tokens, price and time of a run. Sends nothing.",
        "probe": "Ask a server small questions: its counts, its cache, its true window.",
        "build": "Write the prompts themselves as JSON Lines. Needs no model.",
    },
    "Look": {
        "list": "List the runs: model, task, share found, trials, date.",
        "show": "Show one trial: needle in its surroundings, question, answer, score.",
        "report": "Print the figures of a run: share found, effective length, weak spots.",
        "plot": "Draw the heatmap of finished runs, side by side where there are several.",
        "page": "Write runs into one HTML file: every cell, needle and answer, to be shared.",
        "view": "Serve the pages of all runs here, follow a running one, mark answers by hand.",
        "compare": "Compare runs: what was lost and gained, and whether it is more than chance.",
    },
    "Judge": {
        "gate": "Judge a run for a pipeline: pass, fail or not enough evidence.",
        "engine": "Judge a change of an engine: base, base again, candidate.",
        "power": "Count the trials that a gate needs, with their tokens and price.",
        "baseline": "Keep a run as a small file to compare with.",
        "history": "Keep runs over time, and find out when a model has changed.",
        "score": "Score the stored answers of a run again.",
        "judge": "Ask a model for a second opinion on the answers of a run.",
    },
    "Elsewhere": {
        "batch": "Have a batch service answer a run within a day, at half price.",
        "submit": "Run the shards of a run as jobs of Ray or Slurm.",
        "collect": "Take answers from files into a run: batch services, vLLM, any harness.",
        "merge": "Merge the shards of a run, or runs of one config from several machines.",
        "import-prompts": "Read prompts of other benchmarks, to be run like ours.",
        "import-results": "Import results that other tools have published.",
    },
    "Set up": {
        "init": "Write a commented file to start from: run, gate, suite or questions.",
        "doctor": "Check this installation, and say what to do about what is wrong.",
        "tasks": "List the tasks, or tell all about one of them.",
        "providers": "List the providers and the embedded models.",
        "models": "List the models that a provider serves.",
        "haystack": "Import, list, check and remove transcripts.",
        "questions": "Check or draft questions about your transcripts.",
    },
}
COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}
_MODULES: Mapping[str, tuple[str, ...]] = {  # of this folder, with their commands
    "run": ("run",),
    "planning": ("plan", "build", "power"),
    "look": ("list", "report", "plot", "page", "view", "compare"),
    "show": ("show",),
    "judging": ("gate", "baseline", "score", "judge"),
    "studies": ("effective", "engine", "history"),
    "elsewhere": ("batch", "submit", "collect", "merge", "import-prompts", "import-results"),
    "startup": ("init", "tasks", "providers"),
    "servers": ("doctor", "probe", "models"),
    "transcripts": ("haystack", "questions"),
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
        from niah.cli.help import with_examples  # not for the help of all

        module = next(module for module, names in _MODULES.items() if cmd_name in names)
        attribute = "list_" if cmd_name == "list" else cmd_name.replace("-", "_")
        found = importlib.import_module(f"niah.cli.{module}")
        command: click.Command = getattr(found, attribute)
        return with_examples(command, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, lines in SECTIONS.items():
            with formatter.section(title):  # names are padded, so that all sections have one column
                formatter.write_dl([(name.ljust(width), line) for name, line in lines.items()])

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
    except Exception as error:  # noqa: BLE001 - nobody else would choose the exit code
        if why := _not_a_bug(error):
            _stop(why)
        click.echo(visible(traceback.format_exc()), err=True)
        sys.exit(BUG)
    sys.exit(ended if isinstance(ended, int) else 0)


def _not_a_bug(error: Exception) -> str | None:
    """What is wrong where a disk or a name is."""
    match error:
        case OSError(errno=errno.ENOSPC | errno.EIO):
            return f"standard output cannot be written ({error.strerror})"
        case OSError(errno=errno.ENAMETOOLONG):
            name = str(error.filename)[:80]
            return f"{name}...: a name of files has 255 bytes at most; use a shorter --name or path"
    return None


def _refuse(error: click.ClickException) -> None:
    """Say what is wrong with a command line; where a group stands alone, print its help."""
    from niah.cli.help import in_our_voice

    if type(error).__name__ == "NoArgsIsHelpError":  # not in every click
        error.show()
        sys.exit(2)
    _stop(in_our_voice(error))


def _stop(message: str, code: int = 2) -> NoReturn:
    from niah.cli.screen import warn  # rich, which help and a good end do without

    warn(message)
    sys.exit(code)


if __name__ == "__main__":
    main()
