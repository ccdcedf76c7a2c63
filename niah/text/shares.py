"""How a share and a time are written, everywhere."""

from __future__ import annotations


def percent(share: float | None, missing: str = "-") -> str:
    """A share in percent, to three digits; never rounded up to 100, and ``missing`` where nothing was measured."""
    if share is None:
        return missing
    return "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"


def duration(seconds: float) -> str:
    """ "8 s", "5 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
