"""A run as a page to send to people: what it tells, gathered from log, recipe, judges and marks.

Prompts are not kept; a needle in its surroundings is built again from the recipe and shown only
where its digest is that of the prompt that was sent. No network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from niah.errors import ConfigError, NiahError, RunError, writing
from niah.experiment.experiment import Experiment, experiment_again
from niah.plotter.formatting import plural
from niah.plotter.outputs import write_outputs
from niah.plotter.page import Surroundings, Told, page_data, page_html, surroundings_of
from niah.providers.search import WAYS, Search
from niah.records import Prompt, Result
from niah.run import AnyRun, Folder, Run, open_run
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
    """Prompts that are built again, kept while a page follows its run."""

    most_tokens: int = MOST_TOKENS
    experiment: Experiment | None = None  # that builds them, where it is at hand
    surroundings: dict[str, Surroundings] = field(default_factory=dict)
    searched: dict[str, dict[int, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )  # scores by way of searching and context length
    tokens: int = 0
    failed: str | None = None


def page(
    runs: AnyRun | Sequence[AnyRun], out: Folder | None = None, *, results: Folder = DEFAULT_RESULTS
) -> Path:
    """Write runs as one self-contained HTML file, by default beside the first; its path.

    A folder of runs stands for all of them. Raises RunError for what is no run, ConfigError for a
    place that cannot be written.
    """
    if isinstance(runs, AnyRun):
        runs = [runs]
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
    told = [told_of(run, Built(most_tokens, experiment)) for run in runs]
    text = page_html(page_data(told, comparisons(runs), history_of(runs)))
    with writing(path, "choose another --out", ConfigError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def comparisons(runs: Sequence[Run], *, these_only: bool = False) -> list[Comparison | str]:
    """Every further run beside the first, or why the two have no test: they still stand there."""
    found: list[Comparison | str] = []
    for run in runs[1:]:
        try:
            found.append(run.compare(runs[0], these_only=these_only))
        except RunError as error:
            found.append(str(error))
    return found


def history_of(runs: Sequence[Run]) -> list[str]:
    """What three or more runs of one recipe say by date, as ``niah history show`` prints it."""
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
    """Write tables, picture and page beside a log, where they are not there; returns warnings.

    Raises ConfigError and RunError for a place that cannot be written.
    """
    said = write_outputs(run.folder, run.view, palette)
    log, path = run.folder / LOG_NAME, run.folder / PAGE_NAME
    if not path.exists() or path.stat().st_mtime_ns <= log.stat().st_mtime_ns:
        write_page([run], path, QUICK_TOKENS, experiment)
    return said


def told_of(run: Run, built: Built) -> Told:
    """Everything that a page tells of a run; ``built`` gains what was not in it."""
    trials = list(read_log(run.folder)[1].values())
    _build(run, trials, built)
    left = len(trials) - len(built.surroundings)
    not_built = f"{plural(left, 'prompt')} not built again here" if left else None
    return Told(
        name=name_of(run.folder),
        view=run.view,
        header=run.header,
        trials=trials,
        surroundings=built.surroundings,
        not_built=built.failed or not_built,
        warnings=run.warnings,
        dollars=_dollars(run, trials),
        searched=_best_way(built),
        judges=run.judges,
        marks=run.marks,
        agreed=run.opinions,
    )


def _dollars(run: Run, trials: Sequence[Result]) -> dict[int, float]:
    """What each length has cost, as far as that is known; nothing where nothing has."""
    rows: dict[int, list[Result]] = defaultdict(list)
    for r in trials:
        if r.trial.control is None:
            rows[r.trial.context_length].append(r)
    costs = {n: dollars_of(run.header, own, None) for n, own in rows.items()}
    known = {n: cost for n, cost in costs.items() if cost is not None}
    return known if any(known.values()) else {}


def _build(run: Run, trials: Sequence[Result], built: Built) -> None:
    """Build prompts again as far as they may take so many tokens, those of wrong answers first."""
    if run.header.imported is not None:
        built.failed = f"imported from {run.header.imported}: its prompts cannot be built"
    left = [r for r in trials if r.trial.id not in built.surroundings]
    if built.failed or not left:
        return
    try:
        experiment = built.experiment or experiment_again(run.header)
        for r in sorted(left, key=lambda r: (r.score == 1, r.trial.epoch)):
            built.tokens += r.prompt_tokens
            if built.tokens > built.most_tokens:
                return
            prompt = experiment.prompt(r.trial)
            if prompt.digest != r.prompt_digest:
                raise RunError("haystack or niah have changed since")
            built.surroundings[r.trial.id] = surroundings_of(prompt)
            short = r.trial.epoch == 0 and r.trial.context_length <= _MOST_SEARCHED
            if built.most_tokens > QUICK_TOKENS and short and r.trial.control is None:
                _search(experiment, r, prompt, built)
    except (NiahError, TypeError, ValueError) as error:  # no such haystack, or keys of another time
        built.failed = f"prompts cannot be built again here: {error}"


def _search(experiment: Experiment, r: Result, prompt: Prompt, built: Built) -> None:
    """What a reader scores that only looks for words, which takes longer than to build a prompt."""
    search = Search(prompt.text)
    for way in WAYS:
        score = experiment.task.score(search.answer(way), prompt.planting).value
        built.searched[way][r.trial.context_length].append(score)


def _best_way(built: Built) -> dict[int, float]:
    """What searching scores, in the way that does best over all lengths."""
    ways = [{n: fmean(by[n]) for n in sorted(by)} for by in built.searched.values()]
    return max(ways, key=lambda by: sum(by.values()), default={})


def _expanded(runs: Sequence[AnyRun], results: Path) -> Iterator[AnyRun]:
    """A folder that holds runs and is none itself stands for all of them: a suite, a history."""
    for run in runs:
        places = [] if isinstance(run, Run) else [Path(run), results / run]
        folder = next((place for place in places if place.is_dir()), None)
        meant: Sequence[Run | str | Path] = [run]
        if folder is not None and not (folder / LOG_NAME).is_file():
            meant = list(run_folders(folder)) or meant
        yield from meant
