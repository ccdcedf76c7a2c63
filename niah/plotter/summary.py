"""What a run found, in a person's words: its headline, the lines under its heatmap, all that stands
around a picture.

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
from niah.records import Grid
from niah.text.lengths import label_of
from niah.text.shares import digits, percent
from niah.verdict.ladder import Bracket, Effective, Step, bracket_words
from niah.verdict.records import ByDepth, ByLength, EffectiveLength, RunReport, model_label

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
    report: RunReport | None = None  # None: a grid alone
    date: str = ""  # ISO 8601, of the run's begin
    version: str = ""  # of niah

    @property
    def model(self) -> str:
        return model_label(self.grid)


def summary_lines(f: RunReport) -> list[str]:
    """How far it reads, or what it takes to say so; what shape its losses have, and where they are
    worst."""
    if f.bracket is not None:
        return bracket_lines(f, f.bracket)
    return [*reading_lines(f), *shape_lines(f), *weakest_lines(f)]


def far_lines(f: RunReport) -> list[str]:
    """ "reads 16k of 128k claimed (sure of 4k)": what an engineer asks first."""
    held = held_by(f)
    if held is None or held.point is None or too_few(f):
        return []
    claimed = f" of {label_of(f.claimed)} claimed" if f.claimed else ""
    return [f"reads {label_of(held.point)}{claimed} (sure of {label_of(held.cautious, 'nothing')})"]


def reading_lines(f: RunReport) -> Iterator[str]:
    """How far a run reads reliably, how sure that is, and what is claimed for it; or that its
    trials are too few."""
    held = held_by(f)
    if held is None or f.whole.mean is None:
        return
    more = [f"claimed {label_of(f.claimed)}"] if f.claimed else []
    longest = held.point is not None and held.point == f.tested
    tested = [] if longest or f.tested is None else [f"tested up to {label_of(f.tested)}"]
    few = too_few(f) if held.hopeful is not None else None
    if few is None:
        far = (
            f"reads reliably {_far(f, held)}"
            if held.point
            else f"does not read reliably {_far(f, held)}"
        )
        yield "; ".join([f"{far} ({sure_label(held)})", *tested, *more])
        return
    beyond = (
        [] if held.hopeful == f.tested else [f"surely not beyond {label_of(held.hopeful)}", *tested]
    )
    yield "; ".join([f"too few trials to say how far it reads reliably: {few}", *beyond, *more])


def bracket_lines(f: RunReport, b: Bracket) -> list[str]:
    """What an adaptive run found, with its evidence, and what it spared."""
    held = "at no length tried" if b.holds is None else label_of(b.holds.context_length)
    claimed = f" of {label_of(f.claimed)} claimed" if f.claimed else ""
    spared = ", ".join(map(label_of, b.spared))
    return [
        f"reads {held}{claimed}: {bracket_words(b, ended=not f.missing)}",
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
    return (
        f"{label_of(step.context_length):>8}  {step.held:<11}  {share} (n = {step.n}, by rule, at"
        f" {odds} to 1)"
    )


def shape_lines(f: RunReport) -> Iterator[str]:
    """All found, nothing found, or at which lengths and depths needles are lost by more than
    chance."""
    if f.whole.mean is None:
        yield "nothing can be said: no trial has a score"
    elif f.whole.mean == 1:
        yield "all green: every needle was found, at every length and depth that has a score"
    elif f.whole.mean == 0:
        yield (
            "all red: no needle was found at any length or depth; read an answer or two before"
            " blaming the length"
        )
    elif f.pattern is not None:
        said = [*_by_length(f), *_by_depth(f)]
        yield from said or [
            "misses are scattered: no length and no depth is worse by more than chance"
        ]


def weakest_lines(f: RunReport) -> Iterator[str]:
    """The block of lengths and depths that stands out most, and whether one so weak turns up by
    chance."""
    w = f.weakest
    if w is None:
        return
    lengths = _span(label_of(w.lengths[0]), label_of(w.lengths[1]))
    depths = _span(f"{w.depths[0]:g}", f"{w.depths[1]:g}")
    inside = f"{percent(w.inside.mean or 0.0)} found (n = {w.inside.n:,})"
    elsewhere = (
        f"; elsewhere {percent(w.outside.mean or 0.0)} (n = {w.outside.n:,})" if w.outside.n else ""
    )
    chance = "" if w.p <= 0.05 else "no more than chance, "
    p = f"p = {w.p:.2g}" if w.p else "p below 1e-300"  # what a float can hold
    yield (
        f"weakest at {lengths} tokens, depth {depths} %: {inside}{elsewhere}; {chance}{p} of any"
        " block"
    )


def too_few(f: RunReport) -> str | None:
    """How many trials are missing where no length has enough to be shown, were all of them
    found."""
    least, most = f.least_per_length, max((r.n for r in f.by_length.values()), default=0)
    if least is None or not most or most >= least:
        return None
    return (
        f"at most {most:,} a length, and it takes {plural(least, 'trial')}, all found (set"
        " --epochs)"
    )


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
        return (
            f"even at {label_of(min(n for n, share in f.by_length.items() if share.n))}, the"
            " shortest tested"
        )
    return f"up to {label_of(held.point)}" + (
        ", the longest tested" if held.point == f.tested else ""
    )


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
    bands = (
        f"{_PARTS[band]} {brief_label(r)}" for band, r in f.by_band.items() if r.mean is not None
    )
    yield f"{DEPTHS[f.pattern.by_depth]}: found in the {', '.join(bands)}"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def headline(view: View) -> str:
    """How far a run reads and what it loses, without figures; never more than they show."""
    f, whole = view.report, view.grid.whole
    if f is None or whole.mean is None:
        return f"{percent(whole.mean)} found" if whole.mean is not None else "No trial has a score"
    if f.bracket is not None:
        return (
            f"Holds at {label_of(f.bracket.holds.context_length)}"
            if f.bracket.holds
            else "Holds at no length tried"
        )
    longest = f" up to {label_of(f.tested)}" if f.tested else ""
    if whole.mean in (0, 1):
        found = (
            f"{whole.n:,} of {whole.n:,}" if whole.n < 100 else "every needle"
        )  # sure only as far as n is
        return (
            f"Found {found}{longest}" if whole.mean else f"Found no needle at any length{longest}"
        )
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
    edge = (
        p.lengths[1]
        if p.by_length is ByLength.EDGE and p.lengths and p.lengths[1] != held.point
        else None
    )
    if p.by_depth is not ByDepth.EVEN:
        return f"; {DEPTHS[p.by_depth]}" + (f", more from {label_of(edge)} on" if edge else "")
    return f"; finds less from {label_of(edge)} on" if edge else ""


def found_line(view: View) -> str:
    """Whose share it is, with its n and interval."""
    found = found_label(view.grid.whole) if view.grid.adaptive is None else view.grid.adaptive
    return " · ".join([view.model, found, *normalised_label(view.grid)])


def lengths_line(view: View) -> str:
    """Claimed against found length, with what is sure of it."""
    f, held = view.report, None if view.report is None else held_by(view.report)
    said = []
    if f is not None and held is not None and view.grid.whole.mean is not None:
        said.append(f"effective length {label_of(held.point)} ({sure_label(held)})")
        said += [f"claimed {label_of(f.claimed)}"] if f.claimed else []
        said += [f"tested up to {label_of(f.tested)}"] if f.tested else []
    return " · ".join(said)


def doubts_line(view: View) -> str:
    """Trials that have no score, and text that repeats."""
    unique = view.grid.unique_share
    repeats = unique is not None and unique < REPEATED_BELOW
    said = [f"{100 * (unique or 0):.0f} % of the longest haystack is unique"] if repeats else []
    return " · ".join([*unscored_labels(view.grid), *said])


def recipe_line(view: View) -> str:
    """What was measured with what."""
    g = view.grid
    parts = [
        f"task {g.task}",
        f"haystack {g.haystack}",
        f"tokenizer {g.tokenizer}",
        trials_label(g),
    ]
    if g.imported is not None:
        parts = [f"imported results of {g.imported}", g.task, trials_label(g)]
    return " · ".join([*parts, *made_parts([view]), *hatched_part([view])])


def hatched_part(views: Sequence[View]) -> list[str]:
    """What hatches mean, where there are any."""
    hatched = any(o != "scored" for v in views for c in v.grid.cells for o in c.outcomes)
    by_rule = any(v.grid.adaptive is not None for v in views)
    return ["hatched: no score"] * hatched + [
        "dashed: share/n, stopped by rule; blank: spared"
    ] * by_rule


def made_parts(views: Sequence[View]) -> list[str]:
    """When the runs began, and which niah measured them."""
    dates = sorted({v.date[:10] for v in views if v.date})
    versions = sorted({f"niah {v.version}" for v in views if v.version})
    return [*([" to ".join(dict.fromkeys((dates[0], dates[-1])))] if dates else []), *versions]


def names_of(views: Sequence[View], room: int = 40) -> list[str]:
    """The models as titles: long ones shortened in the middle; where two are the same, with what
    differs."""
    names = [v.model for v in views]
    for told in (
        [v.grid.task for v in views],
        [v.grid.haystack for v in views],
        [v.date[:10] for v in views],
    ):
        longer = [
            f"{n} · {t}" if names.count(n) > 1 else n for n, t in zip(names, told, strict=True)
        ]
        if len(set(names)) < len(set(longer)) == len(longer):
            names = longer
    numbered = [
        f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)
    ]
    return shortened(numbered, room)


def several_headline(views: Sequence[View], room: int = 30) -> str:
    """Shares of several runs: of two all, of more the best and the last. Names take less room where
    both are long."""
    names = names_of(views, room)
    told = [
        (v.grid.whole.mean, n)
        for v, n in zip(views, names, strict=True)
        if v.grid.whole.mean is not None
    ]
    told.sort(key=lambda t: -t[0])
    said = [
        f"{name} {percent(share)}"
        for share, name in (told if len(told) < 3 else (told[0], told[-1]))
    ]
    if sum(map(len, said)) > _MOST_NAMES and room > _LEAST_ROOM:
        return several_headline(views, room - 6)
    if len(told) < 3:
        return f"Found: {', '.join(said)}" if said else "No trial has a score"
    return f"Found by {len(told)} runs: from {said[1]} to {said[0]}"


def spoken(view: View) -> str:
    """A heatmap in words, for those who do not see it."""
    g = view.grid
    by_length = {} if view.report is None else view.report.by_length
    shares = [f"{label_of(n)} {percent(r.mean, 'not measured')}" for n, r in by_length.items()]
    axes = (
        f"Heatmap of {view.model}: {len(g.context_lengths)} context lengths by {len(g.depths)}"
        " depths."
    )
    told = f" By length: {', '.join(shares[:24])}." if shares else ""
    return f"{axes} {headline(view)}. {found_label(g.whole)}.{told}"
