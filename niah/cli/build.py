"""niah build: the prompts themselves, without a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from niah.cli.help import Command
from niah.cli.options import config_from, config_options
from niah.errors import ConfigError, PromptError
from niah.experiment.checks import check_used
from niah.experiment.experiment import Experiment, experiment_of
from niah.experiment.export import FORMATS, as_line, batch_line, prompt_line
from niah.plotter.formatting import plural
from niah.records import Prompt, Trial


@click.command(cls=Command)
@config_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; by default standard output."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="Form of a line."
)
@click.option("--verify", is_flag=True, help="Count every prompt again as one piece.")
def build(config: str | None, out: Path | None, form: str, verify: bool, **flags: Any) -> None:
    """Write the prompts of CONFIG and flags, one JSON object a line, as they are built. Needs no model and no key."""
    resolved = config_from(config, flags)
    check_used(resolved)
    if form == "openai-batch" and resolved.model is None:
        raise ConfigError("--format openai-batch needs a model: --model NAME")
    experiment = experiment_of(resolved)
    experiment.check_lengths()
    lines = (as_line(_line(experiment, trial, form, verify)) for trial in experiment.trials)
    if out is None:
        for line in lines:
            click.echo(line, nl=False)
    else:
        _write(out, lines)
    click.echo(f"{plural(len(experiment.trials), 'prompt')}{' verified' if verify else ''}", err=True)


def _write(out: Path, lines: Iterator[str]) -> None:
    """Write under another name, then rename: a file of that name is always whole."""
    part = out.with_name(f"{out.name}.part")
    with _named_in_errors(out):
        file = part.open("w", encoding="utf-8", newline="\n")
    try:
        for line in lines:  # building stays outside: its errors are not the file's
            with _named_in_errors(out):
                file.write(line)
    finally:
        with _named_in_errors(out):
            file.close()
    with _named_in_errors(out):
        part.replace(out)


@contextmanager
def _named_in_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error


def _line(experiment: Experiment, trial: Trial, form: str, verify: bool) -> dict[str, object]:
    prompt = experiment.prompt(trial)
    if verify:
        _count_again(experiment, trial, prompt)
    if form == "openai-batch":
        return batch_line(trial, prompt, str(experiment.config.model), experiment.config.extra)
    return prompt_line(trial, prompt, experiment.haystack.name)


def _count_again(experiment: Experiment, trial: Trial, prompt: Prompt) -> None:
    counted = experiment.tokenizer.count(prompt.text)
    if counted != prompt.tokens:
        raise PromptError(f"trial {trial.id} holds {counted} tokens instead of {prompt.tokens}; please report this")
