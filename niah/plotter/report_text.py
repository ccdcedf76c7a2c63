"""Figures and verdicts in words and plain tables: for a terminal, a log, a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table

from niah.plotter.formatting import (
    control_labels,
    found_label,
    interval_label,
    plural,
    points_label,
)
from niah.plotter.summary import bracket_lines, far_lines, reading_lines, shape_lines, weakest_lines
from niah.plotter.wrapping import Words
from niah.text.lengths import label_of
from niah.text.shares import depth_label, percent, seconds_label
from niah.verdict.engine import EngineVerdict
from niah.verdict.pairs import NatsChange
from niah.verdict.records import (
    Comparison,
    Finding,
    Judgement,
    Paired,
    RunReport,
    Share,
    Verdict,
    model_label,
)
from niah.verdict.sample import BANDS, FEWEST_CLUSTERS

MOST_CELLS = 12  # listed one by one
WIDEST = 10_000  # columns of a table that is not for a screen

Part = str | Table


def table_of(rows: Sequence[Sequence[str]]) -> Table:
    """A plain table with its head as first row; the first column stands left, the others right."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for i in range(len(rows[0])):
        table.add_column(justify="right" if i else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Words(cell, indent="") for cell in row))
    return table


def lines_of(parts: Iterable[Part]) -> Iterator[str]:
    """Parts as lines of text for a file or another program, as long as they are."""
    console = Console(width=WIDEST, color_system=None)
    for part in parts:
        if isinstance(part, str):
            yield part
            continue
        for line in console.render_lines(part, pad=False):
            yield "".join(segment.text for segment in line).rstrip()


def rendered(parts: Iterable[Part]) -> Iterator[RenderableType]:
    """Parts for a screen, which wraps them at words."""
    return (Words(part) if isinstance(part, str) else part for part in parts)


def report_lines(f: RunReport) -> list[str]:
    """Everything that a run says, as lines of text."""
    return list(lines_of(report_parts(f)))


def report_parts(f: RunReport) -> list[Part]:
    """Everything that a run says; what it does not say comes first."""
    if f.bracket is not None:
        trials = plural(f.whole.n, "scored trial")
        return [f"{model_label(f)}: adaptive run, {trials}", *bracket_lines(f, f.bracket)]
    nats = [f"{label_of(n)} {mean:.2f} (n = {count})" for n, (mean, count) in f.nats.items()]
    return [
        *unfinished_lines(f),
        *far_lines(f),
        f"{model_label(f)}: {found_label(f.whole)}",
        *_design(f),
        "",
        *reading_lines(f),
        *shape_lines(f),
        "",
        _effective(f),
        "",
        _by_length(f),
        "",
        _by_band(f),
        *_middle(f),
        *weakest_lines(f),
        *control_labels(f.by_control),
        *([f"nats of the right answer (0 is sure): {', '.join(nats)}"] if nats else []),
        *(f"{label_of(n)} is {size.words}" for n, size in f.media.items()),
        *_times(f),
    ]


def judgement_lines(j: Judgement) -> list[str]:
    """The verdict first, then each gate with its reason."""
    failed = f", {len(j.reasons)} of {plural(len(j.findings), 'gate')}"
    failed = failed if j.verdict is Verdict.FAIL else ""
    lines = [f"{j.verdict.upper()}  {j.model} (confidence {100 * j.confidence:g} %{failed})"]
    if j.verdict in (Verdict.INVALID, Verdict.INCOMPLETE):
        lines += [f"  {reason}" for reason in j.reasons]
        lines += ["  as far as it goes:"] if j.findings else []
    for finding in worst_first(j.findings):
        lines.append(f"  {standing(finding):<13} {finding_words(finding)}")
    return [*lines, *(f"  note: {note}" for note in j.notes)]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What fails before what is open, and that before what holds; each in the order given."""
    order = ("fail", "inconclusive", "watched", "pass")
    return sorted(findings, key=lambda f: order.index(standing(f)))


def standing(f: Finding) -> str:
    """Its verdict; "watched" for a part that may fail the run and need not be shown to hold."""
    return "watched" if f.watched and f.verdict is Verdict.INCONCLUSIVE else f.verdict.value


def finding_words(f: Finding) -> str:
    """One gate in a line."""
    return f"{f.gate}, {f.part}: {f.reason}{more_words(f)}"


def more_words(f: Finding) -> str:
    """What would decide an open gate."""
    if f.verdict is not Verdict.INCONCLUSIVE or f.p_fail is None:
        return ""
    if f.watched:
        return "; no loss seen that is more than chance"
    if f.more_trials is None:
        return "; not even 100,000 more trials would decide: what is measured lies on the limit"
    trials = plural(f.more_trials, "more trial")
    return f"; about {trials} would decide with even odds, if the shares stay"


def change_words(p: Paired) -> str:
    """One comparison in a line."""
    if p.drop is None:
        return "no trial has a score in both"
    moved = f"{100 * (0.0 - p.drop):+.1f} points: {p.lost} lost, {p.gained} gained of {p.n:,} pairs"
    if p.p_change is None or p.low is None or p.high is None:
        return f"{moved} ({p.test})"
    interval = f"95 % interval {100 * (0.0 - p.high):+.1f} to {100 * (0.0 - p.low):+.1f}"
    return f"{moved} ({interval}; p = {p.p_change:.2g} uncorrected, {p.test})"


def comparison_lines(c: Comparison) -> Iterator[str]:
    """What changed, whole, by band and by cell."""
    yield f"{c.after} against {c.before}"
    yield f"  whole run  {change_words(c.whole)}"
    yield from (f"  {band:<9}  {change_words(p)}" for band, p in c.bands.items() if p.n)
    moved = [cell for cell in c.cells if cell.change]
    moved.sort(key=lambda cell: (cell.p or 0.0, -abs(cell.change or 0.0)))
    sure = f"{sum(cell.p is not None and cell.p <= 0.05 for cell in moved)} by more than chance"
    yield f"  cells      {len(moved)} of {len(c.cells)} differ, {sure} (Holm, 5 %)"
    for cell in moved[:MOST_CELLS]:
        change = f"{100 * (cell.change or 0.0):+.0f} points (n = {cell.n})"
        place = f"{label_of(cell.context_length):>8}  {depth_label(cell.depth_percent):>7}"
        yield f"    {place}  {change}  p = {cell.p:.2g} after Holm"
    if len(moved) > MOST_CELLS:
        yield f"    and {len(moved) - MOST_CELLS} more"
    yield from (f"  note: {note}" for note in c.notes)


def side_by_side(names: Sequence[str], figures: Sequence[RunReport]) -> Iterator[Part]:
    """A table with a column per run; what a run does not say comes first."""
    for name, f in zip(names, figures, strict=True):
        yield from (f"{name}: {line}" for line in unfinished_lines(f))
    first = (f.times[-1].first_token_s if f.times else None for f in figures)
    ends = ("none" if f.middle is None else points_label(f.middle.value) for f in figures)
    rows = [
        ("", *names),
        ("model", *map(model_label, figures)),
        ("scored of planned", *(f"{f.whole.n:,} of {f.ordinary:,}" for f in figures)),
        ("found", *(_counted(f.whole) for f in figures)),
        ("95 % interval", *(_cells(f.whole)[2] for f in figures)),
        *((band, *(_counted(f.by_band[band]) for f in figures)) for band in BANDS),
        ("ends minus middle", *ends),
    ]
    effective = [{e.rule: label_of(e.point) for e in f.effective} for f in figures]
    for rule in dict.fromkeys(rule for points in effective for rule in points):
        points = (own.get(rule, "not measured") for own in effective)  # an adaptive run has none
        rows.append((f"effective, {rule}", *points))
    rows.append(("claimed", *(label_of(f.claimed, "not stated") for f in figures)))
    rows.append(("first token at the longest", *map(seconds_label, first)))
    yield table_of(rows)


def _middle(f: RunReport) -> Iterator[str]:
    m = f.middle
    if m is not None:
        interval = f"95 % interval {100 * m.low:+.0f} to {100 * m.high:+.0f}"
        points = f"{points_label(m.value)} ({interval}; n = {m.n_ends} and {m.n_middle})"
        yield f"lost in the middle: ends minus middle {points}"


def incomplete_lines(f: RunReport) -> Iterator[str]:
    """Trials that are yet to be run, or to be run again."""
    lost = [f"{f.missing:,} not run"] if f.missing else []
    lost += [f"{f.errors:,} ended in an error"] if f.errors else []
    if lost:
        trials = plural(f.planned, "trial")
        yield f"INCOMPLETE: of {trials} {', '.join(lost)}; what follows is about the others"
    yield from f.notes


def unfinished_lines(f: RunReport) -> Iterator[str]:
    """What a run does not say: trials not run, errors, outcomes without a score."""
    yield from incomplete_lines(f)
    if f.unscored:
        lost = ", ".join(f"{n:,} {outcome}" for outcome, n in f.unscored.items())
        yield f"without a score: {lost}"


def _design(f: RunReport) -> Iterator[str]:
    shared = f"trials share {f.haystacks} haystacks"
    if f.imported:
        one = "one haystack for all trials, intervals hold for that one only"
        yield f"imported results of {f.imported}: {one}"
    elif f.haystacks == 1:
        yield "all trials share one haystack: the intervals hold for that one only"
    elif f.haystacks and f.haystacks < FEWEST_CLUSTERS:
        yield f"{shared}: the intervals hold for those only"
    elif f.haystacks:
        yield f"{shared}, and the intervals over several cells respect that"


def _effective(f: RunReport) -> Table:
    rows: list[tuple[str, ...]] = [
        ("context length", "measured", "cautious", "hopeful", "threshold"),
        *([("claimed", label_of(f.claimed), "", "", "")] if f.claimed else []),
        ("tested", label_of(f.tested), "", "", ""),
    ]
    for e in f.effective:
        threshold = percent(e.threshold, "not measured")
        threshold += f", base {label_of(e.base)}" if e.base is not None else ""
        lengths = map(label_of, (e.point, e.cautious, e.hopeful))
        rows.append((f"effective, {e.rule}", *lengths, threshold))
    return table_of(rows)


def _by_length(f: RunReport) -> Table:
    rows = [("length", "found", "n", "95 % interval", "up to it", "n", "95 % interval")]
    for n, share in f.by_length.items():
        rows.append((label_of(n), *_cells(share), *_cells(f.up_to_length[n])))
    return table_of(rows)


def _by_band(f: RunReport) -> Table:
    names = {"head": "head, below 20 %", "middle": "middle", "tail": "tail, above 80 %"}
    rows = [("depth", "found", "n", "95 % interval")]
    return table_of([*rows, *((names[band], *_cells(share)) for band, share in f.by_band.items())])


def _times(f: RunReport) -> Iterator[Part]:
    if not f.times:
        return
    yield ""
    rows = [("time at length", "first token", "whole", "p95", "n", "from cache")]
    for t in f.times:
        cached = "not told" if t.cached_share is None else f"{100 * t.cached_share:.0f} %"
        first, whole, p95 = map(seconds_label, (t.first_token_s, t.total_s, t.total_p95_s))
        rows.append((label_of(t.context_length), first, whole, p95, f"{t.n:,}", cached))
    yield table_of(rows)
    for what, g in (("first token", f.first_token_growth), ("whole answer", f.total_growth)):
        if g is not None:
            power = f"the power of {g.exponent:.2f} ({g.lengths} lengths)"
            yield f"time to {what} grows with length to {power}"


def _cells(r: Share) -> tuple[str, str, str]:
    interval = "" if r.low is None or r.high is None else interval_label(r.low, r.high)
    return percent(r.mean, "not measured"), f"{r.n:,}", interval


def _counted(r: Share) -> str:
    return "not measured" if r.mean is None else f"{percent(r.mean)} (n = {r.n:,})"


def engine_lines(v: EngineVerdict) -> Iterator[str]:
    """The verdict first, then what it rests on."""
    yield f"{v.verdict.upper()}  {v.change}"
    yield from (f"  {reason}" for reason in v.reasons)
    for name, p, nats, same in _arms(v):
        moved = f"{p.lost} lost, {p.gained} gained of {plural(p.n, 'pair')} ({_points(p)})"
        told = "" if nats is None else f"; {_cost(nats)} nats"
        yield f"  {name:<10} {moved}; {same} of {v.answers} answers as the base's{told}"


def engine_markdown(v: EngineVerdict) -> str:
    """The same as Markdown."""
    sign = {"pass": "✅", "fail": "❌"}.get(v.verdict.value, "⚠️")
    before = percent(v.candidate.before, "not measured")
    head = "arm | found | lost | gained | change (95 %) | nats per right answer"
    lines = [
        f"### {sign} niah engine: {v.verdict} for {v.change}",
        "",
        *(f"- {reason}" for reason in v.reasons),
        "",
        f"| {head} | answers as the base's |",
        "|---|---|---|---|---|---|---|",
        f"| base | {before} (n = {v.candidate.n}) | | | | | |",
    ]
    for name, p, nats, same in _arms(v):
        found = f"{percent(p.after, 'not measured')} | {p.lost} | {p.gained}"
        figures = f"{_points(p)} | {_cost(nats)} | {same} of {v.answers}"
        lines.append(f"| {name} | {found} | {figures} |")
    lines += ["", "| length | base | candidate | lost | gained |", "|---|---|---|---|---|"]
    for n, p in v.by_length.items():
        found = f"{percent(p.before)} (n = {p.n}) | {percent(p.after)}"
        lines.append(f"| {label_of(n)} | {found} | {p.lost} | {p.gained} |")
    p_loss = "no test" if v.p_loss is None else f"p = {v.p_loss:.2g}"
    counts = "A loss counts where it shows against the base and against the base run again"
    lines += ["", f"{counts} (control): {p_loss}."]
    return "\n".join(lines) + "\n"


def _arms(v: EngineVerdict) -> tuple[tuple[str, Paired, NatsChange | None, int], ...]:
    return (
        ("control", v.control, v.control_nats, v.identical[1]),
        ("candidate", v.candidate, v.nats, v.identical[0]),
    )


def _points(p: Paired) -> str:
    if p.drop is None:
        return "not measured"
    ends = ""
    if p.low is not None and p.high is not None:
        ends = f" ({-100 * p.high:+.1f} to {-100 * p.low:+.1f})"
    return f"{-100 * p.drop + 0.0:+.1f} points{ends}"


def _cost(c: NatsChange | None) -> str:
    if c is None:
        return "not told"
    return f"{c.loss + 0.0:+.2f} ({c.low:+.2f} to {c.high:+.2f}, n = {c.n})"
