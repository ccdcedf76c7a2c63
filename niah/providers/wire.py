"""JSON bodies as bytes: the prompt goes in as it is, and is held once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

PLACE = "\ue000"  # stands for the prompt while the rest of the body is written
_CONTROL = re.compile(rb"[\x00-\x1f]")


def body_with(table: Mapping[str, Any], *texts: bytes) -> tuple[bytes, ...]:
    """The body of a request as parts: every PLACE in the table, in order, is filled with the next text (UTF-8)."""
    written = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    frame = written.split(json.dumps(PLACE, ensure_ascii=False))
    parts = [frame[0].encode()]
    for text, behind in zip(texts, frame[1:], strict=True):
        parts += [json_string(text), behind.encode()]
    return tuple(parts)


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
