"""niah gate: does a run hold what was asked of it? The answer is the exit code."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from niah.cli.options import RESULTS, RUN, run_folder
from niah.errors import ConfigError, RunError
from niah.plotter.ci import judgement_json, junit_xml, outputs, summary_markdown, workflow_commands
from niah.plotter.report_text import judgement_lines
from niah.records import Grid, Header, Row
from niah.runlog.cost import dollars_of
from niah.runlog.log import read_rows
from niah.verdict.baseline import baseline_from, check_finished
from niah.verdict.counts import uneven_notes, unpaired_notes
from niah.verdict.decide import judge
from niah.verdict.evidence import Evidence
from niah.verdict.gate_config import GateConfig, read_gate_config
from niah.verdict.pairs import Baseline, baseline_of, check_baseline, pairs_of
from niah.verdict.records import Judgement


@click.command()
@RUN
@click.option(
    "--baseline", "baseline_name", metavar="RUN|FILE", help="The older run, or a file of 'niah baseline save'."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The gates, as TOML (niah init gate writes one); without it, only a loss against the baseline.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write JUnit XML to this file.")
@click.option(
    "--github", is_flag=True, help="Also write the step summary and outputs of a GitHub workflow, and annotations."
)
@RESULTS
def gate(
    run_name: str,
    baseline_name: str | None,
    config: Path | None,
    as_json: bool,
    junit: Path | None,
    github: bool,
    results: Path,
) -> None:
    """Judge RUN by the gates of a gate.toml, and against a baseline: pass, fail or not enough evidence.

    Exits 0 for pass, 1 for fail, 2 for a wrong setting, 3 for inconclusive or incomplete, 4 where the instrument
    cannot be trusted (a truncated prompt, a failed control). Each gate's reason is printed.
    """
    limits = read_gate_config(config)
    if baseline_name is None and limits.compares:
        raise ConfigError(f"{config} has gates against a baseline: give --baseline RUN, or take them out")
    if baseline_name is None and not limits.asks:
        raise ConfigError("nothing to judge: give --baseline RUN, or --config with at least one gate, like min_recall")
    folder = run_folder(run_name, results)
    own = baseline_name and not Path(baseline_name).is_file() and run_folder(baseline_name, results)
    if own and own.resolve() == folder.resolve():
        raise ConfigError(
            f"{folder} is the run and its own baseline: a run is never worse than itself; give an older one"
        )
    header, stored = read_rows(folder)
    baseline = read_baseline(baseline_name, results) if baseline_name else None
    evidence = evidence_of(header, list(stored.values()), limits, baseline)
    judgement = judge(evidence, notes_on(evidence, baseline))
    if junit is not None:
        _write(junit, junit_xml(judgement, evidence.grid, datetime.now(UTC).isoformat(timespec="seconds")))
    click.echo(judgement_json(judgement) if as_json else "\n".join(judgement_lines(judgement)))
    if github:
        _tell_github(judgement, evidence.grid)
    sys.exit(judgement.exit_code)


def read_baseline(name: str, results: Path) -> Baseline:
    """A baseline file, or a run by folder or name. Raises RunError."""
    path = Path(name)
    if not path.is_file():
        folder = run_folder(name, results)
        header, stored = read_rows(folder)
        check_finished(folder, header, stored.values())
        return baseline_of(header, stored.values())
    try:
        return baseline_from(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from error


def evidence_of(header: Header, stored: list[Row], limits: GateConfig, baseline: Baseline | None) -> Evidence:
    """The run with its pairs and its price."""
    these = limits.haystacks == "these"
    if baseline is not None:
        check_baseline(baseline, header, stored)
    return Evidence(
        now=datetime.now(UTC),
        header=header,
        results=tuple(stored),
        limits=limits,
        pairs=pairs_of(baseline, header, stored, these_only=these) if baseline is not None else None,
        dollars=dollars_of(header, stored, limits.price) if limits.max_cost is not None else None,
    )


def notes_on(evidence: Evidence, baseline: Baseline | None) -> tuple[str, ...]:
    """What a reader of the verdict should know."""
    notes = []
    if evidence.answered is not None:
        first, last = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in evidence.answered)
        notes.append(f"answered from {first} to {last} UTC" if first != last else f"answered {last} UTC")
    if evidence.header.imported:
        notes.append(f"imported results of {evidence.header.imported}")
    if evidence.limits.haystacks == "these":
        notes.append("the verdict is about the haystacks of this run and no others")
    if evidence.grid.simulated:
        notes.append("a simulated reader, no model")
    notes += uneven_notes(evidence.grid)
    if baseline is not None and evidence.pairs is not None:
        older = f"{baseline.header.design.model}, run {baseline.header.created}"
        saved = f", saved {baseline.saved}" if baseline.saved else ""
        notes.append(f"baseline {older}{saved}")
        if baseline.header.created > evidence.header.created:
            notes.append("the baseline is the younger run: are they the right way round?")
        planned = max(len(baseline.scores), len(evidence.ordinary))
        notes += unpaired_notes(evidence.pairs.n, planned)
    return tuple(notes)


def _tell_github(judgement: Judgement, grid: Grid) -> None:
    for line in workflow_commands(judgement):
        click.echo(line, err=True)
    files = {"GITHUB_STEP_SUMMARY": summary_markdown(judgement, grid), "GITHUB_OUTPUT": outputs(judgement, grid)}
    for variable, text in files.items():
        path = os.environ.get(variable)
        if path is None:
            raise ConfigError(f"--github: {variable} is not set; use it in a step of a GitHub workflow")
        _write(Path(path), text, mode="a")


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
