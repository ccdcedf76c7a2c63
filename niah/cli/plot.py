"""niah plot: the heatmap of finished runs, their curves, or a card of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from niah.api import open_run
from niah.cli.completion import RUNS
from niah.cli.options import RESULTS
from niah.cli.pictures import look_of, look_options
from niah.cli.screen import warn
from niah.errors import ConfigError
from niah.runs import beside


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=RUNS)
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG, SVG or PDF; by default heatmap.png in the first run's folder."
)
@click.option("--curves", is_flag=True, help="Draw share found and time by length instead; by default into curves.png.")
@click.option(
    "--card", is_flag=True, help="Draw a card of a model: the first RUN with its figures, up to three RUNs as tasks."
)
@click.option("--turns", is_flag=True, help="Put turns of the conversation on the axis instead of tokens.")
@click.option("--logprob", is_flag=True, help="Draw how probable the right answer was, of a run that asked for it.")
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
    from niah.plotter.card import save_card  # 0.8 s of matplotlib
    from niah.plotter.curves import save_curves
    from niah.plotter.heatmap import save_heatmaps
    from niah.plotter.nats import save_nats

    if curves + card + logprob > 1:
        raise ConfigError("--curves, --card and --logprob are pictures of their own: ask for one at a time")
    if logprob and len(runs) > 1:
        raise ConfigError(f"--logprob draws one run, {len(runs)} are named")
    read = [open_run(run, results) for run in runs]
    name = f"{'card' if card else 'curves' if curves else 'logprob' if logprob else 'heatmap'}.png"
    path, chosen, views = out or beside(read[0].folder, results, name), look_of(look), [run.view for run in read]
    if turns:
        chosen = replace(chosen, turns=read[0].turns)
        if not chosen.turns:
            raise ConfigError(f"--turns: {runs[0]} was not sent as turns; run it with --as chat or --as tools")
    if logprob:
        warnings = save_nats(views[0], read[0].rows.values(), path, chosen)
    elif card:
        costs = [run.dollars for run in read]
        known = [cost for cost in costs if cost is not None]
        warnings = save_card(views, sum(known) if len(known) == len(costs) else None, path, chosen)
    else:
        warnings = (save_curves if curves else save_heatmaps)(views, path, chosen)
    for warning in warnings:
        warn(warning)
    click.echo(path)
