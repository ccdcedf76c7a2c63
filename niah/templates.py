"""Commented files to start from.

Those for a run and a gate are made from the keys themselves, so none is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from niah.experiment.config import RunConfig, key_sections
from niah.generator.library import shared_root
from niah.text.validation import plain_type
from niah.verdict.gate_config import GateConfig

LIMIT_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Share found": (
        "min_found", "min_found_per_length", "min_found_per_band", "min_effective_length",
        "effective_rule",
    ),
    "Against a baseline (niah gate NEW --baseline OLD)": (
        "max_drop", "drop_margin", "drop_per_length", "drop_per_band", "max_nats_lost",
    ),
    "Other answers, time, cost": (
        "max_hallucination", "max_unscored", "max_p95_s", "max_cost", "price",
    ),
    "How much must have been measured": ("min_trials", "min_trials_per_length"),
    "Whether the instrument can be trusted": ("max_age", "max_mismatch", "min_oracle", "max_guess"),
    "The verdict": ("confidence", "haystacks"),
}  # fmt: skip

# what stands in a template where a key has no default, or where another value is the better start
_SET: Mapping[str, Any] = {
    "provider": "openai", "model": "MODEL", "haystack": "en", "task": "single",
    "lengths": "1k,2k,4k,8k", "depths": "0:100:25", "epochs": 1,
}  # fmt: skip
_EXAMPLES: Mapping[str, Any] = {
    "base_url": "http://127.0.0.1:8000/v1", "embed_url": "http://127.0.0.1:8080/v1",
    "embed_model": "bge-m3", "chunk_tokens": 256, "chunk_overlap": 32,
    "embed_key_env": "EMBED_API_KEY", "prompts": "prompts.jsonl",
    "engine": {"cache_type_k": "q4_0"}, "mmproj": "mmproj.gguf",
    "page_font": "NotoSansCJK-Regular.ttc", "tts": "flite -voice rms -f {text} -o {wav}",
    "api_key_env": "MY_API_KEY", "api_key_file": "key.txt",
    "extra": {"temperature": 0}, "headers": {"anthropic-beta": "context-1m-2025-08-07"},
    "needle_count": 4, "questions": "questions.toml", "reply_tokens": "4k",
    "reply_field": "max_completion_tokens", "price": {"input": 2.0, "cached": 0.2, "output": 10.0},
    "claimed": "128k", "concurrency": 8, "requests_per_minute": 60, "tokens_per_minute": "1M",
    "timeout_s": 120, "max_cost": 5.0, "max_tokens": "10M", "max_minutes": 60, "max_errors": 20,
    "ca_file": "ca.pem",
}  # fmt: skip
_GATES: Mapping[str, Any] = {
    "min_found_per_length": 0.8, "min_found_per_band": 0.8, "min_effective_length": "16k",
    "max_hallucination": 0.1, "max_unscored": 0.05, "max_p95_s": 60, "max_cost": 5.0,
    "price": {"input": 2.0, "output": 10.0}, "min_trials": 250, "min_trials_per_length": 50,
    "max_age": "2d", "max_nats_lost": 0.1,
}  # fmt: skip

_RUN_HEAD = """\
# A sweep: niah run {name}     (first look at it: niah plan {name})
# What is commented out has its default, or where it has none an example. Every key is a flag, too
# (--lengths), and a variable (NIAH_LENGTHS); a flag goes before a variable, a variable before .env,
# and that before this file.
"""
_GATE_HEAD = """\
# Gates: niah gate RUN --config {name}     (with a baseline: --baseline baselines/OLD.json)
# Set limits to what you would still accept: each must be shown to hold, by more than chance. What
# is commented out is not asked for, or has its default. How many trials it takes: niah power,
# niah plan --gate {name}.
"""
_SUITE = """\
# A suite: niah run --suite {name} --provider openai --model MODEL
# Several tasks of one model, a folder for each and one table and picture of all. Flags go before
# what stands here.
summary = "what this suite is for, in a line"

[shared]                # any key of a run (niah init run), for all of them
haystack = "en"
lengths = "1k,2k,4k"
depths = "10,50,90"
controls = true         # also ask without the needle, without the haystack, without anything

# One [[runs]] for each: its task (niah tasks), and what is different for it.
[[runs]]
task = "single"

[[runs]]
task = "multikey"
distractor_count = 4

[[runs]]
task = "multikey"
name = "multikey-many"  # the name of its folder, where a task stands twice
distractor_count = 32
"""
_QUESTIONS_HEAD = """\
# Questions about transcripts: niah run --task natural --questions {name} --haystack NAME
# Each has a question, its answer (and aliases: other ways to say it), and where the fact stands: a
# quote of a few words that stand there once, or  episode = "FILE"  with  at = "12:01".
# niah questions check {name} --haystack NAME tells all that is wrong. Where a fact is told
# again:  also_at = ["22:05", "or a quote"].  To ask when something is said: no answer, but
# asks = "time".  These two are about the shipped haystack "en"; put yours in their place.
"""


def run_template(name: str) -> str:
    """A run's TOML file, with every config key."""
    return _RUN_HEAD.format(name=name) + _body(RunConfig, key_sections(), _SET, _EXAMPLES)


def gate_template(name: str) -> str:
    """A gate.toml, with every gate."""
    body = _body(GateConfig, LIMIT_SECTIONS, {"min_found": 0.9}, _GATES)
    return _GATE_HEAD.format(name=name) + body


def questions_template(name: str) -> str:
    """A file of questions: two of the shipped ones, which can be run as they are."""
    shipped = (shared_root("configs") / "questions" / "en.toml").read_text(encoding="utf-8")
    rows = (f"\n[[questions]]{row.rstrip()}\n" for row in shipped.split("[[questions]]")[1:3])
    return _QUESTIONS_HEAD.format(name=name) + "".join(rows)


TEMPLATES: Mapping[str, Callable[[str], str]] = {
    "run": run_template,
    "gate": gate_template,
    "suite": lambda _: _SUITE,
    "questions": questions_template,
}


def _body(
    model: type[BaseModel],
    sections: Mapping[str, Sequence[str]],
    chosen: Mapping[str, Any],
    examples: Mapping[str, Any],
) -> str:
    """Every key of a model with its description, by section; commented out unless it is chosen."""
    text = ""
    for title, keys in sections.items():
        lines = (_lines(key, model.model_fields[key], chosen, examples) for key in keys)
        text += f"\n# ---- {title} ----\n\n" + "\n".join(lines)
    return text


def _lines(
    key: str, field: FieldInfo, chosen: Mapping[str, Any], examples: Mapping[str, Any]
) -> str:
    kind = plain_type(field)
    choices = f" [{', '.join(get_args(kind))}]" if get_origin(kind) is Literal else ""
    if key in chosen:
        line = f"{key} = {_toml(chosen[key])}"
    elif field.default in (None, ()) or field.default_factory is not None:
        limits = (getattr(rule, "ge", None) for rule in field.metadata)
        least = next((limit for limit in limits if limit is not None), 1)
        some = {int: least, float: float(least), bool: True}.get(kind, "TEXT")  # that the key takes
        line = f"# {key} = {_toml(examples.get(key, some))}    # an example"
    else:
        line = f"# {key} = {_toml(field.default)}"
    return f"# {field.description}{choices}\n{line}\n"


def _toml(value: Any) -> str:
    """A value as TOML, a long number with its thousands apart."""
    if isinstance(value, dict):
        pairs = (f"{_toml(k) if '-' in k else k} = {_toml(v)}" for k, v in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1_000:
        return f"{value:_}"
    return json.dumps(value, ensure_ascii=False)
