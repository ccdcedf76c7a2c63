"""niah run --suite: several runs of one model, a folder for each, and one summary of all."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table

from niah.errors import ConfigError, NiahError, RunError, UnknownName
from niah.experiment.checks import check_used
from niah.experiment.config import RunConfig, read_config
from niah.generator.library import language_of_haystack, shared_root
from niah.plotter.formatting import class_label, normalised_label, recall_label
from niah.plotter.wrapping import Words
from niah.records import Grid
from niah.tasks import task_of
from niah.text.shares import percent

SCHEMA = 1
NAMES = 19  # columns that a name gets at least, where it is that long
_RUN_KEYS = {*RunConfig.model_fields, "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named set of runs."""

    name: str
    summary: str
    configs: Mapping[str, RunConfig]  # by the name of the run's folder


def suite_names() -> dict[str, Path]:
    """The shipped suites."""
    return {p.stem: p for p in sorted((shared_root("configs") / "suites").glob("*.toml"))}


def suite_summaries() -> dict[str, str]:
    """One line on each of them."""
    return {name: _table(path).get("summary", "") for name, path in suite_names().items()}


def read_suite(name: str, flags: Mapping[str, Any]) -> Suite:
    """A suite by name or path, with flags on top of everything in it. Raises ConfigError or UnknownName."""
    path = Path(name)
    if not path.is_file():
        if name not in suite_names():
            raise UnknownName("suite", name, suite_names())
        path = suite_names()[name]
    if flags.get("task"):
        raise ConfigError(
            "a suite brings its own tasks: leave out --task (or NIAH_TASK), or run that task without --suite"
        )
    table = _table(path)
    configs: dict[str, RunConfig] = {}
    for run in table["runs"]:
        run_name = run.get("name", run["task"])
        if not _is_plain(run_name):
            raise ConfigError(f"{path}: name = {run_name!r}: a run's name is a plain folder name without slashes")
        if run_name in configs:
            raise ConfigError(f"{path}: two runs are called {run_name!r}; give one another name")
        configs[run_name] = _config(path, run_name, table["shared"], run, flags)
    return Suite(name=path.stem, summary=table.get("summary", ""), configs=configs)


def write_summary(
    folder: Path, suite: Suite, grids: Mapping[str, Grid], searched: Mapping[str, float | None], palette: str
) -> list[str]:
    """suite.json and suite.png; returns warnings about the picture. ``searched``: scores of searching, by run."""
    from niah.plotter.suite import save_multiples  # matplotlib, after the runs

    try:
        (folder / "suite.json").write_text(_summary_json(suite, grids, searched), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror})") from error
    return save_multiples(f"suite {suite.name}", grids, folder / "suite.png", palette)


def summary_view(
    title: str,
    grids: Mapping[str, Grid],
    columns: int,
    rows: str = "run",
    searched: Mapping[str, float | None] | None = None,
) -> RenderableType:
    """The table, or a line per run where so few columns cannot hold it."""
    table = summary_table(title, grids, rows, searched)
    if Console(width=1_000).measure(table).minimum <= columns:
        return table
    lines = [Words(title, "bold")]
    for name, grid in grids.items():
        shares = {c: percent(r.mean) for c, r in grid.by_control.items()}
        if searched is not None:
            shares["search"] = percent(searched.get(name))
        parts = [recall_label(grid.recall), *normalised_label(grid), *(f"{c} {share}" for c, share in shares.items())]
        parts += [other] if (other := _commonest(grid)) else []
        lines.append(Words(f"{name}: {', '.join(parts)}"))
    return Group(*lines)


def summary_table(
    title: str, grids: Mapping[str, Grid], rows: str = "run", searched: Mapping[str, float | None] | None = None
) -> Table:
    """One line per run: share found with interval, normalised, controls, what searching scores on the same prompts
    (where that is known), the commonest answer that was not right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column(rows, overflow="fold", min_width=min(NAMES, max(map(len, grids))))
    for column in ("found", "95 %", "n", "norm.", "absent", "oracle", "guess", *(["search"] if searched else [])):
        table.add_column(column, justify="right", no_wrap=True, min_width=4 if column == "n" else 6)
    table.add_column("other answers", min_width=len("answers"))
    counts: set[str] = set()
    for name, grid in grids.items():
        r, controls = grid.recall, grid.by_control
        interval = "-" if r.low is None or r.high is None else f"{100 * r.low:.0f}-{100 * r.high:.0f}"
        said = [percent(controls[c].mean if c in controls else None) for c in ("absent", "oracle", "closed-book")]
        said += [percent(searched.get(name))] if searched else []
        counts |= {f"{c.control} {c.n}" for c in grid.controls if c.control != "absent"}
        table.add_row(name, percent(r.mean), interval, str(r.n), percent(grid.normalised), *said, _commonest(grid))
    if counts:
        table.caption = f"norm. rests on few trials a run: n of {', '.join(sorted(counts))}".replace(
            "closed-book", "guess"
        )
        table.caption_justify = "left"
    return table


def _table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        table.setdefault("shared", {})
        runs: Sequence[Mapping[str, Any]] = table["runs"]
        if not isinstance(table["shared"], dict) or not isinstance(table.get("summary", ""), str):
            raise TypeError("[shared] is a table of settings, summary a line of text")
        unknown = [k for run in runs for k in run if k not in _RUN_KEYS]
        if not runs or any("task" not in run for run in runs):
            raise KeyError("[[runs]] with a task each")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a suite ({error}); it holds [shared] settings and [[runs]]") from error
    strange = [key for key in table["shared"] if key not in RunConfig.model_fields]
    if strange:
        raise UnknownName(f"key of [shared] in {path}", strange[0], RunConfig.model_fields)
    if unknown:
        raise UnknownName(f"key of a run in {path}", unknown[0], _RUN_KEYS)
    return table


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and Path(name).name == name and not name.startswith(".")


def _config(
    path: Path, name: str, shared: Mapping[str, Any], run: Mapping[str, Any], flags: Mapping[str, Any]
) -> RunConfig:
    given = {k: v for k, v in flags.items() if v is not None}
    own = {k: v for k, v in run.items() if k != "name"}
    merged = {**shared, **own, **given}
    haystack = str(run.get("haystack", ""))
    if haystack.endswith(":LANGUAGE"):  # a made haystack, in the language of the one that all runs share
        named = given.get("haystack", shared.get("haystack", RunConfig.model_fields["haystack"].default))
        merged["haystack"] = haystack.replace("LANGUAGE", language_of_haystack(named))
    try:
        config = read_config(None, merged)
        task_of(config.task)
        check_used(config)
        return config
    except NiahError as error:
        raise ConfigError(f"{path.name}, run {name}: {error}") from error


def _summary_json(suite: Suite, grids: Mapping[str, Grid], searched: Mapping[str, float | None]) -> str:
    means = [g.recall.mean for g in grids.values() if g.recall.mean is not None]
    runs = [
        {
            "name": name,
            "task": grid.task,
            "haystack": grid.haystack,
            "recall": asdict(grid.recall),
            "normalised": grid.normalised,
            "search": searched.get(name),
            "parts": {part: asdict(recall) for part, recall in grid.parts.items()},
            "answer_classes": dict(grid.answer_classes),
            "controls": [asdict(c) for c in grid.controls],
        }
        for name, grid in grids.items()
    ]
    model = next(iter(grids.values())).model
    mean = sum(means) / len(means) if means else None  # every run weighs the same
    table = {"schema": SCHEMA, "suite": suite.name, "model": model, "mean": mean, "runs": runs}
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def _commonest(grid: Grid) -> str:
    others = {k: n for k, n in grid.answer_classes.items() if k != "right"}
    if not others:
        return ""
    name = max(others, key=lambda k: others[k])
    return f"{others[name]:,} {class_label(name)}"
