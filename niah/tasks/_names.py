"""Names that needles may use: places as keys, people (of Chinese: full names) as keys and answers.

No name is part of another of its list, and none is famous. Each list is drawn from with SHA-256.
"""

from __future__ import annotations

from niah.text.wording import ByLanguage

PEOPLE = ByLanguage(lambda wording: wording.words("names.people"))
PLACES = ByLanguage(lambda wording: wording.words("names.places"))


def places_like(question: str) -> tuple[str, ...]:
    """All places of the lists that have the one that a question names: Lusaka is spelt alike in several languages."""
    lists = [names for names in PLACES.values() if any(name in question for name in names)]
    return tuple(dict.fromkeys(name for names in lists for name in names))
