"""niah view: the runs of a folder in a browser, followed while they run."""

from __future__ import annotations

import getpass
import webbrowser
from contextlib import suppress
from pathlib import Path

import click

from niah.cli.options import results_folder
from niah.viewer import LOOPBACK, Viewer, server_of


@click.command()
@click.argument("folder", metavar="[RESULTS]", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port on loopback.  [default: a free one]")
@click.option("--as", "who", metavar="NAME", help="Whose marks are taken.  [default: your login]")
@click.option("--open", "opened", is_flag=True, help="Open the list in your browser.")
def view(folder: Path | None, port: int, who: str | None, opened: bool) -> None:
    """Serve the pages of all runs in RESULTS on this machine alone, until Ctrl-C.

    A page follows its run while it goes on. Answers can be marked right, wrong or unclear by hand; marks are kept in
    marks.jsonl beside the log, and scores stay as they are.
    """
    with server_of(Viewer(folder or results_folder(), who or _login()), port) as server:
        address = f"http://{LOOPBACK}:{server.server_address[1]}/"
        click.echo(address)
        if opened:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user on this machine
        return "unknown"
