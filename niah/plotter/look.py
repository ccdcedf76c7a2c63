"""How a picture looks: the size of its sheet, light or dark, its colours. Brings no drawing library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from niah.plotter.colours import RGB
from niah.text.lengths import label_of


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in inches, its dots per inch, and the points of its common type."""

    width: float
    height: float
    dpi: int
    type: float


SHEETS: Mapping[str, Sheet] = {
    "slide": Sheet(10, 5.625, 160, 9.6),  # 1600 x 900 pixels
    "post": Sheet(7.5, 4.22, 160, 9.6),  # 1200 x 675: read small, so with larger type
    "paper": Sheet(7, 4.4, 300, 8.0),  # two columns of print
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a person may choose about a picture."""

    size: str = "slide"
    palette: str = "red-green"
    dark: bool = False
    true_depths: bool = False  # rows as far apart as their depths are
    turns: Mapping[int, int] = field(default_factory=dict, compare=False)  # by context length: on the axis instead

    def length_label(self, tokens: int) -> str:
        """A context length as it stands on the axis."""
        return f"{self.turns[tokens]:,}" if tokens in self.turns else label_of(tokens)

    @property
    def sheet(self) -> Sheet:
        return SHEETS[self.size]

    @property
    def paper(self) -> str:
        return "#14171c" if self.dark else "#ffffff"

    @property
    def ink(self) -> str:
        return "#eef0f3" if self.dark else "#16191d"

    @property
    def faint(self) -> str:
        return "#aab2bd" if self.dark else "#535a63"

    @property
    def missing(self) -> RGB:
        return (0.2, 0.22, 0.25) if self.dark else (0.93, 0.93, 0.93)

    @property
    def style(self) -> Mapping[str, Any]:
        """Settings of matplotlib."""
        size, ink, paper = self.sheet.type, self.faint, self.paper
        colours = dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), ink)
        return {
            **colours, "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper,
            "text.color": self.ink, "font.size": size, "axes.labelsize": size * 0.95, "xtick.labelsize": size * 0.9,
            "ytick.labelsize": size * 0.9, "legend.fontsize": size * 0.85, "grid.color": ink, "grid.alpha": 0.2,
        }  # fmt: skip


LOOK = Look()
