"""A verdict for pipelines: JUnit XML, Markdown with a heatmap in text, commands of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from niah.plotter.formatting import found_label, unscored_label, value_label
from niah.plotter.report_text import finding_words, more_words, standing, worst_first
from niah.text.lengths import label_of
from niah.text.shares import depth_label, percent
from niah.verdict.records import Cell, Grid, Judgement, Verdict, model_label

if TYPE_CHECKING:
    from junitparser.junitparser import FinalResult

SQUARES = ((0.9, "🟩"), (0.7, "🟨"), (0.3, "🟧"), (0.0, "🟥"))
UNSCORED = "⬜"
MOST_SQUARES = 10_000  # a summary of more than 1 MiB is refused by GitHub


def judgement_json(judgement: Judgement) -> str:
    """The verdict for other programs."""
    table = {"schema": 1, "exit_code": judgement.exit_code, **asdict(judgement)}
    return json.dumps(table, ensure_ascii=False, indent=1)


def junit_xml(judgement: Judgement, grid: Grid, at: str) -> str:
    """A test case for the instrument, for each gate and each length; what is open is skipped.

    ``at`` is the time of the judgement (ISO 8601).
    """
    from junitparser import JUnitXml, TestCase, TestSuite

    suite, name = TestSuite("niah"), f"niah.{model_label(grid).replace(' ', '-')}"
    suite.add_property("verdict", judgement.verdict.value)
    suite.timestamp = at
    first, *others = judgement.reasons
    more = f" (and {len(others)} more)" if others else ""
    gates, lengths = judgement.findings, grid.context_lengths
    cases: list[tuple[str, Verdict | None, str]] = [("verdict", judgement.verdict, first + more)]
    cases += [(f"{f.gate}, {f.part}", f.verdict, f.reason + more_words(f)) for f in gates]
    cases += [(f"length={n}", *_of_length(judgement, grid, n)) for n in lengths]
    for about, verdict, message in cases:
        case = TestCase(about, classname=name, time=0.0)  # the trials took their time before
        case.result = _results(verdict, _plain_text(message))
        if not case.result:
            case.system_out = _plain_text(message)
        suite.add_testcase(case)
    xml = JUnitXml("niah")
    xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    text: bytes = xml.tostring()  # type: ignore[no-untyped-call]  # it types its public parts only
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text.decode() + "\n"


def _results(verdict: Verdict | None, message: str) -> list[FinalResult]:
    """What JUnit says of a case: nothing where it passes, skipped where it is open or not asked."""
    from junitparser import Error, Failure, Skipped

    if verdict is None:
        return [Skipped(message)]
    kind = {Verdict.PASS: None, Verdict.FAIL: Failure, Verdict.INVALID: Error}.get(verdict, Skipped)
    return [] if kind is None else [kind(message, verdict.value)]


def _of_length(judgement: Judgement, grid: Grid, length: int) -> tuple[Verdict | None, str]:
    """The worst finding about one length, and its share; None where no gate asks about it."""
    cells = [c for c in grid.cells if c.context_length == length]
    n = sum(c.n for c in cells)
    found = sum(c.n * (c.mean or 0.0) for c in cells)
    said = f"{percent(found / n)} found (n = {n:,})" if n else "nothing scored"
    about = [f.verdict for f in judgement.findings if f.part == f"{length:,} tokens"]
    if not about:
        return None, f"{said}; no gate asks about this length alone"
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    return min(about, key=order.index), said


def summary_markdown(judgement: Judgement, grid: Grid) -> str:
    """The verdict, its gates and the heatmap, as Markdown."""
    lines = [f"### niah: {judgement.verdict.value} · {_cell_text(model_label(grid))}", ""]
    if judgement.verdict in (Verdict.INVALID, Verdict.INCOMPLETE):
        lines += [*(f"- {_cell_text(reason)}" for reason in judgement.reasons), ""]
    if judgement.findings:
        lines += ["| gate | part | verdict | reason |", "|---|---|---|---|"]
        for f in worst_first(judgement.findings):
            reason = _cell_text(f.reason + more_words(f))
            lines.append(f"| `{f.gate}` | {_cell_text(f.part)} | **{standing(f)}** | {reason} |")
        lines.append("")
    what = f"task {_cell_text(grid.task)}, haystack {_cell_text(grid.haystack)}"
    lines += [f"{_cell_text(found_label(grid.whole))}, {what}", "", *text_heatmap(grid), ""]
    lines += [f"- {_cell_text(note)}" for note in judgement.notes]
    return "\n".join(lines) + "\n"


def text_heatmap(grid: Grid) -> Iterator[str]:
    """A Markdown table: a coloured square and the share; depth down, length across."""
    if len(grid.cells) > MOST_SQUARES:
        yield f"{len(grid.cells):,} cells are too many for a table; see the picture"
        return
    cells = {(c.context_length, c.depth_percent): c for c in grid.cells}
    yield "| depth | " + " | ".join(label_of(n) for n in grid.context_lengths) + " |"
    yield "|---" * (len(grid.context_lengths) + 1) + "|"
    for depth in grid.depths:
        squares = [_square(cells.get((n, depth))) for n in grid.context_lengths]
        yield f"| {depth_label(depth)} | " + " | ".join(squares) + " |"
    counts = sorted({c.n for c in cells.values()})
    trials = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    yield ""
    meant = "🟩 from .9, 🟨 from .7, 🟧 from .3, 🟥 below, ⬜ nothing scored"
    yield f"{trials} scored trials per cell; {meant}"


def workflow_commands(judgement: Judgement) -> Iterator[str]:
    """Commands of GitHub: each gate that decided, why a run cannot be judged; none for a pass."""
    if judgement.verdict in (Verdict.INVALID, Verdict.INCOMPLETE):
        for reason in judgement.reasons:
            yield _command(judgement.verdict, judgement.verdict.value, reason)
    for f in judgement.findings:
        if standing(f) == judgement.verdict != Verdict.PASS:
            yield _command(f.verdict, f"{f.gate}: {f.part}", finding_words(f))


def outputs(judgement: Judgement, grid: Grid) -> str:
    """Lines for GITHUB_OUTPUT; the first finding about a drop is of the whole run."""
    mean = "" if grid.whole.mean is None else f"{grid.whole.mean:.4f}"
    drop = next((f.p_fail for f in judgement.findings if f.gate == "max_drop"), None)
    p_value = "" if drop is None else f"{drop:.4g}"
    return f"verdict={judgement.verdict.value}\nmean={mean}\np_value={p_value}\n"


def _command(verdict: Verdict, title: str, message: str) -> str:
    """Control signs are written as GitHub reads them; in a title so are the signs that end it."""
    level = "error" if verdict in (Verdict.FAIL, Verdict.INVALID) else "warning"
    title, message = _escaped(title, "%\r\n:,"), _escaped(message, "%\r\n")
    return f"::{level} title=niah {title}::{message}"


def _escaped(text: str, signs: str) -> str:
    return text.translate({ord(sign): f"%{ord(sign):02X}" for sign in signs})


def _square(cell: Cell | None) -> str:
    if cell is None:
        return UNSCORED
    if cell.mean is None:
        return f"{UNSCORED} {unscored_label(cell)}".rstrip()
    square = next(square for least, square in SQUARES if cell.mean >= least)
    return f"{square} {value_label(cell.mean)}"


def _cell_text(text: str) -> str:
    escapes = str.maketrans({"\\": "\\\\", "`": "\\`", "|": "\\|", "<": "&lt;"})
    return _plain_text(text).translate(escapes)


def _plain_text(text: str) -> str:
    """Without control characters: XML has no place for them; a line break may begin a command."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
