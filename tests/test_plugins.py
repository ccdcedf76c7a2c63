"""The pytest plugin, and tasks and providers that other packages bring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Niah

from niah import installation

pytest_plugins = ["pytester"]
SWEEP = (
    'provider="simulated", model="{model}", lengths="512", depths="0:100:10", haystack_per="trial"'
)
CASES = """
import pytest

def test_reads(niah_sweep):
    run = niah_sweep({perfect}, min_found=0.5, name="reads")
    assert run.grid.whole.mean == 1

def test_is_blind(niah_sweep):
    niah_sweep({blind}, min_found=0.5, name="blind")

@pytest.mark.niah({perfect}, min_found=0.99, name="few")
def test_has_too_few(niah_sweep):
    niah_sweep()

def test_is_broken(niah_sweep):
    niah_sweep(provider="simulated", model="perfect", lengths="1")
"""
TASK = """
from niah.tasks import task_of
SUMMARY, VERSION, REPLY_TOKENS = "a task of a package", 1, 32
WORDING, OPTIONS, FILLER = (), (), None
plant, score, solve = task_of("single").plant, task_of("single").score, task_of("single").solve
"""
PROVIDER = """
from niah.providers import ProviderEntry
MADE_BY, ADDRESS = "niah.providers.openai:chat", "http://127.0.0.1:9/v1"
entry = ProviderEntry(line="a provider of a package", made_by=MADE_BY, base_url=ADDRESS)
"""


def test_a_verdict_is_the_outcome_of_a_test_and_its_report_shows_the_heatmap(
    pytester: pytest.Pytester,
) -> None:
    models = {name: SWEEP.format(model=name) for name in ("perfect", "blind")}
    pytester.makepyfile(CASES.format(**models))
    ended = pytester.runpytest_subprocess("-rA", "-p", "no:cacheprovider")
    ended.assert_outcomes(passed=1, failed=2, skipped=1)
    ended.stdout.fnmatch_lines(["*niah: *found*", "*512*"])
    ended.stdout.fnmatch_lines(["SKIPPED*niah: *"])
    assert (pytester.path / "results/reads/run.jsonl").is_file()


def test_a_budget_is_the_sweeps_and_a_price_alone_asks_no_gate(pytester: pytest.Pytester) -> None:
    sweep = SWEEP.format(model="perfect") + ', price={"input": 1000, "output": 1000}'
    pytester.makepyfile(f"""
        import niah, pytest
        def test_price(niah_sweep):
            assert niah_sweep({sweep}, name="price").complete
        def test_budget(niah_sweep):
            with pytest.raises(niah.NiahError, match="max_cost .* is reached"):
                niah_sweep({sweep}, max_cost=0.01, name="budget")
    """)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_baseline_that_a_test_gives_goes_before_that_of_its_mark(
    pytester: pytest.Pytester,
) -> None:
    sweep = SWEEP.format(model="perfect")
    pytester.makepyfile(f"""
        import pytest
        def test_old(niah_sweep):
            niah_sweep({sweep}, name="old")
        @pytest.mark.niah({sweep}, name="new", baseline="nowhere")
        def test_new(niah_sweep):
            niah_sweep(baseline="old")
    """)
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs")
    ended.assert_outcomes(passed=1, skipped=1)  # too few trials to tell
    ended.stdout.fnmatch_lines(["SKIPPED*niah: *"])


def test_it_works_with_xdist(pytester: pytest.Pytester) -> None:
    sweep = SWEEP.format(model="perfect")
    pytester.makepyfile(f"""
        import pytest
        @pytest.mark.parametrize("n", range(2))
        def test_reads(niah_sweep, n):
            niah_sweep({sweep}, min_found=0.5, seed=n, name=f"n{{n}}")
    """)
    ended = pytester.runpytest_subprocess(
        "-n", "2", "--niah-results", "elsewhere", "-p", "no:cacheprovider"
    )
    ended.assert_outcomes(passed=2)
    assert len(list((pytester.path / "elsewhere").glob("n*/run.jsonl"))) == 2


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that brings a task and a provider, and one that cannot be loaded."""
    folder = tmp_path / "site"
    about = folder / "niah_example-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "niah_example_task.py").write_text(TASK)
    (folder / "niah_example_provider.py").write_text(PROVIDER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: niah-example\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[niah.tasks]\nexample = niah_example_task\nbroken = niah_example_nowhere\n"
        "[niah.providers]\nexample-api = niah_example_provider:entry\n"
    )
    monkeypatch.syspath_prepend(folder)
    installation.brought_by.cache_clear()
    yield
    installation.brought_by.cache_clear()


def test_a_package_brings_a_task_and_a_provider(niah: Niah, package: None) -> None:
    grid = ("--lengths", "512", "--depths", "0,50")
    assert "a task of a package" in niah("tasks").out
    assert "a provider of a package" in niah("providers").out
    ran = niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--task",
        "example",
        *grid,
        "--name",
        "r",
    )
    assert ran.exit_code == 0, ran.err
    assert niah("score", "r").exit_code == 0
    planned = niah("plan", "--provider", "example-api", "--model", "m", *grid)
    assert (planned.exit_code, "example-api" in planned.out) == (0, True), planned.err
    broken = niah("plan", "--task", "broken", *grid)
    assert (broken.exit_code, broken.err.count("\n")) == (2, 1)
    assert (
        "'broken' of the package niah-example cannot be loaded (ModuleNotFoundError" in broken.err
    )
