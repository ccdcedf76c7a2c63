"""The words of the grammar as patterns over a folded answer: a file a language, all read as one.

A Latin word is matched where it stands alone, a Chinese one or a sign such as → wherever it stands.
Longer patterns are phrases: ``\\W*{dismissal}\\W*$`` holds any word of the rule ``dismissal``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from niah.text.normalise import without_accents

HAN = "\u3400-\u9fff"
# stands for a line end in a folded answer: folding takes white space out between Chinese characters
LINE = "¶"
FOLDER = Path(__file__).with_name("grammar")


@cache
def grammars() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Of every language its rules, with their words and an example."""
    files = sorted(FOLDER.glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in files}


@cache
def words(*names: str) -> re.Pattern[str]:
    """Any word of some rules, the longest first: \\b(?:therefore|thus|so)\\b|(?:所以|因此)."""
    return re.compile(spelling(*names))


@cache
def spelling(*names: str) -> str:
    """The pattern of ``words`` as text, to be a part of a longer one."""
    alone = rf"(?<![a-z0-9'])(?:{latin(*names)})(?![a-z0-9])" if latin(*names) else ""
    anywhere = f"(?:{chinese(*names)})" if chinese(*names) else ""
    return f"(?:{'|'.join(filter(None, (alone, anywhere)))})"


def phrase(text: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    """A pattern that is made when it is first asked for: the words of the grammar are read late.

    ``{rule}`` are the words of a rule with their borders, ``{latin rule}`` and ``{chinese rule}``
    those without any, ``{HAN}`` and ``{LINE}`` signs.
    """

    def filled(blank: re.Match[str]) -> str:
        form, _, rule = blank[1].rpartition(" ")
        signs = {"HAN": HAN, "LINE": LINE}
        return signs.get(rule) or {"": spelling, "latin": latin, "chinese": chinese}[form](rule)

    blanks = re.compile(r"\{((?:latin |chinese )?[A-Za-z_]+)\}")
    return cache(lambda: re.compile(blanks.sub(filled, text), flags))


@cache
def latin(*names: str) -> str:
    """The Latin words of some rules as a pattern without borders: and|or|nor."""
    return _any(word for word in vocabulary(*names) if re.search("[a-z]", word))


@cache
def chinese(*names: str) -> str:
    """The Chinese words and signs of some rules."""
    return _any(word for word in vocabulary(*names) if not re.search("[a-z]", word))


@cache
def vocabulary(*names: str) -> frozenset[str]:
    """The words of some rules in all languages, folded as answers are."""
    return frozenset(
        without_accents(w)
        for name in names
        for grammar in grammars().values()
        for w in grammar[name]["words"]
    )


# not ... mentioned; 没有提到. Not: "not only", 不只, a shop that is called Not Mentioned
absence = phrase(
    r"(?:(?<!called )(?<!named )(?<![a-z'])(?:{latin not})\b(?!\s+(?:{latin merely}))|n't\b)"
    r"[^.!?;{LINE}]{0,40}?{unsaid}"
    r"|(?:{chinese not})(?!{chinese merely})[^。!?;,{LINE}]{0,6}?{unsaid}"
)


def is_not_there_clause(text: str) -> bool:
    """Whether a folded clause says that something is not there."""
    return bool(absence().search(text) or words("not_there").search(text))


def is_small(text: str, more: Iterable[str] = ()) -> bool:
    """Whether a folded text holds small words only, or some ``more`` that are given."""
    return set(re.findall(rf"[a-z0-9']+|[{HAN}]", words("small").sub(" ", text))) <= set(more)


def content_words(folded: str) -> set[str]:
    """The words that say something: stems of four letters, and pairs of Chinese characters."""
    stems = {word[:4] for word in re.findall(r"[a-z]{4,}", words("function").sub(" ", folded))}
    return stems | set(re.findall(rf"(?=([{HAN}]{{2}}))", folded))


def asked_part(question: str) -> str:
    """A folded question without the sentence that says how to answer."""
    return words("instruction").split(question, maxsplit=1)[0]


def _any(found: Iterable[str]) -> str:
    ordered = sorted(found, key=lambda word: (-len(word), word))
    return "|".join(re.escape(w).replace(r"\ ", r"\s+").replace(r"\*", "[a-z]*") for w in ordered)
