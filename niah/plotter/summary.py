"""What a run found, in a person's words: its headline, the lines under and around its picture.

Rules and tests are left to ``niah report``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from niah.plotter.formatting import (
    brief_label,
    found_label,
    normalised_label,
    plural,
    trials_label,
    unscored_labels,
)
from niah.plotter.wrapping import shortened
from niah.text.lengths import label_of
from niah.text.shares import digits, percent
from niah.verdict.ladder import Bracket, Effective, Step, bracket_words
from niah.verdict.records import (
    ByDepth,
    ByLength,
    EffectiveLength,
    Grid,
    Pattern,
    RunReport,
    model_label,
)

REPEATED_BELOW = 0.995  # a smaller unique share is said in the picture
DEPTHS = {
    ByDepth.MIDDLE: "loses the middle",
    ByDepth.HEAD: "loses the beginning",
    ByDepth.TAIL: "loses the end",
    ByDepth.ALL_BUT_TAIL: "reads the end better than the rest",
    ByDepth.ALL_BUT_HEAD: "reads the beginning better than the rest",
    ByDepth.ENDS: "reads the middle better than the ends",
}
_PARTS = {"head": "first fifth", "middle": "middle", "tail": "last fifth"}
_MOST_NAMES, _LEAST_ROOM = 64, 18  # columns of two runs with their shares in a headline; of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A run as pictures and pages show it."""

    grid: Grid
    report: RunReport
    date: str = ""  # ISO 8601, of the run's begin
    version: str = ""  # of niah

    @property
    def model(self) -> str:
        return model_label(self.grid)


def summary_lines(f: RunReport) -> list[str]:
    """How far it reads, or what it takes to say so; the shape of its losses, and the worst."""
    if f.bracket is not None:
        return bracket_lines(f, f.bracket)
    return [*reading_lines(f), *shape_lines(f), *weakest_lines(f)]


def far_lines(f: RunReport) -> list[str]:
    """ "reads 16k of 128k claimed (sure of 4k)": what an engineer asks first."""
    held = held_by(f)
    if held is None or held.point is None or too_few(f):
        return []
    sure = label_of(held.cautious, "nothing")
    return [f"reads {label_of(held.point)}{_of_claimed(f)} (sure of {sure})"]


def reading_lines(f: RunReport) -> Iterator[str]:
    """How far it reads reliably, how sure that is, what is claimed; or that trials are too few."""
    held = held_by(f)
    if held is None or f.whole.mean is None:
        return
    tested = [] if held.point == f.tested else _tested_part(f)
    few = too_few(f) if held.hopeful is not None else None
    if few is None:
        said = f"{'reads' if held.point else 'does not read'} reliably {_far(f, held)}"
        parts = [f"{said} ({sure_label(held)})", *tested]
    else:
        parts = [f"too few trials to say how far it reads reliably: {few}"]
        if held.hopeful != f.tested:
            parts += [f"surely not beyond {label_of(held.hopeful)}", *tested]
    yield "; ".join([*parts, *claimed_part(f)])


def claimed_part(f: RunReport) -> list[str]:
    """What is claimed for a model, where it is known."""
    return [f"claimed {label_of(f.claimed)}"] if f.claimed else []


def _tested_part(f: RunReport) -> list[str]:
    return [f"tested up to {label_of(f.tested)}"] if f.tested else []


def _of_claimed(f: RunReport) -> str:
    return f" of {label_of(f.claimed)} claimed" if f.claimed else ""


def bracket_lines(f: RunReport, b: Bracket) -> list[str]:
    """What an adaptive run found, with its evidence, and what it spared."""
    held = "at no length tried" if b.holds is None else label_of(b.holds.context_length)
    spared = ", ".join(map(label_of, b.spared))
    return [
        f"reads {held}{_of_claimed(f)}: {bracket_words(b, ended=not f.missing)}",
        *map(_step_line, b.steps),
        *([f"spared: {spared}"] if spared else []),
    ]


def effective_line(found: Effective) -> str:
    """The verdict on an adaptive run in a line."""
    asked = "" if found.at_least is None else f" (at least {label_of(found.at_least)} asked)"
    return f"{found.verdict.upper()}  {bracket_words(found.bracket, found.ended)}{asked}"


def _step_line(step: Step) -> str:
    share = percent(step.found / step.n) if step.n else "nothing scored"
    odds = "more than 1,000,000" if step.evidence > 1e6 else digits(step.evidence)
    figures = f"{share} (n = {step.n}, by rule, at {odds} to 1)"
    return f"{label_of(step.context_length):>8}  {step.held:<11}  {figures}"


def shape_lines(f: RunReport) -> Iterator[str]:
    """All found, nothing found, or where needles are lost by more than chance."""
    if f.whole.mean is None:
        yield "nothing can be said: no trial has a score"
    elif f.whole.mean == 1:
        yield "all green: every needle was found, at every length and depth that has a score"
    elif f.whole.mean == 0:
        advice = "read an answer or two before blaming the length"
        yield f"all red: no needle was found at any length or depth; {advice}"
    elif f.pattern is not None:
        scattered = "misses are scattered: no length and no depth is worse by more than chance"
        yield from [*_by_length(f.pattern), *_by_depth(f, f.pattern)] or [scattered]


def weakest_lines(f: RunReport) -> Iterator[str]:
    """The block of lengths and depths that stands out most, and how often one so weak is chance."""
    w = f.weakest
    if w is None:
        return
    lengths = _span(*map(label_of, w.lengths))
    depths = _span(*(f"{depth:g}" for depth in w.depths))
    said = f"weakest at {lengths} tokens, depth {depths} %"
    found = f"{percent(w.inside.mean or 0.0)} found (n = {w.inside.n:,})"
    if w.outside.n:
        found += f"; elsewhere {percent(w.outside.mean or 0.0)} (n = {w.outside.n:,})"
    chance = "" if w.p <= 0.05 else "no more than chance, "
    p = f"p = {w.p:.2g}" if w.p else "p below 1e-300"  # what a float can hold
    yield f"{said}: {found}; {chance}{p} of any block"


def too_few(f: RunReport) -> str | None:
    """How many trials each length has and needs, where none has enough to be shown to hold."""
    least, most = f.least_per_length, max((r.n for r in f.by_length.values()), default=0)
    if least is None or not most or most >= least:
        return None
    needed = plural(least, "trial")
    return f"at most {most:,} a length, and it takes {needed}, all found (set --epochs)"


def sure_label(held: EffectiveLength) -> str:
    """ "between nothing and 16k at 95 %": where the effective length lies."""
    if held.cautious == held.hopeful:
        return "sure at 95 %"
    if held.point is None:
        return f"not sure at 95 %: may be up to {label_of(held.hopeful)}"
    return f"between {label_of(held.cautious, 'nothing')} and {label_of(held.hopeful)} at 95 %"


def _far(f: RunReport, held: EffectiveLength) -> str:
    """ "up to 16k, the longest tested", or "even at 1k, the shortest tested"."""
    if held.point is None:
        shortest = min(n for n, share in f.by_length.items() if share.n)
        return f"even at {label_of(shortest)}, the shortest tested"
    longest = ", the longest tested" if held.point == f.tested else ""
    return f"up to {label_of(held.point)}{longest}"


def held_by(f: RunReport) -> EffectiveLength | None:
    """The effective length by the absolute rule, where that was asked for."""
    return next((e for e in f.effective if e.rule.startswith("absolute")), None)


def _by_length(p: Pattern) -> Iterator[str]:
    if p.lengths is None or p.shares is None:
        return
    first, second = map(label_of, p.lengths)
    share, other = map(brief_label, p.shares)
    if p.by_length is ByLength.EDGE:
        yield f"finds less beyond {first}: {share} up to it, {other} from {second} on"
    else:
        yield f"not a matter of length alone: {share} at {first}, but {other} at {second}"


def _by_depth(f: RunReport, p: Pattern) -> Iterator[str]:
    if p.by_depth is not ByDepth.EVEN:
        bands = {band: r for band, r in f.by_band.items() if r.mean is not None}
        said = ", ".join(f"{_PARTS[band]} {brief_label(r)}" for band, r in bands.items())
        yield f"{DEPTHS[p.by_depth]}: found in the {said}"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def headline(view: View) -> str:
    """How far a run reads and what it loses, without figures; never more than they show."""
    f, whole = view.report, view.grid.whole
    if whole.mean is None:
        return "No trial has a score"
    if f.bracket is not None:
        holds = f.bracket.holds
        return f"Holds at {label_of(holds.context_length) if holds else 'no length tried'}"
    longest = f" up to {label_of(f.tested)}" if f.tested else ""
    if whole.mean == 0:
        return f"Found no needle at any length{longest}"
    if whole.mean == 1:  # sure only as far as n is
        found = f"{whole.n:,} of {whole.n:,}" if whole.n < 100 else "every needle"
        return f"Found {found}{longest}"
    held = held_by(f)
    if held is None or (held.hopeful is not None and too_few(f)):
        return f"{percent(whole.mean)} of needles found{longest}{_shape(f, held)}"
    reads = "Reads reliably" if held.point else "Does not read reliably"
    return f"{reads} {_far(f, held)}{_shape(f, held)}"


def _shape(f: RunReport, held: EffectiveLength | None) -> str:
    """What is lost, where it is more than chance."""
    p = f.pattern
    if p is None or held is None:
        return ""
    edge = p.lengths[1] if p.by_length is ByLength.EDGE and p.lengths else None
    beyond = f" from {label_of(edge)} on" if edge and edge != held.point else ""
    if p.by_depth is not ByDepth.EVEN:
        return f"; {DEPTHS[p.by_depth]}" + (f", more{beyond}" if beyond else "")
    return f"; finds less{beyond}" if beyond else ""


def found_line(view: View) -> str:
    """Whose share it is, with its n and interval."""
    found = found_label(view.grid.whole) if view.grid.adaptive is None else view.grid.adaptive
    return " · ".join([view.model, found, *normalised_label(view.grid)])


def lengths_line(view: View) -> str:
    """Claimed against found length, with what is sure of it."""
    f, held = view.report, held_by(view.report)
    if held is None or view.grid.whole.mean is None:
        return ""
    said = f"effective length {label_of(held.point)} ({sure_label(held)})"
    return " · ".join([said, *claimed_part(f), *_tested_part(f)])


def doubts_line(view: View) -> str:
    """Trials that have no score, and text that repeats."""
    unique = view.grid.unique_share
    repeats = unique is not None and unique < REPEATED_BELOW
    said = [f"{100 * (unique or 0):.0f} % of the longest haystack is unique"] if repeats else []
    return " · ".join([*unscored_labels(view.grid), *said])


def recipe_line(view: View) -> str:
    """What was measured with what."""
    g = view.grid
    parts = [f"task {g.task}", f"haystack {g.haystack}", f"tokenizer {g.tokenizer}"]
    if g.imported is not None:
        parts = [f"imported results of {g.imported}", g.task]
    return " · ".join([*parts, trials_label(g), *made_parts([view]), *hatched_part([view])])


def hatched_part(views: Sequence[View]) -> list[str]:
    """What hatches mean, where there are any."""
    hatched = any(o != "scored" for v in views for c in v.grid.cells for o in c.outcomes)
    parts = ["hatched: no score"] if hatched else []
    if any(v.grid.adaptive is not None for v in views):
        parts.append("dashed: share/n, stopped by rule; blank: spared")
    return parts


def made_parts(views: Sequence[View]) -> list[str]:
    """When the runs began, and which niah measured them."""
    dates = sorted({v.date[:10] for v in views if v.date})
    versions = sorted({f"niah {v.version}" for v in views if v.version})
    return [*([" to ".join(dict.fromkeys((dates[0], dates[-1])))] if dates else []), *versions]


def names_of(views: Sequence[View], room: int = 40) -> list[str]:
    """The models as titles, shortened in the middle; where two are the same, with what differs."""
    names = [v.model for v in views]
    tasks, haystacks = [v.grid.task for v in views], [v.grid.haystack for v in views]
    for told in (tasks, haystacks, [v.date[:10] for v in views]):
        pairs = zip(names, told, strict=True)
        longer = [f"{n} · {more}" if names.count(n) > 1 else n for n, more in pairs]
        if len(set(names)) < len(set(longer)) == len(longer):
            names = longer
    numbered = [
        f"{name} ({names[:i].count(name) + 1})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]
    return shortened(numbered, room)


def several_headline(views: Sequence[View], room: int = 30) -> str:
    """Shares of two runs, or the best and the last of more; names take less room where long."""
    shares = zip((v.grid.whole.mean for v in views), names_of(views, room), strict=True)
    told = [(share, name) for share, name in shares if share is not None]
    told.sort(key=lambda t: -t[0])
    shown = told if len(told) < 3 else [told[0], told[-1]]
    said = [f"{name} {percent(share)}" for share, name in shown]
    if sum(map(len, said)) > _MOST_NAMES and room > _LEAST_ROOM:
        return several_headline(views, room - 6)
    if len(told) < 3:
        return f"Found: {', '.join(said)}" if said else "No trial has a score"
    return f"Found by {len(told)} runs: from {said[1]} to {said[0]}"


def spoken(view: View) -> str:
    """A heatmap in words, for those who do not see it."""
    g, found = view.grid, view.report.by_length.items()
    shares = [f"{label_of(n)} {percent(r.mean, 'not measured')}" for n, r in found]
    size = f"{len(g.context_lengths)} context lengths by {len(g.depths)} depths"
    told = f" By length: {', '.join(shares[:24])}." if shares else ""
    return f"Heatmap of {view.model}: {size}. {headline(view)}. {found_label(g.whole)}.{told}"
