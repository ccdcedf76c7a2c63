"""How a picture looks: its sheet, light or dark, and the colours of scores, which terminals share.

The convention of the test is red for lost, green for found. Luminance falls monotonically from
green to red, so that the order survives colour blindness and grey print; ``viridis`` and
``cividis`` of matplotlib are one flag away. Brings no drawing library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from niah.errors import UnknownName
from niah.text.lengths import label_of

RGB = tuple[float, float, float]

# from 0 to 1; every step is lighter than the one before (a test holds this)
RED_GREEN: tuple[RGB, ...] = (
    (0.55, 0.05, 0.10),
    (0.78, 0.20, 0.13),
    (0.91, 0.44, 0.20),
    (0.96, 0.68, 0.33),
    (0.93, 0.80, 0.42),
    (0.78, 0.88, 0.52),
    (0.64, 0.93, 0.66),
)
PALETTES = ("red-green", "viridis", "cividis")
TURNS = "turns of the conversation"
DARK = 0.3  # luminance below which ink is white


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
    crowded: bool = False  # with many panels, type as small against the sheet as on a slide
    # of the conversation, by context length: they stand on the axis instead
    turns: Mapping[int, int] = field(default_factory=dict, compare=False)

    def check(self) -> None:
        """Raises UnknownName for a palette or a size that is not there."""
        for kind, name, known in (("palette", self.palette, PALETTES), ("size", self.size, SHEETS)):
            if name not in known:
                raise UnknownName(kind, name, known)

    def length_label(self, tokens: int) -> str:
        """A context length as it stands on the axis."""
        return f"{self.turns[tokens]:,}" if tokens in self.turns else label_of(tokens)

    @property
    def sheet(self) -> Sheet:
        sheet, slide = SHEETS[self.size], SHEETS["slide"]
        if not self.crowded:
            return sheet
        return replace(sheet, type=slide.type * sheet.width / slide.width)

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
        lines = ("axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor", "grid.color")
        faces = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
        size = self.sheet.type
        return {
            **dict.fromkeys(lines, self.faint), **dict.fromkeys(faces, self.paper),
            "text.color": self.ink, "grid.alpha": 0.2,
            "font.size": size, "axes.labelsize": size * 0.95, "xtick.labelsize": size * 0.9,
            "ytick.labelsize": size * 0.9, "legend.fontsize": size * 0.85,
        }  # fmt: skip


LOOK = Look()


def red_green(score: float) -> RGB:
    """The colour of a score, linear between the anchors."""
    place = min(max(score, 0.0), 1.0) * (len(RED_GREEN) - 1)
    low = min(int(place), len(RED_GREEN) - 2)
    pairs = zip(RED_GREEN[low], RED_GREEN[low + 1], strict=True)
    red, green, blue = (a + (b - a) * (place - low) for a, b in pairs)
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Relative luminance (WCAG 2.1), 0 to 1."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
