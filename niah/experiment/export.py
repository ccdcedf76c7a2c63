"""Prompts as JSON Lines for other harnesses: one object a line, or requests as a batch service takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path

from niah.errors import ConfigError, PromptError, UnknownName
from niah.experiment.config import RunConfig
from niah.experiment.delivering import call_tokens, delivery_in, presenter_in
from niah.experiment.experiment import Experiment
from niah.providers import Provider, Service, known_provider
from niah.providers.batches import FORMS as BATCH_FORMS
from niah.providers.batches import BatchForm, batch_provider, request_line
from niah.providers.shapes import body_with, chat_messages, chat_tools
from niah.records import Prompt, Trial

FORMS = ("jsonl", *BATCH_FORMS)
_UNLIMITED = BatchForm(provider="", speaks=())
CALIBRATION = "calibrate-"  # begins the ids of the small prompts beside the trials: they tell how a server counts


def checked_form(form: str, config: RunConfig) -> RunConfig:
    """The config with the provider that a form is for, where it names none.

    Raises UnknownName for a form that is not there, ConfigError where it needs a model and there is none.
    """
    if form not in FORMS:
        raise UnknownName("form", form, FORMS)
    if form == "jsonl":
        return config
    if config.model is None:
        raise ConfigError(f"--format {form} needs a model: --model NAME")
    if "provider" not in config.model_fields_set:
        config = RunConfig(**{**config.model_dump(exclude_unset=True), "provider": BATCH_FORMS[form].provider})
    provider_for(form, config)
    return config


def provider_for(form: str, config: RunConfig) -> Provider:
    """What makes the requests of a form; it needs no key. Raises ConfigError for a provider of another protocol."""
    service = Service(
        provider=config.provider,
        model=str(config.model),
        base_url=config.base_url or str(known_provider(config.provider).base_url),
        extra=config.extra,
        reply_field=config.reply_field,
        longest_context=max(config.lengths),
    )
    return batch_provider(form, service)


def lines_of(
    experiment: Experiment, form: str, *, verify: bool = False, small: Iterable[Prompt] = ()
) -> Iterator[dict[str, object]]:
    """The prompts of an experiment, built one after the other; before the requests of a service, ``small`` ones.

    Raises PromptError where a recount differs.
    """
    sent = sender_of(experiment)
    if form == "jsonl":
        for trial in experiment.trials:
            prompt = _built(experiment, trial, verify)
            yield {**prompt_line(trial, prompt, experiment.haystack.name), **_messages(sent(prompt))}
        return
    provider = provider_for(form, experiment.config)
    for number, prompt in enumerate(small):
        yield request_line(form, provider, f"{CALIBRATION}{number}", prompt)
    for trial in experiment.trials:
        yield request_line(form, provider, trial.id, sent(_built(experiment, trial, verify)))


def sender_of(experiment: Experiment) -> Callable[[Prompt], Prompt]:
    """From a trial's prompt to the one request that its delivery makes of it.

    Raises ConfigError where it makes several, or asks a server in between: files have no second turn.
    """
    delivery, presenter = delivery_in(experiment), presenter_in(experiment)

    def sent(prompt: Prompt) -> Prompt:
        asked = next(delivery.deliver(prompt))
        if not isinstance(asked, Prompt):
            raise single
        return presenter.present(asked) if presenter else asked

    name = experiment.config.delivery
    single = ConfigError(f"delivery {name!r} asks more than once for a trial: use niah run, or another --delivery")
    if len(call_tokens(experiment, delivery, experiment.trials[0])) > 1:
        raise single
    return sent


def _messages(sent: Prompt) -> dict[str, object]:
    """The fields of a line that hold what is sent, as Chat Completions takes it."""
    shaped = chat_messages(sent, {})
    filled: dict[str, object] = json.loads(b"".join(body_with({"messages": shaped.messages}, *shaped.texts)))
    return {**filled, **chat_tools(sent)}


def prompt_line(trial: Trial, prompt: Prompt, haystack: str) -> dict[str, object]:
    """Everything a harness needs to ask and to score, but for the messages. Field names are a promise."""
    place = prompt.placements[0] if prompt.placements else None  # a control may have none
    return {
        "id": trial.id,
        "messages": [],  # in its place among the fields
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


def as_line(table: Mapping[str, object]) -> str:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_lines(out: Path, lines: Iterable[str], form: str) -> tuple[list[Path], int]:
    """Write lines as they come, into further files where a service's file is full; the files, and how many lines.

    Every file is written under another name, then renamed: one of that name is always whole. A single one is called
    ``out``, several ``out-1``, ``out-2`` ... Raises ConfigError for a place that cannot be written.
    """
    files = _Files(out, BATCH_FORMS.get(form, _UNLIMITED))
    try:
        for line in lines:  # building stays outside of the files' errors: its errors are its own
            files.write(line.encode())
    finally:
        files.close()
    return files.named(), files.count


class _Files:
    """One file after the other, each within the limits of a service."""

    def __init__(self, out: Path, limits: BatchForm) -> None:
        self.count = 0
        self._out = out
        self._limits = limits
        self._parts: list[Path] = []
        self._bytes = self._lines = 0
        self._next()

    def write(self, line: bytes) -> None:
        most_lines, most_bytes = self._limits.most_lines or inf, self._limits.most_bytes or inf
        if self._lines and (self._lines == most_lines or self._bytes + len(line) > most_bytes):
            self.close()
            self._next()
        with _named_in_errors(self._out):
            self._file.write(line)
        self._bytes, self._lines, self.count = self._bytes + len(line), self._lines + 1, self.count + 1

    def close(self) -> None:
        with _named_in_errors(self._out):
            self._file.close()

    def named(self) -> list[Path]:
        """The files by their own names, when all is written."""
        out = self._out
        several = [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(1, len(self._parts) + 1)]
        names = several if len(several) > 1 else [out]
        with _named_in_errors(out):
            for part, name in zip(self._parts, names, strict=True):
                part.replace(name)
        return names

    def _next(self) -> None:
        self._bytes = self._lines = 0
        self._parts.append(self._out.with_name(f"{self._out.name}.part{len(self._parts) or ''}"))
        with _named_in_errors(self._out):
            self._file = self._parts[-1].open("wb")


@contextmanager
def _named_in_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error


def _built(experiment: Experiment, trial: Trial, verify: bool) -> Prompt:
    """A trial's prompt, counted again where that is asked for."""
    prompt = experiment.prompt(trial)
    counted = experiment.tokenizer.count(prompt.text) if verify else prompt.tokens
    if counted != prompt.tokens:
        raise PromptError(f"trial {trial.id} holds {counted} tokens instead of {prompt.tokens}; please report this")
    return prompt
