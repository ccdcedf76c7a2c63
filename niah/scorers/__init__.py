"""Pure functions from an answer and what was planted to a Score. Values are parsed, not searched for as substrings."""

from niah.scorers.answers import Expected, Known, expected_of, is_echo, offers_anyway, repeats, says_absent, without_phrase
from niah.scorers.names import names_in, spaced
from niah.scorers.reply import answer_in, seen, without_reasoning
from niah.scorers.sets import name_set, number_pairs, number_set, value_set
from niah.scorers.times import clock, seconds_in, time_of_day
from niah.scorers.values import name, number, uuid

__all__ = [
    "Expected",
    "Known",
    "answer_in",
    "clock",
    "expected_of",
    "is_echo",
    "name",
    "name_set",
    "names_in",
    "number",
    "number_pairs",
    "number_set",
    "offers_anyway",
    "repeats",
    "says_absent",
    "seconds_in",
    "seen",
    "spaced",
    "time_of_day",
    "uuid",
    "value_set",
    "without_phrase",
    "without_reasoning",
]
