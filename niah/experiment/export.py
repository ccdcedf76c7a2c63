"""Prompts as JSON Lines for other harnesses: one object a line, or requests of OpenAI's batch endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping

from niah.records import Prompt, Trial

FORMATS = ("jsonl", "openai-batch")


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
