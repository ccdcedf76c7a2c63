"""How a share is written, everywhere."""

from __future__ import annotations


def percent(share: float | None, missing: str = "-") -> str:
    """A share in percent, to three digits; never rounded up to 100, and ``missing`` where nothing was measured."""
    if share is None:
        return missing
    return "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"
