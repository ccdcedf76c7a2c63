"""Prompts as JSON Lines for other harnesses: one object a line, or requests of OpenAI's batch endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from niah.errors import ConfigError, PromptError, UnknownName
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.records import Prompt, Trial

FORMATS = ("jsonl", "openai-batch")


def check_form(form: str, config: RunConfig) -> None:
    """Raises UnknownName for a form that is not there, ConfigError where it needs a model and there is none."""
    if form not in FORMATS:
        raise UnknownName("form", form, FORMATS)
    if form == "openai-batch" and config.model is None:
        raise ConfigError("--format openai-batch needs a model: --model NAME")


def lines_of(experiment: Experiment, form: str, *, verify: bool) -> Iterator[dict[str, object]]:
    """The prompts of an experiment, built one after the other. Raises PromptError where a recount differs."""
    for trial in experiment.trials:
        prompt = experiment.prompt(trial)
        if verify:
            _count_again(experiment, trial, prompt)
        if form == "openai-batch":
            yield batch_line(trial, prompt, str(experiment.config.model), experiment.config.extra)
        else:
            yield prompt_line(trial, prompt, experiment.haystack.name)


def prompt_line(trial: Trial, prompt: Prompt, haystack: str) -> dict[str, object]:
    """Everything a harness needs to ask and to score. Field names are a promise."""
    place = prompt.placements[0] if prompt.placements else None  # a control may have none
    return {
        "id": trial.id,
        "messages": [{"role": "user", "content": prompt.text}],
        "context_length": trial.context_length,
        "reply_tokens": prompt.reply_tokens,
        "prompt_tokens": prompt.tokens,
        "depth_percent": trial.depth_percent,
        "actual_depth_percent": place and place.actual_depth_percent,
        "control": trial.control,
        "epoch": trial.epoch,
        "task": trial.task,
        "needles": [
            {"text": n.text, "value": n.value, "actual_depth_percent": p.actual_depth_percent}
            for n, p in zip(prompt.planting.needles, prompt.placements, strict=False)
        ],
        "targets": prompt.planting.targets,
        "question": prompt.planting.question,
        "digest": prompt.digest,
        "haystack": haystack,
        "unique_share": prompt.unique_share,
    }


def batch_line(trial: Trial, prompt: Prompt, model: str, extra: Mapping[str, object]) -> dict[str, object]:
    """One line of an input file for OpenAI's /v1/batches; answers come back under custom_id."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt.text}],
        "max_completion_tokens": prompt.reply_tokens,
        **extra,
    }
    return {"custom_id": trial.id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def as_line(table: Mapping[str, object]) -> str:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n"


def _count_again(experiment: Experiment, trial: Trial, prompt: Prompt) -> None:
    counted = experiment.tokenizer.count(prompt.text)
    if counted != prompt.tokens:
        raise PromptError(f"trial {trial.id} holds {counted} tokens instead of {prompt.tokens}; please report this")
