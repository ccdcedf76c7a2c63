"""Answers as they are meant: judged by hand, composed of forms, by the rules of the grammar, and
cut off."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import composed
import golden
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from niah.experiment.controls import control_score, cut_score
from niah.experiment.scoring import scored
from niah.records import Outcome, Placement, Planting, Response, Result, Score, Trial
from niah.scorers import Expected, is_loop, name, names_in, number, seconds_in, time_of_day
from niah.scorers.reply import MOST_SIGNS, seen
from niah.scorers.words import grammars
from niah.tasks import task_of
from niah.tasks._planter import PLACES, names_of_city
from niah.text.wording import LANGUAGES

FIXTURES = golden.fixtures()
JUDGED = [row for name in golden.SETS for row in golden.judged(name)]


@pytest.mark.parametrize("row", JUDGED, ids=lambda r: f"{r.fixture}: {r.answer[:50]!r}")
def test_an_answer_is_scored_as_a_person_judges_it(row: golden.Judged) -> None:
    assert golden.score_of(row, FIXTURES[row.fixture]).value == pytest.approx(
        row.share, abs=0.01
    ), row.reason


@pytest.mark.parametrize(("name", "misjudged"), golden.FRESH.items())
def test_fresh_answers_are_misjudged_no_more_often_than_when_they_were_new(
    name: str, misjudged: tuple[int, int]
) -> None:
    rows = [
        (row, golden.score_of(row, FIXTURES[row.fixture]).value - row.share)
        for row in golden.judged(name)
    ]
    assert not [row.answer for row, off in rows if off > 0.01]
    assert sum(abs(off) > 0.01 for _, off in rows) <= misjudged[0]


def test_of_the_last_fresh_answers_at_most_one_in_a_hundred_was_misjudged() -> None:
    misjudged, falsely_right = list(golden.FRESH.values())[-1]
    assert falsely_right == 0
    assert 100 * misjudged <= len(list(golden.judged(list(golden.FRESH)[-1]))) > 300


def test_an_answer_of_the_golden_table_stands_there_once_and_both_verdicts_are_common() -> None:
    assert len({(row.fixture, row.answer) for row in JUDGED}) == len(JUDGED) > 1600
    assert sum(row.share == 1 for row in JUDGED) > 800
    assert sum(row.share == 0 for row in JUDGED) > 600


EXAMPLES = [
    (rule, language, *data["example"])
    for language, grammar in grammars().items()
    for rule, data in grammar.items()
    if "example" in data
]
EXAMPLE_FIXTURES = {"en": "lusaka", "zh": "nairobi_hans", "es": "lusaka_es"}


@pytest.mark.parametrize(
    ("rule", "language", "answer", "given"), EXAMPLES, ids=lambda v: str(v)[:40]
)
def test_every_rule_of_the_grammar_does_what_its_example_says(
    rule: str, language: str, answer: str, given: str
) -> None:
    fixture = FIXTURES[EXAMPLE_FIXTURES[language]]
    planting = golden.planting_of(fixture)
    needles = dict(zip("AXY", planting.needles, strict=True))
    slots = {"A": needles["A"].value, "B": needles["X"].value, "C": needles["Y"].value}
    slots |= {"X": needles["X"].key, "Y": needles["Y"].key}
    text = re.sub(r"(?<![A-Za-z])[ABCXY](?![A-Za-z])", lambda m: slots[m[0]], answer)
    score = task_of("multikey").score(text, planting)
    expected = {
        "A": ("right",),
        "-": ("not-there", "wrong", "off-format", "echo", "distractor"),
        "A|B": ("several",),
    }
    assert score.answer_class in expected[given], (rule, text, score.explanation)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("task", composed.TASKS)
def test_composed_answers_are_scored_as_they_are_built(task: str, language: str) -> None:
    cases = composed.composed(task, language)
    assert len(cases) > 300
    misjudged = [c.answer for c in cases[:: len(cases) // 45] if (c.score().value == 1) != c.right]
    assert not misjudged


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_composed_answer_with_another_needle_planted_is_scored_as_it_is_built(
    data: st.DataObject,
) -> None:
    task = data.draw(st.sampled_from(composed.TASKS))
    language = data.draw(st.sampled_from(LANGUAGES))
    case = data.draw(
        st.sampled_from(composed.composed(task, language, epoch=data.draw(st.integers(1, 2))))
    )
    assert (case.score().value == 1) == case.right, case.answer


@given(st.integers(1_000_000, 9_999_999), st.integers(1_000_000, 9_999_999))
def test_no_two_numbers_joined_by_or_are_right(a: int, b: int) -> None:
    if a != b:
        assert number(f"{a} or {b}", Expected(targets=(str(a),))).answer_class == "several"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("時間：3:42", [222]),
        ("時間：12分16秒", [736]),
        ("Time:12:16", [736]),
        ("time:12m16s", [736]),
        ("數字：4465504\n時間：3:42", [222]),
        ("1:02:03:04", []),
        ("十分整", [600]),
    ],
)
def test_a_label_does_not_hide_a_time(text: str, seconds: list[int]) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize(
    ("text", "answer_class"),
    [
        ("at 99999 minutes", "wrong"),
        ("123456 hours", "wrong"),
        ("999999 hours or 12:16", "several"),
    ],
)
def test_a_time_that_no_recording_reaches_is_judged_like_any_other(
    text: str, answer_class: str
) -> None:
    assert time_of_day(text, Expected(targets=("12:16",)), 30).answer_class == answer_class


@pytest.mark.parametrize(
    ("text", "answer_class"),
    [
        ("12:16–12:44", "right"),
        ("from 12:16 to 12:44", "right"),
        ("between 12:16 and 12:44", "right"),
        ("12:16到12:44", "right"),
        ("12:01–12:16", "near-miss"),
        ("12:16–25:40", "several"),
        ("12:16 and 12:44", "several"),
        ("At 12:16 (halfway through the 24:32 recording)", "right"),
    ],
)
def test_a_range_within_a_minute_is_its_start_and_a_length_is_no_time(
    text: str, answer_class: str
) -> None:
    assert time_of_day(text, Expected(targets=("12:16",)), 30).answer_class == answer_class


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31m7421830\x1b[0m",
        "\x1b]0;42\x0774\x1b[2J21830",
        "\u202e7421830\u202c",
        "7421\u200b830",
        "\ufeff7421830\x00",
    ],
)
def test_what_a_terminal_eats_is_no_part_of_a_number(text: str) -> None:
    assert number(text, Expected(targets=("7421830",))).answer_class == "right"


def test_a_name_may_hold_punctuation_and_a_gloss_in_another_script() -> None:
    assert names_in("老罗，你来看！", ["老罗你来看"]) == {"老罗你来看"}
    assert names_in("大，阪", ["大阪"]) == set()
    assert (
        name("Mumbai（孟買）", Expected(targets=("Mumbai",)), ["孟買", "大阪"]).answer_class
        == "right"
    )
    assert (
        name("Mumbai, 孟買", Expected(targets=("Mumbai",)), ["孟買", "大阪"]).answer_class
        == "several"
    )


@pytest.mark.parametrize(
    ("text", "target", "right"),
    [
        ("87", "87階", True),
        ("八十七", "87階", True),
        ("87 in total", "87 steps", True),
        ("87 metres", "87 steps", False),
        ("87歲", "87階", False),
        ("187", "87階", False),
        ("87.5", "87階", False),
        ("87階", "87", True),
    ],
)
def test_a_counted_thing_may_be_given_without_its_unit_and_with_no_other(
    text: str, target: str, right: bool
) -> None:
    assert (name(text, Expected(targets=(target,))).value == 1) == right


SHAPES = (
    "12 ",
    "7421830, ",
    "word ",
    "(",
    "7",
    "十",
    "一千 ",
    "Lusaka 7421830 ",
    "not 7421830 ",
    "7421830 (Oslo) ",
    "12:16 ",
    "因此",
)


GROWING = (
    [("when", "十"), ("when", "7")]
    + [("multikey", s) for s in SHAPES]
    + [
        ("when", "12:16 "),
        ("multivalue", "7421830, "),
        ("associative", "Kwame, "),
    ]
)


@pytest.mark.parametrize(("task", "shape"), GROWING)
def test_the_work_on_an_answer_grows_no_faster_than_its_length(task: str, shape: str) -> None:
    fixture = {
        "multikey": "lusaka",
        "when": "when",
        "multivalue": "multivalue",
        "associative": "london",
    }[task]
    planting = golden.planting_of(FIXTURES[fixture])

    def score(signs: int) -> Callable[[], Score]:
        return lambda: task_of(task).score(shape * (signs // len(shape)), planting)

    score(100)()  # patterns are compiled once
    some, twice = calls_of(score(MOST_SIGNS // 16)), calls_of(score(MOST_SIGNS // 8))
    assert twice <= 2.5 * some + 500


PADDED = [
    ("lusaka", "</s>" * 3_900 + "\n7421830", 1),
    ("lusaka", "the one is " * 1_400 + "7421830 x 3915274 y", 1),
    ("when", "12" + " " * 15_000 + "\n12:16", 1),
    ("count_en_c", "1" * 15_000 + "\n2", 1),
    ("count_en_c", "1 " * 7_500 + "1a\n2", 1),
    ("london", "Tamsin's " + "a" * 15_000 + "1", 1),
    ("absent", "Not mentioned, maybe:" + " " * 15_000 + "\nx", 0),
    ("absent_hant", "說不定" * 1_500, 0),
]


@pytest.mark.parametrize(("fixture", "text", "value"), PADDED, ids=lambda v: repr(v)[:30])
def test_no_answer_takes_more_time_than_its_length(fixture: str, text: str, value: int) -> None:
    """Takes seconds to hours where a pattern looks at every rest of the text again."""
    planting = golden.planting_of(FIXTURES[fixture])
    task, control = task_of(FIXTURES[fixture]["task"]), FIXTURES[fixture].get("control")
    assert control_score(text, planting, task, control).value == value


@pytest.mark.parametrize("text", ["one-" * 4_400, "one" + "-hundred" * 2_300])
def test_a_number_word_without_end_is_no_number(text: str) -> None:
    assert task_of("multikey").score(text, golden.planting_of(FIXTURES["lusaka"])).value == 0


def test_the_values_of_a_list_beside_an_abstention_are_each_read_once() -> None:
    planting, task = golden.planting_of(FIXTURES["lusaka"]), task_of("multikey")

    def score(values: int) -> Callable[[], Score]:
        return lambda: task.score("Not mentioned. " + "7421830, " * values, planting)

    score(1)()  # patterns are compiled once
    assert calls_of(score(160)) <= 2.5 * calls_of(score(80)) + 500


def calls_of(work: Callable[[], object]) -> int:
    """Calls that a piece of work makes, of Python's functions and of C's."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("behind", ["— no", "“42”", "ế", "₂", "€5", "ᾳ", "…", "\u202f3"])
def test_a_pile_of_marks_takes_nothing_with_it_that_is_none(behind: str) -> None:
    assert seen(f"a{chr(0x301) * 9}{behind}") == f"a{chr(0x301) * 4}{behind}"


def test_of_a_very_long_reply_the_head_and_the_tail_are_read() -> None:
    assert len(seen("x" * 10_000_000)) <= MOST_SIGNS + 1
    long = "and then they talked about boats. " * 200_000
    planting = golden.planting_of(FIXTURES["lusaka"])
    assert task_of("multikey").score(f"7421830\n\n{long}", planting).value == 1
    assert task_of("multikey").score(f"{long}\n\nAnswer: 7421830", planting).value == 1


@pytest.mark.parametrize(
    ("fixture", "text", "answer_class"),
    [
        ("lusaka", "7421830\n7421830\n7421830\n7421830", "loop"),
        ("lusaka", "The number is 39152. " * 6, "loop"),
        ("lusaka", "1. 3915274\n2. 3915274\n3. 3915274\n4. 39152", "loop"),
        ("lusaka", "0" * 80, "loop"),
        ("lusaka", "It is 31415926535897932384626433832795028841971693993751", "loop"),
        ("lusaka", ", ".join(str(n) for n in range(1000001, 1000020)), "loop"),
        ("nairobi_hant", "神奇數字是神奇數字是神奇數字是神奇數字是神奇數字是神奇數字是", "loop"),
        ("lusaka", "7421830\n\nThe transcript goes on to", "right"),
        ("lusaka", "The magic number for Lusaka is 7421830. It is said just after the", "right"),
        (
            "lusaka",
            "The magic number for Lusaka is 3915274. It is said just after the",
            "distractor",
        ),
        (
            "lusaka",
            "7421830\n\nQuestion: What is the magic number for Oslo?\n\nAnswer: 39",
            "right",
        ),
        ("nairobi_hant", "奈洛比的神奇數字是7421830。說話的人", "right"),
        ("multivalue", "2441851, 6940965, 3799405, 8213376\nThese are", "right"),
        ("lusaka", "Not mentioned. The text only", "not-there"),
        ("lusaka", "7421830", None),
        ("lusaka", "74218", None),
        ("lusaka", "Let me look. The number for Oslo is 3915274. The number for", None),
        ("lusaka", "Oslo is 3915274. Riga is 5580163. Lus", None),
        ("lusaka", "<think>The user asks for Lusaka. 7421830. Let me", None),
        (
            "lusaka",
            "The magic number for Lusaka is 3915274. Wait, that is Oslo. Lusaka is 7421830. So",
            None,
        ),
        ("multivalue", "2441851, 6940965,\n37994", None),
        ("lusaka", "", None),
    ],
)
def test_a_reply_that_was_cut_off_is_judged_where_it_is_a_loop_or_has_answered(
    fixture: str, text: str, answer_class: str | None
) -> None:
    row = FIXTURES[fixture]
    score = cut_score(text, golden.planting_of(row), task_of(row["task"]), None)
    assert (None if score is None else score.answer_class) == answer_class
    if answer_class == "loop":
        assert score is not None and score.value == 0


@given(
    st.lists(st.text(alphabet="abc123", min_size=1, max_size=9), min_size=4, max_size=20),
    st.integers(4, 9),
)
def test_what_is_said_over_and_over_is_a_loop(words: list[str], rounds: int) -> None:
    assert is_loop(f"{' '.join(words)}. " * rounds)


@given(st.lists(st.integers(1_000_000, 9_999_999), min_size=1, max_size=6, unique=True))
def test_a_list_of_different_values_is_no_loop(values: list[int]) -> None:
    assert not is_loop(", ".join(map(str, values)))


def result(text: str, outcome: Outcome, stop: str) -> Result:
    trial = Trial(id="t", task="multikey", context_length=1000, depth_percent=50.0, epoch=0)
    return Result(
        trial=trial,
        outcome=outcome,
        placements=(
            Placement(key="k", depth_percent=50, actual_depth_percent=50, tokens_before=1),
        ),
        targets=("7421830",),
        prompt_tokens=900,
        prompt_digest="d",
        unique_share=1.0,
        response=Response(text=text, stop_reason=stop),
    )


@pytest.mark.parametrize(
    ("text", "outcome", "score"),
    [
        ("7421830\n" * 9, Outcome.SCORED, 0.0),
        ("7421830. Said", Outcome.SCORED, 1.0),
        ("Let me", Outcome.TRUNCATED, None),
    ],
)
def test_a_cut_off_result_is_scored_the_same_when_it_is_scored_again(
    text: str, outcome: Outcome, score: float | None
) -> None:
    planting: Planting = golden.planting_of(FIXTURES["lusaka"])
    once = scored(result(text, Outcome.TRUNCATED, "length"), planting, task_of("multikey"))
    assert (once.outcome, once.score) == (outcome, score)
    assert scored(once, planting, task_of("multikey")) == once


def test_a_loop_that_the_model_ends_itself_is_an_answer_like_any_other() -> None:
    planting = golden.planting_of(FIXTURES["lusaka"])
    whole = scored(result("7421830\n" * 9, Outcome.SCORED, "stop"), planting, task_of("multikey"))
    assert (whole.score, whole.answer_class) == (1.0, "right")


def test_a_city_may_be_named_in_any_language() -> None:
    for places in PLACES.values():
        assert all(len(names_of_city(place)) > 1 for place in places)
    planting = golden.planting_of(FIXTURES["hops_en_b"])
    for text, value in (
        ("Wien", 1),
        ("維也納", 1),
        ("Vienna (维也纳)", 1),
        ("漢堡", 0),
        ("Wien or Cusco", 0),
    ):
        assert task_of("hops").score(text, planting).value == value, text


def test_the_asked_question_said_first_is_no_next_turn() -> None:
    planting = golden.planting_of(FIXTURES["lusaka"])
    text = f"Let me see.\nQuestion: {planting.question}\nAnswer: 7421830"
    assert task_of("multikey").score(text, planting).value == 1


def test_an_abstention_that_offers_a_name_of_nobody_is_a_hallucination() -> None:
    planting = golden.planting_of(FIXTURES["absent_london"])
    for text, value in (
        ("Not mentioned, but maybe Bob.", 0),
        ("Not mentioned, but it is a fun talk.", 1),
    ):
        assert control_score(text, planting, task_of("associative"), "absent").value == value


def test_a_pair_needs_its_own_key_and_recall_is_kept() -> None:
    planting = golden.planting_of(FIXTURES["multiquery"])
    swapped = "Valencia: 1882543, Amman: 7513554, Bordeaux: 5264258, Malaga: 9005193"
    score = task_of("multiquery").score(swapped, planting)
    assert dict(score.parts) == {"recall": 1.0, "precision": 1.0, "pairs": 0.5}
    assert (score.value, score.answer_class, score.detail) == (0.5, "wrong", "mixed up")
    two = replace(planting)
    assert "pairs" not in task_of("multiquery").score("1882543, 7513554", two).parts
