"""Prompts as JSON Lines for other harnesses, or as the requests that a batch service takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from math import inf
from pathlib import Path

from niah.errors import ConfigError, PromptError, UnknownName, writing
from niah.experiment.access import service_of
from niah.experiment.config import RunConfig, config_of
from niah.experiment.delivering import call_tokens, delivery_in, presenter_in
from niah.experiment.experiment import Experiment
from niah.providers.batches import FORMS as BATCH_FORMS
from niah.providers.batches import BatchForm, batch_provider, request_line
from niah.providers.shapes import body_with, chat_messages, chat_tools
from niah.records import Prompt, Trial

FORMS = ("jsonl", *BATCH_FORMS)
BATCH_SERVICES = {  # forms of the providers that niah submits to, and that take half (2026-11)
    "openai": "openai-batch",
    "openai-responses": "openai-batch",
    "anthropic": "anthropic-batch",
    "gemini": "gemini-batch",
}
_UNLIMITED = BatchForm(provider="", speaks=())
# begins the ids of the small prompts beside the trials: they tell how a server counts
CALIBRATION = "calibrate-"


def checked_form(form: str, config: RunConfig) -> RunConfig:
    """The config with the provider that a form is for, where it names none.

    Raises UnknownName for a form that is not there, ConfigError where it lacks its model.
    """
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)
    if form == "jsonl":
        return config
    if config.model is None:
        raise ConfigError(f"--format {form} needs a model: --model NAME")
    if "provider" not in config.model_fields_set:
        config = config_of(config, {"provider": BATCH_FORMS[form].provider})
    batch_provider(form, service_of(config, keyed=False))
    return config


def lines_of(
    experiment: Experiment, form: str, *, verify: bool = False, small: Iterable[Prompt] = ()
) -> Iterator[dict[str, object]]:
    """The prompts of an experiment, built one after the other.

    ``small`` ones stand before a service's requests. Raises PromptError where a recount differs.
    """
    sent = sender_of(experiment)
    if form == "jsonl":
        for trial in experiment.trials:
            prompt = _built(experiment, trial, verify)
            yield _prompt_line(experiment, trial, prompt, sent(prompt))
        return
    provider = batch_provider(form, service_of(experiment.config, keyed=False))  # files hold no key
    for number, prompt in enumerate(small):
        yield request_line(form, provider, f"{CALIBRATION}{number}", prompt)
    for trial in experiment.trials:
        yield request_line(form, provider, trial.id, sent(_built(experiment, trial, verify)))


def sender_of(experiment: Experiment) -> Callable[[Prompt], Prompt]:
    """From a trial's prompt to the one request that its delivery makes of it.

    Raises ConfigError where it makes several, or asks a server: files have no second turn.
    """
    delivery, presenter = delivery_in(experiment), presenter_in(experiment)
    name = experiment.config.delivery
    single = ConfigError(
        f"delivery {name!r} asks more than once for a trial: use niah run, or another --delivery"
    )

    def sent(prompt: Prompt) -> Prompt:
        asked = next(delivery.deliver(prompt))
        if not isinstance(asked, Prompt):
            raise single
        return presenter.present(asked) if presenter else asked

    if experiment.config.media == "upload":
        raise ConfigError(
            "media 'upload' has no meaning for files of requests, which hold all;"
            " use --media inline"
        )
    if len(call_tokens(experiment, delivery, experiment.trials[0])) > 1:
        raise single
    return sent


def _prompt_line(
    experiment: Experiment, trial: Trial, prompt: Prompt, sent: Prompt
) -> dict[str, object]:
    """Everything a harness needs, as Chat Completions takes it. Field names are a promise."""
    shaped = chat_messages(sent, {})
    filled = b"".join(body_with({"messages": shaped.messages}, *shaped.texts))
    place = prompt.placements[0] if prompt.placements else None  # a control may have none
    return {
        "id": trial.id,
        **json.loads(filled),
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
        "haystack": experiment.haystack.name,
        "unique_share": prompt.unique_share,
        **chat_tools(sent),
    }


def as_line(table: Mapping[str, object]) -> str:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_lines(out: Path, lines: Iterable[str], form: str) -> tuple[list[Path], int]:
    """Write lines as they come, into further files where a service's file is full.

    Returns the files, and how many lines. Every file is written under another name, then renamed:
    one of that name is always whole. A single one is called ``out``, several ``out-1``, ``out-2``
    ... Raises ConfigError for a place or a line that cannot be written.
    """
    limits = BATCH_FORMS.get(form, _UNLIMITED)
    most_lines, most_bytes = limits.most_lines or inf, limits.most_bytes or inf
    named = partial(writing, out, "choose another --out", ConfigError)
    parts = [out.with_name(f"{out.name}.part")]
    count = in_part = size = 0
    with ExitStack() as left, ExitStack() as opened:
        left.callback(_removed, parts)
        with named():
            file = opened.enter_context(parts[0].open("wb"))
        for line in map(str.encode, lines):  # building stays outside: its errors are its own
            if len(line) > most_bytes:
                raise ConfigError(
                    f"a request has {len(line):,} bytes,"
                    f" a file of {form} at most {most_bytes:,}; send less"
                )
            with named():
                if in_part and (in_part == most_lines or size + len(line) > most_bytes):
                    opened.close()
                    parts.append(out.with_name(f"{out.name}.part{len(parts)}"))
                    file = opened.enter_context(parts[-1].open("wb"))
                    in_part = size = 0
                file.write(line)
            count, in_part, size = count + 1, in_part + 1, size + len(line)
        several = [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(1, len(parts) + 1)]
        names = several if parts[1:] else [out]
        with named():
            opened.close()
            for part, name in zip(parts, names, strict=True):
                part.replace(name)
    return names, count


def _removed(parts: Sequence[Path]) -> None:
    """Remove what a fault left half written."""
    for part in parts:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _built(experiment: Experiment, trial: Trial, verify: bool) -> Prompt:
    """A trial's prompt, counted again where that is asked for."""
    prompt = experiment.prompt(trial)
    counted = experiment.tokenizer.count(prompt.text) if verify else prompt.tokens
    if counted != prompt.tokens:
        raise PromptError(
            f"trial {trial.id} holds {counted} tokens instead of {prompt.tokens};"
            " please report this"
        )
    return prompt
