"""One run as Python sees it: grid, trials as flat rows, figures, verdicts, picture. No network."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from niah.errors import ConfigError, RunError
from niah.experiment.design import delivery_label
from niah.plotter.look import LOOK, Look
from niah.plotter.summary import View
from niah.records import Header, Prompt, Result, Row, Usage
from niah.runlog.attempts import dollars_of
from niah.runlog.log import LOG_NAME, read_log, read_rows
from niah.runlog.marks import read_marks
from niah.runlog.warnings import run_warnings
from niah.runs import DEFAULT_RESULTS, beside, run_folder
from niah.text.shares import percent
from niah.verdict.baseline import (
    Baseline,
    baseline_from,
    baseline_of,
    check_baseline,
    check_consistent,
)
from niah.verdict.decide import judge
from niah.verdict.effective import RULES
from niah.verdict.evidence import Evidence, notes_on
from niah.verdict.gate_config import GateConfig, gate_config_of, read_gate_config
from niah.verdict.grid import grid_of, unfinished_of
from niah.verdict.pairs import Agreed, agreed, comparison_of, pairs_of
from niah.verdict.records import Comparison, Grid, Judgement, RunReport
from niah.verdict.report import report_of

if TYPE_CHECKING:
    from niah.generator.haystack import Haystack
    from niah.tasks import Task
    from niah.verdict.deliveries import Delivery

Folder: TypeAlias = str | Path
PALETTE = LOOK.palette


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A run that is in its folder. A notebook shows its heatmap."""

    folder: Path
    header: Header  # what was asked for: config, haystack, tokenizer
    rows: Mapping[str, Row]  # finished trials by id, without answers
    stopped: str | None = None  # why the sweep that returned this ended early; None: it did not
    said: tuple[str, ...] = ()  # what that sweep warned of

    def __repr__(self) -> str:
        whole, found = self.grid.whole, "nothing scored"
        if whole.mean is not None:
            found = f"{percent(whole.mean)} found (n = {whole.n})"
        return f"<Run {self.folder}: {self.header.design.model}, {self.grid.task}, {found}>"

    @cached_property
    def grid(self) -> Grid:
        """All cells, each with n, mean, Wilson interval and outcomes."""
        return grid_of(self.header, self.rows.values())

    @cached_property
    def view(self) -> View:
        """The run as pictures and pages show it."""
        made = self.header
        return View(grid=self.grid, report=self.report(), date=made.created, version=made.version)

    @cached_property
    def complete(self) -> bool:
        """Whether no planned trial is missing, and none ended as an error."""
        return not unfinished_of(self.grid)

    @cached_property
    def trials(self) -> list[dict[str, Any]]:
        """A flat row for every finished trial, answers included, for pandas, polars or csv.

        Lengths and tokens are counted in the run's tokenizer, but for input, cached and output
        tokens, which are the server's; times are in seconds; None is "not measured".
        """
        model = self.header.design.model
        return [_flat(result, model) for result in read_log(self.folder)[1].values()]

    @property
    def marks(self) -> Mapping[str, Mapping[str, str]]:
        """What people think of the answers, by trial: mark, who, when."""
        return read_marks(self.folder)

    @property
    def judges(self) -> Mapping[str, Mapping[str, float]]:
        """Verdicts of the models that were asked for a second opinion, by model and trial."""
        said: dict[str, dict[str, float]] = {}
        for log in sorted(self.folder.glob(f"judge-*/{LOG_NAME}")):
            header, rows = read_rows(log.parent)
            clear = ((i, r.score) for i, r in rows.items() if r.answer_class != "off-format")
            said[header.design.model] = {i: score for i, score in clear if score is not None}
        return said

    @property
    def opinions(self) -> list[tuple[str, Agreed]]:
        """How the scores go with what people and judges say of the same answers."""
        scored = {i: r.score == 1 for i, r in self.rows.items() if r.score is not None}
        marks = {"right": True, "wrong": False}
        said = {"people": {i: marks.get(m["mark"]) for i, m in self.marks.items()}}
        for model, verdicts in self.judges.items():
            said[f"judge {model}"] = {i: score == 1 for i, score in verdicts.items()}
        pairs = (
            (who, [(scored[i], told) for i, told in of.items() if i in scored])
            for who, of in said.items()
        )
        return [(who, agreed(of)) for who, of in pairs if of]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the picture should know."""
        return (*self.said, *run_warnings(self.header, self.rows.values()))

    @property
    def dollars(self) -> float | None:
        """What all answered trials have cost; None: a price or a count of tokens is not known."""
        return dollars_of(self.header, self.rows.values(), None)

    def report(self, rules: Sequence[str] = RULES) -> RunReport:
        """All figures of the run. Raises ConfigError for an unknown rule of effective length."""
        return report_of(self.header, self.rows.values(), rules, self.grid)

    def summary(self) -> str:
        """The same in words, as ``niah report`` prints them."""
        from niah.plotter.report_text import report_lines

        return "\n".join(report_lines(self.report()))

    def gate(
        self,
        config: GateConfig | Folder | None = None,
        *,
        baseline: AnyRun | None = None,
        results: Folder = DEFAULT_RESULTS,
        **limits: Any,
    ) -> Judgement:
        """The verdict by a gate.toml or by keys of it (``min_found=0.9``), and against a baseline.

        A baseline is a run, the name of one under ``results``, or a file of ``niah baseline save``.
        Raises ConfigError for gates that cannot be judged, RunError for a baseline of other trials.
        """
        gates = _gates(config, limits)
        _check_asked(gates, config, baseline)
        check_consistent(self.header, self.rows.values())
        older = None if baseline is None else self._baseline(baseline, Path(results))
        evidence = self._evidence(gates, older)
        return judge(evidence, notes_on(evidence, older))

    def compare(
        self, older: AnyRun, *, these_only: bool = False, results: Folder = DEFAULT_RESULTS
    ) -> Comparison:
        """What has changed since an older run of the same trials; a drop above 0: this is worse.

        ``these_only``: the tests ask about the haystacks of the runs and no others. Raises RunError
        for other trials.
        """
        before = open_run(older, results)._measured
        return comparison_of(before, self._measured, these_only=these_only)

    @property
    def _measured(self) -> tuple[Header, list[Row]]:
        return self.header, list(self.rows.values())

    @property
    def turns(self) -> dict[int, int]:
        """Turns of the conversation, if any, by context length: the median of its trials."""
        counts: dict[int, list[int]] = {}
        for row in self.rows.values():
            if row.delivered is not None and row.delivered.turns and row.trial.control is None:
                counts.setdefault(row.trial.context_length, []).append(row.delivered.turns)
        return {length: int(median(own)) for length, own in sorted(counts.items())}

    def delivery(self, first: Run | None = None) -> Delivery:
        """How contexts were delivered, what that cost, and how it stands to another run's way."""
        # brings numpy, which a gate does not need
        from niah.verdict.deliveries import Delivery, crossover_of, figures_of

        header, rows = self._measured
        told = Delivery(
            name=delivery_label(header.config).removeprefix(", ") or "full",
            figures=figures_of(rows),
            dollars=self.dollars,
        )
        if first is None:
            return told
        pairs = pairs_of(baseline_of(*first._measured), header, rows, partly=True)
        crossovers = [crossover_of(pairs, better=better) for better in (True, False)]
        return replace(
            told,
            comparison=comparison_of(first._measured, self._measured),
            crossovers=tuple(c for c in crossovers if c is not None),
        )

    def prompt(
        self, trial_id: str, *, task: Task | None = None, haystack: Haystack | None = None
    ) -> Prompt:
        """What the model saw in a trial: its prompt, built again and checked against its digest.

        A run with a task or haystack of one's own needs them again. Raises RunError for a trial
        that is not there, and where haystack or niah have changed since.
        """
        from niah.experiment.experiment import prompt_again  # brings haystacks
        from niah.experiment.own import Own

        if trial_id not in self.rows:
            raise RunError(f"{self.folder} holds no trial {trial_id!r}; the ids are in run.trials")
        return prompt_again(self.header, self.rows[trial_id], Own(task=task, haystack=haystack))

    def as_baseline(self) -> Baseline:
        """The run as one that others are compared with. Raises RunError for an unfinished one."""
        if self.header.design.adaptive:
            raise RunError(
                f"{self.folder} is adaptive: its answers chose its trials, so it is no baseline"
            )
        if not self.complete:  # what is not there cannot be lost
            raise RunError(
                f"{self.folder}: {unfinished_of(self.grid)} trials are missing or errors;"
                " finish the run before it is a baseline"
            )
        return baseline_of(self.header, self.rows.values())

    def heatmap(self, path: Folder | None = None, palette: str = PALETTE, **look: Any) -> Path:
        """Draw the heatmap as PNG, SVG or PDF (by default heatmap.png in the folder); its path.

        ``look``: size ("slide", "post", "paper"), dark, true_depths. Raises ConfigError for another
        kind of file or a place that cannot be written, UnknownName for a palette.
        """
        from niah.plotter.heatmap import save_heatmaps  # 0.8 s of matplotlib

        place = beside(self.folder, DEFAULT_RESULTS, "heatmap.png") if path is None else Path(path)
        save_heatmaps([self.view], place, Look(palette=palette, **look))
        return place

    def _repr_png_(self) -> bytes:
        from niah.plotter.heatmap import heatmap_png

        return heatmap_png(self.view)

    def _repr_html_(self) -> str:
        """The picture with what is to be known about it, in one piece."""
        from niah.plotter.report_text import incomplete_lines
        from niah.plotter.summary import summary_lines

        figures = self.report()
        stopped = [f"stopped early: {self.stopped}"] if self.stopped else []
        lines = [*summary_lines(figures), *incomplete_lines(figures), *stopped, *self.warnings]
        picture = b64encode(self._repr_png_()).decode()
        words = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        image = (
            f'<img alt="{html.escape(repr(self))}" src="data:image/png;base64,{picture}"'
            ' style="max-width: 100%">'
        )
        return f"<div>{image}<ul>{words}</ul></div>"

    def _baseline(self, baseline: AnyRun, results: Path) -> Baseline:
        if isinstance(baseline, str | Path) and Path(baseline).is_file():
            try:
                return baseline_from(Path(baseline).read_text(encoding="utf-8"), str(baseline))
            except (OSError, UnicodeDecodeError) as error:
                raise RunError(f"{baseline}: cannot be read ({error})") from error
        older = open_run(baseline, results)
        if older.folder.resolve() == self.folder.resolve():
            raise ConfigError(
                f"{self.folder} is the run and its own baseline: a run is never worse than itself;"
                " give an older one"
            )
        return older.as_baseline()

    def _evidence(self, gates: GateConfig, baseline: Baseline | None) -> Evidence:
        """The run with its pairs and its price."""
        (header, rows), pairs, dollars = self._measured, None, None
        if baseline is not None:
            check_baseline(baseline, header, rows)
            pairs = pairs_of(baseline, header, rows, these_only=gates.haystacks == "these")
        if gates.max_cost is not None:
            dollars = dollars_of(header, rows, gates.price)
        return Evidence(
            now=datetime.now(UTC),
            header=header,
            results=tuple(rows),
            limits=gates,
            pairs=pairs,
            dollars=dollars,
        )


AnyRun: TypeAlias = Run | Folder  # itself, its folder or its name


def open_run(run: AnyRun, results: Folder = DEFAULT_RESULTS) -> Run:
    """A run, finished or not: by folder, by name under ``results``, or the shipped "example".

    Raises RunError, which says where it looked and which runs there are.
    """
    if isinstance(run, Run):
        return run
    folder = run_folder(str(run), Path(results))
    header, rows = read_rows(folder)
    return Run(folder=folder, header=header, rows=rows)


def _flat(r: Result, model: str) -> dict[str, Any]:
    trial, place, response = r.trial, r.placements[0] if r.placements else None, r.response
    usage = response.usage if response else Usage()
    return {
        "id": trial.id,
        "model": model,
        "task": trial.task,
        "context_length": trial.context_length,
        "depth_percent": trial.depth_percent,
        "actual_depth_percent": place and place.actual_depth_percent,
        "epoch": trial.epoch,
        "control": trial.control,
        "outcome": r.outcome.value,
        "score": r.score,
        "answer_class": r.answer_class,
        "explanation": r.explanation,
        "expected": ", ".join(r.targets),
        "answer": response and response.text,
        "stop_reason": response and response.stop_reason,
        "error": r.error,
        "prompt_tokens": r.prompt_tokens,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "first_token_s": r.first_token_s,
        "total_s": r.total_s,
        "attempts": r.attempts,
        "unique_share": r.unique_share,
        "prompt_digest": r.prompt_digest,
        "finished": r.finished or None,
    }


def _gates(config: GateConfig | Folder | None, limits: Mapping[str, Any]) -> GateConfig:
    if config is None:
        return gate_config_of(limits)
    if limits:
        raise ConfigError(
            f"gates as a file and as keywords ({', '.join(limits)}): give one of the two"
        )
    return config if isinstance(config, GateConfig) else read_gate_config(Path(config))


def _check_asked(gates: GateConfig, config: object, baseline: object) -> None:
    """Raises ConfigError where there is nothing to judge by."""
    if baseline is None and gates.compares:
        there = config if isinstance(config, str | Path) else "the config"
        raise ConfigError(
            f"{there} has gates against a baseline: give --baseline RUN, or take them out"
        )
    if baseline is None and not gates.asks:
        raise ConfigError(
            "nothing to judge: give --baseline RUN,"
            " or --config with at least one gate, like min_found"
        )
