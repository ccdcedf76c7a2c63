"""The words of the grammar as patterns over a folded answer. All words are data, in grammar.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

HAN = "\u3400-\u9fff"


@cache
def rules() -> Mapping[str, Mapping[str, Any]]:
    """Every rule with its words and examples."""
    return tomllib.loads(Path(__file__).with_name("grammar.toml").read_text(encoding="utf-8"))


@cache
def words(*names: str) -> re.Pattern[str]:
    """Any word of some rules, the longest first: \\b(?:therefore|thus|so)\\b|(?:所以|因此)."""
    return re.compile(spelling(*names))


@cache
def spelling(*names: str) -> str:
    """The pattern of ``words`` as text, to be a part of a longer one."""
    found = [rules()[name] for name in names]
    english = _any(word for rule in found for word in rule["en"])
    chinese = _any(word for rule in found for word in rule["zh"])
    signs = _any(word for rule in found for word in rule.get("signs", ()))
    parts = [rf"(?<![a-z0-9'])(?:{english})(?![a-z0-9])", f"(?:{chinese})"]
    return "(?:" + "|".join([*parts, f"(?:{signs})"] if signs else parts) + ")"


@cache
def absence() -> re.Pattern[str]:
    """not ... mentioned; 没有提到. Not: "not only", 不只, a shop that is called Not Mentioned."""
    negated = r"not|never|no|none|cannot|nothing|neither|hardly"
    not_ = rf"(?:(?<!called )(?<!named )(?<![a-z'])(?:{negated})\b(?!\s+(?:only|just|merely))|n't\b)"
    bu = r"(?:没有?|未|无|不(?!只|止|过|仅|但|光))"
    said = spelling("unsaid")
    return re.compile(rf"{not_}[^.!?;¶]{{0,40}}?{said}|{bu}[^。!?;,¶]{{0,6}}?{said}")


def is_absent_clause(text: str) -> bool:
    """Whether a folded clause says that something is not there."""
    return bool(absence().search(text) or words("absent").search(text))


def is_small(text: str, more: Iterable[str] = ()) -> bool:
    """Whether a folded text holds small words only, or some ``more`` that are given."""
    allowed = set(more)
    left = words("small").sub(" ", text)
    return all(word in allowed for word in re.findall(rf"[a-z0-9']+|[{HAN}]", left))


def content_words(folded: str) -> set[str]:
    """The words of a text that say something: stems of four letters, and pairs of Chinese characters."""
    latin = {word[:4] for word in re.findall(r"[a-z]{4,}", words("function").sub(" ", folded))}
    return latin | set(re.findall(rf"(?=([{HAN}]{{2}}))", folded))


def _any(found: Iterable[str]) -> str:
    forms = (re.escape(w).replace(r"\ ", r"\s+").replace(r"\*", "[a-z]*") for w in sorted(found, key=len, reverse=True))
    return "|".join(forms)
