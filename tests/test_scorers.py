"""What counts as the answer, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.experiment.controls import control_score
from niah.records import Needle, Planting, Score
from niah.scorers import (
    Expected,
    WrongValue,
    clock,
    name,
    name_set,
    names_in,
    number,
    number_set,
    seconds_in,
    time_of_day,
    uuid,
)
from niah.tasks import task_of
from niah.text.numerals import whole_numbers


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
        ("The transcript does not mention it.", 0, "not-there"),
        ("文中沒有提到", 0, "not-there"),
        ("It isn't stated anywhere", 0, "not-there"),
        ("What is the magic number for Oslo?", 0, "echo"),
        ("The magic number for Oslo", 0, "echo"),
        ("Question: What is the magic number for Oslo? Answer with the number only.", 0, "echo"),
        ("What is the magic number for Oslo? 7421830", 1, "right"),
        ("2222222 or 3333333", 0, "several"),
        ("2222222, 3333333, 7421830", 0, "several"),
        ("3333333", 0, "stale"),
        ("七百四十二萬一千八百三十或2222222", 0, "several"),
        ("不是7421830", 0, "wrong"),
        ("文中没有说", 0, "not-there"),
        ("我不清楚", 0, "not-there"),
        ("無法從逐字稿得知", 0, "not-there"),
        ("None", 0, "not-there"),
        ("Unknown.", 0, "not-there"),
        ("I'm not sure.", 0, "not-there"),
        ("我不確定", 0, "not-there"),
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
        ("I couldn't find it", 0, "not-there"),
        ("I don't know", 0, "not-there"),
        ("There is no magic number for Oslo", 0, "not-there"),
    ],
)
def test_number_answers(text: str, value: float, answer_class: str) -> None:
    question = "What is the magic number for Oslo? Answer with the number only."
    wrong = {"2222222": WrongValue(), "3333333": WrongValue(answer_class="stale")}
    score = number(text, Expected(targets=("7421830",), wrong=wrong, question=question))
    assert (score.value, score.answer_class) == (value, answer_class)
    assert score.explanation


@given(st.integers(1_000_000, 9_999_999), st.integers(1_000_000, 9_999_999))
def test_only_the_target_is_the_target(target: int, answer: int) -> None:
    assert number(f"It is {answer:,}.", Expected(targets=(str(target),))).value == (
        target == answer
    )


@given(st.text())
def test_any_answer_has_a_score_from_nought_to_one(text: str) -> None:
    assert number(text, Expected(targets=("7421830",))).value in (0.0, 1.0)
    for score in (
        uuid(text, Expected(targets=(UUID,))),
        name(text, NAMES),
        number_set(text, SET),
        name_set(text, Expected(targets=("KIMBV",)), r"[A-Z]{5}"),
        time_of_day(text, Expected(targets=("12:01",)), 30),
    ):
        assert 0 <= score.value <= 1
        assert score.explanation


UUID = "0f11ca40-e98b-45d4-a3e1-ae6ae4cba8a7"


@pytest.mark.parametrize(
    ("text", "value", "answer_class"),
    [
        (UUID, 1, "right"),
        (UUID.upper(), 1, "right"),
        (f'"{UUID}"', 1, "right"),
        (
            f'{{"85adba17-d35e-4e94-98c2-43e15faceeb7": "{UUID}"}}',
            1,
            "right",
        ),  # the key is in the question
        (f"{UUID}-extra", 0, "wrong"),
        (f"x{UUID}", 0, "wrong"),
        (UUID[:-1], 0, "wrong"),
        (UUID.replace("-", ""), 0, "wrong"),
        (f"{UUID} or 1a6b624f-e503-4ec3-a417-49c1a80a9af7", 0, "several"),
        ("1a6b624f-e503-4ec3-a417-49c1a80a9af7", 0, "distractor"),
        ("2b6b624f-e503-4ec3-a417-49c1a80a9af7", 0, "wrong"),
        ("85adba17-d35e-4e94-98c2-43e15faceeb7", 0, "echo"),
        ("not in the object", 0, "not-there"),
        ("The key is not found", 0, "not-there"),
        (UUID.replace("-", "\u2011"), 1, "right"),
        (UUID.replace("-", "–"), 1, "right"),
        (f"id-{UUID}", 1, "right"),
    ],
)
def test_uuid_answers(text: str, value: float, answer_class: str) -> None:
    question = 'What is the value of the key "85adba17-d35e-4e94-98c2-43e15faceeb7"?'
    wrong = {"1a6b624f-e503-4ec3-a417-49c1a80a9af7": WrongValue()}
    score = uuid(text, Expected(targets=(UUID,), wrong=wrong, question=question))
    assert (score.value, score.answer_class) == (value, answer_class)


NAMES = Expected(
    targets=("Ann",),
    wrong={
        "Rasmus": WrongValue(),
        "Edda": WrongValue(answer_class="near-miss", detail="other season"),
    },
    question="Who lives in London? Answer with the name only.",
)


@pytest.mark.parametrize(
    ("text", "value", "answer_class"),
    [
        ("Ann", 1, "right"),
        ("ANN.", 1, "right"),
        ("It was Ann's flat", 1, "right"),
        ("Ａｎｎ", 1, "right"),
        ("Anna", 0, "wrong"),
        ("Hannah", 0, "wrong"),
        ("Rasmus", 0, "distractor"),
        ("Edda", 0, "near-miss"),
        ("Ann or Rasmus", 0, "several"),
        ("Ann or Bob", 0, "several"),
        ("Bob or Ann", 0, "several"),
        ("Ann, Rasmus, Edda", 0, "several"),
        ("not Ann", 0, "wrong"),
        ("Bob", 0, "wrong"),
        ("Who lives in London?", 0, "echo"),
        ("Nobody is mentioned, I cannot say", 0, "not-there"),
        ("I don't know", 0, "not-there"),
        ("Well there was this long talk about boats and trees and all", 0, "off-format"),
        ("<think>Rasmus?</think>Ann", 1, "right"),
    ],
)
def test_name_answers(text: str, value: float, answer_class: str) -> None:
    score = name(text, NAMES)
    assert (score.value, score.answer_class) == (value, answer_class)


@pytest.mark.parametrize(
    ("text", "target", "right"),
    [
        ("蘇黎世", "蘇黎世", True),
        ("苏黎世", "蘇黎世", True),
        ("蘇 黎 世", "蘇黎世", True),
        ("答案是蘇黎世。", "苏黎世", True),
        ("蘇黎世或大阪", "蘇黎世", False),
        ("蘇黎世、大阪", "蘇黎世", False),
        ("不是蘇黎世", "蘇黎世", False),
        ("大阪", "蘇黎世", False),
        ("Amber Falcon", "amber-falcon", True),
        ("the amber-falcon", "Amber Falcon", True),
        ("amber_falcon", "amber-falcon", True),
        ("Amber Falcons", "Amber Falcon", False),
        ("ＡＩ 晶片", "AI晶片", True),
        ("cafe Nero", "Café Nero", True),
        ("O'Neil", "O’Neil", True),
        ("US", "U.S.", True),
        ("the U.S.", "US", True),
        ("AI 晶片", "AI晶片", True),
        ("7.5", "7", False),
        ("3,000", "3", False),
        ("12:30", "12", False),
        ("12", "12", True),
        ("十三", "三", False),
        ("十三天", "三天", False),
        ("三天", "三天", True),
        ("There is no information", "no", False),
        ("No.", "no", True),
        ("1,200", "1200", True),
        ("1200", "1,200", True),
        ("forty-two", "42", True),
        ("42", "forty-two", True),
        ("forty-three", "42", False),
        ("四十二", "42", True),
    ],
)
def test_names_are_folded_over_script_width_case_and_spaces(
    text: str, target: str, right: bool
) -> None:
    assert (name(text, Expected(targets=(target,))).value == 1) == right


@pytest.mark.parametrize(
    ("text", "target", "right"),
    [
        ("臭豆腐店", "豆腐", False),
        ("臭豆腐店。", "豆腐", False),
        ("豆腐", "豆腐", True),
        ("就叫豆腐啦", "豆腐", True),
        ("豆腐店", "豆腐", True),
        ("那只狗叫豆腐吧", "豆腐", True),
        ("到里昂去", "里昂", True),
        ("在里昂市", "里昂", True),
    ],
)
def test_a_short_chinese_name_is_not_found_in_the_middle_of_the_one_word_that_is_said(
    text: str, target: str, right: bool
) -> None:
    expected = Expected(targets=(target,), question="那只狗叫什么？在哪个城市？")
    assert (name(text, expected).value == 1) == right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Lisbon, Portugal", 1),
        ("Lisbon", 1),
        ("Lisbon, Paris, Berlin", 0),
        ("Lisbon and Paris", 0),
        ("Paris, Lisbon", 0),
    ],
)
def test_a_place_may_have_its_country_behind_it(text: str, value: float) -> None:
    assert name(text, Expected(targets=("Lisbon",)), place=True).value == value
    assert name(text, Expected(targets=("Lisbon",))).value == (text == "Lisbon")


def test_an_alias_is_its_target_and_two_names_of_one_thing_are_one_answer() -> None:
    expected = Expected(targets=("Chatbot Arena",), aliases={"LMSYS": "Chatbot Arena"})
    assert name("LMSYS", expected).answer_class == "right"
    assert name("LMSYS, that is Chatbot Arena", expected).answer_class == "right"


def test_a_longer_name_hides_the_shorter_one_in_it() -> None:
    assert names_in("New York City", ["York", "New York"]) == {"New York"}


SET = Expected(
    targets=("1234567", "7654321", "1111111", "2222222"),
    wrong={"3333333": WrongValue(), "4444444": WrongValue()},
)


@pytest.mark.parametrize(
    ("text", "value", "answer_class"),
    [
        ("1234567, 7654321, 1111111, 2222222", 1, "right"),
        ("2,222,222; 1,111,111; 7,654,321; 1,234,567", 1, "right"),
        ("1. 1234567\n2. 7654321\n3. 1111111\n4. 2222222", 1, "right"),
        ("1234567, 7654321", 0.5, "wrong"),
        ("1234567, 7654321, 1111111, 2222222, 3333333", 0.8, "distractor"),
        ("1234567, 7654321, 1111111, 3333333", 0.75, "distractor"),
        ("1234567, 7654321, 1111111, 2222222, 3333333, 4444444", 0, "several"),
        ("3333333, 4444444", 0, "distractor"),
        ("9999999", 0, "wrong"),
        ("12345678", 0, "off-format"),
        ("It is not mentioned", 0, "not-there"),
    ],
)
def test_number_sets(text: str, value: float, answer_class: str) -> None:
    score = number_set(text, SET)
    assert score.value == pytest.approx(value)
    assert score.answer_class == answer_class


def test_recall_and_precision_are_scored_apart() -> None:
    assert number_set("1234567, 7654321, 9999999", SET).parts == {
        "recall": 0.5,
        "precision": pytest.approx(2 / 3),
    }


def test_variable_names_in_either_case_are_a_set() -> None:
    expected = Expected(targets=("KIMBV", "KUYAW", "OMYHK", "XVNTU", "XMHMK"))
    assert name_set("KIMBV kuyaw OMYHK", expected, r"\b[A-Z]{5}\b").value == pytest.approx(0.6)
    assert name_set("KIMBV, ABCDE", expected, r"\b[A-Z]{5}\b").parts["precision"] == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12:01", [721]),
        ("00:12:01", [721]),
        ("0:12:01", [721]),
        ("00:12:01,500", [721]),
        ("１２：０１", [721]),
        ("(12:01)", [721]),
        ("12分01秒", [721]),
        ("12 分 1 秒", [721]),
        ("十二分零一秒", [721]),
        ("twelve minutes one second", [721]),
        ("Twelve minutes and one second.", [721]),
        ("12 minutes and 1 second", [721]),
        ("12m01s", [721]),
        ("12 min 1 s", [721]),
        ("at 12:01, I think", [721]),
        ("1:02:03", [3723]),
        ("一小時二分三秒", [3723]),
        ("1 hour, 2 minutes and 3 seconds", [3723]),
        ("75:10", [4510]),
        ("twenty-one minutes", [1260]),
        ("forty five seconds", [45]),
        ("12:01 or 13:02", [721, 782]),
        ("7421830", []),
        ("12:61", []),
        ("no time", []),
        ("十分抱歉", []),
        ("at once", []),
        ("12:01 minutes", [721]),
        ("12:01 min", [721]),
        ("12:01s", [721]),
        ("12 min. 1 sec.", [721]),
        ("12分零1秒", [721]),
        ("12分鐘又1秒", [721]),
        ("sixty-two minutes and three seconds", [3723]),
        ("ninety minutes", [5400]),
        ("12'01\"", [721]),
        ("12′01″", [721]),
        ("12’01”", [721]),
        ("minute 12, second 1", [721]),
        ("PT12M1S", [721]),
        ("12h01", [43260]),
        ("12 min 01", [721]),
        ("12点01分", [721]),
        ("1点02分03秒", [3723]),
        ("十分", [600]),
        ("十分整", [600]),
        ("十分鐘", [600]),
    ],
)
def test_times(text: str, seconds: list[int]) -> None:
    assert seconds_in(text) == seconds


@given(st.integers(0, 400_000))
def test_a_clock_is_read_as_it_is_written(second: int) -> None:
    assert seconds_in(clock(second)) == [second]


@pytest.mark.parametrize(
    ("text", "exact", "within", "answer_class"),
    [
        ("12:01", 1, 1, "right"),
        ("十二分零一秒", 1, 1, "right"),
        ("12:20", 0, 1, "near-miss"),
        ("11:31", 0, 1, "near-miss"),
        ("12:32", 0, 0, "wrong"),
        ("15:00", 0, 0, "distractor"),
        ("12:01 or 15:00", 0, 0, "several"),
        ("It is not said", 0, 0, "not-there"),
        ("7421830", 0, 0, "off-format"),
        ("not at 12:01", 0, 0, "wrong"),
        ("not 12:20", 0, 0, "wrong"),
        ("It is said before 12:01", 0, 0, "wrong"),
        ("12:01之前", 0, 0, "wrong"),
        ("At 12:01, not 15:00", 1, 1, "right"),
        ("12:10", 0, 0, "distractor"),
    ],
)
def test_time_answers(text: str, exact: float, within: float, answer_class: str) -> None:
    score = time_of_day(
        text, Expected(targets=("12:01",), wrong={"15:00": WrongValue(), "12:10": WrongValue()}), 30
    )
    assert (score.value, score.answer_class) == (exact, answer_class)
    assert score.parts == {"exact": exact, "within tolerance": within}


ABSENT = """
not available|Not in the text|not listed|not present|No|isn't discussed|The key does not exist
not applicable|nobody|No one|Insufficient information|I have no idea|impossible to tell
Nothing is said about that|missing|not recorded|没有明确提到|文本中未明确说明|未被提及|未曾提及
沒有任何地方提到|沒有任何人提到過|未記錄|未涉及|查無此資料|無此信息|没有这个数字|不在文中|无|没有
没有人|not mentioned|沒有提到|I don't know.|It is not mentioned.
I read the whole transcript, but it is not mentioned.|answer: not mentioned
"""
GIVEN = """
Not sure, maybe Rosie's Flowers|I cannot say for sure, but Rosie's Flowers
It is called Not Mentioned Florist|The passage does not contain it, but I would guess Oslo
Not mentioned; perhaps 1234567|无法国人|No problem! The answer is Kwame
"""
TAIL = " If the text does not say, answer: not mentioned."


def answers(text: str) -> list[str]:
    return [answer for line in text.split("\n") for answer in line.split("|") if answer]


def without_needle(task: str, answer: str) -> Score:
    planting = Planting(
        opening="",
        closing="",
        question=f"What is the magic number for Lisbon?{TAIL}",
        needles=(),
        targets=(TARGETS[task],),
    )
    return control_score(answer, planting, task_of(task), "absent")


TARGETS = {
    "single": "7421830",
    "associative": "Tamsin",
    "distractors": "Amber Falcon",
    "hops": "Lisbon",
}


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("answer", answers(ABSENT))
def test_saying_that_it_is_not_there_is_recognised(task: str, answer: str) -> None:
    score = without_needle(task, answer)
    assert (score.value, score.answer_class) == (1.0, "not-there")


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("answer", answers(GIVEN))
def test_an_answer_beside_a_doubt_is_a_hallucination(task: str, answer: str) -> None:
    assert without_needle(task, answer).value == 0.0


@pytest.mark.parametrize(
    ("answer", "value", "answer_class"),
    [
        (
            (
                "<think>The user asks: What is the magic number for Lisbon? I see"
                " none.</think>\n\nnot mentioned"
            ),
            1,
            "not-there",
        ),
        (
            (
                f"<think>They ask: What is the magic number for Lisbon?{TAIL} None.</think>not"
                " mentioned"
            ),
            1,
            "not-there",
        ),
        (f"What is the magic number for Lisbon?{TAIL} not mentioned", 1, "not-there"),
        ("What is the magic number for Lisbon? Not mentioned.", 1, "not-there"),
        (TAIL, 0, "echo"),
        (f"What is the magic number for Lisbon?{TAIL}", 0, "echo"),
        (f"Question: What is the magic number for Lisbon?{TAIL}\n\nAnswer:", 0, "echo"),
        ("If the text does not say", 0, "echo"),
    ],
)
def test_a_question_said_again_is_no_answer_and_hides_none(
    answer: str, value: float, answer_class: str
) -> None:
    score = without_needle("single", answer)
    assert (score.value, score.answer_class) == (value, answer_class)


LISBON = "What is the magic number for Lisbon? Answer with the number only."


@pytest.mark.parametrize(
    ("text", "value", "answer_class"),
    [
        ("7421830, 742183, 74218301", 0, "several"),
        ("7421830 or 742183", 0, "several"),
        ("7421830 / 1234", 0, "several"),
        ("the possible numbers: 12345678, 7421830", 0, "several"),
        ("1. 7421830", 1, "right"),
        ("Said in 2024: 7421830", 1, "right"),
        ("The text does not mention 7421830", 0, "wrong"),
        ("There's no magic number 7421830 in the text", 0, "wrong"),
        ("definitely not the number 7421830", 0, "wrong"),
        ("并非7421830", 0, "wrong"),
        ("不會是7421830", 0, "wrong"),
        ("07421830", 0, "wrong"),
        ("7421830%", 0, "wrong"),
        ("I'm not sure, but it is 7421830", 1, "right"),
        ("No problem: the answer is 7421830", 1, "right"),
        ("I could not find it at first, but the magic number is 7421830.", 1, "right"),
        ("The magic number for Lisbon is 7421830, not 1234567.", 1, "right"),
        ("It's not 1234567 but 7421830", 1, "right"),
        ("It's not 7421830 but 1234567", 0, "wrong"),
        ("不是1234567，是7421830", 1, "right"),
        ("不是7421830，是1234567", 0, "wrong"),
        ("7421830 is the magic number for Lisbon; 1234567 is for Oslo", 1, "right"),
        ("1234567 is for Lisbon; 7421830 is for Oslo", 0, "wrong"),
        ("<think>maybe 7421830, let me check", 0, "off-format"),
        ("<thought>1111111?</thought>7421830", 1, "right"),
        ("Let me think… 1111111? no.\nFinal answer: 7421830", 1, "right"),
        ("Maybe 1111111.\n答案是7421830", 1, "right"),
        ("Final answer: 1111111, and 7421830 before", 0, "several"),
        ("742.183万", 1, "right"),
        ("7.42183 million", 1, "right"),
        ("7.42 million", 0, "wrong"),
        ("seven million four hundred twenty-one thousand eight hundred thirty", 1, "right"),
        ("seven million four hundred and twenty-two thousand", 0, "wrong"),
        ("lisbon7421830", 1, "right"),
    ],
)
def test_numbers_are_taken_as_they_are_meant(text: str, value: float, answer_class: str) -> None:
    score = number(text, Expected(targets=("7421830",), question=LISBON))
    assert (score.value, score.answer_class) == (value, answer_class)


LONDON = "Who lives in London? Answer with the name only, even if it can only be inferred."


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Tamsin, Bob", 0),
        ("Bob and Tamsin", 0),
        ("Tamsin, Alice, Carol", 0),
        ("Tamsin does not live in London", 0),
        ("The text does not mention Tamsin living in London", 0),
        ("Tamsin", 1),
        ("Tamsin, who hears Big Ben from the kitchen window", 1),
        ("Tamsin has not touched meat, eggs or milk for years", 1),
        ("Tamsin, obviously", 1),
        ("Tamsin, not Rasmus", 1),
        ("Rasmus, not Tamsin", 0),
        ("It is not Rasmus but Tamsin.", 1),
        ("It is not Tamsin but Rasmus.", 0),
        ("I'm not certain, but Tamsin hears Big Ben.", 1),
    ],
)
def test_names_are_taken_as_they_are_meant(text: str, value: float) -> None:
    assert name(text, Expected(targets=("Tamsin",), question=LONDON), ["Rasmus"]).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("沒有提到林若彤", 0),
        ("不是陳柏翰，是林若彤", 1),
        ("不是林若彤，是陳柏翰", 0),
        ("林若彤或許住在倫敦", 1),
        ("林若彤、住在倫敦", 1),
        ("林若彤不住在倫敦", 0),
        ("林若彤不戴眼鏡", 1),
        ("林若彤或陳柏翰", 0),
        ("林若彤、陳柏翰", 0),
    ],
)
def test_chinese_names_are_taken_as_they_are_meant(text: str, value: float) -> None:
    assert (
        name(
            text,
            Expected(targets=("林若彤",), question="誰住在倫敦？只回答名字，可以從內容推斷。"),
            ["陳柏翰"],
        ).value
        == value
    )


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("single", "brisk-heron, russet-camel, ivory-anvil"),
        ("single", "brisk-heron and the russet camel are both said in the text somewhere"),
        ("distractors", "Brisk Heron, Russet Camel, Ivory Anvil"),
        ("hops", "Florence, Oslo, Paris"),
        ("hops", "Florence, Vienna"),
        ("natural", "Omaha, Denver, Lincoln"),
        ("natural", "It wasn't Omaha"),
        ("natural", "not in Omaha"),
    ],
)
def test_values_of_no_needle_are_several_or_denied_in_every_task(task: str, text: str) -> None:
    target = {
        "hops": "Florence",
        "natural": "Omaha",
        "single": "brisk-heron",
        "distractors": "Brisk Heron",
    }[task]
    planting = Planting(
        opening="",
        closing="",
        question="Where?",
        needles=(Needle(key="k", value=target, text="x"),),
        targets=(target,),
    )
    assert task_of(task).score(target, planting).value == 1
    assert task_of(task).score(text, planting).value == 0


def test_sets_leave_out_what_is_denied() -> None:
    expected = Expected(
        targets=("KZMBV", "KXQTW"), wrong={"XVNTX": WrongValue()}, question="Which variables?"
    )
    shape = r"\b[B-DF-HJ-NP-TV-XZ]{5}\b"
    assert name_set("KZMBV and KXQTW hold; XVNTX does not", expected, shape).value == 1
    assert name_set("kzmbv kxqtw nbdwr", expected, shape).value == pytest.approx(2 / 3)
    assert number_set("1234567, 7654321, 1111111 and 2222222, not 3333333", SET).value == 1


def test_most_of_what_was_planted_is_everything_at_once() -> None:
    expected = Expected(
        targets=("1234567",), wrong={v: WrongValue() for v in ("2222222", "3333333", "4444444")}
    )
    assert number_set("1234567, 2222222, 3333333", expected).answer_class == "several"
    assert number_set("1234567, 2222222", expected).value == 0.5


@pytest.mark.parametrize("padding", [" ", "\n", " \n", "-", "a ", "的", "* ", "\n- x"])
def test_as_much_as_a_server_may_send_of_nothing_is_read_past(padding: str) -> None:
    """Takes minutes where a pattern looks at every rest of the text again."""
    nothing = (padding * 16_000)[:16_000]
    assert (
        number(f"The magic number is 7421830.\n{nothing}", Expected(targets=("7421830",))).value
        == 1
    )
