"""Fixtures: small haystacks in every language, real transcripts where they are, a command line that
returns."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from niah.cli import main
from niah.experiment.config import RunConfig
from niah.experiment.recipe import options_of
from niah.generator.haystack import Haystack
from niah.generator.library import shared_root
from niah.generator.transcripts import read_transcript
from niah.plotter.look import LOOK, Look
from niah.plotter.summary import View
from niah.records import Transcript, Trial
from niah.tasks import TaskContext

# The tests start hundreds of processes: none of them is to compile every package anew, whatever the
# shell asks for.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A suite that was started in the background inherits an ignored interrupt; its tests send some.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, so that a change fails for what it changed; `make thorough` draws
# new ones, and more.
settings.register_profile(
    "niah", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", parent=settings.get_profile("niah"), max_examples=20)
settings.register_profile(
    "thorough", parent=settings.get_profile("niah"), derandomize=False, max_examples=1_000
)
settings.load_profile("niah")

# Besides the tests marked where they stand: files of whole sweeps, and single tests that kill,
# simulate or draw much.
SLOW_FILES = {
    "test_action",
    "test_answers",
    "test_bounds",
    "test_lies",
    "test_local_model",
    "test_money",
    "test_natural",
    "test_batch",
    "test_outside",
    "test_plugins",
    "test_page_in_browser",
    "test_search",
    "test_several",
    "test_suites",
    "test_sweep",
    "test_synthetic",
    "test_tasks",
}
SLOW_TESTS = {
    "test_a_killed_worker_loses_nothing_and_asks_nothing_again_that_was_answered",
    "test_a_line_torn_at_any_byte_costs_that_line_only",
    "test_a_terminal_that_closes_lets_what_is_in_flight_finish_and_draws",
    "test_what_is_whole_stays_whole_whatever_the_connection_does_then",
    "test_a_reader_that_has_enough_ends_the_writing_quietly",
    "test_after_kill_9_in_the_middle_of_summaries_no_finished_call_is_paid_for_twice",
    "test_after_kill_9_only_missing_trials_are_sent_and_the_grid_is_the_same",
    "test_a_disk_that_fills_up_leaves_whole_lines",
    "test_a_gate_loads_neither_plotting_nor_science_libraries",
    "test_a_large_grid_is_drawn_in_a_second_or_two_of_work",
    "test_a_loss_of_just_the_margin_passes_at_most_as_often_as_stated",
    "test_a_loss_of_just_the_tolerated_one_fails_at_most_as_often_as_stated",
    "test_a_relative_gate_does_not_take_its_base_for_known",
    "test_a_synthetic_haystack_per_trial_keeps_no_files_open",
    "test_aligned_runs_can_be_resumed_shown_and_scored",
    "test_an_adaptive_run_that_was_cut_at_any_line_goes_on_with_the_same_sequence",
    "test_any_error_body_is_some_failure",
    "test_control_c_before_the_first_answer_is_no_outage",
    "test_control_c_drains_and_leaves_a_resumable_run",
    "test_control_readers_guard_the_instrument",
    "test_dense_and_fused_retrieval_find_the_plain_needle",
    "test_length_and_depth_are_exact_for_tokenizer_files",
    "test_length_and_depth_are_exact_on_real_transcripts",
    "test_length_and_depth_are_exact_on_shipped_haystacks",
    "test_length_is_exact_on_any_text_at_all",
    "test_many_gates_do_not_make_a_false_alarm_more_likely",
    "test_more_pairs_than_needed_are_enough_too",
    "test_nothing_that_any_task_plants_is_said_by_the_haystack",
    "test_over_long_prompts_are_hatched_and_not_red",
    "test_power_is_that_of_simulations_done_elsewhere",
    "test_shared_haystacks_that_differ_much_pass_at_their_limit_at_most_as_often_as_stated",
    "test_two_processes_may_build_it_at_once",
    "test_written_prompts_stand_up_to_a_recount",
}


# Whole sweeps whose tests look at results and words: drawing would be most of their time, and
# pictures have their own.
UNDRAWN_FILES = {
    "test_adaptive",
    "test_batch",
    "test_collect",
    "test_deliveries",
    "test_documents",
    "test_engine",
    "test_given",
    "test_money",
    "test_outside",
    "test_pages_and_speech",
    "test_retrieval",
    "test_several",
    "test_shards",
    "test_suites",
    "test_sweep",
    "test_uploads",
}


def pytest_configure(config: pytest.Config) -> None:
    """Fewer examples of every property where only the quick tests are asked for, more where the
    thorough ones are."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("quick")
    elif "hypothesis" in config.option.markexpr:
        settings.load_profile("thorough")


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: much of the time is waiting for servers and kills."""
    return -(-3 * (os.cpu_count() or 1) // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in SLOW_FILES or getattr(item, "originalname", item.name) in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)


REPOSITORY = Path(__file__).resolve().parents[1]
REAL_TRANSCRIPTS = REPOSITORY.parent / "shared" / "transcripts"


NEEDS_PROC = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="this system has no /proc"
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


Niah = Callable[..., Ended]


def site_of(trial: Trial, haystack: Haystack, language: str = "en", **keys: Any) -> TaskContext:
    """Where a task plants, with the config's options and some of them set."""
    return TaskContext(
        trial=trial, haystack=haystack, language=language, options=options_of(RunConfig(**keys))
    )


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own: an older one must not make them pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the heatmap of every run, other for other results; what is asked for
    by name is drawn."""
    from niah.plotter import heatmap

    drawn = heatmap.save_heatmaps

    def outlined(views: Sequence[View], path: Path, look: Look = LOOK, *more: Any) -> list[str]:
        if path.name != "heatmap.png":
            return drawn(views, path, look, *more)
        cells = [cell for view in views for cell in view.grid.cells]
        path.write_text(f"Look\0{look.palette} {cells}", encoding="utf-8")
        return []

    monkeypatch.setattr(heatmap, "save_heatmaps", outlined)


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest) -> None:
    if request.path.stem in UNDRAWN_FILES:
        request.getfixturevalue("undrawn")


@pytest.fixture
def niah(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Niah:
    """The command line in an empty folder with an empty data folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in [
        n for n in os.environ if n.startswith("NIAH_")
    ]:  # settings of whoever runs the tests
        monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # lines stay whole

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            main([str(a) for a in arguments])
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture(scope="session")
def real_transcripts() -> Path:
    """A folder of real podcast transcripts that cannot be part of the project."""
    if not REAL_TRANSCRIPTS.is_dir():
        pytest.skip(
            f"real transcripts are not on this machine ({REAL_TRANSCRIPTS.name} beside the clone)"
        )
    return REAL_TRANSCRIPTS


@pytest.fixture(scope="session")
def shipped() -> dict[str, list[Transcript]]:
    """The shipped episodes by haystack."""

    def episodes(folder: Path) -> Iterator[Transcript]:
        for path in sorted(folder.iterdir()):
            if path.suffix != ".toml":
                yield read_transcript(path)

    return {
        f.name: list(episodes(f)) for f in sorted(shared_root("haystacks").iterdir()) if f.is_dir()
    }
