"""What there is, and what it says: niah list, report, compare, plot, page and view."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len

from niah.api import open_run
from niah.cli.options import (
    PATH,
    RESULTS,
    RUN,
    RUNS,
    json_option,
    look_options,
    out_option,
    results_folder,
)
from niah.cli.screen import print_parts, warn
from niah.errors import ConfigError, RunError
from niah.plotter.formatting import interval_label
from niah.plotter.look import Look
from niah.plotter.report_text import comparison_lines, report_parts, side_by_side
from niah.run import Run
from niah.runlog.attempts import unreported_line
from niah.runlog.log import is_running
from niah.runs import RunSummary, beside, name_of, runs_in
from niah.text.shares import percent
from niah.verdict.records import Comparison
from niah.verdict.report import RULES

TITLES = ("date (UTC)", "found", "95 %", "n", "run", "model", "task")
RIGHT = (1, 3)  # columns of figures
WORDS = 4  # the first column of words: the name that other commands take


@click.command(name="list")
@click.argument("results", type=PATH, default=lambda: results_folder())
@json_option("Print a JSON object a line, in the same order.")
def list_(results: Path, as_json: bool) -> None:
    """List the runs under RESULTS (by default the folder results), the newest first.

    Each with date, share found and its 95 % interval, scored trials of those planned, model, task,
    and the name by which other commands know it. A log that cannot be read is named, and hides no
    other.
    """
    read = list(runs_in(results))
    warn(*(str(run) for run in read if isinstance(run, RunError)))
    runs = [run for run in read if not isinstance(run, RunError)]
    runs.sort(key=lambda r: (r.created, r.name), reverse=True)
    if as_json:
        for table in map(asdict, runs):
            click.echo(json.dumps(table | table.pop("found"), ensure_ascii=False))
    elif not runs:
        click.echo(f"no runs in {results}; a first one: niah run demo", err=True)
    else:
        _print(runs)


def _print(runs: list[RunSummary]) -> None:
    """A line a run where all of them fit the terminal, else two, so that no name is cut or
    broken."""
    rows = [_cells(run) for run in runs]
    wide = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=True)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    broken = width is not None and sum(wide) + 2 * (len(wide) - 1) > width
    for number, row in enumerate((TITLES, *rows)):
        cells = [
            _padded(cell, size, right=k in RIGHT)
            for k, (cell, size) in enumerate(zip(row, wide, strict=True))
        ]
        figures, words = cells[:WORDS], cells[WORDS:]
        line = "  ".join([*figures, *([row[WORDS]] if broken else words)]).rstrip()
        click.echo(line, err=number == 0)
        if broken and number:
            indent = " " * (sum(wide[:WORDS]) + 2 * WORDS)
            click.echo(f"{indent}{', '.join(row[WORDS + 1 :])}")


def _padded(text: str, size: int, *, right: bool) -> str:
    blank = " " * (size - cell_len(text))
    return blank + text if right else text + blank


def _cells(run: RunSummary) -> tuple[str, ...]:
    f = run.found
    interval = (
        ""
        if f.low is None or f.high is None
        else interval_label(f.low, f.high, "-").removesuffix(" %")
    )
    kind = (
        f" (imported, {run.imported})"
        if run.imported
        else " (simulated)"
        if run.provider == "simulated"
        else ""
    )
    date = run.created[:16].replace("T", " ")
    return (
        date,
        percent(f.mean),
        interval,
        f"{f.n}/{run.planned}",
        run.name,
        run.model + kind,
        run.task,
    )


@click.command()
@RUN
@click.option(
    "--rule",
    "rules",
    multiple=True,
    help=f"Rule of the effective length; may be repeated. [{', '.join(RULES)}]",
)
@json_option("Print the figures as JSON.")
@RESULTS
def report(run_name: str, rules: tuple[str, ...], as_json: bool, results: Path) -> None:
    """Print what RUN says in numbers: the share found, effective length, the middle, the weakest
    region, times."""
    run = open_run(run_name, results)
    figures = run.report(rules or RULES)
    if as_json:
        click.echo(json.dumps(asdict(figures), ensure_ascii=False, indent=1))
        return
    print_parts(report_parts(figures))
    print_parts(f"{who} and the score: {both.words()}" for who, both in run.opinions)
    if not is_running(run.folder) and (unreported := unreported_line(run.folder, run.header)):
        print_parts([unreported])


@click.command()
@RUNS
@out_option("PNG, SVG or PDF; by default compare.png in the last run's folder.")
@json_option("Print the comparisons as JSON.")
@click.option(
    "--haystacks",
    type=click.Choice(["any", "these"]),
    default="any",
    show_default=True,
    help="Whether the tests ask about any stretch of haystack, or about those of the runs only.",
)
@look_options
@RESULTS
def compare(
    runs: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    haystacks: str,
    results: Path,
    **look: Any,
) -> None:
    """Compare every RUN with the first one: figures, cells that differ, a paired test, the
    difference as a picture."""
    from niah.share import comparisons  # brings haystacks

    if len(runs) < 2:
        raise ConfigError("compare needs two runs or more; for one, use: niah report RUN")
    read = [open_run(run, results) for run in runs]
    compared = comparisons(read, these_only=haystacks == "these")
    if as_json:
        said = [asdict(c) if isinstance(c, Comparison) else {"error": c} for c in compared]
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
    else:
        print_parts(
            side_by_side([name_of(run.folder) for run in read], [run.report() for run in read])
        )
        for c in compared:
            print_parts(
                ["", *(comparison_lines(c) if isinstance(c, Comparison) else [f"no test: {c}"])]
            )
    if (
        not as_json
        and all(isinstance(c, Comparison) for c in compared)
        and any(r.header.config.get("delivery") or r.header.config.get("sent_as") for r in read)
    ):
        _deliveries(read, beside(read[-1].folder, results, "deliveries.png"), look)
    from niah.plotter.heatmap import save_comparison  # 0.8 s of matplotlib

    path = out or beside(read[-1].folder, results, "compare.png")
    only = compared[0] if len(compared) == 1 and isinstance(compared[0], Comparison) else None
    warn(*save_comparison([run.view for run in read], only, path, Look(**look)))
    click.echo(path, err=True)


def _deliveries(runs: Sequence[Run], path: Path, look: dict[str, Any]) -> None:
    """One model under several deliveries: a table, and a picture of its own."""
    from niah.plotter.curves import delivery_parts, save_deliveries  # 0.8 s of matplotlib

    told = [runs[0].delivery(), *(run.delivery(runs[0]) for run in runs[1:])]
    print_parts(["", *delivery_parts(told)])
    warn(*save_deliveries(told, [run.view for run in runs], path, Look(**look)))
    click.echo(path, err=True)


@click.command()
@RUNS
@out_option("PNG, SVG or PDF; by default heatmap.png in the first run's folder.")
@click.option(
    "--curves",
    is_flag=True,
    help="Draw share found and time by length instead; by default into curves.png.",
)
@click.option(
    "--card",
    is_flag=True,
    help="Draw a card of a model: the first RUN with its figures, up to three RUNs as tasks.",
)
@click.option(
    "--turns", is_flag=True, help="Put turns of the conversation on the axis instead of tokens."
)
@click.option(
    "--logprob",
    is_flag=True,
    help="Draw how probable the right answer was, of a run that asked for it.",
)
@look_options
@RESULTS
def plot(
    runs: tuple[str, ...],
    out: Path | None,
    curves: bool,
    card: bool,
    turns: bool,
    logprob: bool,
    results: Path,
    **look: Any,
) -> None:
    """Draw the heatmap of every RUN, side by side on one scale."""
    from niah.plotter.curves import save_curves  # 0.8 s of matplotlib
    from niah.plotter.heatmap import save_card, save_heatmaps, save_nats

    if curves + card + logprob > 1:
        raise ConfigError(
            "--curves, --card and --logprob are pictures of their own: ask for one at a time"
        )
    if logprob and len(runs) > 1:
        raise ConfigError(f"--logprob draws one run, {len(runs)} are named")
    read = [open_run(run, results) for run in runs]
    name = f"{'card' if card else 'curves' if curves else 'logprob' if logprob else 'heatmap'}.png"
    path, chosen, views = (
        out or beside(read[0].folder, results, name),
        Look(**look),
        [run.view for run in read],
    )
    if turns:
        chosen = replace(chosen, turns=_turns(read))
    if logprob:
        warnings = save_nats(views[0], read[0].rows.values(), path, chosen)
    elif card:
        costs = [run.dollars for run in read]
        known = [cost for cost in costs if cost is not None]
        warnings = save_card(views, sum(known) if len(known) == len(costs) else None, path, chosen)
    else:
        warnings = (save_curves if curves else save_heatmaps)(views, path, chosen)
    warn(*warnings)
    click.echo(path)


def _turns(runs: Sequence[Run]) -> dict[int, int]:
    """Turns by context length, for the one axis of all pictures."""
    turns: dict[int, int] = {}
    for run in runs:
        name = name_of(run.folder)
        if not run.turns:
            raise ConfigError(
                f"--turns: {name} was not sent as turns; run it with --as chat or --as tools"
            )
        if any(turns.setdefault(length, count) != count for length, count in run.turns.items()):
            raise ConfigError(
                f"--turns: {name} has other numbers of turns than the first; draw it alone"
            )
    return turns


@click.command()
@RUNS
@out_option("By default page.html in the first run's folder.")
@RESULTS
def page(runs: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Write every RUN into one HTML file: each cell, needle and answer, without a network.

    Several runs stand side by side, each compared with the first. A folder of runs (a suite, or a
    month of them) stands for all that are in it.
    """
    from niah.share import page as write

    click.echo(write(runs, out, results=results))


@click.command()
@click.argument("folder", metavar="[RESULTS]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Port on loopback.  [default: a free one]",
)
@click.option("--as", "who", metavar="NAME", help="Whose marks are taken.  [default: your login]")
@click.option("--open", "opened", is_flag=True, help="Open the list in your browser.")
def view(folder: Path | None, port: int, who: str | None, opened: bool) -> None:
    """Serve the pages of all runs in RESULTS on this machine alone, until Ctrl-C.

    A page follows its run while it goes on. Answers can be marked right, wrong or unclear by hand;
    marks are kept in marks.jsonl beside the log, and scores stay as they are.
    """
    from niah.viewer import LOOPBACK, Viewer, server_of  # brings haystacks

    with server_of(Viewer(folder or results_folder(), who or _login()), port) as server:
        address = f"http://{LOOPBACK}:{server.server_address[1]}/"
        click.echo(address)
        if opened:
            import webbrowser

            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user on this machine
        return "unknown"
