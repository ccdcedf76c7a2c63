"""Questions that one grid does not answer, as functions above ``niah.api``.

How long a context does a model read, did a change of its engine break it, is it still the one of
last month?
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from niah.api import Config, sweep
from niah.errors import ConfigError, RunError, writing
from niah.experiment.config import RunConfig, config_of
from niah.experiment.experiment import experiment_again
from niah.experiment.scoring import rescored
from niah.run import AnyRun, Folder, Run, open_run
from niah.runlog.log import read_log
from niah.runs import DEFAULT_RESULTS
from niah.verdict import ladder
from niah.verdict.engine import EngineVerdict, engine_verdict
from niah.verdict.history import (
    REFERENCE,
    HistoryLine,
    Signal,
    line_of,
    lines_in,
    signal_of,
    text_of,
)


def effective(
    config: Config = None,
    *,
    at_least: int | None = None,
    results: Folder = DEFAULT_RESULTS,
    name: str | None = None,
    **settings: Any,
) -> ladder.Effective:
    """Find the effective length of a model by an adaptive run, which spares most of a grid.

    The same call resumes. By default 15 lengths from 1k up to ``claimed`` (or 128k), at 11 depths.
    Raises as ``sweep``.
    """
    read = config_of(config, {k: v for k, v in settings.items() if k == "claimed"})
    usual = _usual({*settings, *read.model_fields_set}, read.claimed)
    run = sweep(config, results=results, name=name, **{**usual, **settings, "adaptive": True})
    return ladder.effective_of(run.header, run.rows.values(), at_least)


def effective_config(config: RunConfig) -> RunConfig:
    """The config of an adaptive run, with what it needs and was not given. Raises ConfigError."""
    return config_of(config, {**_usual(config.model_fields_set, config.claimed), "adaptive": True})


def _usual(given: Collection[str], claimed: int | None) -> dict[str, str]:
    """Settings of an adaptive run that are not given."""
    longest = claimed or 128_000
    lengths = f"1k..{longest}:15" if longest > 1_000 else str(longest)
    usual = {"lengths": lengths, "depths": "0:100:10", "haystack": "synthetic:en"}
    return {key: value for key, value in usual.items() if key not in given}


ARMS = ("base", "control", "candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a candidate differs in from its base."""

    base_url: str | None = None
    model: str | None = None  # another GGUF, or another name
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the embedded engine

    @property
    def words(self) -> str:
        said = [f"{key}={value}" for key, value in self.settings.items()]
        said += [str(part) for part in (self.model, self.base_url) if part]
        return ", ".join(said)


def engine_arms(
    configs: Mapping[str, RunConfig], change: Change
) -> dict[str, dict[str, RunConfig]]:
    """The runs of base, control (the base again) and candidate, by arm and name.

    Raises ConfigError where nothing is changed.
    """
    if not change.words:
        raise ConfigError(
            "nothing is changed: give --base-url twice, --set KEY=VALUE, or --candidate MODEL"
        )
    changed = {key: value for key in ("base_url", "model") if (value := getattr(change, key))}
    candidate = {
        name: config_of(config, {**changed, "engine": {**config.engine, **change.settings}})
        for name, config in configs.items()
    }
    return {"base": dict(configs), "control": dict(configs), "candidate": candidate}


def judged_engine(folder: Path, names: Sequence[str], change: Change) -> EngineVerdict:
    """The verdict on three finished arms in their folders. Raises RunError where one is missing."""
    opened = [[open_run(folder / arm / name) for name in names] for arm in ARMS]
    base, again, candidate = ([(r.header, list(r.rows.values())) for r in runs] for runs in opened)
    before, control, after = map(_answers, opened)
    return engine_verdict(
        change.words,
        (base, again, candidate),
        (before, control, after),
        forced=bool(change.settings),
    )


def _answers(runs: Sequence[Run]) -> dict[str, str]:
    """The texts of all answers, by trial."""
    return {t["id"]: t["answer"] for r in runs for t in r.trials if t["answer"] is not None}


HISTORY = Path("history")


def history_add(
    run: AnyRun, file: Folder | None = None, *, results: Folder = DEFAULT_RESULTS
) -> tuple[Path, bool]:
    """Append a finished run to a history; its file, and whether it was new there.

    By default the file is one for the run's recipe and grid. Raises RunError for an unfinished run,
    one whose trials its answers chose, and a file that holds something else.
    """
    opened = open_run(run, results)
    opened.as_baseline()  # raises where trials are missing
    line = line_of(opened.header, opened.rows.values(), opened.dollars)
    path = Path(file) if file is not None else HISTORY / f"{line.recipe}-{line.trials}.jsonl"
    known = _history_lines(path) if path.exists() else ()
    if known and (known[0].recipe, known[0].trials) != (line.recipe, line.trials):
        raise RunError(
            f"{path} holds runs of another recipe or grid; leave out --file, or name another"
        )
    # prices change, and scores
    same = [old for old in known if replace(old, dollars=line.dollars, right=line.right) == line]
    if line.right in (old.right for old in same):
        return path, False
    if same:
        raise RunError(
            f"{path} holds this run as it was scored before;"
            f" take out its line, of {line.date}, and add it again"
        )
    with writing(path, "choose another place with --file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        with path.open("a", encoding="utf-8", newline="\n") as lines:
            lines.write("\n" * torn + text_of(line) + "\n")
    return path, True


def history_of(file: Folder | None = None, *, reference: int = REFERENCE) -> Signal:
    """What a history says. Without a file the only one in the folder history. Raises RunError."""
    if reference < 3:
        raise ConfigError(f"reference {reference}: fewer than 3 runs do not say what is usual")
    found = sorted(HISTORY.glob("*.jsonl")) if file is None else [Path(file)]
    if len(found) != 1:
        there = ", ".join(f.name for f in found) or "none"
        raise RunError(
            f"no history is named, and {HISTORY} holds no single one ({there});"
            " give FILE, or add a RUN first"
        )
    return signal_of(_history_lines(found[0]), reference)


def _history_lines(path: Path) -> tuple[HistoryLine, ...]:
    try:
        return lines_in(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from error


def verify(run: Run) -> None:
    """Check a run against its own recipe: ids are those of their places, scores of their answers.

    Raises RunError with the first that is not, and where the haystack has changed since.
    """
    if run.header.imported is not None:
        raise RunError(f"{run.folder} was imported: its answers cannot be scored here")
    experiment = experiment_again(run.header)
    places = {t.id: t for t in experiment.trials}
    for trial_id, result in read_log(run.folder)[1].items():
        if places.get(trial_id) != result.trial:
            raise RunError(
                f"trial {trial_id} is not what its recipe has at its place; the log was edited:"
                " run it anew"
            )
        again = rescored(result, experiment)
        if again.score != result.score:
            told = f"scored {result.score}, and its stored answer scores {again.score} today"
            mend = f"niah score {run.folder.name} brings them up to date"
            raise RunError(f"trial {trial_id} is {told}: {mend}")


def answered(*runs: AnyRun) -> str:
    """When the first and the last answer of some runs came: the same command sends nothing new."""
    stamps = sorted(r.finished for run in runs for r in open_run(run).rows.values() if r.finished)
    if not stamps:
        return "nothing was answered"
    return f"answered from {stamps[0][:16]} to {stamps[-1][:16]} UTC"
