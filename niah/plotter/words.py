"""Figures and verdicts in words and plain tables: for a terminal, a log, a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from niah.figures import Figures, Finding, Growth, Judgement, Verdict
from niah.generator.lengths import label_of
from niah.plotter.labels import percent_label
from niah.records import Recall


def report_lines(f: Figures) -> list[str]:
    """Everything that a run says; what it does not say comes first."""
    return [
        *_unfinished(f),
        f"{f.model}: {recall_words(f.whole)}",
        *_design(f),
        "",
        *length_lines(f),
        *_effective(f),
        "",
        *_by_length(f),
        "",
        *_by_band(f),
        *middle_lines(f),
        *weakest_lines(f),
        *_times(f),
    ]


def summary_lines(f: Figures) -> list[str]:
    """What a run says, in a few lines."""
    return [*_unfinished(f), *length_lines(f), *middle_lines(f), *weakest_lines(f)]


def judgement_lines(j: Judgement) -> list[str]:
    """The verdict first, then each gate with its reason."""
    lines = [f"{j.verdict.upper()}  {j.model} (confidence {100 * j.confidence:g} %)"]
    if j.verdict in (Verdict.INVALID, Verdict.INCOMPLETE):
        lines += [f"  {reason}" for reason in j.reasons]
        lines += ["  as far as it goes:"] if j.findings else []
    for finding in j.findings:
        lines.append(f"  {finding.verdict:<13} {finding_words(finding)}")
    return [*lines, *(f"  note: {note}" for note in j.notes)]


def finding_words(f: Finding) -> str:
    """One gate in a line."""
    return f"{f.gate}, {f.part}: {f.reason}{more_words(f)}"


def more_words(f: Finding) -> str:
    """What would decide an open gate."""
    if f.verdict is not Verdict.INCONCLUSIVE or f.p_fail is None:
        return ""
    if f.more_trials is None:
        return "; no number of trials would decide: what is measured lies on the limit"
    return f"; about {f.more_trials:,} more trials would decide if the shares stay"


def recall_words(r: Recall) -> str:
    """ "95 % found (n = 40, 95 % interval 84 to 99 %)"."""
    if r.mean is None or r.low is None or r.high is None:
        return "nothing scored"
    interval = f"95 % interval {100 * r.low:.0f} to {percent_label(r.high)}"
    return f"{percent_label(r.mean)} found (n = {r.n:,}, {interval})"


def length_lines(f: Figures) -> Iterator[str]:
    """Claimed, tested and effective length side by side."""
    claimed = label_of(f.claimed) if f.claimed else "not stated"
    effective = next((e for e in f.effective if e.rule.startswith("absolute")), None)
    held = "" if effective is None else f"   effective {_length(effective.point)} ({effective.rule}"
    if effective is not None:
        held += f", cautious {_length(effective.cautious)}, hopeful {_length(effective.hopeful)})"
    yield f"context length   claimed {claimed}   tested {_length(f.tested)}{held}"


def middle_lines(f: Figures) -> Iterator[str]:
    m = f.middle
    if m is not None:
        interval = f"95 % interval {100 * m.low:+.0f} to {100 * m.high:+.0f}"
        yield f"lost in the middle: ends minus middle {100 * m.value:+.0f} points ({interval}; n = {m.n_ends} and {m.n_middle})"


def weakest_lines(f: Figures) -> Iterator[str]:
    w = f.weakest
    if w is None:
        return
    lengths = _span(label_of(w.lengths[0]), label_of(w.lengths[1]))
    depths = _span(f"{w.depths[0]:g}", f"{w.depths[1]:g}")
    inside = f"{percent_label(w.inside.mean or 0.0)} found (n = {w.inside.n:,})"
    elsewhere = f"; elsewhere {percent_label(w.outside.mean or 0.0)} (n = {w.outside.n:,})" if w.outside.n else ""
    yield f"weakest at {lengths} tokens, depth {depths} %: {inside}{elsewhere}"


def _unfinished(f: Figures) -> Iterator[str]:
    open_trials = [f"{n:,} {what}" for n, what in ((f.missing, "not run"), (f.errors, "ended in an error")) if n]
    if open_trials:
        yield f"INCOMPLETE: of {f.planned:,} trials {', '.join(open_trials)}; what follows is about the others"
    if f.unscored:
        yield f"without a score: {', '.join(f'{n:,} {outcome}' for outcome, n in f.unscored.items())}"


def _design(f: Figures) -> Iterator[str]:
    if f.imported:
        yield f"imported results of {f.imported}: one haystack for all trials, intervals hold for that one only"
    elif f.haystacks == 1:
        yield "all trials share one haystack: the intervals hold for that one only"
    elif f.haystacks is not None and f.haystacks < 5:
        yield f"trials share {f.haystacks} haystacks: the intervals hold for those only"
    elif f.haystacks is not None:
        yield f"trials share {f.haystacks} haystacks, and the intervals over several cells respect that"


def _effective(f: Figures) -> Iterator[str]:
    rows = [("effective length", "measured", "cautious", "hopeful", "threshold")]
    for e in f.effective:
        threshold = "not measured" if e.threshold is None else percent_label(e.threshold)
        threshold += f", base {label_of(e.base)}" if e.base is not None else ""
        rows.append((e.rule, _length(e.point), _length(e.cautious), _length(e.hopeful), threshold))
    yield from _table(rows)


def _by_length(f: Figures) -> Iterator[str]:
    rows = [("length", "found", "n", "95 % interval", "up to it", "n")]
    for length, recall in f.by_length.items():
        so_far = f.up_to_length[length]
        rows.append((label_of(length), *_cells(recall), _share(so_far.mean), f"{so_far.n:,}"))
    yield from _table(rows)


def _by_band(f: Figures) -> Iterator[str]:
    names = {"head": "head, below 20 %", "middle": "middle", "tail": "tail, above 80 %"}
    rows = [("depth", "found", "n", "95 % interval")]
    yield from _table([*rows, *((names[band], *_cells(recall)) for band, recall in f.by_band.items())])


def _times(f: Figures) -> Iterator[str]:
    if not f.times:
        return
    yield ""
    rows = [("time at length", "first token", "whole", "p95", "n", "from cache")]
    for t in f.times:
        cached = "not told" if t.cached_share is None else f"{100 * t.cached_share:.0f} %"
        seconds = (_seconds(t.first_token_s), _seconds(t.total_s), _seconds(t.total_p95_s))
        rows.append((label_of(t.context_length), *seconds, f"{t.n:,}", cached))
    yield from _table(rows)
    grown = [_growth("first token", f.first_token_growth), _growth("whole answer", f.total_growth)]
    yield from (line for line in grown if line)


def _growth(what: str, growth: Growth | None) -> str:
    if growth is None:
        return ""
    return f"time to {what} grows with length to the power of {growth.exponent:.2f} ({growth.lengths} lengths)"


def _cells(r: Recall) -> tuple[str, str, str]:
    interval = "" if r.low is None or r.high is None else f"{100 * r.low:.0f} to {100 * r.high:.0f} %"
    return _share(r.mean), f"{r.n:,}", interval


def _share(mean: float | None) -> str:
    return "not measured" if mean is None else percent_label(mean)


def _seconds(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds:.3g} s"


def _length(tokens: int | None) -> str:
    return "none" if tokens is None else label_of(tokens)


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
