"""What a person sees: the heatmap in any terminal, wrapped words, short names, the end of a run in
words."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from conftest import REPOSITORY, Niah
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text
from runs import header, result, results, trials, unreported, wrong_in

from niah.cli.screen import RunConsole, print_parts, say
from niah.plotter.formatting import headline_label, interval_label
from niah.plotter.heatmap import comparison_figure, figure_of
from niah.plotter.look import Look
from niah.plotter.report_text import table_of
from niah.plotter.summary import summary_lines
from niah.plotter.terminal import ASCII_SIGNS, SIGNS, LiveView, TerminalHeatmap, fold
from niah.plotter.wrapping import CUT, Words, middle_cut, shortened
from niah.records import Outcome, Trial
from niah.verdict.effective import least_trials
from niah.verdict.grid import grid_of
from niah.verdict.pairs import comparison_of
from niah.verdict.records import ByDepth, ByLength, Cell, Control, Grid, Share
from niah.verdict.report import below, report_of
from niah.verdict.sample import Sample, share_of

SCREENS = [
    (7, 5, 40),
    (7, 5, 80),
    (35, 34, 40),
    (35, 34, 80),
    (35, 34, 200),
    (100, 86, 80),
    (100, 86, 200),
]
LLAMA = "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8-dynamic"


def found_up_to(length: int) -> Callable[[int, float], float | None]:
    return lambda n, depth: float(n <= length)


def grid(
    lengths: int, depths: int, mean: Callable[[int, float], float | None] | None = None
) -> Grid:
    """A grid of so many lengths (1k, 2k, ...) and depths; a mean of None is a trial that has not
    run."""
    cells, mean = [], mean or found_up_to(10_000)
    for n in range(1_000, 1_000 * lengths + 1, 1_000):
        for i in range(depths):
            value = mean(n, 100 * i / max(1, depths - 1))
            outcomes = {"missing" if value is None else "scored": 1}
            cells.append(
                Cell(
                    context_length=n,
                    depth_percent=100 * i / max(1, depths - 1),
                    n=int(value is not None),
                    mean=value,
                    low=None,
                    high=None,
                    outcomes=outcomes,
                )
            )
    return Grid(
        model="m",
        task="single",
        haystack="en",
        tokenizer="t",
        epochs=1,
        simulated=False,
        unique_share=1.0,
        whole=Share(mean=0.5, n=10, low=0.2, high=0.8),
        cells=tuple(cells),
    )


def screen(
    view: object, columns: int, *, encoding: str = "utf-8", colour: bool = False
) -> list[str]:
    """The lines of a view; with colour, ANSI codes among them."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    system: Literal["truecolor"] | None = "truecolor" if colour else None
    console = Console(file=file, width=columns, force_terminal=colour, color_system=system)
    console.print(view)
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


def picture(lines: Sequence[str]) -> list[str]:
    """The rows of cells, without their depths."""
    return [line[8:] for line in lines if re.fullmatch(r"[\d. -]+% ?", line[:8])]


@pytest.mark.slow
@pytest.mark.parametrize(("lengths", "depths", "columns"), SCREENS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_without_colour_every_cell_is_a_sign_or_a_value(
    lengths: int, depths: int, columns: int, encoding: str
) -> None:
    of = grid(lengths, depths, lambda n, d: None if n == 1_000 * lengths else float(n <= 3_000))
    lines = screen(TerminalHeatmap(of, columns), columns, encoding=encoding)
    rows = picture(lines)
    folded = fold(of, columns - 8, depths)
    assert len(rows) == depths
    for row in rows:
        assert len(row.split()) == len(folded.columns) or len(row.rstrip()) == len(folded.columns)
    if columns < 8 + 4 * lengths:
        signs = SIGNS if encoding == "utf-8" else ASCII_SIGNS
        legend = next(line for line in lines if signs["found"] in line and "found" in line)
        assert f"{signs['not found']} not found" in legend
        assert f"{signs['partly']} partly" in legend
        assert set("".join(rows)) - {" "} <= set(signs.values())
    assert all(len(line) <= columns for line in lines)


@pytest.mark.parametrize(("lengths", "depths", "columns"), SCREENS)
def test_the_last_length_is_always_on_the_axis(lengths: int, depths: int, columns: int) -> None:
    lines = screen(TerminalHeatmap(grid(lengths, depths), columns), columns)
    axis = lines[1 + depths]
    assert axis.split()[-1] == f"{lengths}k"
    assert not re.search(r"k\d", axis), "labels run into each other"


@given(lengths=st.integers(1, 120), columns=st.integers(20, 220))
def test_labels_of_the_axis_stand_under_their_columns_and_apart(lengths: int, columns: int) -> None:
    lines = screen(TerminalHeatmap(grid(lengths, 1), columns), columns)
    axis = next(line for line in lines if re.fullmatch(r" {8}[\dk .]+", line))
    assert axis.split()[-1] == f"{lengths}k"
    assert all(re.fullmatch(r"\d+k", label) for label in axis.split())
    assert len(axis) <= columns


@pytest.mark.parametrize(("lengths", "columns"), [(5, 80), (14, 80), (20, 80), (35, 80), (34, 200)])
def test_coloured_cells_do_not_touch(lengths: int, columns: int) -> None:
    lines = screen(TerminalHeatmap(grid(lengths, 3), columns), columns, colour=True)
    row = next(line for line in lines if "48;2;" in line)
    blocks = re.findall(r"\x1b\[[^m]*48;2;[^m]*m([^\x1b]*)\x1b\[0m([^\x1b]*)", row)
    assert len(blocks) == lengths
    assert all(gap.startswith(" ") for _, gap in blocks[:-1])


def test_no_color_takes_signs_also_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = screen(TerminalHeatmap(grid(35, 3), 80), 80, colour=True)
    assert sum(line.count(SIGNS["found"]) for line in picture(lines)) == 3 * 10


def test_lengths_that_do_not_fit_are_folded_and_counted_and_no_loss_is_left_out() -> None:
    lost = 55_000
    of = grid(100, 86, lambda n, d: float(n != lost))
    lines = screen(TerminalHeatmap(of, 80, 24), 80)
    assert "100 lengths in 72 columns, labelled by the longest of each" in " ".join(lines)
    assert re.search(r"86 depths in \d+ rows", " ".join(line.strip() for line in lines))
    assert all(SIGNS["partly"] in row or SIGNS["not found"] in row for row in picture(lines))
    assert len(lines) <= 24


@pytest.mark.slow
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 80), st.integers(1, 80))
def test_folding_keeps_every_trial(lengths: int, depths: int, columns: int, rows: int) -> None:
    of = grid(lengths, depths, lambda n, d: None if n == 2_000 else float(d < 50))
    folded = fold(of, columns, rows)
    assert len(folded.columns) == min(lengths, columns)
    assert len(folded.rows) == min(depths, rows)
    cells = [c for row in folded.cells for c in row]
    assert sum(sum(c.outcomes.values()) for c in cells) == lengths * depths
    found = sum((c.mean or 0) * c.n for c in of.cells)
    assert sum((c.mean or 0) * c.n for c in cells) == pytest.approx(found)
    assert bool(folded.said) == (lengths > columns or depths > rows)


@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (80, 12), (80, 24), (200, 50)])
@pytest.mark.parametrize("colour", [True, False])
def test_a_live_view_fits_its_screen(columns: int, rows: int, colour: bool) -> None:
    below = (
        "1,240 tokens in 31 s (400/s, 12 trials/min)",
        "429 x 12 · waiting 8 s: 429: Too many requests, slow down",
    )
    view = LiveView(grid(35, 34), columns, rows, 4, 8, "about 5 min left", below)
    lines = screen(view, columns, colour=colour)
    assert len(lines) < rows
    assert "4/8 trials" in lines[0]
    assert "about 5 min left" in lines[0]


@pytest.mark.parametrize("rows", [2, 3, 4, 5])
def test_a_live_view_fits_a_screen_of_hardly_any_rows(rows: int) -> None:
    view = LiveView(grid(5, 5), 80, rows, 4, 8, "about 5 min left", ("one", "two", "three"))
    assert len(screen(view, 80)) < rows


def test_a_cell_that_lost_some_trials_has_a_star_that_is_explained() -> None:
    of = grid(2, 2)
    some = replace(of.cells[0], outcomes={"scored": 2, "refused": 1})
    lines = screen(TerminalHeatmap(replace(of, cells=(some, *of.cells[1:])), 80), 80)
    assert "1*" in lines[1]
    assert "* some trials without a score" in "\n".join(lines)
    assert "1 of 6 trials without a score (1 refused)" in " ".join(line.strip() for line in lines)
    assert "*" not in "\n".join(screen(TerminalHeatmap(of, 80), 80))


def test_a_cell_that_no_trial_was_asked_for_is_empty() -> None:
    of = grid(3, 2)
    lines = screen(TerminalHeatmap(replace(of, cells=of.cells[:-1]), 80), 80)
    assert [len(row.split()) for row in picture(lines)] == [3, 2]
    assert "not run" not in "\n".join(lines)


def test_the_absent_control_is_folded_with_its_lengths() -> None:
    controls = tuple(
        Control(
            control="absent", context_length=n, n=1, mean=float(n > 50_000), low=None, high=None
        )
        for n in range(1_000, 100_001, 1_000)
    )
    lines = screen(TerminalHeatmap(replace(grid(100, 3), controls=controls), 80), 80)
    row = next(line for line in lines if line.startswith(" absent"))
    assert len(row) == 80
    assert {SIGNS["found"], SIGNS["not found"]} <= set(row)


@given(st.text("ab 12字%()=n", min_size=1).map(" ".join), st.integers(10, 60))
def test_wrapping_keeps_all_words_and_the_width(text: str, columns: int) -> None:
    lines = screen(Words(text), columns)
    assert all(Text(line).cell_len <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("columns", range(20, 80))
def test_a_number_is_not_parted_from_its_unit_by_a_line_end(columns: int) -> None:
    text = (
        "weakest at 1k to 8k: 0 % found (n = 36); elsewhere 66.7 % (44 to 97 %, n = 1,200) in"
        " 0.07 s"
    )
    said = screen(Words(text), columns)
    for whole in ("0 %", "(n = 36", "66.7 %", "(44 to 97 %", "n = 1,200", "0.07 s"):
        assert any(whole in line for line in said), (whole, said)


def test_words_are_wrapped_on_a_terminal_and_stay_whole_in_a_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = "hopeful " * 20
    for terminal, lines in ((True, 5), (False, 1)):
        file = io.StringIO()
        say(Console(file=file, width=40, force_terminal=terminal, color_system=None), text.strip())
        assert len(file.getvalue().splitlines()) == lines
        assert "hopefu\n" not in file.getvalue()


def test_a_table_is_plain_in_a_pipe_and_wraps_where_columns_are_few(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table_of([("", "first run", "second run"), ("模型", "a very long name of a model", "b")])
    monkeypatch.delenv("COLUMNS", raising=False)
    print_parts(["words", rows])
    plain = capsys.readouterr().out.splitlines()
    assert plain == [
        "words",
        "                        first run  second run",
        "模型  a very long name of a model           b",
    ]
    monkeypatch.setenv("COLUMNS", "24")
    print_parts([rows])
    assert all(Text(line).cell_len <= 24 for line in capsys.readouterr().out.splitlines())


def test_a_screen_without_unicode_gets_no_signs_of_it() -> None:
    lines = screen(
        LiveView(grid(35, 5), 80, 24, 1, 2, "about 5 s left", ("a · b…",)), 80, encoding="ascii"
    )
    assert "a - b..." in lines[1]


# --- names


def test_a_long_name_is_cut_in_its_middle_with_a_sign() -> None:
    short = middle_cut(LLAMA, 40)
    assert len(short) == 40
    assert short.startswith("meta-llama/")
    assert short.endswith("FP8-dynamic")
    assert CUT in short


@given(st.lists(st.text("abc/-字", min_size=1, max_size=70), max_size=5), st.integers(12, 50))
def test_two_names_that_differ_differ_when_they_are_short(names: list[str], columns: int) -> None:
    short = shortened(names, columns)
    assert len(set(short)) == len(set(names))
    for name, label in zip(names, short, strict=True):
        assert label == name or (CUT in label and Text(label).cell_len <= columns)


def test_names_that_nothing_short_tells_apart_stay_whole() -> None:
    names = [
        f"{'a' * 20}{x}{'b' * 20}{y}{'c' * 20}{z}{'d' * 20}" for x, y, z in product("pq", repeat=3)
    ]
    assert shortened(names, 20) == names


def test_several_names_keep_what_each_has_of_its_own() -> None:
    models = ("Llama-4-Maverick-17B-128E", "Llama-4-Scout-17B-16E", "Llama-3.3-70B")
    short = shortened([f"meta-llama/{name}-Instruct-FP8" for name in models], 19)
    assert all(
        part in name for part, name in zip(("Maver", "Scout", "3.3-70B"), short, strict=True)
    )
    assert all(len(name) <= 19 for name in short)


@pytest.mark.parametrize(
    "other", [("FP8", "FP4"), ("128E", "64E"), ("meta", "beta"), ("dynamic", "static")]
)
def test_two_variants_of_one_model_stand_under_two_titles(other: tuple[str, str]) -> None:
    views = [unreported(replace(grid(3, 3), model=name)) for name in (LLAMA, LLAMA.replace(*other))]
    titles = [
        ax.get_title(loc="left").split("\n")[0]
        for ax in figure_of(views, Look(size="post")).axes[:2]
    ]
    assert len(set(titles)) == 2
    assert all(CUT in title for title in titles)
    assert all(other[i] in title for i, title in enumerate(titles))


def test_a_difference_names_both_models() -> None:
    of, than = (
        header(model=name, lengths=(1_000, 2_000), epochs=1)
        for name in (LLAMA, LLAMA.replace("FP8", "FP4"))
    )
    runs = [(of, results(of)), (than, results(than))]
    views = [unreported(grid_of(*run)) for run in runs]
    figure = comparison_figure(views, comparison_of(runs[0], runs[1], these_only=True))
    said = [t for ax in figure.axes if "minus " in (t := ax.get_title(loc="left"))]
    assert len(said) == 1
    after, _, before = said[0].partition("minus ")
    assert ("FP4" in after, "FP8" in before) == (True, True)


# --- the picture


def corners(of: Grid) -> list[tuple[float, float]]:
    hatched = [c for c in figure_of([unreported(of)]).axes[0].collections if c.get_hatch()]
    paths = [np.asarray(path.vertices, dtype=float) for c in hatched for path in c.get_paths()]
    return [(float(p[0, 0]), float(p[0, 1])) for p in paths if np.ptp(p[:, 0]) < 1]


def test_a_cell_that_lost_some_trials_has_a_corner_and_others_have_none() -> None:
    of = grid(2, 2)
    assert corners(of) == []
    some = replace(of.cells[2], outcomes={"scored": 2, "refused": 1})
    (corner,) = corners(replace(of, cells=(*of.cells[:2], some, of.cells[3])))
    assert 0.5 < corner[0] < 1.5  # inside the second column
    assert -0.5 <= corner[1] < 0.5  # and the first row


def test_the_headline_of_picture_and_terminal_counts_trials_without_a_score() -> None:
    of = header(lengths=(1_000, 2_000), epochs=1)
    bad = (Outcome.OVERFLOW, Outcome.OVERFLOW, Outcome.REFUSED, Outcome.ERROR)
    stored = [result(t, o) for t, o in zip(trials(of), bad, strict=False)]
    stored += [result(t, 1.0) for t in trials(of)[len(bad) : -1]]
    folded = grid_of(of, stored)
    said = headline_label(folded)
    assert said.startswith("100 % found (n = 5, 95 % interval 57 to 100 %) · ")
    assert "4 of 10 trials without a score (1 error, 2 overflow, 1 refused)" in said
    assert said.endswith("1 of 10 trials not run")
    told = " ".join(t.get_text() for t in figure_of([unreported(folded)]).texts)
    assert "100 % found (n = 5" in told
    assert "4 of 10 trials without a score" in told


# --- words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.66, 0.93, "66 to 93 %"), (0, 0.793, "0 to 79 %"), (0.9966, 1, "99 to 100 %"),
        (0, 0.001, "0 to 1 %"),
        (0, 0, "0 to 0 %"), (1, 1, "100 to 100 %"), (0.2, 1.0, "20 to 100 %"),
    ],
)  # fmt: skip
def test_both_ends_of_an_interval_have_one_precision(low: float, high: float, words: str) -> None:
    assert interval_label(low, high) == words


def said(answer: Callable[[Trial], float | Outcome], **how: object) -> list[str]:
    of = header(**how)  # type: ignore[arg-type]  # a test's own arguments
    return summary_lines(report_of(of, results(of, answer)))


def shape(answer: Callable[[Trial], float | Outcome], **how: object) -> tuple[ByLength, ByDepth]:
    of = header(**how)  # type: ignore[arg-type]
    pattern = report_of(of, results(of, answer)).pattern
    assert pattern is not None
    return pattern.by_length, pattern.by_depth


def test_all_green_and_all_red_are_said_as_such() -> None:
    green = said(lambda t: 1.0)
    assert green == [
        "reads reliably up to 128k, the longest tested (sure at 95 %)",
        "all green: every needle was found, at every length and depth that has a score",
    ]
    red = said(lambda t: 0.0)
    assert (
        red[0]
        == "does not read reliably even at 1k, the shortest tested (sure at 95 %); tested up to"
        " 128k"
    )
    assert red[1].startswith("all red: no needle was found")
    assert len(red) == 2
    assert said(lambda t: Outcome.REFUSED) == ["nothing can be said: no trial has a score"]


def test_no_rule_has_its_name_at_the_end_of_a_run_and_every_rule_in_the_report() -> None:
    text = "\n".join(said(lambda t: float(t.context_length <= 4_000)))
    assert "absolute" not in text
    assert "without a test" not in text
    assert "reads reliably up to 4k (sure at 95 %); tested up to 128k" in text


FEW = (
    "too few trials to say how far it reads reliably: at most 5 a length, and it takes 23 trials,"
    " all found"
)


@pytest.mark.parametrize(
    ("edge", "epochs", "more", "line"),
    [
        (4_000, 1, {}, f"{FEW} (set --epochs); surely not beyond 4k; tested up to 128k"),
        (128_000, 1, {"claimed": 1_000_000}, f"{FEW} (set --epochs); claimed 1M"),
        (128_000, 1, {}, f"{FEW} (set --epochs)"),
        (
            0,
            1,
            {},
            (
                "does not read reliably even at 1k, the shortest tested (sure at 95 %); tested up"
                " to 128k"
            ),
        ),
        (4_000, 10, {}, "reads reliably up to 4k (sure at 95 %); tested up to 128k"),
    ],
)
def test_one_line_says_how_far_a_run_reads_or_that_its_trials_are_too_few(
    edge: int, epochs: int, more: dict[str, Any], line: str
) -> None:
    lines = said(lambda t: float(t.context_length <= edge), epochs=epochs, **more)
    assert [text for text in lines if "reli" in text] == [line]


def test_what_chance_allows_stands_beside_what_is_measured() -> None:
    lost = {4_000: 0, 16_000: 1, 64_000: 6, 128_000: 6}  # epochs of six, after 1k
    lines = said(lambda t: float(t.epoch >= lost.get(t.context_length, 0)), epochs=6)
    assert lines[0] == "reads reliably up to 4k (between 4k and 16k at 95 %); tested up to 128k"
    lines = said(
        lambda t: float(t.context_length <= 4_000 and (t.epoch + t.depth_percent / 25) % 8 != 0),
        epochs=6,
    )
    assert lines[0] == "reads reliably up to 4k (between nothing and 4k at 95 %); tested up to 128k"
    lines = said(lambda t: float((t.epoch + t.depth_percent / 25) % 4 != 0), epochs=6)
    assert lines[0].startswith(
        "does not read reliably even at 1k, the shortest tested (not sure at 95 %: may be up to"
    )


def test_what_is_claimed_stands_beside_what_is_held() -> None:
    of = header(claimed=1_000_000)
    assert summary_lines(report_of(of, results(of)))[0].endswith("(sure at 95 %); claimed 1M")


SHAPES: dict[str, tuple[Callable[[Trial], float], ByLength, ByDepth, str]] = {
    "an edge": (
        lambda t: float(t.context_length <= 16_000), ByLength.EDGE, ByDepth.EVEN,
        "finds less beyond 16k: 100 % (98 to 100 %, n = 150) up to it, "
        "0 % (0 to 4 %, n = 100) from 64k on",
    ),
    "a lost middle": (
        lambda t: float(t.depth_percent in (0, 100)), ByLength.EVEN, ByDepth.MIDDLE,
        "loses the middle: found in the",
    ),
    "a lost beginning": (
        lambda t: float(t.depth_percent > 0), ByLength.EVEN, ByDepth.HEAD,
        "loses the beginning: found in the first f",
    ),
    "a lost end": (lambda t: float(t.depth_percent < 100), ByLength.EVEN, ByDepth.TAIL,
                   "loses the end: found in"),
    "the end only": (
        lambda t: float(t.depth_percent == 100), ByLength.EVEN, ByDepth.ALL_BUT_TAIL,
        "reads the end better than",
    ),
    "the beginning only": (
        lambda t: float(t.depth_percent == 0), ByLength.EVEN, ByDepth.ALL_BUT_HEAD,
        "reads the beginning better",
    ),
    "a lost length": (
        lambda t: float(t.context_length != 16_000), ByLength.DIP, ByDepth.EVEN,
        "not a matter of length alone: 0 % (0 to 7 %, n = 50) at 16k, "
        "but 100 % (93 to 100 %, n = 50) at 64k",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_named_with_its_shares_n_and_intervals(name: str) -> None:
    answer, by_length, by_depth, words = SHAPES[name]
    assert shape(answer) == (by_length, by_depth)
    (line,) = [line for line in said(answer) if words in line]
    assert re.findall(r"\d % \(\d+ to \d+ %, n = \d+\)", line)


def test_a_few_scattered_misses_are_no_shape() -> None:
    of = header(epochs=2)
    answer = wrong_in(6, of)
    assert shape(answer, epochs=2) == (ByLength.EVEN, ByDepth.EVEN)
    assert "misses are scattered: no length and no depth is worse by more than chance" in said(
        answer, epochs=2
    )


@pytest.mark.slow
def test_a_chance_loss_is_seldom_called_a_shape() -> None:
    """Of runs that miss one in five anywhere, at most one in twenty may be said to have a shape."""
    import random

    of = header(lengths=tuple(range(1_000, 21_000, 1_000)), epochs=2)
    named = 0
    for seed in range(60):
        draw = random.Random(seed)  # noqa: S311  # a test's coin
        pattern = report_of(of, [result(t, float(draw.random() < 0.8)) for t in trials(of)]).pattern
        named += pattern is None or (pattern.by_length, pattern.by_depth) != (
            ByLength.EVEN,
            ByDepth.EVEN,
        )
    assert named <= 3


@pytest.mark.parametrize(("threshold", "least"), [(0.856, 23), (0.5, 4), (0.9, 35)])
def test_so_many_trials_all_found_show_a_threshold(threshold: float, least: int) -> None:
    assert least_trials(threshold) == least
    low = share_of([1.0] * least).low
    before = share_of([1.0] * (least - 1)).low
    assert low is not None
    assert before is not None
    assert before < threshold <= low


def test_one_of_many_comparisons_needs_more() -> None:
    low, high = Sample(scores=(1.0,) * 8 + (0.0,) * 12), Sample(scores=(1.0,) * 17 + (0.0,) * 3)
    assert below(low, high, 1)
    assert not below(low, high, 600)
    assert not below(high, low, 1)
    assert not below(Sample(scores=()), high, 1)


# --- events


def test_a_run_that_measured_nothing_tells_programs_that_it_has_ended(niah: Niah) -> None:
    run = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "1k",
        "--depths",
        "50",
        "--name",
        "r",
    )
    ended = niah(*run, "--max-tokens", "10", "--progress", "json")
    last = json.loads(ended.err.splitlines()[-1])
    assert (ended.exit_code, last["event"], last["complete"], last["n"], last["mean"]) == (
        3,
        "finished",
        False,
        0,
        None,
    )


def test_progress_as_json_is_all_that_stands_on_standard_error(niah: Niah) -> None:
    run = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "head-tail",
        "--lengths",
        "500,1k",
        "--depths",
        "0,50,100",
    )
    ended = niah(*run, "--progress", "json", "--name", "r")
    events = [json.loads(line) for line in ended.err.splitlines()]
    names = [e["event"] for e in events]
    assert names[0] == "started"
    assert names[-1] == "finished"
    assert (events[0]["trials"], events[0]["finished"], events[0]["schema"]) == (6, 0, 1)
    landed = [e for e in events if e["event"] == "trial"]
    assert [e["done"] for e in landed] == [1, 2, 3, 4, 5, 6]
    assert {(e["depth_percent"], e["score"]) for e in landed} == {
        (0.0, 1.0),
        (50.0, 0.0),
        (100.0, 1.0),
    }
    assert (events[-1]["complete"], events[-1]["n"], round(events[-1]["mean"], 3)) == (
        True,
        6,
        0.667,
    )
    assert any(e["event"] == "message" and "reads reliably" in e["text"] for e in events)
    assert ended.out == "results/r/heatmap.png\n"
    told = (REPOSITORY / "docs" / "progress.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in told.splitlines() if row.startswith("| `")}
    for event in events:
        assert {f"`{key}`" for key in event if key not in ("event", "at")} <= set(
            re.findall(r"`\w+`", rows[event["event"]])
        )


def test_a_run_that_cannot_go_on_ends_its_events_with_the_reason(niah: Niah) -> None:
    run = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--depths",
        "50",
        "--progress",
        "json",
        "--name",
        "r",
    )
    assert niah(*run, "--lengths", "500").exit_code == 0
    ended = niah(*run, "--lengths", "500", "--seed", "1")
    (event,) = [json.loads(line) for line in ended.err.splitlines()]
    assert (event["event"], event["exit_code"], ended.exit_code) == ("failed", 2, 2)
    assert "another config" in event["error"]


@pytest.mark.parametrize("wrong", [("--name", "a/b"), ("--log-prompts",)])
def test_every_refusal_of_a_setting_is_an_event_too(niah: Niah, wrong: tuple[str, ...]) -> None:
    run = ("run", "--provider", "simulated", "--model", "perfect", "--progress", "json")
    ended = niah(*run, *wrong)
    (event,) = [json.loads(line) for line in ended.err.splitlines()]
    assert (event["event"], event["exit_code"], ended.exit_code) == ("failed", 2, 2)


def test_a_variable_that_is_no_setting_is_a_message_among_the_events(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIAH_MODLE", "m")
    run = ("run", "--provider", "simulated", "--model", "perfect", "--progress", "json")
    ended = niah(*run, "--lengths", "x")
    message, failed = (json.loads(line) for line in ended.err.splitlines())
    assert (message["event"], failed["event"]) == ("message", "failed")
    assert message["text"].startswith("NIAH_MODLE is no setting and has no effect")


def test_events_go_to_a_file_beside_words_for_people(niah: Niah) -> None:
    run = (
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "500",
        "--depths",
        "50",
        "--name",
        "r",
    )
    ended = niah(*run, "--progress-file", "sub/events.jsonl")
    assert "all green" in ended.err
    lines = Path("sub/events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "started",
        "trial",
        "spent",
        "finished",
    ]
    Path("file").write_text("")
    refused = niah(*run, "--progress-file", "file/events.jsonl")
    assert (refused.exit_code, refused.err.count("\n")) == (2, 1)
    assert "--progress-file file/events.jsonl: cannot be written" in refused.err


def test_a_log_is_no_place_for_a_live_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not RunConsole(stderr=False, file=io.StringIO()).draws
