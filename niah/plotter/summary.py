"""What a run found, in a person's words: a few lines under its heatmap. Rules and tests are left to ``niah report``."""

from __future__ import annotations

from collections.abc import Iterator

from niah.plotter.formatting import brief_label, plural
from niah.text.lengths import label_of
from niah.text.shares import percent
from niah.verdict.ladder import Effective, bracket_words
from niah.verdict.records import ByDepth, ByLength, EffectiveLength, RunReport
from niah.verdict.sequential import Bracket, Step

NOT_SHOWN = '"not shown"'
DEPTHS = {
    ByDepth.MIDDLE: "loses the middle",
    ByDepth.HEAD: "loses the beginning",
    ByDepth.TAIL: "loses the end",
    ByDepth.ALL_BUT_TAIL: "reads the end better than the rest",
    ByDepth.ALL_BUT_HEAD: "reads the beginning better than the rest",
    ByDepth.ENDS: "reads the middle better than the ends",
}
_PARTS = {"head": "first fifth", "middle": "middle", "tail": "last fifth"}


def summary_lines(f: RunReport) -> list[str]:
    """How far it reads, or what it takes to say so; what shape its losses have, and where they are worst."""
    if f.bracket is not None:
        return bracket_lines(f, f.bracket)
    return [*reading_lines(f), *shape_lines(f), *weakest_lines(f)]


def far_lines(f: RunReport) -> list[str]:
    """ "reads 16k of 128k claimed (sure of 4k)": what an engineer asks first."""
    held = held_by(f)
    if held is None or f.whole.mean is None:
        return []
    far, sure = (label_of(n, "nothing") for n in (held.point, held.cautious))
    return [f"reads {far}{f' of {label_of(f.claimed)} claimed' if f.claimed else ''} (sure of {sure})"]


def reading_lines(f: RunReport) -> Iterator[str]:
    """How far a run reads reliably, with the 95 % interval of that, and what is claimed for it."""
    held = held_by(f)
    if held is None or f.whole.mean is None:
        return
    longest = f.tested is not None and held.point == f.tested
    far = "at no length tested" if held.point is None else f"up to {label_of(held.point)}"
    far += ", the longest tested" if longest else ""
    between = f"between {label_of(held.cautious, NOT_SHOWN)} and {label_of(held.hopeful, NOT_SHOWN)} at 95 %"
    if held.cautious == held.hopeful:
        between = "sure at 95 %"
    more = [] if longest or f.tested is None else [f"tested up to {label_of(f.tested)}"]
    more += [f"claimed {label_of(f.claimed)}"] if f.claimed else []
    few = too_few(f) if held.hopeful is not None else None
    if few is None:
        yield "; ".join([f"reads reliably {far} ({between})", *more])
        return
    yield f"too few trials to say how far it reads reliably: {few}"
    yield "; ".join([f"as measured {far} ({between})", *more])


def bracket_lines(f: RunReport, b: Bracket) -> list[str]:
    """What an adaptive run found, with its evidence, and what it spared."""
    held = "at no length tried" if b.holds is None else label_of(b.holds.context_length)
    claimed = f" of {label_of(f.claimed)} claimed" if f.claimed else ""
    spared = ", ".join(map(label_of, b.spared))
    return [
        f"reads {held}{claimed}: {bracket_words(b, ended=not f.missing)}",
        *(_step_line(step) for step in b.steps),
        *([f"spared: {spared}"] if spared else []),
    ]


def effective_line(found: Effective) -> str:
    """The verdict on an adaptive run in a line."""
    asked = "" if found.at_least is None else f" (at least {label_of(found.at_least)} asked)"
    return f"{found.verdict.upper()}  {bracket_words(found.bracket, found.ended)}{asked}"


def _step_line(step: Step) -> str:
    share = percent(step.found / step.n) if step.n else "nothing scored"
    odds = "more than 1,000,000" if step.evidence > 1e6 else f"{step.evidence:,.3g}"
    return f"{label_of(step.context_length):>8}  {step.held:<11}  {share} (n = {step.n}, by rule, at {odds} to 1)"


def shape_lines(f: RunReport) -> Iterator[str]:
    """All found, nothing found, or at which lengths and depths needles are lost by more than chance."""
    if f.whole.mean is None:
        yield "nothing can be said: no trial has a score"
    elif f.whole.mean == 1:
        yield "all green: every needle was found, at every length and depth that has a score"
    elif f.whole.mean == 0:
        yield "all red: no needle was found at any length or depth; read an answer or two before blaming the length"
    elif f.pattern is not None:
        said = [*_by_length(f), *_by_depth(f)]
        yield from said or ["misses are scattered: no length and no depth is worse by more than chance"]


def weakest_lines(f: RunReport) -> Iterator[str]:
    """The block of lengths and depths that stands out most, and whether one so weak turns up by chance."""
    w = f.weakest
    if w is None:
        return
    lengths = _span(label_of(w.lengths[0]), label_of(w.lengths[1]))
    depths = _span(f"{w.depths[0]:g}", f"{w.depths[1]:g}")
    inside = f"{percent(w.inside.mean or 0.0)} found (n = {w.inside.n:,})"
    elsewhere = f"; elsewhere {percent(w.outside.mean or 0.0)} (n = {w.outside.n:,})" if w.outside.n else ""
    chance = "" if w.p <= 0.05 else "no more than chance, "
    yield f"weakest at {lengths} tokens, depth {depths} %: {inside}{elsewhere}; {chance}p = {w.p:.2g} of any block"


def too_few(f: RunReport) -> str | None:
    """How many trials are missing where no length has enough to be shown, were all of them found."""
    least, most = f.least_per_length, max((r.n for r in f.by_length.values()), default=0)
    if least is None or not most or most >= least:
        return None
    return f"at most {most:,} a length, and it takes {plural(least, 'trial')}, all found (set --epochs)"


def sure_label(held: EffectiveLength) -> str:
    """ "4k to 16k at 95 %": between which lengths the effective one lies."""
    if held.cautious == held.hopeful:
        return "sure at 95 %"
    return f"{label_of(held.cautious)} to {label_of(held.hopeful)} at 95 %"


def held_by(f: RunReport) -> EffectiveLength | None:
    return next((e for e in f.effective if e.rule.startswith("absolute")), None)


def _by_length(f: RunReport) -> Iterator[str]:
    p = f.pattern
    if p is None or p.lengths is None or p.shares is None:
        return
    first, second = map(label_of, p.lengths)
    share, other = map(brief_label, p.shares)
    if p.by_length is ByLength.EDGE:
        yield f"finds less beyond {first}: {share} up to it, {other} from {second} on"
    else:
        yield f"not a matter of length alone: {share} at {first}, but {other} at {second}"


def _by_depth(f: RunReport) -> Iterator[str]:
    if f.pattern is None or f.pattern.by_depth is ByDepth.EVEN:
        return
    bands = (f"{_PARTS[band]} {brief_label(r)}" for band, r in f.by_band.items() if r.mean is not None)
    yield f"{DEPTHS[f.pattern.by_depth]}: found in the {', '.join(bands)}"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
