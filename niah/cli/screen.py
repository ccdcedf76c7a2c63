"""Where words go: to a terminal wrapped at words, to a log as they are, to a program as events."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NoReturn

import click
from rich.console import Console
from rich.text import Text

from niah.errors import ConfigError, NiahError, writing
from niah.plotter.report_text import Part, lines_of, rendered
from niah.plotter.wrapping import Words, words_for
from niah.text.outside import redacted, visible

EVENT_SCHEMA = 1
INCOMPLETE = 3


class RunConsole(Console):
    """Standard error while a run goes on. As ``json`` it takes events only, words among them."""

    def __init__(
        self, progress: str = "auto", events_to: Path | None = None, **options: Any
    ) -> None:
        """Raises ConfigError where ``events_to`` cannot be written."""
        super().__init__(**({"stderr": True} | options))
        fitted(self)
        self.as_json = progress == "json"
        self.draws = progress == "auto" and self.is_interactive and self.file.isatty()
        self.events: IO[str] | None = sys.stderr if self.as_json else None
        if events_to is not None:
            with writing(Path(f"--progress-file {events_to}"), "choose another file", ConfigError):
                events_to.parent.mkdir(parents=True, exist_ok=True)
                self.events = events_to.open("a", encoding="utf-8")

    def event(self, name: str, **fields: Any) -> None:
        """One line of JSON, where events are asked for."""
        if self.events is not None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps({"event": name, "at": now, **fields})
            with suppress(OSError):  # whoever reads them may be gone: that stops no sweep
                self.events.write(redacted(line) + "\n")
                self.events.flush()

    @contextmanager
    def until_closed(self) -> Iterator[None]:
        """Tell a NiahError as an event (as ``json``, instead of its line), and close the file."""
        try:
            yield
        except NiahError as error:
            self.event("failed", error=str(error), exit_code=error.exit_code)
            if self.as_json:
                sys.exit(error.exit_code)
            raise
        finally:
            if self.events is not None and self.events is not sys.stderr:
                self.events.close()

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; as ``json``, words become messages and pictures are left out."""
        if not self.as_json:
            super().print(*objects, **options)
            return
        for words in (o for o in objects if isinstance(o, Text | Words)):
            self.event("message", text=words.plain)


def say(console: Console, text: str, style: str = "yellow") -> None:
    """Words for people, as ``visible`` shows them. Never read as markup: they may be a server's."""
    text = visible(text)
    with suppress(OSError):  # a terminal that is gone does not stop a sweep that is paid for
        if has_width(console):
            console.print(Words(text, style))
        else:
            console.print(Text(words_for(console.options, text), style=style), soft_wrap=True)


def warn(*texts: str) -> None:
    """Lines of niah's own to standard error: wrapped on a terminal, one line each elsewhere."""
    console = fitted(Console(stderr=True, highlight=False))
    for text in texts:
        if console.is_terminal:
            say(console, f"niah: {text}", style="")
        else:
            click.echo(visible(f"niah: {text}"), err=True)


def write_text(path: Path, text: str, mode: str = "w") -> None:
    """Write a file that a flag names, and its folder.

    With mode "x" no folder is made, and a file that is there is an error.
    """
    with writing(path, "choose another file", ConfigError):
        if mode != "x":
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            left = f"{path} is there already and is left as it is"
            raise ConfigError(f"{left}; choose another file with --out") from None


def ended(complete: bool) -> NoReturn:
    """End a command: 0 where all is done, 3 where trials are missing or jobs wait."""
    sys.exit(0 if complete else INCOMPLETE)


def print_parts(parts: Iterable[Part]) -> None:
    """Words and tables to standard output."""
    console = fitted(Console(highlight=False))
    if not has_width(console):
        click.echo("\n".join(lines_of(parts)))
        return
    for part in rendered(parts):
        console.print(part)


def fitted(console: Console) -> Console:
    """The console with the true width of a dumb terminal, which rich takes for 80."""
    if console.is_dumb_terminal:
        console.width = shutil.get_terminal_size().columns
    return console


def columns() -> int | None:
    """The width of the terminal that standard output is; of a file or a pipe None."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def has_width(console: Console) -> bool:
    """Whether lines have an end: on a terminal, or where COLUMNS says so; a log has none."""
    return console.is_terminal or bool(os.environ.get("COLUMNS"))
