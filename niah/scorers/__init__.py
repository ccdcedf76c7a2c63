"""Pure functions from an answer to a Score. Values are parsed, not searched for as substrings."""

from niah.scorers.decide import (
    is_echo,
    offers_anyway,
    says_not_there,
    without_phrase,
    wrong_score,
)
from niah.scorers.expected import Expected, WrongValue, expected_of
from niah.scorers.names import names_in, spaced
from niah.scorers.reply import (
    answer_in,
    goes_on,
    head_of,
    is_loop,
    said_in,
    whole_part,
    without_reasoning,
)
from niah.scorers.sets import name_sequence, name_set, number_pairs, number_set, value_set
from niah.scorers.times import clock, seconds_in, time_of_day
from niah.scorers.values import count, name, name_by_place, number, uuid

__all__ = [
    "Expected",
    "WrongValue",
    "answer_in",
    "clock",
    "count",
    "expected_of",
    "goes_on",
    "head_of",
    "is_echo",
    "is_loop",
    "name",
    "name_by_place",
    "name_sequence",
    "name_set",
    "names_in",
    "number",
    "number_pairs",
    "number_set",
    "offers_anyway",
    "said_in",
    "says_not_there",
    "seconds_in",
    "spaced",
    "time_of_day",
    "uuid",
    "value_set",
    "whole_part",
    "without_phrase",
    "without_reasoning",
    "wrong_score",
]
