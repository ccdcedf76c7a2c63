"""How shares, times and other figures are written, everywhere."""

from __future__ import annotations


def percent(share: float | None, missing: str = "-") -> str:
    """A share to three digits, never rounded up to 100; ``missing`` where nothing was measured."""
    if share is None:
        return missing
    return "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"


def depth_label(depth_percent: float) -> str:
    """A depth to three digits; none but the end itself is called 100 %."""
    return f"{depth_percent:g} %" if 99.95 <= depth_percent < 100 else f"{depth_percent:.3g} %"


def digits(value: float) -> str:
    """To three digits, and never with an exponent where it is large: 0.138, 12.5, 1,390."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds_label(seconds: float | None) -> str:
    """A time that was measured, or that it was not."""
    return "not measured" if seconds is None else f"{digits(seconds)} s"


def duration(seconds: float) -> str:
    """ "8 s", "5 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def depth_words(what: str, told: int, of: int) -> str:
    """What the depths of a picture are of, and that trials whose depth nobody tells are at 0."""
    if told == of:
        return what
    if not told:
        return f"{what} (not told: all at 0)"
    return f"{what} (not told of {of - told:,} of {of:,}, which are at 0)"
