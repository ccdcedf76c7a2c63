"""The verdict on an engine: lines for a terminal, a Markdown table made for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from niah.plotter.formatting import plural
from niah.text.lengths import label_of
from niah.text.shares import percent
from niah.verdict.engine import EngineVerdict
from niah.verdict.pairs import NatsChange
from niah.verdict.records import Paired


def engine_lines(v: EngineVerdict) -> Iterator[str]:
    """The verdict first, then what it rests on."""
    yield f"{v.verdict.upper()}  {v.change}"
    yield from (f"  {reason}" for reason in v.reasons)
    for name, pairs, nats, same in _arms(v):
        yield f"  {name:<10} {_moved(pairs)}; {same} of {v.answers} answers as the base's{_nats_words(nats)}"


def engine_markdown(v: EngineVerdict) -> str:
    """The same as Markdown."""
    sign = {"pass": "✅", "fail": "❌"}.get(v.verdict.value, "⚠️")
    before = percent(v.candidate.before, "not measured")
    rows = [
        f"### {sign} niah engine: {v.verdict} for {v.change}",
        "",
        *(f"- {reason}" for reason in v.reasons),
        "",
        "| arm | found | lost | gained | change (95 %) | nats per right answer | answers as the base's |",
        "|---|---|---|---|---|---|---|",
        f"| base | {before} (n = {v.candidate.n}) | | | | | |",
    ]
    for name, p, nats, same in _arms(v):
        found = percent(p.after, "not measured")
        rows.append(
            f"| {name} | {found} | {p.lost} | {p.gained} | {_points(p)} | {_nats(nats)} | {same} of {v.answers} |"
        )
    rows += ["", "| length | base | candidate | lost | gained |", "|---|---|---|---|---|"]
    for n, p in v.by_length.items():
        rows.append(
            f"| {label_of(n)} | {percent(p.before, '-')} (n = {p.n}) "
            f"| {percent(p.after, '-')} | {p.lost} | {p.gained} |"
        )
    p_loss = "no test" if v.p_loss is None else f"p = {v.p_loss:.2g}"
    rows += ["", f"A loss counts where it shows against the base and against the base run again (control): {p_loss}."]
    return "\n".join(rows) + "\n"


def _arms(v: EngineVerdict) -> tuple[tuple[str, Paired, NatsChange | None, int], ...]:
    return (("control", v.control, v.control_nats, v.identical[1]), ("candidate", v.candidate, v.nats, v.identical[0]))


def _moved(p: Paired) -> str:
    return f"{p.lost} lost, {p.gained} gained of {plural(p.n, 'pair')} ({_points(p)})"


def _points(p: Paired) -> str:
    if p.drop is None:
        return "not measured"
    ends = "" if p.low is None or p.high is None else f" ({-100 * p.high:+.1f} to {-100 * p.low:+.1f})"
    return f"{-100 * p.drop + 0.0:+.1f} points{ends}"


def _nats(c: NatsChange | None) -> str:
    return "not told" if c is None else f"{c.loss + 0.0:+.2f} ({c.low:+.2f} to {c.high:+.2f}, n = {c.n})"


def _nats_words(c: NatsChange | None) -> str:
    return "" if c is None else f"; {_nats(c)} nats"
