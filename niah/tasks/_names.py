"""Names that needles may use: places as keys, people (of Chinese: full names) as keys and answers.

No name is part of another of its list, and none is famous. Each list is drawn from with SHA-256.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from niah.text.normalise import fold
from niah.text.wording import ByLanguage

PEOPLE = ByLanguage(lambda wording: wording.words("names.people"))
PLACES = ByLanguage(lambda wording: wording.words("names.places"))


def places_like(question: str) -> tuple[str, ...]:
    """All places of the lists that have the one that a question names: Lusaka is spelt alike in several languages."""
    lists = [names for names in PLACES.values() if any(name in question for name in names)]
    return tuple(dict.fromkeys(name for names in lists for name in names))


def names_of_city(name: str) -> tuple[str, ...]:
    """What an answer may call a city, in any language: Vienna, Wien and 维也纳. A name of none stands for itself."""
    return next((names for names in _cities() if fold(name) in map(fold, names)), (name,))


@cache
def _cities() -> tuple[tuple[str, ...], ...]:
    table = tomllib.loads(Path(__file__).with_name("cities.toml").read_text(encoding="utf-8"))
    return tuple(tuple(line.split(" / ")) for line in table["names"].strip().split("\n"))
