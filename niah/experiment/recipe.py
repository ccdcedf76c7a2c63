"""What of a config decides the bytes of a prompt, and its digest, which is in every trial's id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields

from niah.experiment.config import RunConfig
from niah.generator.cache import key_of
from niah.generator.haystack import Haystack
from niah.generator.tokenizers import Tokenizer
from niah.tasks import Options, Task
from niah.tasks._questions import question_file
from niah.text.renamed import first_names

UUID_TOKENS = 48  # more of them in a reply whose value is a uuid


def options_of(config: RunConfig) -> Options:
    """The config keys that tasks read."""
    return Options(**{field.name: getattr(config, field.name) for field in fields(Options)})


def reply_tokens_of(config: RunConfig, task: Task) -> int:
    """The reply budget in tokens: as asked, else the task's, with more room for a uuid."""
    more = UUID_TOKENS if config.value_kind == "uuid" else 0
    return config.reply_tokens or task.REPLY_TOKENS + more


def recipe_of(
    config: RunConfig, task: Task, haystack: Haystack, tokenizer: Tokenizer, language: str
) -> str:
    """A digest of all that decides the bytes of a prompt; runs that agree in it pair by trial."""
    recipe = {
        "task": config.task,
        "task_version": task.VERSION,
        "haystack": haystack.digest,
        "haystack_per": config.haystack_per,
        "tokenizer": tokenizer.name,
        "language": language,
        **_decisive(config, task),
        "aligned": config.aligned,
        "seed": config.seed,
        "reply_tokens": reply_tokens_of(config, task),
    }
    if config.may_be_absent:  # came later: without it, trials keep the ids they had before
        recipe["may_be_absent"] = True
    return recipe_digest(first_names(recipe))


def recipe_digest(recipe: Mapping[str, object]) -> str:
    canonical = json.dumps(recipe, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _decisive(config: RunConfig, task: Task) -> dict[str, object]:
    """The options that decide a prompt's bytes.

    One that came later and has its default is left out: trials keep the ids they had before it.
    """
    usual = {k: field.default for k, field in RunConfig.model_fields.items()}
    keys = {k for k in task.OPTIONS if k == "distractor_count" or getattr(config, k) != usual[k]}
    keys -= {"tolerance_s"}  # it decides scores, and no byte
    if config.needle_count == getattr(task, "COUNT", None):
        keys -= {"needle_count"}
    table: dict[str, object] = {k: getattr(config, k) for k in keys}
    if "questions" in table:  # what is in the files, wherever they are
        files = map(question_file, config.questions)
        table["questions"] = [key_of(file.read_text(encoding="utf-8")) for file in files]
    return table
