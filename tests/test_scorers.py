"""What counts as the answer, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.numerals import whole_numbers
from niah.scorers import number


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("42", [42]),
        ("1420", [1420]),
        ("7,421,830", [7421830]),
        ("7 421 830", [7421830]),
        ("7'421'830 and 12", [7421830, 12]),
        ("7_421_830", [7421830]),
        ("７４２１８３０", [7421830]),
        ("７，４２１，８３０", [7421830]),
        ("1,234 or 5,678", [1234, 5678]),
        ("1,2,3", [1, 2, 3]),
        ("3.14 is no whole number", []),
        ("It is 42.", [42]),
        ("四十二", [42]),
        ("三萬兩千", [32000]),
        ("三万两千", [32000]),
        ("1.2萬", [12000]),
        ("3萬2千", [32000]),
        ("12萬8千", [128000]),
        ("742萬1830", [7421830]),
        ("七百四十二萬一千八百三十", [7421830]),
        ("七四二一八三〇", [7421830]),
        ("台北的神奇數字是7421830。", [7421830]),
        ("A7421830", []),
        ("7421830b", []),
        ("no number", []),
        ("千萬不要", []),
        ("答案是……7421830", [7421830]),
        ("The answer is…7421830", [7421830]),
        ("No.7421830", [7421830]),
        ("7.421.830", [7421830]),
        ("$7{,}421{,}830$", [7421830]),
        ("7\\,421\\,830", [7421830]),
        ("7421830.0", [7421830]),
        ("7,421,830.00", [7421830]),
        ("7 4 2 1 8 3 0", [7421830]),
        ("七四二一八三○", [7421830]),
        ("百十二 千億二 三一亿十兩", []),
        ("9" * 5000, []),
        ("7" * 400 + "萬", []),
        ("二" * 500, []),
    ],
)
def test_whole_numbers(text: str, numbers: list[int]) -> None:
    assert whole_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "value", "answer_class"),
    [
        ("7421830", 1, "right"),
        (" 7421830.", 1, "right"),
        ("The magic number for Oslo is **7,421,830**.", 1, "right"),
        ("奧斯陸的神奇數字是７４２１８３０。", 1, "right"),
        ("七百四十二萬一千八百三十", 1, "right"),
        ("7421830, as the speaker says twice: 7421830", 1, "right"),
        ("After 40 minutes I found it: 7421830", 1, "right"),
        ("<think>Maybe 1111111? No.</think>7421830", 1, "right"),
        ("7421830 or 1111111", 0, "several"),
        ("2222222", 0, "distractor"),
        ("1111111", 0, "wrong"),
        ("742183", 0, "wrong"),
        ("74218301", 0, "wrong"),
        ("12345678", 0, "wrong"),
        ("The transcript does not mention it.", 0, "absent"),
        ("文中沒有提到", 0, "absent"),
        ("It isn't stated anywhere", 0, "absent"),
        ("What is the magic number for Oslo?", 0, "off-format"),
        ("", 0, "off-format"),
        ("Oslo", 0, "off-format"),
        ("7421830，約742萬", 1, "right"),
        ("7421830, so about 7.42 million", 1, "right"),
        ("<thinking>1234567</thinking> 7421830", 1, "right"),
        ("◁think▷1234567◁/think▷7421830", 1, "right"),
        ("<|channel|>analysis<|message|>1234567<|channel|>final<|message|>7421830", 1, "right"),
        ("It is not 7421830", 0, "wrong"),
        ("-7421830", 0, "wrong"),
        ("7421830 million", 0, "wrong"),
        ("I couldn't find it", 0, "absent"),
        ("I don't know", 0, "absent"),
        ("There is no magic number for Oslo", 0, "absent"),
    ],
)
def test_number_answers(text: str, value: float, answer_class: str) -> None:
    score = number(text, "7421830", others=["2222222"])
    assert (score.value, score.answer_class) == (value, answer_class)
    assert score.explanation


@given(st.integers(1_000_000, 9_999_999), st.integers(1_000_000, 9_999_999))
def test_only_the_target_is_the_target(target: int, answer: int) -> None:
    assert number(f"It is {answer:,}.", str(target)).value == (target == answer)


@given(st.text())
def test_any_answer_has_a_score_from_nought_to_one(text: str) -> None:
    assert number(text, "7421830").value in (0.0, 1.0)
