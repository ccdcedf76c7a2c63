"""A run as a page to send to people: everything its page tells, gathered from log, recipe, judges
and marks.

Prompts are not kept; a needle in its surroundings is built again from the recipe and shown only
where its digest is that of the prompt that was sent. No network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from niah.errors import ConfigError, NiahError, RunError, writing
from niah.experiment.experiment import Experiment, experiment_again
from niah.plotter.formatting import plural
from niah.plotter.outputs import write_outputs
from niah.plotter.page import Surroundings, Told, page_data, page_html, surroundings_of
from niah.providers.search import WAYS, Search
from niah.records import Prompt, Result
from niah.run import Run, open_run
from niah.runlog.attempts import dollars_of
from niah.runlog.log import LOG_NAME, read_log
from niah.runs import DEFAULT_RESULTS, beside, name_of, run_folders
from niah.verdict.records import Comparison

PAGE_NAME = "page.html"
MOST_TOKENS = 400_000_000  # of prompts that are built again for a page: minutes
QUICK_TOKENS = 8_000_000  # at the end of a run: seconds
_MOST_SEARCHED = 33_000  # tokens of a prompt that is searched as well


@dataclass
class Built:
    """Prompts that were built again, kept while a page follows its run."""

    surroundings: dict[str, Surroundings]
    searched: dict[str, dict[int, list[float]]]  # scores by way of searching and context length
    tokens: int = 0
    failed: str | None = None


def page(
    runs: Sequence[Run | str | Path],
    out: str | Path | None = None,
    *,
    results: str | Path = DEFAULT_RESULTS,
) -> Path:
    """Write a page of one run or several, one self-contained HTML file (by default into the first
    run's folder).

    A folder of runs stands for all of them. Raises RunError for what is no run, ConfigError for a
    place that cannot be written.
    """
    read = [open_run(run, results) for run in _expanded(runs, Path(results))]
    path = beside(read[0].folder, Path(results), PAGE_NAME) if out is None else Path(out)
    return write_page(read, path)


def write_page(
    runs: Sequence[Run],
    path: Path,
    most_tokens: int = MOST_TOKENS,
    experiment: Experiment | None = None,
) -> Path:
    """The page of runs that are open. Raises ConfigError for a place that cannot be written."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{path.name}: a page ends in .html")
    told = [told_of(run, Built({}, {}), most_tokens, experiment) for run in runs]
    with writing(path, "choose another --out", ConfigError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            page_html(page_data(told, comparisons(runs), history_of(runs))), encoding="utf-8"
        )
    return path


def comparisons(runs: Sequence[Run], *, these_only: bool = False) -> list[Comparison | str]:
    """Every further run beside the first, or why the two have no test: they still stand side by
    side."""
    found: list[Comparison | str] = []
    for run in runs[1:]:
        try:
            found.append(run.compare(runs[0], these_only=these_only))
        except RunError as error:
            found.append(str(error))
    return found


def history_of(runs: Sequence[Run]) -> list[str]:
    """What three or more runs of one recipe say by date, as ``niah history show`` prints it; else
    nothing."""
    if len(runs) < 3:
        return []
    from niah.plotter.history import history_lines  # these bring matplotlib and numpy
    from niah.verdict.history import line_of, signal_of

    try:
        lines = [line_of(run.header, run.rows.values(), run.dollars) for run in runs]
        return list(history_lines(signal_of(sorted(lines, key=lambda line: line.date))))
    except RunError:
        return []


def write_files(run: Run, palette: str, experiment: Experiment | None = None) -> list[str]:
    """The files beside a log: tables, picture and page, where they are not there already; returns
    warnings.

    Raises ConfigError and RunError for a place that cannot be written.
    """
    said, path = write_outputs(run.folder, run.view, palette), run.folder / PAGE_NAME
    if not path.exists() or path.stat().st_mtime_ns <= (run.folder / LOG_NAME).stat().st_mtime_ns:
        write_page([run], path, QUICK_TOKENS, experiment)
    return said


def told_of(
    run: Run, built: Built, most_tokens: int = MOST_TOKENS, experiment: Experiment | None = None
) -> Told:
    """Everything that a page tells of a run; ``built`` gains what was not in it."""
    trials = list(read_log(run.folder)[1].values())
    build(run, trials, built, most_tokens, experiment)
    ordinary = [r for r in trials if r.trial.control is None]
    priced: dict[int, list[Result]] = defaultdict(list)
    for r in ordinary:
        priced[r.trial.context_length].append(r)
    dollars = {
        n: cost
        for n, rows in priced.items()
        if (cost := dollars_of(run.header, rows, None)) is not None
    }
    missing = len(trials) - len(built.surroundings)
    return Told(
        name=name_of(run.folder),
        view=run.view,
        header=run.header,
        trials=trials,
        surroundings=built.surroundings,
        not_built=built.failed
        or (f"{plural(missing, 'prompt')} not built again here" if missing else None),
        warnings=run.warnings,
        dollars=dollars if any(dollars.values()) else {},
        searched=_best_way(built),
        judges=run.judges,
        marks=run.marks,
        agreed=run.opinions,
    )


def build(
    run: Run,
    trials: Sequence[Result],
    built: Built,
    most_tokens: int,
    experiment: Experiment | None = None,
) -> None:
    """Build prompts again as far as they may take so many tokens, those of wrong answers first."""
    if built.failed or run.header.imported is not None:
        built.failed = (
            built.failed or f"imported from {run.header.imported}: its prompts cannot be built"
        )
        return
    left = [r for r in trials if r.trial.id not in built.surroundings]
    if not left:
        return
    try:
        experiment = experiment or experiment_again(run.header)
        for r in sorted(left, key=lambda r: (r.score == 1, r.trial.epoch)):
            built.tokens += r.prompt_tokens
            if built.tokens > most_tokens:
                return
            prompt = experiment.prompt(r.trial)
            if prompt.digest != r.prompt_digest:
                raise RunError("haystack or niah have changed since")
            built.surroundings[r.trial.id] = surroundings_of(prompt)
            is_searched = (
                r.trial.control is None
                and r.trial.epoch == 0
                and r.trial.context_length <= _MOST_SEARCHED
            )
            if most_tokens > QUICK_TOKENS and is_searched:
                _search(experiment, r, prompt, built)
    except (
        NiahError,
        TypeError,
        ValueError,
    ) as error:  # the haystack is elsewhere, or its keys are of another time
        built.failed = f"prompts cannot be built again here: {error}"


def _search(experiment: Experiment, r: Result, prompt: Prompt, built: Built) -> None:
    """What a reader scores that only looks for words, which takes longer than to build a prompt."""
    search = Search(prompt.text)
    for way in WAYS:
        score = experiment.task.score(search.answer(way), prompt.planting).value
        built.searched.setdefault(way, {}).setdefault(r.trial.context_length, []).append(score)


def _best_way(built: Built) -> dict[int, float]:
    """What searching scores, in the way that does best over all lengths."""
    ways = [
        {n: fmean(scores) for n, scores in sorted(by.items())} for by in built.searched.values()
    ]
    return max(ways, key=lambda by: sum(by.values()), default={})


def _expanded(runs: Sequence[Run | str | Path], results: Path) -> Iterator[Run | str | Path]:
    """A folder that holds runs and is none itself stands for all of them: a suite, a history."""
    for run in runs:
        folder = (
            None
            if isinstance(run, Run)
            else next((f for f in (Path(run), results / run) if f.is_dir()), None)
        )
        if (
            folder is None
            or (folder / LOG_NAME).is_file()
            or not (inside := list(run_folders(folder)))
        ):
            yield run
        else:
            yield from inside
