"""The picture: fixed scale, depth 0 on top, the value in the cell, hatches where nothing was scored."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from rich.console import Console
from test_grid import grid

from niah.errors import ConfigError, UnknownName
from niah.plotter.colours import RED_GREEN, luminance, red_green
from niah.plotter.fonts import BASE, fonts_for
from niah.plotter.heatmap import colour_map, figure_of, save_heatmaps
from niah.plotter.terminal import live_view, terminal_heatmap


def drawn() -> Axes:
    return figure_of([grid()]).axes[0]


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


def test_cells_hold_their_value_and_unscored_cells_their_reason() -> None:
    ax = drawn()
    texts = {t.get_position(): t.get_text() for t in ax.texts if t.get_transform() == ax.transData}
    assert (texts[0, 0], texts[0, 1], texts[1, 0], texts[1, 1]) == (".50", "1", "overflow", "missing")
    faces = {p.get_xy(): p for p in ax.patches if isinstance(p, Rectangle) and p.get_width() == 1 and not p.get_hatch()}
    assert faces[(-0.5, 0.5)].get_facecolor()[:3] == pytest.approx(RED_GREEN[-1])
    assert [p.get_xy() for p in ax.patches if p.get_hatch() and isinstance(p, Rectangle) and p.get_width() == 1] == [
        (0.5, -0.5),
        (0.5, 0.5),
    ]


def test_the_title_says_what_a_reader_must_know() -> None:
    ax = drawn()
    said = " ".join(" ".join(t.get_text().split()) for t in ax.texts)
    for part in ("m", "task single", "haystack en", "o200k_base", "2 trials per cell", "n = 3", "50 % of the longest"):
        assert part in said


def test_a_simulated_reader_is_called_one() -> None:
    ax = figure_of([replace(grid(), simulated=True, model="perfect")]).axes[0]
    assert "simulated reader perfect" in [t.get_text() for t in ax.texts]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_written_in_every_format_and_side_by_side(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "sub" / f"two{suffix}"
    assert save_heatmaps([grid(), grid()], path, "viridis") == []
    assert path.stat().st_size > 2_000


def test_wrong_format_or_palette_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png, \.svg, \.pdf"):
        save_heatmaps([grid()], tmp_path / "x.jpg")
    with pytest.raises(UnknownName, match="unknown palette"):
        save_heatmaps([grid()], tmp_path / "x.png", "jet")


def test_chinese_names_find_a_font_or_say_so(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    said = save_heatmaps([replace(grid(), haystack="科技節目")], tmp_path / "zh.png")
    families, expected = fonts_for("科技節目")
    assert said == expected
    assert (said == []) == (len(families) == 2)
    assert fonts_for("plain") == ([BASE], [])
    assert dict(matplotlib.rcParams) == before


def test_the_terminal_shows_the_same_values() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(live_view(grid(), 80, 24, 4, 8, "4,000 tokens"))
    text = console.export_text()
    for part in (".50", "over", "1k", "2k", "100 %", "n = 3", "4/8 trials"):
        assert part in text
    console.print(terminal_heatmap(grid(), 20))


def test_long_titles_do_not_squeeze_the_picture(tmp_path: Path) -> None:
    wordy = replace(
        grid(), model="vendor/" + "x" * 90 + "$a$b", tokenizer="file:tokenizer.json@0123456789ab", unique_share=0.1
    )
    for grids in ([wordy], [wordy, wordy]):
        figure = figure_of(grids)
        figure.savefig(tmp_path / "long.png")
        widths = [ax.get_position().width for ax in figure.axes[: len(grids)]]
        assert sum(widths) > 0.6
        for ax in figure.axes[: len(grids)]:
            for text in ax.texts:
                if isinstance(text, Annotation):
                    assert text.get_window_extent().x1 <= figure.bbox.x1


def test_a_low_screen_shows_fewer_depths_and_the_progress_first() -> None:
    cells = tuple(replace(grid().cells[0], depth_percent=float(d)) for d in range(100))
    console = Console(width=80, height=24, record=True, file=io.StringIO())
    console.print(live_view(replace(grid(), cells=cells), 80, 24, 4, 8, "4,000 tokens"))
    lines = console.export_text().splitlines()
    assert len(lines) < 24
    assert "4/8 trials" in lines[0]
