"""What the shell offers behind Tab: configs, tasks, runs, providers, models and their like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def offering(names: Callable[[click.Context], Iterable[str]], *, files: bool = False) -> Complete:
    """Offer those names that begin as the word does; behind a comma its last part. Files where none does."""

    def complete(ctx: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
        done, comma, begun = word.rpartition(",")
        found = [CompletionItem(done + comma + name) for name in names(ctx) if name.startswith(begun)]
        return found or ([CompletionItem(word, type="file")] if files else [])

    return complete


def _listed(where: str) -> Callable[[click.Context], Iterable[str]]:
    """The names that a function or a table lists, as module:name; it is imported while a word is typed, not before."""

    module, _, attribute = where.partition(":")

    def names(_: click.Context) -> Iterable[str]:
        found: Any = getattr(import_module(module), attribute)
        return [*(found() if callable(found) else found)]

    return names


def _models(ctx: click.Context) -> Iterable[str]:
    """Of the providers that need no server; nobody is asked while a word is typed."""
    from niah.providers.local import LOCAL_MODELS
    from niah.providers.simulated import READERS

    provider = ctx.params.get("provider") or "local"
    return {"local": [*LOCAL_MODELS], "simulated": [r.partition("TOKENS")[0] for r in READERS]}.get(provider, [])


def _haystacks(_: click.Context) -> Iterable[str]:
    from niah.generator.library import SYNTHETIC, haystack_folders
    from niah.generator.synthetic import spoken

    return [*haystack_folders(), *(f"{SYNTHETIC}:{language}" for language in spoken())]


def _runs(ctx: click.Context) -> Iterable[str]:
    from niah.cli.options import results_folder  # which imports this module
    from niah.runs import run_folders

    results = Path(ctx.params.get("results") or results_folder())
    return [folder.relative_to(results).as_posix() for folder in run_folders(results)]


CONFIGS = offering(_listed("niah.experiment.config:shipped_configs"), files=True)
TASKS = offering(_listed("niah.tasks:task_names"))
PROVIDERS = offering(_listed("niah.providers:PROVIDERS"))
MODELS = offering(_models, files=True)
HAYSTACKS = offering(_haystacks, files=True)
SUITES = offering(_listed("niah.experiment.suites:suite_names"), files=True)
RUNS = offering(_runs, files=True)
BY_KEY = {"task": TASKS, "provider": PROVIDERS, "model": MODELS, "haystack": HAYSTACKS}
