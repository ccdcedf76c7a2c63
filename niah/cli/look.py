"""What there is, and what it says: niah list, report, compare, plot, page and view."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len, set_cell_size

from niah.cli.flags import (
    PATH,
    RESULTS,
    RUN,
    RUNS,
    choice,
    file_option,
    flag,
    look_options,
    option,
    results_folder,
)
from niah.cli.screen import columns, print_parts, warn
from niah.errors import ConfigError, RunError
from niah.plotter.formatting import interval_label
from niah.plotter.look import Look
from niah.plotter.report_text import comparison_lines, report_parts, side_by_side
from niah.run import Run, open_run
from niah.runlog.attempts import unreported_line
from niah.runlog.log import is_running
from niah.runs import RunSummary, beside, name_of, runs_in
from niah.text.shares import percent
from niah.verdict.effective import RULES
from niah.verdict.records import Comparison

TITLES = ("date (UTC)", "found", "95 %", "n", "run", "model", "task")
RIGHT = (1, 3)  # columns of figures
WORDS = 4  # the first column of words: the name that other commands take
_PORT = click.IntRange(0, 65_535)
_RULE = "Rule of the effective length; may be repeated."


@click.command(name="list")
@click.argument("results", type=PATH, default=results_folder)
@flag("--json as_json", "Print a JSON object a line, in the same order.")
def list_(results: Path, as_json: bool) -> None:
    """List the runs under RESULTS (by default the folder results), the newest first.

    Each with date, share found and its 95 % interval, scored trials of those planned, model, task,
    and the name by which other commands know it.
    A log that cannot be read is named, and hides no other.
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
    """A line a run where all of them fit the terminal, else two: no name is cut or broken."""
    rows = [_cells(run) for run in runs]
    wide = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=True)]
    width = columns()
    broken = width is not None and sum(wide) + 2 * (len(wide) - 1) > width
    for number, row in enumerate((TITLES, *rows)):
        cells = [
            cell.rjust(size) if k in RIGHT else set_cell_size(cell, size)
            for k, (cell, size) in enumerate(zip(row, wide, strict=True))
        ]
        line = "  ".join(cells[: WORDS + 1] if broken else cells).rstrip()
        click.echo(line, err=number == 0)
        if broken and number:
            indent = " " * (sum(wide[:WORDS]) + 2 * WORDS)
            click.echo(f"{indent}{', '.join(row[WORDS + 1 :])}")


def _cells(run: RunSummary) -> tuple[str, ...]:
    f, model, interval = run.found, run.model, ""
    if f.low is not None and f.high is not None:
        interval = interval_label(f.low, f.high, "-").removesuffix(" %")
    if run.imported:
        model += f" (imported, {run.imported})"
    elif run.provider == "simulated":
        model += " (simulated)"
    date, counts = run.created[:16].replace("T", " "), f"{f.n}/{run.planned}"
    return (date, percent(f.mean), interval, counts, run.name, model, run.task)


@click.command()
@RUN
@option("--rule rules", "TEXT", f"{_RULE} [{', '.join(RULES)}]", multiple=True)
@flag("--json as_json", "Print the figures as JSON.")
@RESULTS
def report(run_name: str, rules: tuple[str, ...], as_json: bool, results: Path) -> None:
    """Print what RUN says in numbers: the share found, effective length, the middle,
    the weakest region, times.
    """
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
@file_option("--out", "PNG, SVG or PDF; by default compare.png in the last run's folder.")
@flag("--json as_json", "Print the comparisons as JSON.")
@choice(
    "--haystacks",
    ("any", "these"),
    "Whether the tests ask about any stretch of haystack, or about those of the runs only.",
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
    """Compare every RUN with the first one: figures, cells that differ, a paired test,
    the difference as a picture.
    """
    from niah.share import comparisons  # brings haystacks

    if len(runs) < 2:
        raise ConfigError("compare needs two runs or more; for one, use: niah report RUN")
    read = [open_run(run, results) for run in runs]
    compared = comparisons(read, these_only=haystacks == "these")
    tested = [c for c in compared if isinstance(c, Comparison)]
    if as_json:
        said = [asdict(c) if isinstance(c, Comparison) else {"error": c} for c in compared]
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
    else:
        _print_comparisons(read, compared)
        if len(tested) == len(compared) and any(map(_is_delivered, read)):
            _deliveries(read, beside(read[-1].folder, results, "deliveries.png"), look)
    from niah.plotter.heatmap import save_comparison  # 0.8 s of matplotlib

    path = out or beside(read[-1].folder, results, "compare.png")
    only = tested[0] if len(compared) == 1 and tested else None
    warn(*save_comparison([run.view for run in read], only, path, Look(**look)))
    click.echo(path, err=True)


def _print_comparisons(runs: Sequence[Run], compared: Sequence[Comparison | str]) -> None:
    print_parts(side_by_side([name_of(run.folder) for run in runs], [run.report() for run in runs]))
    for c in compared:
        lines = comparison_lines(c) if isinstance(c, Comparison) else [f"no test: {c}"]
        print_parts(["", *lines])


def _is_delivered(run: Run) -> bool:
    """Whether its prompts did not go out whole and as text."""
    return bool(run.header.config.get("delivery") or run.header.config.get("sent_as"))


def _deliveries(runs: Sequence[Run], path: Path, look: dict[str, Any]) -> None:
    """One model under several deliveries: a table, and a picture of its own."""
    from niah.plotter.curves import delivery_parts, save_deliveries  # 0.8 s of matplotlib

    told = [runs[0].delivery(), *(run.delivery(runs[0]) for run in runs[1:])]
    print_parts(["", *delivery_parts(told)])
    warn(*save_deliveries(told, [run.view for run in runs], path, Look(**look)))
    click.echo(path, err=True)


@click.command()
@RUNS
@file_option("--out", "PNG, SVG or PDF; by default heatmap.png in the first run's folder.")
@flag("--curves", "Draw share found and time by length instead; by default into curves.png.")
@flag(
    "--card", "Draw a card of a model: the first RUN with its figures, up to three RUNs as tasks."
)
@flag("--turns", "Put turns of the conversation on the axis instead of tokens.")
@flag("--logprob", "Draw how probable the right answer was, of a run that asked for it.")
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

    kinds = {"curves": curves, "card": card, "logprob": logprob}
    asked = [kind for kind, wanted in kinds.items() if wanted]
    if len(asked) > 1:
        raise ConfigError(
            "--curves, --card and --logprob are pictures of their own: ask for one at a time"
        )
    if logprob and len(runs) > 1:
        raise ConfigError(f"--logprob draws one run, {len(runs)} are named")
    read = [open_run(run, results) for run in runs]
    views, chosen = [run.view for run in read], Look(**look)
    path = out or beside(read[0].folder, results, f"{asked[0] if asked else 'heatmap'}.png")
    if turns:
        chosen = replace(chosen, turns=_turns(read))
    if logprob:
        warnings = save_nats(views[0], read[0].rows.values(), path, chosen)
    elif card:
        costs = [run.dollars for run in read]
        known = None if None in costs else sum(cost or 0.0 for cost in costs)
        warnings = save_card(views, known, path, chosen)
    else:
        warnings = (save_curves if curves else save_heatmaps)(views, path, chosen)
    warn(*warnings)
    click.echo(path)


def _turns(runs: Sequence[Run]) -> dict[int, int]:
    """Turns by context length, for the one axis of all pictures."""
    turns: dict[int, int] = {}
    for run in runs:
        said = f"--turns: {name_of(run.folder)}"
        if not run.turns:
            raise ConfigError(f"{said} was not sent as turns; run it with --as chat or --as tools")
        if any(turns.setdefault(length, count) != count for length, count in run.turns.items()):
            raise ConfigError(f"{said} has other numbers of turns than the first; draw it alone")
    return turns


@click.command()
@RUNS
@file_option("--out", "By default page.html in the first run's folder.")
@RESULTS
def page(runs: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Write every RUN into one HTML file: each cell, needle and answer, without a network.

    Several runs stand side by side, each compared with the first.
    A folder of runs (a suite, or a month of them) stands for all that are in it.
    """
    from niah.share import page as write

    click.echo(write(runs, out, results=results))


@click.command()
@click.argument("folder", metavar="[RESULTS]", required=False, type=PATH)
@click.option("--port", type=_PORT, default=0, help="Port on loopback.  [default: a free one]")
@option("--as who", "NAME", "Whose marks are taken.  [default: your login]")
@flag("--open opened", "Open the list in your browser.")
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
