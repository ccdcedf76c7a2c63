"""niah for Python: one function per verb, for notebooks, tests, plugins, and the command line.

Every verb that makes prompts takes a config (the name of a shipped one, a TOML file, a RunConfig,
or nothing) and settings by key, called as the flags of ``niah run`` are. ``task``, ``haystack`` and
``provider`` may be objects of one's own, and ``model`` a function that takes a prompt and returns
an answer. Variables ``NIAH_*`` set nothing here: what a program does stands in the program. Keys of
providers are read from the environment and .env, as always.

Imports that bring the network stand inside functions: what plans or judges needs none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from niah.elsewhere import plan_run, prompt_lines
from niah.errors import ConfigError, RunError
from niah.experiment.checks import check_one_model, check_used, completed
from niah.experiment.config import RunConfig, config_of
from niah.experiment.delivering import check_media
from niah.experiment.experiment import Choose, Experiment, experiment_of
from niah.experiment.export import checked_form
from niah.experiment.own import NOTHING, Own
from niah.experiment.planning import Plan, epoch_cost, plan_of
from niah.generator.haystack import Haystack
from niah.generator.library import haystack_of_files, haystack_of_texts, load_haystack
from niah.generator.tokenizers import tokenizer_of
from niah.providers.simulated import function
from niah.records import Header, Result
from niah.run import PALETTE, AnyRun, Folder, Run, open_run
from niah.runlog.log import open_log
from niah.runs import DEFAULT_RESULTS, check_limit, check_name, folder_name
from niah.share import write_files
from niah.verdict.gate_config import GateConfig, read_gate_config
from niah.verdict.ladder import Ladder
from niah.verdict.power import Aim, Outlook, Power, measured_flips, outlook_of, power_of
from niah.verdict.records import Comparison, Judgement

if TYPE_CHECKING:
    from niah.runner.background import Stoppable
    from niah.runner.progress import Observer

Config: TypeAlias = RunConfig | Folder | None


def sweep(
    config: Config = None,
    *,
    results: Folder = DEFAULT_RESULTS,
    name: str | None = None,
    limit: int | None = None,
    on_result: Callable[[Result], None] | None = None,
    **settings: Any,
) -> Run:
    """Ask a model at every length and depth, keep it in ``results/name``, and return the run.

    The same call resumes: finished trials are not sent again, and a larger grid extends the run.
    ``limit`` sends the first so many trials only; ``on_result`` is called with every result as it
    lands, in the sweep's thread. Works in a notebook, where it blocks the cell (``async_sweep``
    does not). An interrupt lets what is in flight finish and is raised then, a second one does not
    wait; what is finished stays in the folder.

    Raises the NiahError of whatever is wrong, RunError where nothing was measured.
    """
    from niah.runner.background import in_thread

    work, observer = _sweeping(config, settings, Path(results), name, limit, on_result)
    return in_thread(work, observer)


async def async_sweep(
    config: Config = None,
    *,
    results: Folder = DEFAULT_RESULTS,
    name: str | None = None,
    limit: int | None = None,
    on_result: Callable[[Result], None] | None = None,
    **settings: Any,
) -> Run:
    """``sweep`` for a running event loop. To cancel it lets what is in flight finish."""
    from niah.runner.background import in_thread_of_its_own

    given = config, settings, Path(results), name, limit, on_result
    work, observer = await asyncio.to_thread(_sweeping, *given)  # a haystack takes a while to load
    return await in_thread_of_its_own(work, observer)


def plan(
    config: Config = None,
    *,
    speed: float | AnyRun | None = None,
    results: Folder = DEFAULT_RESULTS,
    **settings: Any,
) -> Plan:
    """What a run would send, cost and take; ``print`` shows it. Sends nothing and needs no key.

    ``speed`` is in prompt tokens per second, or a finished run to take it from.
    """
    experiment = experiment_for(config, settings, key_needed=False)
    return plan_of(experiment, _speed(speed, Path(results)))


def outlook(config: Config, gates: GateConfig | Folder, **settings: Any) -> Outlook:
    """Whether a run of this size could pass or fail gates (a gate.toml or GateConfig) at all."""
    experiment = experiment_for(config, settings, key_needed=False)
    limits = gates if isinstance(gates, GateConfig) else read_gate_config(Path(gates))
    return outlook_of(limits, experiment.header(), experiment.trials)


def build(
    config: Config = None,
    *,
    form: str = "jsonl",
    verify: bool = False,
    run: str | None = None,
    results: Folder = DEFAULT_RESULTS,
    **settings: Any,
) -> Iterator[dict[str, object]]:
    """The prompts themselves, without a model: the objects that ``niah build`` writes as lines.

    ``form`` is jsonl, or the form of a batch service (openai-batch, anthropic-batch, gemini-batch,
    vllm-batch), which needs a model and has small prompts before the trials, by which ``collect``
    learns how the server counts. ``run`` plans a run of that name for the answers. ``verify``
    counts every prompt again as one piece. Raises ConfigError, PromptError where a length leaves no
    room, and RunError where the run is another one.
    """
    own, resolved = _parts(config, settings)
    check_used(resolved, own)
    experiment = experiment_of(checked_form(form, resolved), own)
    experiment.check_lengths()
    if run is not None:
        plan_run(experiment, run, Path(results))
    return prompt_lines(experiment, form, verify=verify)


def haystack(
    source: str | Path | Sequence[str] | Sequence[Path] | Mapping[str, str],
    *,
    name: str | None = None,
    tokenizer: str = "o200k_base",
) -> Haystack:
    """A haystack to look at, or to hand to ``sweep``, ``plan`` and ``build``.

    ``source`` is a name or several as strings ("en", "synthetic:zh-Hant"), files and folders of
    transcripts as Paths (.txt, .srt, .vtt, .md), or texts by title. ``name`` is that of one's own
    haystack in logs and pictures. Raises HaystackError, TranscriptError, UnknownName.
    """
    counter = tokenizer_of(tokenizer)
    if isinstance(source, Mapping):
        return haystack_of_texts(source, name or "own", counter)
    sources = [source] if isinstance(source, str | Path) else list(source)
    paths = [s for s in sources if isinstance(s, Path)]
    if paths and len(paths) < len(sources):
        raise ConfigError(
            f"haystack {sources}: names and files together; give names (strings), or files (Paths)"
        )
    if paths:
        return haystack_of_files(paths, name or paths[0].stem, counter)
    return load_haystack([part.strip() for s in sources for part in str(s).split(",")], counter)


def power(config: Config = None, **settings: Any) -> Power:
    """How many trials a comparison with a baseline needs for a grid, with their tokens and price.

    Beside config keys, ``settings`` may say what a gate is to see: ``drop``, ``flips``, ``margin``,
    ``confidence`` and ``chance``, as the fields of ``Aim``; by default a loss of 5 points in 90 of
    100 cases. ``repeats`` are two runs of one model, which say how many trials flip by chance.
    Raises ConfigError.
    """
    aims = {field.name: settings.pop(field.name) for field in fields(Aim) if field.name in settings}
    repeats = settings.pop("repeats", None)
    if repeats is not None:
        if "flips" in aims:
            raise ConfigError("flips, and two runs that measure them (--from): give one of the two")
        aims |= measured_flips(compare(*repeats).whole)
    own, resolved = _parts(config, settings)
    cells = len(resolved.lengths) * len(resolved.depths)
    return power_of(Aim(**aims), cells, *epoch_cost(resolved, own.task_for(resolved)))


def compare(
    older: AnyRun, newer: AnyRun, *, these_only: bool = False, results: Folder = DEFAULT_RESULTS
) -> Comparison:
    """What has changed from one run to another of the same trials (see ``Run.compare``)."""
    return open_run(newer, results).compare(older, these_only=these_only, results=results)


def gate(
    run: AnyRun,
    config: GateConfig | Folder | None = None,
    *,
    baseline: AnyRun | None = None,
    results: Folder = DEFAULT_RESULTS,
    **limits: Any,
) -> Judgement:
    """The verdict on a run: pass, fail, or not enough evidence (see ``Run.gate``)."""
    return open_run(run, results).gate(config, baseline=baseline, results=results, **limits)


def experiment_for(
    config: Config, settings: Mapping[str, Any], *, key_needed: bool = True
) -> Experiment:
    """What a config and settings name, checked as for a run and loaded. Raises NiahError."""
    own, resolved = _parts(config, settings)
    return ready(resolved, own, key_needed=key_needed)


def ready(config: RunConfig, own: Own | None = None, *, key_needed: bool = True) -> Experiment:
    """The experiment of a whole config, checked before anything is sent."""
    own = own or NOTHING
    experiment = experiment_of(completed(config, own, key_needed=key_needed), own)
    experiment.check_lengths()
    check_media(experiment)
    return experiment


def run_in(
    folder: Path,
    experiment: Experiment,
    observer: Observer,
    *,
    limit: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Send what is missing of an experiment, log it in a folder, tell an observer; no pictures.

    Without any result there is no folder. ``environment`` names the variables that had a part in
    the config. Not to be called in a thread whose event loop runs.
    """
    header = replace(experiment.header(), environment=dict(environment or {}))
    asked = experiment.first(limit)
    if header.design.adaptive:
        asked = replace(asked, choose=_rule_of(header, asked))
    with open_log(folder, header) as log:
        if log.added is not None:
            observer.extended(folder, log.added)
        stopped = None
        if next(asked.schedule(log.results), None) is None:
            observer.nothing_to_do()
        else:
            from niah.runner.sweep import send_missing  # brings the network: 0.1 s of import

            stopped = send_missing(asked, log, observer)
        return Run(folder=folder, header=log.header, rows=log.results, stopped=stopped)


def nothing_measured(run: Run) -> str:
    """Why a run holds no result, and what it leaves."""
    why = run.stopped or "no trial was sent"
    left = "keeps what was paid" if run.folder.exists() else "was not made"
    return f"stopped early ({why}): nothing was measured, {run.folder} {left}"


def _rule_of(header: Header, experiment: Experiment) -> Choose:
    """What an adaptive run sends next, from what has ended."""
    trials = {(t.context_length, t.depth_percent, t.epoch): t for t in experiment.trials}
    return lambda rows: [trials[place] for place in Ladder(header, rows.values()).next]


def _sweeping(
    config: Config,
    settings: Mapping[str, Any],
    results: Path,
    name: str | None,
    limit: int | None,
    on_result: Callable[[Result], None] | None,
) -> tuple[Callable[[], Run], Stoppable]:
    """The work of a sweep, everything checked and loaded, and what can stop it."""
    from niah.runner.background import Stoppable

    check_name(name)
    check_limit(limit)
    experiment, observer = experiment_for(config, settings), Stoppable(on_result)
    folder = results / folder_name(name, experiment.config)

    def work() -> Run:
        run = run_in(folder, experiment, observer, limit=limit)
        if not run.rows:
            raise RunError(nothing_measured(run))
        observer.said += write_files(run, PALETTE, experiment)
        return replace(run, said=tuple(observer.said))

    return work, observer


def _parts(config: Config, settings: Mapping[str, Any]) -> tuple[Own, RunConfig]:
    """The objects among some settings, and the config of the rest, which has their names."""
    objects = {k: v for k in ("task", "haystack", "provider") if _is_object(v := settings.get(k))}
    names = {k: v for k, v in settings.items() if k not in objects}
    if callable(names.get("model")):
        objects["provider"] = function(names.pop("model"))
    resolved = config_of(config, names)
    if "haystack" in objects and isinstance(objects["haystack"], Path | list | tuple | Mapping):
        objects["haystack"] = haystack(objects["haystack"], tokenizer=resolved.tokenizer)
    own = Own(**objects)
    if own.provider is None:
        check_one_model(resolved)
    return own, own.named(resolved)


def _is_object(value: object) -> bool:
    """Whether a setting is a part itself, or files that hold it, and not its name."""
    if isinstance(value, list | tuple):
        return not all(isinstance(v, str) for v in value)
    return value is not None and not isinstance(value, str)


def _speed(speed: float | AnyRun | None, results: Path) -> float | None:
    """Prompt tokens per second. Raises ConfigError for neither a rate nor a run with times."""
    if speed is None:
        return None
    try:
        rate = float(str(speed).replace(",", ""))
    except ValueError:
        run = speed if isinstance(speed, Run) else str(speed)
        return _prompt_speed(open_run(run, results))
    if not 0 < rate < float("inf"):
        raise ConfigError(
            f"--speed {str(speed)!r}: give prompt tokens per second above 0, or the name of a run"
        )
    return rate


def _prompt_speed(run: Run) -> float:
    """Prompt tokens per second to the first token, over the trials of a run. Raises ConfigError."""
    timed = [(r.prompt_tokens, r.first_token_s) for r in run.rows.values() if r.first_token_s]
    if not timed:
        raise ConfigError(
            f"{run.folder}: no trial of this run has a time to first token;"
            " give --speed as a number"
        )
    return sum(tokens for tokens, _ in timed) / sum(seconds for _, seconds in timed)
