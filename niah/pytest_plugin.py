"""pytest plugin: test where you code whether a model still reads its context.

    def test_reads_its_context(niah_sweep):
        niah_sweep("quick", provider="openai", model="MODEL", min_found=0.9)

    @pytest.mark.niah("quick", provider="openai", model="MODEL", min_found=0.9)
    def test_reads_its_context(niah_sweep):
        niah_sweep()

The verdict is the test's outcome: a fail fails it, not enough evidence skips it, an invalid
instrument raises InvalidInstrument, and a pass goes on with the run. The report of a test shows the
heatmap as text. Runs lie in ``--niah-results`` (default: results/), resume, and are locked, so that
it works under pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

__all__ = ["niah_sweep"]

_RUNS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "Folder of the runs that niah_sweep makes."
    group = parser.getgroup("niah")
    group.addoption("--niah-results", type=Path, metavar="FOLDER", help=told)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "niah(config, **settings): what niah_sweep() runs, and what it must satisfy."
    )


@pytest.fixture
def niah_sweep(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A function that sweeps, judges and returns the ``niah.Run``.

    It takes what ``niah.sweep`` and a gate take.
    """

    def sweep(config: Any = None, **settings: Any) -> Any:
        import niah
        from niah.runs import DEFAULT_RESULTS
        from niah.verdict.gate_config import GateConfig

        mark = request.node.get_closest_marker("niah")
        if mark is not None:
            config = config or (mark.args[0] if mark.args else None)
            settings = {**mark.kwargs, **settings}
        baseline = settings.pop("baseline", None)
        limits = {key: settings[key] for key in GateConfig.model_fields if key in settings}
        for key in limits.keys() - niah.RunConfig.model_fields.keys():
            del settings[key]
        results = request.config.getoption("--niah-results") or DEFAULT_RESULTS
        run = niah.sweep(config, results=results, **settings)
        request.node.stash.setdefault(_RUNS, []).append(_text_of(run))
        if baseline is not None or limits.keys() - {"price"}:
            _outcome(run.gate(baseline=baseline, results=results, **limits))
        return run

    return sweep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the heatmaps of a test's runs to its report."""
    report: pytest.TestReport = yield
    if report.when == "call":
        report.sections += [("niah", text) for text in item.stash.get(_RUNS, [])]
    return report


class InvalidInstrument(Exception):
    """The run measures nothing: what it says of itself is in the message."""


def _outcome(judged: Any) -> None:
    """Fails, skips or errors by a verdict; returns where it is a pass."""
    if judged.verdict.value == "pass":
        return
    reasons = [finding.reason for finding in judged.findings if finding.verdict != "pass"]
    why = "; ".join(reasons) or judged.verdict.value
    if judged.verdict.value == "fail":
        pytest.fail(f"niah: {why}", pytrace=False)
    if judged.verdict.value == "invalid":
        raise InvalidInstrument(f"niah: {why}")
    pytest.skip(f"niah: {why}")


def _text_of(run: Any) -> str:
    """The heatmap as text, as a terminal without colours shows it."""
    from rich.console import Console

    from niah.plotter.terminal import TerminalHeatmap

    console = Console(width=100, no_color=True, record=True, file=StringIO(), force_terminal=False)
    console.print(TerminalHeatmap(run.grid))
    return f"{run.folder}\n{console.export_text()}"
