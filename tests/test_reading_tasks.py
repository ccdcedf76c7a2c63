"""Tasks that need reading: neither a fixed answer nor a place in the text gives theirs away."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from niah.errors import ConfigError
from niah.experiment.config import RunConfig
from niah.experiment.controls import control_score, controlled
from niah.experiment.experiment import Experiment, experiment_of
from niah.generator.synthetic import spoken
from niah.records import Needle, Planting
from niah.scorers import Expected, WrongValue, name_sequence
from niah.scorers import count as count_score
from niah.tasks import task_of
from niah.text.wording import LANGUAGES, wording_of

TRIALS = 160


@cache
def experiment(task: str, language: str, depth: float = 50.0, **keys: object) -> Experiment:
    talk = f"synthetic:{language}" if language in spoken() else language
    config = {"provider": "simulated", "model": "perfect", "task": task, "haystack": (talk,)}
    return experiment_of(
        RunConfig(**config, lengths=(2_000,), depths=(depth,), epochs=TRIALS, **keys)
    )


@cache
def plantings(task: str, language: str, depth: float = 50.0) -> tuple[Planting, ...]:
    made = experiment(task, language, depth)
    return tuple(made.plant(trial) for trial in made.trials)


def in_the_text(planting: Planting) -> list[Needle]:
    return sorted(planting.needles, key=lambda n: n.depth_percent or 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_journeys_are_told_in_any_order(language: str) -> None:
    as_told = 0
    for planting in plantings("order", language):
        told = [n.value for n in in_the_text(planting) if n.answer_class == "right"]
        assert sorted(told) == sorted(planting.targets)
        as_told += tuple(told) == planting.targets
    assert as_told < TRIALS / 8  # of 1 in 24 by chance


@pytest.mark.parametrize("language", LANGUAGES)
def test_journeys_of_one_person_are_on_different_days_in_the_order_of_the_calendar(
    language: str,
) -> None:
    days = wording_of(language).texts("order.days")
    for planting in plantings("order", language):
        right = {n.value: n.text for n in planting.needles if n.answer_class == "right"}
        of_the_year = [
            next(i for i, day in enumerate(days) if day in right[city]) for city in planting.targets
        ]
        assert of_the_year == sorted(set(of_the_year))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_number_and_no_number_of_lines_is_the_count(language: str) -> None:
    counts = Counter(planting.targets[0] for planting in plantings("count", language))
    assert set(counts) == set("23456789")
    assert max(counts.values()) < TRIALS / 4
    for planting in plantings("count", language):
        about = [n for n in planting.needles if n.answer_class != "distractor"]
        met = [n for n in about if n.answer_class == "right"]
        assert len({n.key for n in met}) == int(planting.targets[0]) < len(met) < len(about)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_turn_of_the_like_things_is_asked_for(language: str) -> None:
    ordinals = wording_of(language).texts("repeat.ordinals")
    asked: Counter[int] = Counter()
    for planting in plantings("repeat", language):
        like = [
            n for n in planting.needles if n.answer_class != "distractor" or n.detail == "later"
        ]
        place = next(i for i, n in enumerate(like) if n.answer_class == "right")
        assert ordinals[place] in planting.question
        assert like == sorted(like, key=lambda n: n.depth_percent or 0.0)
        asked[place] += 1
    assert len(asked) == len(ordinals)
    assert max(asked.values()) < TRIALS / 4


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("depth", [0.0, 50.0, 100.0])
def test_the_line_that_says_where_a_thing_is_does_not_name_it_and_is_not_the_last_one(
    language: str, depth: float
) -> None:
    last = 0
    asked: Counter[str] = Counter()
    for planting in plantings("moves", language, depth):
        right = next(n for n in planting.needles if n.answer_class == "right")
        assert right.key in planting.question
        assert right.key not in right.text
        way = [
            n
            for n in planting.needles
            if n.answer_class in ("right", "earlier") or n.detail == "later"
        ]
        assert all((a.depth_percent or 0.0) <= (b.depth_percent or 0.0) for a, b in pairwise(way))
        asked["before" if any(n.detail == "later" for n in way) else "now"] += 1
        last += in_the_text(planting)[-1] is right
    assert min(asked["now"], asked["before"]) > TRIALS / 3
    assert last < TRIALS / 8


@pytest.mark.parametrize(
    ("task", "count", "says"),
    [
        ("order", 1, "2 to 8 journeys"), ("order", 9, "2 to 8 journeys"),
        ("count", 10, "2 to 9 people"),
        ("count", 1, "2 to 9 people"), ("moves", 2, "3 or more journeys"),
        ("repeat", 9, "2 to 8 things"),
    ],
)  # fmt: skip
def test_a_needle_count_that_makes_no_task_is_refused(task: str, count: int, says: str) -> None:
    made = experiment(task, "en", needle_count=count)
    with pytest.raises(ConfigError, match=rf"needle_count = {count}: .*{says}"):
        made.plant(made.trials[0])


CITIES = Expected(
    targets=("Oslo", "Riga", "Lima"),
    wrong={
        "Cairo": WrongValue(answer_class="near-miss", detail="cancelled"),
        "Turin": WrongValue(),
    },
    question=(
        "To which cities did Edda travel last year, in the order of the calendar, the earliest"
        " first?"
    ),
    keys=("Edda",),
)


@pytest.mark.parametrize(
    ("answer", "value", "answer_class"),
    [
        ("Oslo, Riga, Lima", 1.0, "right"),
        ("1. Oslo\n2. Riga\n3. Lima", 1.0, "right"),
        ("First Oslo, then Riga, and finally Lima.", 1.0, "right"),
        (
            "The text has Lima, Oslo and Riga. In the order of the calendar: Oslo, Riga, Lima",
            1.0,
            "right",
        ),
        ("Oslo → Riga → Lima", 1.0, "right"),
        ("奧斯陸", 0.0, "off-format"),
        ("Oslo, Riga, Lima. The trip to Cairo was cancelled.", 1.0, "right"),
        ("Oslo, Riga and Lima (Edda meant to go to Cairo, but stayed at home).", 1.0, "right"),
        ("Oslo, Riga, Lima. Edda also went to Cairo.", 0.0, "near-miss"),
        ("Oslo, Lima, Riga", 0.0, "wrong"),
        ("Oslo, Riga, Lima. No, Lima, Riga, Oslo.", 0.0, "wrong"),
        ("Oslo, Riga", 0.0, "wrong"),
        ("Oslo, Riga, Lima, Cairo", 0.0, "near-miss"),
        ("Oslo, Riga, Lima, Paris", 0.0, "wrong"),
        ("Oslo, Riga, Lima, Cairo, Turin", 0.0, "several"),
        ("It is not mentioned.", 0.0, "not-there"),
    ],
)
def test_a_list_is_right_in_its_order_and_whole(
    answer: str, value: float, answer_class: str
) -> None:
    score = name_sequence(answer, CITIES, ["Paris"])
    assert (score.value, score.answer_class) == (value, answer_class)


def test_what_is_found_of_a_list_is_scored_apart() -> None:
    score = name_sequence("Riga, Oslo, Lima", CITIES)
    assert score.parts == {"recall": 1.0, "precision": 1.0, "order": pytest.approx(2 / 3)}
    assert score.detail == "out of order"
    assert name_sequence("Riga", CITIES).parts["order"] == 0.0


PEOPLE = Expected(
    targets=("6",), question="How many different people did Edda run into?", keys=("Ilse", "Marit")
)


@pytest.mark.parametrize(
    ("answer", "value", "answer_class"),
    [
        ("6", 1.0, "right"),
        ("Six.", 1.0, "right"),
        ("六個", 1.0, "right"),
        ("Edda ran into 6 different people.", 1.0, "right"),
        ("1. Ilse\n2. Marit\n3. Odalys\n\nThe answer is 6.", 1.0, "right"),
        ("6: Ilse, Marit, Odalys", 1.0, "right"),
        ("讓我找一下，一共6個人，其中一個遇到了兩次", 1.0, "right"),
        ("讓我找一下，一共6個人，其中一個是 Ilse", 1.0, "right"),
        ("6. That is all.", 1.0, "right"),
        ("7", 0.0, "wrong"),
        ("16", 0.0, "wrong"),
        ("5 or 6", 0.0, "several"),
        ("0", 0.0, "not-there"),
        ("Nobody.", 0.0, "not-there"),
        ("沒有遇到任何人", 0.0, "not-there"),
        ("Not mentioned.", 0.0, "not-there"),
    ],
)
def test_a_count_is_a_number_and_nobody_is_none(
    answer: str, value: float, answer_class: str
) -> None:
    score = count_score(answer, PEOPLE)
    assert (score.value, score.answer_class) == (value, answer_class)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("task", ["order", "count", "moves", "repeat"])
def test_without_its_needles_nothing_is_left_that_answers_the_question(
    task: str, language: str
) -> None:
    for planting in plantings(task, language)[:40]:
        absent = controlled(planting, "absent", language)
        text = "\n".join(n.text for n in absent.needles)
        said = task_of(task).solve(f"{text}{absent.closing}")
        assert control_score(said, absent, task_of(task), "absent").value == 1.0


def moved(language: str, asked: str) -> Planting:
    later = {"before": True, "now": False}[asked]
    return next(
        p
        for p in plantings("moves", language)
        if any(n.detail == "later" for n in p.needles) is later
    )


def test_a_thing_is_where_its_last_journey_ended_or_was_before_that() -> None:
    score = task_of("moves").score
    before = moved("en", "before")
    (target,) = before.targets
    last = next(n.value for n in before.needles if n.detail == "later")
    first = before.needles[0].value
    for answer in (
        target,
        f"Before {last} it was in {target}.",
        f"First {first}, then {target}, and then {last}.",
    ):
        assert score(answer, before).value == 1.0, answer
    for answer in (last, first, f"{first} or {target}", f"{target} or {first}"):
        assert score(answer, before).value == 0.0, answer
    now = moved("en", "now")
    stray = [n.value for n in now.needles if n.answer_class == "distractor"]
    assert score(now.needles[0].value, now).answer_class == "earlier"
    assert {score(city, now).answer_class for city in stray} == {"distractor"}


def test_of_things_that_are_counted_up_the_last_one_is_given() -> None:
    score = task_of("repeat").score
    found = (
        p
        for p in plantings("repeat", "en")
        if sum(n.answer_class == "earlier" for n in p.needles) == 2
    )
    planting = next(found)
    one, two, three, *_ = [n.value for n in planting.needles]
    assert planting.targets == (three,)
    assert score(f"It was first {one}, then {two}, then {three}.", planting).value == 1.0
    assert score(f"It was first {three}, then {two}, then {one}.", planting).value == 0.0
    assert score(f"{one}, {two}, {three}", planting).answer_class == "several"
    assert score(two, planting).answer_class == "earlier"
    other = next(n for n in planting.needles if n.detail == "later")
    assert (score(other.value, planting).answer_class, score(other.value, planting).detail) == (
        "distractor",
        "later",
    )
