"""Colours of a score from 0 to 1, shared by picture and terminal.

The convention of the test is red for lost, green for found. Luminance falls monotonically from green to red, so that
the order survives colour blindness and grey print; ``viridis`` and ``cividis`` of matplotlib are one flag away.
"""

from __future__ import annotations

from niah.errors import UnknownName

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
MISSING: RGB = (0.93, 0.93, 0.93)


def red_green(score: float) -> RGB:
    """The colour of a score, linear between the anchors."""
    place = min(max(score, 0.0), 1.0) * (len(RED_GREEN) - 1)
    low = min(int(place), len(RED_GREEN) - 2)
    share = place - low
    a, b = RED_GREEN[low], RED_GREEN[low + 1]
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def luminance(colour: RGB) -> float:
    """Relative luminance (WCAG 2.1), 0 to 1."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def check_palette(name: str) -> None:
    if name not in PALETTES:
        raise UnknownName("palette", name, PALETTES)
