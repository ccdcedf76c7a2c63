"""JSON bodies as bytes: the prompt goes in as it is, and is held once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from niah.records import Prompt

PLACE = "\ue000"  # stands for the prompt while the rest of the body is written
MARKS = 4  # as many as Anthropic, OpenAI and DashScope take in one request
_CONTROL = re.compile(rb"[\x00-\x1f]")


def body_with(table: Mapping[str, Any], *texts: bytes) -> tuple[bytes, ...]:
    """The body of a request as parts: every PLACE in the table, in order, is filled with the next text (UTF-8)."""
    written = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    frame = written.split(json.dumps(PLACE, ensure_ascii=False))
    parts = [frame[0].encode()]
    for text, behind in zip(texts, frame[1:], strict=True):
        parts += [json_string(text), behind.encode()]
    return tuple(parts)


def blocks_of(prompt: Prompt) -> list[tuple[bytes, bool]]:
    """The prompt cut at its splits, and whether a cache mark belongs at the end of each block.

    Marked are the last ends before the first needle: with needles rising from trial to trial, an earlier trial wrote
    at one of them, and this one writes the rest.
    """
    ends = [*prompt.splits, len(prompt.utf8)]
    marked = [end for end in prompt.splits if end <= prompt.shared_bytes][-MARKS:]
    return [(prompt.utf8[start:end], end in marked) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def json_string(utf8: bytes) -> bytes:
    """A text as a JSON string, from bytes to bytes: the text is never held as anything else."""
    escaped = utf8.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if _CONTROL.search(escaped):
        escaped = _CONTROL.sub(lambda m: b"\\u%04x" % ord(m[0]), escaped)
    return b'"' + escaped + b'"'


def merged(table: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the extra fields; tables inside are merged, everything else is replaced."""
    both = dict(table)
    for key, value in extra.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
