"""Names that niah 0.1 knew by another word: read in logs and baselines, and told to who types one.

Digests (of trials, folders and baselines) are made with the first names, so that nothing that
exists gets another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RENAMED: Mapping[str, str] = {
    "values": "value_kind", "needles": "placement", "asked": "ask_for",
    "distractors": "distractor_count", "lures": "lure_count", "cache": "cache_marks",
    "layout": "aligned", "min_recall": "min_found", "min_recall_per_length": "min_found_per_length",
    "min_recall_per_band": "min_found_per_band",
}  # fmt: skip
# that had words for no and yes
_SWITCHES = {"cache": ("auto", "marks"), "layout": ("free", "aligned")}
_FIRST = {new: old for old, new in RENAMED.items()}
_CLASSES = {"absent": "not-there"}  # of answers


def new_name(key: str) -> str | None:
    """What a key is called now; None where that is its name still, or it never was one."""
    return RENAMED.get(key)


def new_names(table: Mapping[str, Any]) -> dict[str, Any]:
    """A config as it was logged, with the names of today."""
    known = {key: words for key, words in _SWITCHES.items() if table.get(key) in words}
    values = {**table, **{key: words.index(table[key]) == 1 for key, words in known.items()}}
    return {RENAMED.get(key, key): value for key, value in values.items()}


def first_names(table: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round."""
    old = {_FIRST.get(key, key): value for key, value in table.items()}
    return {
        key: _SWITCHES[key][value] if key in _SWITCHES and isinstance(value, bool) else value
        for key, value in old.items()
    }


def task_label_today(label: str) -> str:
    """A task's label as it is written now: without "1 distractors"."""
    return re.sub(r"\b1 (distractor|lure|needle)s\b", r"1 \1", label)


def class_name(answer_class: str) -> str:
    """The class of an answer as it is called now."""
    return _CLASSES.get(answer_class, answer_class)
