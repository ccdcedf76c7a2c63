"""What a config leaves open, filled in, and its names checked, before anything is loaded."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from niah.deliveries import Chunking
from niah.errors import ConfigError, listed
from niah.experiment.access import addressed, api_key_of
from niah.experiment.config import RunConfig, decides
from niah.experiment.own import NOTHING, Own
from niah.providers import PROVIDERS, known_provider, local, simulated, speaks_chat
from niah.providers.media import media_limits
from niah.providers.simulated import FUNCTION
from niah.tasks import Options, Task, task_names, task_of
from niah.text.outside import hide, secrets_in

READS = {"ocr": "pages", "listener": "speech"}  # what the instruments for pictures and sound take
READERS = ("simulated", *READS)  # providers of simulated readers
# for a provider inside this process
_MEANINGLESS = ("base_url", "api_key_env", "api_key_file", "reply_field", "headers")
# for a function
_OF_SERVERS = (*_MEANINGLESS, "extra", "engine", "mmproj", "target_logprob", "cache_marks")
_WITH_PROMPTS = {"prompts", "tokenizer", "seed"}  # keys of prompts that mean something with them
_NOT_ADAPTIVE = ("epochs", "order", "controls", "aligned")
# keys of a delivery, and what of delivery or sent_as begins with when they mean something
_USED_BY = {
    "turn_tokens": ("chat", "tools"),
    "needle_role": ("chat",),
    **dict.fromkeys(("tts", "audio_form", "piece_s"), ("speech",)),
    **dict.fromkeys(("media", "media_share"), ("pages", "speech")),
    **dict.fromkeys(("page_px", "page_type_px", "page_font"), ("pages",)),
    **dict.fromkeys(("chunk_tokens", "chunk_overlap"), ("retrieve", "hybrid", "summarise")),
    "chunk_count": ("retrieve", "hybrid"),
    **dict.fromkeys(
        ("embed_url", "embed_key_env", "embed_model"),
        ("retrieve:dense", "retrieve:rrf", "hybrid:dense", "hybrid:rrf"),
    ),
}


def concurrency_of(config: RunConfig) -> int:
    """Most requests in flight: as asked, else 8, but 1 for a model inside this process."""
    return config.concurrency or (1 if config.provider in ("local", FUNCTION) else 8)


def chunking_of(config: RunConfig) -> Chunking:
    """How a run's haystacks are cut into chunks."""
    tokens, overlap = (2_048, 0) if config.delivery == "summarise" else (256, 32)
    return Chunking(
        tokens=config.chunk_tokens or tokens,
        overlap=overlap if config.chunk_overlap is None else config.chunk_overlap,
        count=config.chunk_count,
    )


def completed(config: RunConfig, own: Own = NOTHING, *, key_needed: bool = True) -> RunConfig:
    """The config with its model's default filled in and all names checked; nothing is opened yet.

    A provider handed over brings its own address and key. Raises UnknownName or ConfigError.
    """
    hide(*secrets_in(config.model_dump()))
    check_used(config, own)
    if own.provider is not None:
        return config
    check_one_model(config)
    if config.provider == "local":
        config = config.model_copy(update={"model": config.model or local.DEFAULT_MODEL})
        local.check_local_model(str(config.model), config.mmproj)
        if config.sent_as in READS.values() and config.mmproj is None:
            raise ConfigError(
                f"model {config.model!r} takes text alone;"
                f" for {config.sent_as} add --mmproj PATH.gguf"
            )
    elif not config.model:
        example = "perfect" if config.provider in READERS else "NAME"
        raise ConfigError(f"provider {config.provider!r} needs a model: --model {example}")
    elif config.provider in READERS:
        simulated.check_reader(config.model)
    else:
        config = addressed(config)
        if key_needed:
            api_key_of(config)
    return config


def by_model(config: RunConfig) -> dict[str, RunConfig]:
    """The config of every model that is named, several joined by commas. Raises ConfigError."""
    text = config.model or ""
    if "," not in text or Path(text).is_file():
        return {text: config}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"--model {text!r}: {name!r} is named twice; name every model once")
    if not names:
        raise ConfigError(f"--model {text!r}: name at least one model, several joined as A,B")
    return {name: config.model_copy(update={"model": name}) for name in names}


def check_one_model(config: RunConfig) -> None:
    """Raises ConfigError where several models are named."""
    if len(by_model(config)) > 1:
        raise ConfigError(
            f"model {config.model!r}: one call is for one model; call it once for each of them"
        )


def check_used(config: RunConfig, own: Own = NOTHING) -> None:
    """Raises UnknownName for an unknown provider, ConfigError for a setting to be ignored."""
    if own.provider is None:
        check_provider(config)
    for key in _OF_SERVERS:
        if config.provider == FUNCTION and getattr(config, key):
            raise _meaningless(key, "for a model that is a function; leave it out")
    task = own.task_for(config)
    _check_delivery(config, task)
    _check_adaptive(config)
    _check_prompts(config)
    for key in (field.name for field in fields(Options)):
        given = key in config.model_fields_set and getattr(config, key) is not None
        if given and key not in task.OPTIONS and key not in _USED_BY:
            users = [name for name in task_names() if key in task_of(name).OPTIONS]
            said = f"{key} has no meaning for task {config.task!r}; leave it out, or use "
            raise ConfigError(said + listed(users, len(users), len(said)))


def _meaningless(key: str, why: str) -> ConfigError:
    return ConfigError(f"{key} has no meaning {why}")


def check_provider(config: RunConfig) -> None:
    """Raises UnknownName for a provider that is not there, ConfigError for what it would ignore."""
    known, name = known_provider(config.provider), config.provider
    for key in _MEANINGLESS:
        if getattr(config, key) and known.embedded:
            raise _meaningless(key, f"for provider {name!r}; leave it out, or use openai")
    for key in ("engine", "mmproj"):
        if getattr(config, key) and name != "local":
            raise _meaningless(key, f"for provider {name!r}, only for 'local'; leave it out")
    if config.target_logprob:
        _check_logprob(config)
    if config.cache_marks and not known.marks:
        marking = ", ".join(other for other, entry in PROVIDERS.items() if entry.marks)
        raise _meaningless("cache_marks", f"for {name!r}, only for {marking}; leave it out")
    if config.api_key_env and config.api_key_file:
        raise ConfigError("api_key_env and api_key_file both name a key; leave one of them out")


def _check_logprob(config: RunConfig) -> None:
    """Raises ConfigError where the log-probability is not told, or asked beside a budget."""
    if not (config.provider == "local" or speaks_chat(config.provider)):
        raise ConfigError(
            f"target_logprob: {config.provider!r} tells none; use llama.cpp, vllm, sglang or openai"
        )
    for key in ("max_cost", "max_tokens"):
        if getattr(config, key) is not None:
            raise ConfigError(
                f"{key} with target_logprob: its requests are beside the budget; leave one out"
            )
    if (config.delivery, config.sent_as) != ("full", "text"):
        raise ConfigError(
            "target_logprob is of whole prompts; leave out delivery and sent_as, or leave that out"
        )


def _check_delivery(config: RunConfig, task: Task) -> None:
    """Raises ConfigError for a setting of another delivery than the one that is named."""
    if config.delivery.startswith("window") and config.sent_as != "text":
        raise ConfigError(
            f"--delivery window sends the end of one text, and not as {config.sent_as};"
            " use --as text"
        )
    for key, users in _USED_BY.items():
        given = key in config.model_fields_set and getattr(config, key) is not None
        used = config.delivery.startswith(users) or config.sent_as.startswith(users)
        if given and not used and key not in task.OPTIONS:
            raise _meaningless(key, f"here; leave it out, or use {' or '.join(users)}")
    chunking = chunking_of(config)
    if chunking.overlap >= chunking.tokens:
        raise ConfigError(
            f"chunk_overlap {chunking.overlap} must be below chunk_tokens {chunking.tokens};"
            " lower it"
        )
    _check_form(config)
    if config.sent_as == "speech" and config.media_share < 100 and "tolerance_s" in task.OPTIONS:
        why = f"for task {config.task!r}: times are those of one recording"
        raise _meaningless("media_share", why)
    if bool(config.embed_url) != bool(config.embed_model):
        raise ConfigError("embed_url and embed_model belong together; give both")
    if config.embed_key_env and not config.embed_url:
        raise ConfigError(
            "embed_key_env is for the server of embed_url, and none is given;"
            " leave it out, or give that"
        )


def _check_form(config: RunConfig) -> None:
    """Raises ConfigError for a way of sending that the provider cannot take, or a missing part."""
    reads = READS.get(config.provider)
    only_text = config.provider in ("simulated", FUNCTION) and config.sent_as in READS.values()
    if reads not in (None, config.sent_as) or only_text:
        raise ConfigError(
            f"provider {config.provider!r} takes --as {reads or 'text'}, not {config.sent_as!r}"
        )
    if config.media == "upload" and not media_limits(config.provider, "").takes_files:
        raise ConfigError(
            f"media 'upload': provider {config.provider!r} takes no files; use --media inline"
        )
    if config.sent_as == "speech" and config.tts is None:
        raise ConfigError(
            "sent_as 'speech' needs a voice:"
            " --tts 'flite -voice rms -f {text} -o {wav}', or another"
        )
    if config.provider == "ollama" and config.sent_as.startswith("tools"):
        raise _meaningless("sent_as 'tools'", "for provider 'ollama'; use openai with its address")


def _check_adaptive(config: RunConfig) -> None:
    """Raises ConfigError for settings that an adaptive run, or any other, would ignore."""
    for key in ("bisect", "threshold", "trials_per_length"):
        if key in config.model_fields_set and not config.adaptive:
            raise _meaningless(key, "without adaptive; set that too, or leave it out")
    ignored = [key for key in _NOT_ADAPTIVE if not _is_usual(config, key)]
    if config.adaptive and ignored:
        why = "for an adaptive run, which chooses its own trials"
        raise _meaningless(ignored[0], f"{why}; leave it out, or set trials_per_length")


def _check_prompts(config: RunConfig) -> None:
    """Raises ConfigError for a setting of prompts of ours where others are given."""
    if config.prompts is None:
        return
    ours = ("grid", "prompts", "controls")
    beside = {key for key in config.model_fields_set if decides(key) in ours} - _WITH_PROMPTS
    beside |= {key for key in ("delivery", "sent_as") if not _is_usual(config, key)}
    if beside:
        raise _meaningless(min(beside), "with --prompts, which names whole prompts; leave it out")


def _is_usual(config: RunConfig, key: str) -> bool:
    return bool(getattr(config, key) == RunConfig.model_fields[key].default)
