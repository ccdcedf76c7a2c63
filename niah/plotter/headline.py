"""The finding of a run in one sentence, and everything else that stands around its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from niah.plotter.formatting import found_label, model_label, normalised_label, trials_label, unscored_labels
from niah.plotter.names import shortened
from niah.plotter.summary import DEPTHS, held_by, sure_label, too_few
from niah.records import Grid
from niah.text.lengths import label_of
from niah.text.shares import percent
from niah.verdict.records import ByDepth, ByLength, EffectiveLength, RunReport

REPEATED_BELOW = 0.995  # a smaller unique share is said in the picture


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


def headline(view: View) -> str:
    """How far a run reads and what it loses, without figures; never more than they show."""
    f, whole = view.report, view.grid.whole
    if f is None or whole.mean is None:
        return f"{percent(whole.mean)} found" if whole.mean is not None else "No trial has a score"
    if f.bracket is not None:
        return f"Holds at {label_of(f.bracket.holds.context_length)}" if f.bracket.holds else "Holds at no length tried"
    longest = f" up to {label_of(f.tested)}" if f.tested else ""
    if whole.mean in (0, 1):
        found = f"{whole.n:,} of {whole.n:,}" if whole.n < 100 else "every needle"  # sure only as far as n is
        return f"Found {found}{longest}" if whole.mean else f"Found no needle at any length{longest}"
    held = held_by(f)
    if held is None or (held.hopeful is not None and too_few(f)):
        return f"{percent(whole.mean)} of needles found{longest}{_shape(f, held)}"
    far = "at no length tested" if held.point is None else f"up to {label_of(held.point)}"
    far += ", the longest tested" if held.point is not None and held.point == f.tested else ""
    return f"Reads reliably {far}{_shape(f, held)}"


def _shape(f: RunReport, held: EffectiveLength | None) -> str:
    """What is lost, where it is more than chance."""
    p = f.pattern
    if p is None or held is None:
        return ""
    edge = p.lengths[1] if p.by_length is ByLength.EDGE and p.lengths and p.lengths[1] != held.point else None
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
    parts = [f"task {g.task}", f"haystack {g.haystack}", f"tokenizer {g.tokenizer}", trials_label(g)]
    if g.imported is not None:
        parts = [f"imported results of {g.imported}", g.task, trials_label(g)]
    return " · ".join([*parts, *made_parts([view]), *hatched_part([view])])


def hatched_part(views: Sequence[View]) -> list[str]:
    """What hatches mean, where there are any."""
    hatched = any(o != "scored" for v in views for c in v.grid.cells for o in c.outcomes)
    by_rule = any(v.grid.adaptive is not None for v in views)
    return ["hatched: no score"] * hatched + ["dashed: share/n, stopped by rule; blank: spared"] * by_rule


def made_parts(views: Sequence[View]) -> list[str]:
    """When the runs began, and which niah measured them."""
    dates = sorted({v.date[:10] for v in views if v.date})
    versions = sorted({f"niah {v.version}" for v in views if v.version})
    return [*([" to ".join(dict.fromkeys((dates[0], dates[-1])))] if dates else []), *versions]


def names_of(views: Sequence[View], room: int = 40) -> list[str]:
    """The models as titles: long ones shortened in the middle; where two are the same, with what differs."""
    names = [v.model for v in views]
    for told in ([v.grid.task for v in views], [v.grid.haystack for v in views], [v.date[:10] for v in views]):
        longer = [f"{n} · {t}" if names.count(n) > 1 else n for n, t in zip(names, told, strict=True)]
        if len(set(names)) < len(set(longer)) == len(longer):
            names = longer
    numbered = [f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)]
    return shortened(numbered, room)


def several_headline(views: Sequence[View]) -> str:
    """Shares of several runs: of two all, of more the best and the last."""
    names = names_of(views, 30 if len(views) < 3 else 19)
    told = [(v.grid.whole.mean, n) for v, n in zip(views, names, strict=True) if v.grid.whole.mean is not None]
    told.sort(key=lambda t: -t[0])
    said = [f"{name} {percent(share)}" for share, name in (told if len(told) < 3 else (told[0], told[-1]))]
    if len(told) < 3:
        return f"Found: {', '.join(said)}" if said else "No trial has a score"
    return f"Found by {len(told)} runs: from {said[1]} to {said[0]}"


def spoken(view: View) -> str:
    """A heatmap in words, for those who do not see it."""
    g = view.grid
    by_length = {} if view.report is None else view.report.by_length
    shares = [f"{label_of(n)} {percent(r.mean, 'not measured')}" for n, r in by_length.items()]
    axes = f"Heatmap of {view.model}: {len(g.context_lengths)} context lengths by {len(g.depths)} depths."
    told = f" By length: {', '.join(shares[:24])}." if shares else ""
    return f"{axes} {headline(view)}. {found_label(g.whole)}.{told}"
