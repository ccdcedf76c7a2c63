"""What an answer says of one value."""

from __future__ import annotations

from dataclasses import dataclass

from niah.scorers.order import PLAIN

OTHER, ASKED = "other", "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One mention of a value and what is said of it."""

    value: str
    start: int
    stop: int
    clause: int
    key: str | None = None  # ASKED, OTHER, or not said
    name: str | None = None  # of the key, as it stands in the answer
    denied: bool = False
    doubted: bool = False  # asked aloud, conceded, or only taken for the answer at first
    concluded: bool = False
    guessed: bool = False
    added: bool = False  # "also"
    bare: bool = False  # the clause is nothing but the value
    bold: bool = False
    echoes: bool = False  # the clause takes up the question
    rank: int = PLAIN  # where it stands in time
    coupled: bool = False  # joined to the one before by "and" or "or"
    group: int = 0  # values of one list have the same number
