"""The picture: fixed scale, depth 0 on top, the value in the cell, hatches where nothing was
scored."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from rich.console import Console
from runs import header, result, results, trials, unreported
from test_grid import grid

from niah.errors import ConfigError, UnknownName
from niah.plotter.canvas import Words, colour_map, save
from niah.plotter.cells import row_edges
from niah.plotter.curves import curves_figure, deliveries_figure, look_for, save_deliveries
from niah.plotter.heatmap import (
    card_figure,
    card_words,
    columns_for,
    figure_of,
    save_card,
    save_heatmaps,
    save_nats,
    words_of,
)
from niah.plotter.look import RED_GREEN, SHEETS, Look, luminance, red_green
from niah.plotter.outputs import grid_json, write_outputs
from niah.plotter.summary import View, headline, names_of
from niah.plotter.terminal import LiveView, TerminalHeatmap
from niah.records import Header, Outcome, Result, Trial
from niah.text.fonts import BASE, fonts_for
from niah.verdict.deliveries import Delivery, Split, figures_of
from niah.verdict.grid import grid_of
from niah.verdict.records import Grid
from niah.verdict.report import report_of

H = header(lengths=(1_000, 2_000), depths=(0.0, 100.0), epochs=1)


def drawn() -> Axes:
    return figure_of([unreported(grid())]).axes[0]


def test_luminance_rises_from_red_to_green_for_readers_who_do_not_see_the_hue() -> None:
    steps = [luminance(red_green(i / 100)) for i in range(101)]
    assert steps == sorted(steps)
    assert min(b - a for a, b in itertools.pairwise(steps)) > 0
    colours = colour_map("red-green")
    assert colours(0.0)[:3] == pytest.approx(RED_GREEN[0])
    assert colours(1.0)[:3] == pytest.approx(RED_GREEN[-1])


def test_depth_0_is_on_top_and_lengths_run_to_the_right() -> None:
    ax = drawn()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1k", "2k"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0 %", "100 %"]
    bottom, top = ax.get_ylim()
    assert bottom > top


def boxes(ax: Axes, *, hatched: bool) -> list[tuple[float, float]]:
    """Upper left corners of the cells of one kind."""
    cells = [
        c
        for c in ax.collections
        if isinstance(c, PolyCollection) and bool(c.get_hatch()) is hatched
    ]
    paths = [np.asarray(path.vertices, dtype=float) for c in cells for path in c.get_paths()]
    return [(float(p[0, 0]), float(p[0, 1])) for p in paths if np.ptp(p[:, 0]) == 1]


def test_cells_hold_their_value_and_unscored_cells_their_reason() -> None:
    ax = drawn()
    texts = {t.get_position(): t.get_text() for t in ax.texts if t.get_transform() == ax.transData}
    assert (texts[0, 0], texts[0, 1], texts[1, 0], texts[1, 1]) == (
        ".50",
        "1",
        "overflow",
        "missing",
    )
    assert np.asarray(ax.collections[0].get_facecolor())[1][:3] == pytest.approx(RED_GREEN[-1])
    assert boxes(ax, hatched=True) == [(0.5, -0.5), (0.5, 0.5)]


def test_the_words_say_what_a_reader_must_know() -> None:
    said = " ".join(
        t.get_text()
        for t in figure_of([unreported(grid(), date="2026-11-27T08", version="0.1.0")]).texts
    )
    for part in (
        "m · ", "task single", "haystack en", "o200k_base", "2 trials per cell", "n = 3",
        "50 % of the longest",
        "95 % interval", "2026-11-27", "niah 0.1.0",
        "3 of 8 trials without a score (1 error, 2 overflow)",
    ):  # fmt: skip
        assert part in said


def test_a_simulated_reader_is_called_one() -> None:
    figure = figure_of([unreported(replace(grid(), simulated=True, model="perfect"))])
    assert "simulated reader perfect" in " ".join(t.get_text() for t in figure.texts)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_written_in_every_format_and_side_by_side(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "sub" / f"two{suffix}"
    assert save_heatmaps([unreported(grid())] * 2, path, Look(palette="viridis")) == []
    assert path.stat().st_size > 2_000


def test_wrong_format_or_palette_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        save_heatmaps([unreported(grid())], tmp_path / "x.jpg")
    with pytest.raises(UnknownName, match="unknown palette"):
        save_heatmaps([unreported(grid())], tmp_path / "x.png", Look(palette="jet"))


@pytest.mark.slow
def test_chinese_names_find_a_font_or_say_so(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    said = save_heatmaps([unreported(replace(grid(), haystack="科技節目"))], tmp_path / "zh.png")
    families, expected = fonts_for("科技節目")
    assert said == expected
    assert (said == []) == (len(families) == 2)
    assert fonts_for("plain") == ([BASE], [])
    assert dict(matplotlib.rcParams) == before


def test_the_terminal_shows_the_same_values() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(LiveView(grid(), 80, 24, 4, 8, "4,000 tokens"))
    text = console.export_text()
    for part in (".50", "over", "1k", "2k", "100 %", "n = 3", "4/8 trials"):
        assert part in text
    console.print(TerminalHeatmap(grid(), 20))


@pytest.mark.slow
@pytest.mark.parametrize("size", SHEETS)
def test_long_words_stay_on_the_sheet_and_leave_the_picture_its_room(size: str) -> None:
    wordy = replace(
        grid(),
        model="vendor/" + "x" * 90 + "$a$b",
        tokenizer="file:tokenizer.json@0123456789ab",
        task="t" * 90,
    )
    for views in ([unreported(wordy)], [unreported(wordy)] * 2):
        figure = figure_of(views, Look(size=size))
        figure.draw_without_rendering()
        assert sum(ax.get_position().width for ax in figure.axes[: len(views)]) > 0.6
        assert min(ax.get_position().height for ax in figure.axes[: len(views)]) > 0.45
        for text in (*figure.texts, *(ax._left_title for ax in figure.axes)):  # type: ignore[attr-defined]
            box = text.get_window_extent()
            assert figure.bbox.x0 <= box.x0
            assert box.x1 <= figure.bbox.x1
            assert box.y1 <= figure.bbox.y1


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", [("slide", (1600, 900)), ("post", (1200, 675)), ("paper", (2100, 1320))]
)
@pytest.mark.parametrize("cells", [(5, 7), (86, 100)])
def test_a_picture_has_its_size_whatever_its_grid(
    size: tuple[str, tuple[int, int]], cells: tuple[int, int]
) -> None:
    figure = figure_of([unreported(of_size(*cells))], Look(size=size[0]))
    assert tuple(round(float(s)) for s in figure.get_size_inches() * figure.dpi) == size[1]


def of_size(lengths: int, depths: int, mean: float = 0.5) -> Grid:
    cell = replace(grid().cells[0], mean=mean, outcomes={"scored": 2})
    places = [
        (1_000 * (x + 1), 100 * y / max(1, depths - 1))
        for x in range(lengths)
        for y in range(depths)
    ]
    return replace(
        grid(), cells=tuple(replace(cell, context_length=n, depth_percent=d) for n, d in places)
    )


def labels(of: Grid) -> list[str]:
    ax = figure_of([unreported(of)]).axes[0]
    return [t.get_text() for t in ax.texts if t.get_transform() == ax.transData]


def test_digits_stand_where_they_tell_something_and_can_be_read() -> None:
    assert labels(of_size(5, 7)) == [".50"] * 35
    assert labels(of_size(5, 7, mean=1.0)) == []
    assert labels(of_size(13, 7)) == []
    assert labels(of_size(5, 40)) == []


def test_every_nth_length_and_depth_is_named_and_the_last_where_a_step_allows_it() -> None:
    ax = figure_of([unreported(of_size(86, 101))]).axes[0]
    assert len(ax.get_xticks()) <= 12
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"{d} %" for d in range(0, 101, 10)]


def test_a_large_grid_is_drawn_in_a_second_or_two_of_work(tmp_path: Path) -> None:
    view = unreported(of_size(86, 100))
    begin = time.process_time()
    save_heatmaps([view], tmp_path / "large.png")
    assert time.process_time() - begin < 3
    save_heatmaps([view], tmp_path / "large.svg")
    assert (tmp_path / "large.svg").stat().st_size < 400_000


def test_depths_are_drawn_true_where_that_is_asked_for() -> None:
    cells = [replace(grid().cells[0], depth_percent=float(d)) for d in (0, 10, 25, 50, 100)]
    of = replace(grid(), cells=tuple(cells))
    even, true = row_edges(of), row_edges(of, true_depths=True)
    assert even == [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5]
    heights = [b - a for a, b in itertools.pairwise(true)]
    assert [true[0], true[-1]] == pytest.approx([-0.5, 4.5])
    assert heights[1] / heights[2] == pytest.approx(12.5 / 20)  # half the way to each neighbour


@pytest.mark.parametrize(("lengths", "depths"), [(1, 5), (5, 1), (1, 1)])
def test_one_length_or_one_depth_is_bars(lengths: int, depths: int) -> None:
    ax = figure_of([unreported(of_size(lengths, depths))]).axes[0]
    assert len([p for p in ax.patches if isinstance(p, Rectangle)]) == lengths * depths
    assert "share found, with 95 % interval" in (ax.get_xlabel(), ax.get_ylabel())


@pytest.mark.parametrize("depths", [1, 5])
def test_turns_stand_on_the_axis_where_that_is_asked_for(depths: int) -> None:
    of = of_size(4, depths)
    turns = {length: 2 * n + 1 for n, length in enumerate(of.context_lengths)}
    ax = figure_of([unreported(of)], Look(turns=turns)).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "3", "5", "7"]
    assert ax.get_xlabel() == "turns of the conversation"
    view = seen(lambda trial: float(trial.context_length < 4_000))
    few, *_, many = view.grid.context_lengths
    words = words_of([view], look=Look(turns={few: 3, many: 9}))
    assert words.headline == "100 % found over 3 turns, 0 % over 9"
    assert "effective length" not in "".join(words.lines)


def seen(answer: Callable[[Trial], float | Outcome], **others: Any) -> View:
    of = header(**others)
    rows = results(of, answer)
    return View(
        grid=grid_of(of, rows), report=report_of(of, rows), date="2026-11-27", version="0.1.0"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(2, "post"), (3, "slide"), (7, "paper")])
def test_long_names_leave_every_run_its_share_in_headline_and_legend_of_curves(
    count: int, size: str
) -> None:
    models = [
        f"meta-llama/Llama-4-{kind}-17B-128E-Instruct-FP8-dynamic" for kind in "ABCDEFG"[:count]
    ]
    of = [header(model=model, depths=(50.0,), epochs=1) for model in models]
    views = [
        View(grid=grid_of(h, rows), report=report_of(h, rows)) for h in of for rows in [results(h)]
    ]
    look = Look(size=size)
    style: Any = look.style
    with matplotlib.rc_context(style):
        figure = curves_figure(views, look)
        figure.draw_without_rendering()
    assert figure.texts[0].get_text().count("100 %") == 2
    legend = figure.axes[-1].get_legend()
    assert legend is not None
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "size"),
    [(2, "slide"), (3, "slide"), (4, "slide"), (3, "post"), (4, "post"), (4, "paper")],
)
def test_no_legend_of_the_picture_of_deliveries_covers_another_and_its_lines_are_of_one_size(
    count: int, size: str
) -> None:
    views = [seen(found_everywhere) for _ in range(count)]
    split = {depth: Split(read=2, not_read=1, not_sent=1) for depth in views[0].grid.depths}
    figures = replace(figures_of([]), by_depth=split)
    told = [Delivery(name=f"window:{n}k", figures=figures, dollars=None) for n in range(count)]
    words = Words(headline="x", lines=["a line " * 40, "short", "a line " * 20], foot="", spoken="")
    look = look_for(count, Look(size=size))
    style: Any = dict(look.style)
    with matplotlib.rc_context(style):
        figure = deliveries_figure(told, views, words, look)
        figure.draw_without_rendering()
    legends = [legend.get_window_extent() for ax in figure.axes if (legend := ax.get_legend())]
    assert len(legends) == 2
    assert not legends[0].overlaps(legends[1])
    assert all(
        figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0
        for box in legends
    )
    maps = figure.axes[: count - 1]
    assert min(
        ax.get_window_extent().width for ax in maps
    ) > 0.55 * figure.bbox.width / columns_for(2 * count)
    assert len({text.get_fontsize() for text in figure.texts[1:4]}) == 1


def found_everywhere(trial: Trial) -> float:
    return 1.0


def test_lines_stand_behind_the_effective_and_the_claimed_length() -> None:
    ax = figure_of([seen(lambda t: float(t.context_length <= 4_000), claimed=1_000_000)]).axes[0]
    assert {float(np.asarray(line.get_xdata())[0]) for line in ax.lines} == {1.5, 4.5}
    assert {"effective 4k", "claimed 1M →"} <= {t.get_text() for t in ax.texts}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda t: 1.0, "Found every needle up to 128k"),
        (lambda t: 0.0, "Found no needle at any length up to 128k"),
        (
            lambda t: float(t.depth_percent in (0, 100)),
            "Does not read reliably even at 1k, the shortest tested; loses the middle",
        ),
        (
            lambda t: float(t.context_length <= 16_000),
            "Reads reliably up to 16k; finds less from 64k on",
        ),
        (lambda t: Outcome.OVERFLOW, "No trial has a score"),
    ],
)
def test_a_headline_says_how_far_a_run_reads_and_what_it_loses(
    answer: Callable[[Trial], float | Outcome], said: str
) -> None:
    assert headline(seen(answer)) == said


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_tells_itself_to_those_who_do_not_see_it(tmp_path: Path, dark: bool) -> None:
    view = unreported(replace(grid(), model="<m> & co"))
    save_heatmaps([view], tmp_path / "x.svg", Look(dark=dark))
    save_heatmaps([view], tmp_path / "x.png", Look(dark=dark))
    root = fromstring((tmp_path / "x.svg").read_bytes())  # noqa: S314  # our own file
    told = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
    assert root.get("role") == "img"
    assert told["title"] == headline(view)
    assert told["desc"].startswith("Heatmap of <m> & co: 2 context lengths by 2 depths.")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.info["Description"] == told["desc"]
        assert (np.asarray(picture)[2, 2, 0] < 60) == dark


def test_the_same_run_is_drawn_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.pdf", "b.pdf"):
        save_heatmaps([unreported(grid())], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_true_depths_hold_for_a_picture_of_log_probabilities_too(tmp_path: Path) -> None:
    of = header(lengths=(1_000, 2_000), depths=(0.0, 10.0, 100.0), epochs=1)
    rows = [replace(r, target_nats=1.0) for r in results(of)]
    pictures = [tmp_path / "even.png", tmp_path / "true.png"]
    for path in pictures:
        look = Look(true_depths=path.stem == "true")
        assert save_nats(unreported(grid_of(of, rows)), rows, path, look) == []
    assert len({path.read_bytes() for path in pictures}) == 2


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
@pytest.mark.parametrize("apart", [1e-15, 1e-8])
def test_a_layout_that_differs_in_its_last_digits_makes_the_same_bytes(
    tmp_path: Path, form: str, apart: float
) -> None:
    """As the solver's does from process to process where several panels share a sheet."""

    def bars(left: float) -> Figure:
        figure = Figure()
        figure.add_axes((left, 0.1, 0.8, 0.8)).bar([1, 2], [1, 2])
        return figure

    words = Words(headline="h", lines=[], foot="", spoken="s")
    save(lambda: bars(0.1), words, tmp_path / f"a.{form}")
    save(lambda: bars(0.1 + apart), words, tmp_path / f"b.{form}")
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()


def test_no_two_runs_of_a_picture_have_one_title() -> None:
    one = unreported(grid(), date="2026-11-27")
    assert names_of([one, one]) == ["m (1)", "m (2)"]
    assert names_of([one, unreported(replace(grid(), task="kv"))]) == ["m · single", "m · kv"]
    assert names_of([one, unreported(grid(), date="2026-11-28")]) == [
        "m · 2026-11-27",
        "m · 2026-11-28",
    ]


def test_a_card_holds_claim_finding_tasks_cost_and_date(tmp_path: Path) -> None:
    view = seen(lambda t: float(t.context_length <= 4_000), claimed=1_000_000)
    views = [view, *(replace(view, grid=replace(view.grid, task=task)) for task in ("kv", "hops"))]
    assert save_card(views, 12.5, tmp_path / "card.svg") == []
    words = card_words(views, 12.5)
    figure = card_figure(views, words)
    said = {t.get_text() for t in (*figure.texts, *figure.axes[0].texts)}
    assert {"claimed", "1M", "effective", "4k", "single", "kv", "hops", "40 %"} <= said
    assert "$12.50" in words.foot
    assert "2026-11-27" in words.foot
    assert "cost not known" in card_words(views, None).foot


def test_a_low_screen_shows_fewer_depths_and_the_progress_first() -> None:
    cells = tuple(replace(grid().cells[0], depth_percent=float(d)) for d in range(100))
    console = Console(width=80, height=24, record=True, file=io.StringIO())
    console.print(LiveView(replace(grid(), cells=cells), 80, 24, 4, 8, "4,000 tokens"))
    lines = console.export_text().splitlines()
    assert len(lines) < 24
    assert "4/8 trials" in lines[0]


def view_of(of: Header, rows: list[Result]) -> View:
    return View(grid=grid_of(of, rows), report=report_of(of, rows))


def test_dollar_signs_in_names_are_no_formula(tmp_path: Path) -> None:
    of = replace(
        header(lengths=(1_000, 2_000), epochs=1, model="m $x^$ b"), tokenizer="file:a$x^$b{.json"
    )
    assert save_heatmaps([view_of(of, results(of))], tmp_path / "h.svg") == []
    assert "file:a$x^$b{.json" in (tmp_path / "h.svg").read_text(encoding="utf-8")


def test_a_size_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown size 'poster'"):
        save_heatmaps([view_of(H, results(H))], tmp_path / "h.png", Look(size="poster"))


def test_a_card_counts_trials_that_were_run() -> None:
    of = header(epochs=2)
    assert card_words([view_of(of, results(of)[:20])], None).foot.startswith("20 trials · ")


def test_deliveries_of_which_none_has_a_score_find_nothing_most(tmp_path: Path) -> None:
    rows = results(H, lambda t: Outcome.OVERFLOW)
    each = [
        Delivery(name=name, figures=figures_of(rows), dollars=None) for name in ("full", "retrieve")
    ]
    save_deliveries(each, [view_of(H, rows)] * 2, tmp_path / "d.svg")
    assert "<title>No trial has a score</title>" in (tmp_path / "d.svg").read_text(encoding="utf-8")


def test_a_damaged_table_beside_a_run_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_bytes(b"\xff")
    (tmp_path / "heatmap.png").write_bytes(b"")
    view = view_of(H, results(H))
    write_outputs(tmp_path, view, "red-green")
    assert (tmp_path / "grid.json").read_text(encoding="utf-8") == grid_json(view.grid)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seconds", [(3.1, 4.2), (0.0032, 0.0039), (7.0, 7.1), (4.0, 4.0), (0.9, 31.0)]
)
def test_times_of_any_range_have_numbers_on_their_axis(seconds: tuple[float, float]) -> None:
    of = header(lengths=(1_000, 2_000), depths=(0.0,), epochs=1)
    rows = [result(t, 1.0, s) for t, s in zip(trials(of), seconds, strict=True)]
    figure = curves_figure([view_of(of, rows)])
    figure.canvas.draw()
    ax = next(ax for ax in figure.axes if ax.get_ylabel().startswith("time"))
    low, high = ax.get_ylim()
    ticks = [
        t for which in (False, True) for t in ax.yaxis.get_ticklabels(minor=which) if t.get_text()
    ]
    assert len([t for t in ticks if low <= t.get_position()[1] <= high]) >= 2


@pytest.mark.slow
def test_a_picture_in_another_palette_is_drawn_again(tmp_path: Path) -> None:
    view, pictures = view_of(H, results(H)), []
    for palette in ("red-green", "viridis", "red-green", "red-green"):
        write_outputs(tmp_path, view, palette)
        pictures.append((tmp_path / "heatmap.png").read_bytes())
    assert pictures[0] == pictures[2] == pictures[3] != pictures[1]


@pytest.mark.parametrize(
    ("depth", "label"),
    [(100.0, "100 %"), (99.99, "99.99 %"), (99.9, "99.9 %"), (100 / 3, "33.3 %")],
)
def test_no_depth_but_the_end_is_called_100(depth: float, label: str) -> None:
    of = header(lengths=(1_000, 2_000), depths=(0.0, depth))
    ax, *_ = figure_of([view_of(of, results(of))]).axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0 %", label]
