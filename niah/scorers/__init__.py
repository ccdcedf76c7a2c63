"""Pure functions from an answer and what was planted to a Score. Values are parsed, not searched for as substrings."""

from niah.scorers.answers import Expected, Known, expected_of, repeats, without_reasoning
from niah.scorers.sets import name_set, number_set, value_set
from niah.scorers.times import clock, seconds_in, time_of_day
from niah.scorers.values import name, names_in, number, uuid

__all__ = [
    "Expected",
    "Known",
    "clock",
    "expected_of",
    "name",
    "name_set",
    "names_in",
    "number",
    "number_set",
    "repeats",
    "seconds_in",
    "time_of_day",
    "uuid",
    "value_set",
    "without_reasoning",
]
