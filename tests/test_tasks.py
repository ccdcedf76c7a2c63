"""Needles of every task: nothing leaks, and readers of every kind land where they belong, through
the real path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah, site_of
from hypothesis import given, settings
from hypothesis import strategies as st

from niah.errors import ConfigError, HaystackError, PromptError, UnknownName
from niah.experiment.checks import completed
from niah.experiment.config import RunConfig
from niah.experiment.design import task_label
from niah.experiment.experiment import Experiment, experiment_of
from niah.generator.haystack import Corpus, corpus_of
from niah.generator.segments import segments_of
from niah.generator.synthetic import spoken, vocabulary_file
from niah.generator.templated import NEEDLE, WORDS, pair_values, spare_terms
from niah.generator.tokenizers import tokenizer_of
from niah.providers.simulated import simulated, transport
from niah.records import Planting, Transcript, Trial
from niah.runlog.log import open_log
from niah.runner.progress import Observer
from niah.runner.session import Session
from niah.runner.sweep import Sweep
from niah.scorers import seconds_in
from niah.tasks import depth_of, task_names, task_of
from niah.tasks._planter import PEOPLE, PLACES, SPAN_PERCENT
from niah.tasks.meaning import pairs
from niah.tasks.recording import Clock
from niah.text.normalise import fold
from niah.text.numerals import whole_numbers
from niah.text.renamed import RENAMED
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES, wording_of
from niah.verdict.grid import grid_of
from niah.verdict.records import Grid

SPEECH = "We talked about Oslo and the number 4830172 for an hour."
PLANTING = [name for name in task_names() if name != "natural"]
ONE_VALUE = [  # with wrong answers planted
    "associative", "distractors", "hops", "moves", "multikey", "repeat", "said-at", "when",
]  # fmt: skip
SETS = ["multiquery", "multivalue", "order", "tracking"]
IN_ORDER = ("moves", "repeat", "update")  # their needles are listed as they stand in the text
OPTIONS: dict[str, list[dict[str, object]]] = {
    "single": [{"value_kind": "word"}, {"value_kind": "uuid"}],
    "multikey": [{"value_kind": "uuid"}, {"distractor_count": 0}, {"haystack": "needles:zh-Hant"}],
    "update": [
        {"ask_for": "first"},
        {"needle_count": 4, "placement": "together"},
        {"needle_count": 3, "placement": "random"},
    ],
    "multivalue": [{"placement": "together"}, {"placement": "random"}],
    "hops": [{"needle_count": 5, "placement": "random"}, {"needle_count": 1}],
    "tracking": [{"placement": "random", "needle_count": 3}],
    "associative": [{"lure_count": 2, "distractor_count": 4}],
    "order": [{"placement": "together"}, {"placement": "random", "needle_count": 6}],
    "count": [
        {"placement": "together", "needle_count": 2},
        {"placement": "random", "distractor_count": 5},
    ],
    "moves": [
        {"placement": "together", "needle_count": 3},
        {"placement": "random", "needle_count": 6, "distractor_count": 0},
    ],
    "instruction": [{"history": "keeps"}, {"turn_tokens": 64}],
    "repeat": [
        {"placement": "together", "needle_count": 2},
        {"placement": "random", "distractor_count": 6},
    ],
}


@pytest.fixture(scope="module")
def haystack() -> Corpus:
    return speech(SPEECH)


@cache
def speech(*lines: str) -> Corpus:
    segments = tuple(s for line in lines for s in segments_of(line))
    return corpus_of(
        "a", "en", [Transcript(name="a", form="text", language="en", segments=segments)], encoding()
    )


@cache
def encoding():  # type: ignore[no-untyped-def]  # a Tokenizer, kept for all tests
    return tokenizer_of("o200k_base")


def planted(task: str, language: str, haystack: Corpus, seed: int = 0, **keys: object) -> Planting:
    trial = Trial(id="t", task=task, context_length=4_000, depth_percent=50, epoch=0)
    keys = {"distractor_count": 3} | keys if "distractor_count" in task_of(task).OPTIONS else keys
    return task_of(task).plant(Draw(seed, "needle"), site_of(trial, haystack, language, **keys))


def test_a_task_goes_by_its_name() -> None:
    assert task_names() == [
        "associative", "count", "distractors", "hops", "instruction", "kv", "moves", "multikey",
        "multiquery",
        "multivalue", "natural",
        "order", "passkey", "repeat", "said-at", "single", "tracking", "update", "when",
        "when-and-what",
    ]  # fmt: skip
    with pytest.raises(UnknownName, match=r"did you mean 'single'"):
        task_of("singel")


@pytest.mark.parametrize("task", PLANTING)
@settings(max_examples=40)
@given(seed=st.integers(0, 10**9), language=st.sampled_from(LANGUAGES))
def test_nothing_that_answers_the_question_stands_anywhere_but_in_its_needles(
    task: str, seed: int, language: str
) -> None:
    planting = planted(task, language, speech(SPEECH), seed)
    around = fold(
        planting.opening + planting.closing + SPEECH + "".join(m.text for m in planting.marks)
    )
    texts = [n.text for n in planting.needles]
    assert len(set(texts)) == len(texts)
    for target in planting.targets:
        if task == "count":  # no line says it: a digit inside another number is none
            assert int(target) not in whole_numbers(around + " ".join(texts))
        else:
            assert fold(target) not in around
        assert not [n for n in planting.needles if n.answer_class != "right" and n.value == target]
    for needle in planting.needles:
        assert needle.value not in SPEECH
        assert needle.key not in SPEECH
    values = [n.value for n in planting.needles]
    assert len(set(values)) == len(values)
    assert planting.targets == tuple(planting.targets)
    assert planting.needles[0].answer_class == "right" or task in IN_ORDER


@pytest.mark.parametrize(
    "task", ["single", "multikey", "multivalue", "multiquery", "when", "update"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_question_names_the_asked_key_and_no_other(
    task: str, language: str, haystack: Corpus
) -> None:
    for seed in range(50):
        planting = planted(task, language, haystack, seed)
        asked = {n.key for n in planting.needles if n.answer_class in ("right", "stale")}
        assert all(key in planting.question for key in asked)
        assert not [
            n.key for n in planting.needles if n.key not in asked and n.key in planting.question
        ]


def run(
    config: Mapping[str, Any], folder: Path, answer: Callable[[Experiment], Callable[[str], str]]
) -> Grid:
    """A whole sweep through client, log and scorer, with a reader of the test's own."""
    experiment = experiment_of(
        completed(RunConfig(provider="simulated", model="perfect", **config))
    )
    with open_log(folder, experiment.header()) as log:
        reader = transport("perfect", answer(experiment), experiment.tokenizer)
        session = Session(provider=simulated("perfect", {}), transport=reader, concurrency=4)
        asyncio.run(Sweep(experiment, session, log, Observer()).run())
        return grid_of(log.header, log.results.values())


def perfect(experiment: Experiment) -> Callable[[str], str]:
    return lambda text: experiment.task.solve(text, experiment.options)


def blind(experiment: Experiment) -> Callable[[str], str]:
    return lambda text: experiment.task.solve(
        text[text.rfind("\n\n", 0, text.rfind("\n\n")) :], experiment.options
    )


def saying(answer: Callable[[Planting], str]) -> Callable[[Experiment], Callable[[str], str]]:
    """A reader that knows the planting and answers as told."""

    def reader(experiment: Experiment) -> Callable[[str], str]:
        plantings = {experiment.prompt(t).text: experiment.plant(t) for t in experiment.trials}
        return lambda text: (
            answer(plantings[text]) if text in plantings else "?"
        )  # small requests have none

    return reader


SMALL: dict[str, object] = {"lengths": "1k,3k", "depths": "0,50,100"}
HAYSTACKS = {language: language.lower() for language in LANGUAGES}  # the shipped ones


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("task", PLANTING)
def test_a_perfect_reader_finds_everything_and_a_blind_one_nothing(
    task: str, language: str, tmp_path: Path
) -> None:
    config = {"task": task, "haystack": HAYSTACKS[language], "controls": True, **SMALL}
    found = run(config, tmp_path / "perfect", perfect)
    assert {c.mean for c in found.cells} == {1.0}
    assert found.answer_classes == {"right": 6}
    assert {(c.control, c.context_length, c.mean) for c in found.controls} == {
        ("absent", 1_000, 1.0), ("absent", 3_000, 1.0), ("closed-book", None, 0.0),
        ("oracle", None, 1.0),
    }  # fmt: skip
    assert found.normalised == 1.0
    nothing = run(config, tmp_path / "blind", blind)
    assert {c.mean for c in nothing.cells} == {0.0}
    assert nothing.answer_classes == {"not-there": 6}


@pytest.mark.parametrize(
    ("task", "keys"), [(task, keys) for task, sets in OPTIONS.items() for keys in sets]
)
def test_every_option_can_be_read(task: str, keys: dict[str, object], tmp_path: Path) -> None:
    config = {"task": task, **SMALL, **keys}
    assert {c.mean for c in run(config, tmp_path / "perfect", perfect).cells} == {1.0}
    assert {c.mean for c in run(config, tmp_path / "blind", blind).cells} == {0.0}


def everything(planting: Planting) -> str:
    return ", ".join(n.value for n in planting.needles)


@pytest.mark.parametrize("task", ONE_VALUE)
def test_an_answer_for_another_needle_is_named_as_such(task: str, tmp_path: Path) -> None:
    def last_distractor(planting: Planting) -> str:
        return planting.needles[-1].value

    expected = {"distractors": "near-miss: other person", "when": "near-miss: denied"}.get(
        task, "distractor"
    )
    keys = {"distractor_count": 1}
    grid = run({"task": task, **SMALL, **keys}, tmp_path, saying(last_distractor))
    assert {c.mean for c in grid.cells} == {0.0}
    assert grid.answer_classes == {expected: 6}


@pytest.mark.parametrize("task", [*ONE_VALUE, *SETS, "update"])
def test_everything_at_once_never_scores(task: str, tmp_path: Path) -> None:
    grid = run({"task": task, **SMALL}, tmp_path, saying(everything))
    assert {c.mean for c in grid.cells} == {0.0}
    assert grid.answer_classes == {"several": 6}


@pytest.mark.parametrize("task", PLANTING)
def test_an_echo_of_the_question_never_scores(task: str, tmp_path: Path) -> None:
    grid = run(
        {"task": task, "controls": True, **SMALL},
        tmp_path,
        saying(lambda planting: planting.question),
    )
    assert {c.mean for c in grid.cells} == {0.0}
    assert {c.mean for c in grid.controls} == {0.0}


@pytest.mark.parametrize(
    ("asked", "which", "answer_class"),
    [
        ("latest", 1, "stale"), ("latest", 0, "earlier"), ("latest", 3, "earlier"),
        ("latest", -1, "distractor"),
        ("first", 2, "distractor: later"), ("first", 0, "distractor: later"),
        ("first", -1, "distractor"),
    ],
)  # fmt: skip
def test_an_outdated_value_is_named_as_such(
    asked: str, which: int, answer_class: str, tmp_path: Path
) -> None:
    config = {"task": "update", "ask_for": asked, "needle_count": 3, **SMALL}
    grid = run(config, tmp_path, saying(lambda planting: planting.needles[which].value))
    assert {c.mean for c in grid.cells} == {0.0}
    assert grid.answer_classes == {answer_class: 6}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"task": "single"}, "the needle"),
        ({"task": "hops"}, "the needles' centre, 20 points to each side"),
        ({"task": "hops", "placement": "random"}, "one needle, the others anywhere"),
        ({"task": "update"}, "the statement asked for"),
        ({"task": "moves"}, "the last journey"),
        ({"task": "repeat"}, "the thing asked for"),
        ({"task": "natural"}, "the passage"),
    ],
)
def test_the_depth_axis_says_what_it_is_the_depth_of(config: dict[str, str], what: str) -> None:
    assert depth_of(task_of(config["task"]), config.get("placement", "spread")) == what
    assert SPAN_PERCENT == 40  # as the label says


def test_near_misses_are_counted_by_the_condition_they_break(tmp_path: Path) -> None:
    answers = iter(range(100))

    def any_of_them(planting: Planting) -> str:
        return planting.needles[1 + next(answers) % 4].value

    grid = run(
        {"task": "distractors", "distractor_count": 4, **SMALL}, tmp_path, saying(any_of_them)
    )
    assert set(grid.answer_classes) == {
        f"near-miss: {kind}" for kind in ("other person", "other season", "opposite", "other kind")
    }


def test_the_halves_of_a_question_are_scored_apart(tmp_path: Path) -> None:
    config = {"task": "when-and-what", **SMALL}
    grid = run(config, tmp_path, saying(lambda planting: f"{planting.targets[0]} at 59:59"))
    assert {c.mean for c in grid.cells} == {0.5}
    assert {name: part.mean for name, part in grid.parts.items()} == {
        "what": 1.0, "when": 0.0, "when, within tolerance": 0.0,
    }  # fmt: skip


def test_a_model_that_always_answers_hallucinates_without_a_needle(tmp_path: Path) -> None:
    grid = run(
        {"task": "single", "controls": True, **SMALL},
        tmp_path,
        lambda experiment: lambda text: "1234567",
    )
    assert [c.mean for c in grid.controls if c.control == "absent"] == [0.0, 0.0]


def test_a_guess_that_is_right_lowers_the_normalised_score(tmp_path: Path) -> None:
    def reader(planting: Planting) -> str:
        return planting.targets[0]

    grid = run({"task": "single", "controls": True, **SMALL}, tmp_path, saying(reader))
    assert grid.whole.mean == 1.0
    assert grid.normalised is None  # the guess rate is as high as the oracle: nothing can be said


@pytest.mark.parametrize("policy", ["together", "spread", "random"])
@pytest.mark.parametrize("task", ["multivalue", "multiquery", "tracking", "hops", "order", "count"])
@given(depth=st.floats(0, 100), seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_several_needles_go_where_the_option_says(
    task: str, policy: str, depth: float, seed: int
) -> None:
    trial = Trial(id="t", task=task, context_length=4_000, depth_percent=depth, epoch=0)
    site = site_of(trial, speech(SPEECH), placement=policy)
    needles = [
        n for n in task_of(task).plant(Draw(seed, "n"), site).needles if n.answer_class == "right"
    ]
    depths = [n.depth_percent or 0.0 for n in needles]
    if policy == "together":
        assert set(depths) == {depth}
    elif policy == "spread":
        assert (min(depths), max(depths)) == pytest.approx(
            (max(0, depth - 20), min(100, depth + 20))
        )
        steps = [b - a for a, b in pairwise(depths)]
        assert steps == pytest.approx([steps[0]] * len(steps))
    else:
        assert depth in depths
        assert task != "tracking" or depths == sorted(depths)


@given(depth=st.floats(0, 100), asked=st.sampled_from(["latest", "first"]), count=st.integers(2, 6))
def test_statements_of_an_update_stand_on_the_right_side_of_the_asked_one(
    depth: float, asked: str, count: int
) -> None:
    trial = Trial(id="t", task="update", context_length=4_000, depth_percent=depth, epoch=0)
    for policy in ("together", "spread", "random"):
        site = site_of(trial, speech(SPEECH), placement=policy, ask_for=asked, needle_count=count)
        planting = task_of("update").plant(Draw(1, "n"), site)
        key = next(n.key for n in planting.needles if n.answer_class == "right")
        mine = [n for n in planting.needles if n.key == key]
        others = [n for n in planting.needles if n.key != key]
        depths = [n.depth_percent or 0.0 for n in mine]
        assert depths == sorted(depths)
        place = (
            -2 if asked == "latest" else 1
        )  # behind the latest, before the first one somebody misleads
        assert (len(mine), mine[place].answer_class) == (count + 1, "right")
        assert depths[place] == pytest.approx(depth)
        assert mine[place].value == planting.targets[0]
        assert len(others) == 2
        far = (others[0].depth_percent or 0.0) - depth
        assert far >= 0 if asked == "latest" else far <= 0


def test_distractors_keep_away_from_the_needle(haystack: Corpus) -> None:
    depths = [
        n.depth_percent
        for s in range(50)
        for n in planted("multikey", "en", haystack, s).needles[1:]
    ]
    assert all(d is not None and abs(d - 50) >= 5 for d in depths)
    assert min(d for d in depths if d is not None) < 10
    assert max(d for d in depths if d is not None) > 90


@given(length=st.integers(600, 200_000), depth=st.floats(0, 100), seed=st.integers(0, 1_000))
@settings(max_examples=40)
def test_time_only_runs_forward_and_follows_depth(length: int, depth: float, seed: int) -> None:
    trial = Trial(id="t", task="when", context_length=length, depth_percent=depth, epoch=0)
    planting = task_of("when").plant(Draw(seed, "n"), site_of(trial, speech(SPEECH)))
    lines = sorted((*planting.needles, *planting.marks), key=lambda n: n.depth_percent or 0.0)
    seconds = [seconds_in(line.text.split("\n")[0])[0] for line in lines]
    assert seconds == sorted(set(seconds))
    assert length / 6 - 1 <= seconds[-1] - seconds[0] + 60 or len(planting.marks) < 2
    assert seconds[-1] - seconds[0] <= length / 3 + 1


def test_the_time_of_a_cell_is_another_one_in_every_epoch_seed_and_haystack() -> None:
    def golds(**keys: object) -> list[str]:
        config = {
            "provider": "simulated",
            "model": "perfect",
            "task": "when",
            "lengths": "4k",
            "depths": "50",
            **keys,
        }
        experiment = experiment_of(RunConfig(**config))
        return [experiment.plant(t).targets[0] for t in experiment.trials]

    known = [*golds(epochs=20), *golds(epochs=20, seed=1), *golds(epochs=20, haystack="zh-hant")]
    assert len(set(known)) >= 58  # of 60, in three hours
    assert len(set(golds(epochs=20))) == 20
    by_formula = [abs(seconds_in(gold)[0] - 4_000 / 4.5 / 2) <= 30 for gold in known]
    assert sum(by_formula) <= 3


def test_the_middle_of_a_recording_is_not_known_from_its_ends() -> None:
    off = []
    for seed in range(40):
        trial = Trial(id="t", task="when", context_length=32_000, depth_percent=50, epoch=0)
        times = Clock(Draw(seed, "n"), trial)
        off.append(abs(times.at(50) - (times.at(0) + times.at(100)) / 2))
    assert sum(seconds <= 30 for seconds in off) <= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_haystack_of_needles_speaks_as_the_needle_does(language: str) -> None:
    term = spare_terms(language)[0]
    key = wording_of(language).form("haystack.needle_key").fill(term=term)
    line = NEEDLE[language].format(term=term, number="7421830")
    assert line == wording_of(language).form("magic.number.sentence").fill(key=key, value="7421830")


@pytest.mark.parametrize("names", [PLACES, PEOPLE])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_is_part_of_another(language: str, names: dict[str, tuple[str, ...]]) -> None:
    listed = names[language]
    assert len(set(listed)) == len(listed) >= 50
    assert not [(a, b) for a in listed for b in listed if a != b and a.casefold() in b.casefold()]


@pytest.mark.parametrize("language", spoken())
def test_names_and_words_are_not_part_of_synthetic_speech(language: str) -> None:
    text = vocabulary_file(language).read_text(encoding="utf-8").casefold()
    said = [
        w
        for w in (*PEOPLE[language], *WORDS[language][0], *WORDS[language][1])
        if heard(w, text, language)
    ]
    assert not said


def heard(word: str, text: str, language: str) -> bool:
    return bool(re.search(rf"\b{word.casefold()}\b", text)) if language == "en" else word in text


STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "has",
        "have",
        "had",
        "who",
        "whom",
        "in",
        "at",
        "of",
        "on",
        "for",
        "to",
        "from",
        "with",
        "by",
        "and",
        "or",
        "not",
        "only",
        "answer",
        "name",
        "even",
        "if",
        "it",
        "can",
        "one",
        "each",
        "every",
        "same",
    ]
)


def test_an_association_shares_no_content_word_in_english() -> None:
    def stems(text: str) -> set[str]:
        words = re.findall(r"[a-z]+", text.replace("{name}", "").lower())
        return {re.sub(r"(?:ing|ed|es|s|e)$", "", w) for w in words if w not in STOP}

    for pair in pairs("en"):
        for told in pair.told:
            assert not stems(pair.question) & stems(told), (pair.question, told)


def test_an_association_shares_no_content_word_in_spanish() -> None:
    small = r"\b(?:quien|a|de|del|en|el|la|los|las|una?|le|se|que|es|tiene|esta|ha|con|por|y|no)\b"

    def stems(text: str) -> set[str]:
        said = re.sub(small, " ", fold(text.replace("{name}", "")))
        return {word[:5] for word in re.findall("[a-z]+", said)}

    for pair in pairs("es"):
        for told in pair.told:
            assert not stems(pair.question) & stems(told), (pair.question, told)


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans"])
def test_an_association_shares_no_two_characters_in_chinese(language: str) -> None:
    for pair in pairs(language):
        for told in pair.told:
            grams = [
                {t[i : i + 2] for i in range(len(t) - 1)}
                for t in (pair.question, told.replace("{name}", "|"))
            ]
            assert not grams[0] & grams[1], (pair.question, told)


@pytest.mark.parametrize("language", LANGUAGES)
def test_associations_are_many_and_whole(language: str) -> None:
    found = pairs(language)
    assert len({p.question for p in found}) == len(found) >= 240
    told = [sentence for pair in found for sentence in pair.told]
    assert len(set(told)) == len(told)
    assert {sentence.count("{name}") for sentence in told} == {1}
    assert (
        sum(not sentence.startswith("{name}") for sentence in told) >= len(told) / 5
    )  # not always the first word
    for pair in found:
        assert fold(pair.words[0]) in fold(pair.question)
        assert all(pair.words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_haystack_leaves_enough_associations_for_two_hundred_trials(
    language: str,
) -> None:
    config = {
        "provider": "simulated",
        "model": "perfect",
        "task": "associative",
        "lengths": "2k",
        "depths": "50",
    }
    experiment = experiment_of(RunConfig(haystack=(HAYSTACKS[language],), epochs=200, **config))
    assert len({experiment.plant(trial).question for trial in experiment.trials}) == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_association_has_one_answer_beside_all_others_in_its_text(
    language: str, haystack: Corpus
) -> None:
    by_question = {pair.question: pair for pair in pairs(language)}
    for seed in range(20):
        planting = planted("associative", language, haystack, seed, distractor_count=24)
        asked = next(p for q, p in by_question.items() if planting.question.startswith(q))
        others = fold(" ".join(n.text for n in planting.needles if n.answer_class == "distractor"))
        assert not [word for word in asked.words if fold(word) in others]


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "Who lives in London?", "Who lives in Oxford?"),  # both are in England
        (
            "en",
            "Whose hobby is camping?",
            "Who has been to Egypt?",
        ),  # "camped" is said of the other
        ("en", "Who is deaf?", "Who is blind?"),  # of a theme that stands alone
        ("es", "¿Quién es sordo?", "¿Quién es ciego?"),
        (
            "es",
            "¿Quién ha estado en Sudáfrica?",
            "¿Quién está en la cárcel?",
        ),  # a cell is seen in both
        ("zh-Hant", "誰家裡養了蜜蜂？", "誰的職業是養蜂人？"),
        ("zh-Hans", "谁的爱好是摄影？", "谁去过韩国？"),
    ],
)
def test_two_associations_that_answer_each_other_never_stand_in_one_text(
    language: str, one: str, other: str
) -> None:
    found = {pair.question: pair for pair in pairs(language)}
    assert not found[one].fits_beside(found[other])
    assert not found[other].fits_beside(found[one])
    sport = next(
        p
        for q, p in found.items()
        if q.startswith(("Whose sport", "¿Quién practica", "誰練", "谁练"))
    )
    assert found[one].fits_beside(sport)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lures_hold_the_whole_question_and_nobody_who_answers_it(
    language: str, haystack: Corpus
) -> None:
    for seed in range(20):
        planting = planted("associative", language, haystack, seed, lure_count=3)
        lures = [n for n in planting.needles if n.detail == "only asks"]
        asked = fold(planting.question[1:]).split("?")[0]
        assert len(lures) == 3
        assert all(asked in fold(n.text) for n in lures)
        assert {task_of("associative").score(n.value, planting).answer_class for n in lures} == {
            "near-miss"
        }
        assert asked not in fold(planting.needles[0].text)


def test_a_haystack_that_knows_the_answer_is_not_asked_about_it() -> None:
    knows = speech(*(w for p in pairs("en") for w in p.words))
    with pytest.raises(HaystackError, match="leaves 0 associations"):
        planted("associative", "en", knows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_haystack_or_language_of_its_own_has_values_of_its_own(language: str) -> None:
    def values(haystack: str, language: str) -> set[str]:
        config = {
            "provider": "simulated",
            "model": "perfect",
            "lengths": "1k",
            "epochs": 3,
            "haystack": haystack,
        }
        experiment = experiment_of(RunConfig(language=language, **config))
        return {experiment.plant(t).targets[0] for t in experiment.trials}

    others = [
        values(h, n) for h in ("en", "mixed") for n in LANGUAGES if (h, n) != ("en", language)
    ]
    assert not values("en", language) & set().union(*others)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"task": "single"}, "a magic number is given for a place"),
        ({"task": "multikey", "distractor_count": 0}, "a magic number is given for a place"),
        ({"task": "multikey"}, "magic numbers are given for places"),
        ({"task": "multikey", "value_kind": "word"}, "code words are given for places"),
        (
            {"task": "multikey", "distractor_count": 0, "haystack": "needles:en"},
            "magic numbers are given for places",
        ),
    ],
)
def test_an_opening_says_whether_one_thing_is_planted_or_several(
    keys: dict[str, Any], says: str
) -> None:
    experiment = experiment_of(RunConfig(lengths="1k", depths="50", **keys))
    assert says in experiment.plant(experiment.trials[0]).opening


def test_a_needle_that_its_script_gives_away_is_warned_of(niah: Niah) -> None:
    lines = {
        "hant": "我們今天說說這個茶園的故事 你覺得怎麼樣",
        "hans": "我们今天说说这个茶园的故事 你觉得怎么样",
    }
    for name, line in lines.items():
        Path(f"{name}.txt").write_text(f"{line}\n" * 4, encoding="utf-8")
        assert niah("haystack", "add", f"{name}.txt", "--name", name, "--into", "h").exit_code == 0
    Path("more.txt").write_text(f"{lines['hant']} 還有\n" * 4, encoding="utf-8")
    assert (
        niah(
            "haystack", "add", "hant.txt", "hans.txt", "more.txt", "--name", "both", "--into", "h"
        ).exit_code
        == 0
    )
    warnings = {
        n: experiment_of(RunConfig(haystack=(f"h/{n}",), lengths="1k")).warnings()
        for n in ("hant", "hans", "both")
    }
    told = {name: [w for w in lines if "give it away" in w] for name, lines in warnings.items()}
    assert told["hant"] == told["hans"] == []
    (line,) = told["both"]
    assert "holds episodes in zh-Hans, where its characters give it away" in line
    english = experiment_of(RunConfig(haystack=("h/both",), lengths="1k", language="en")).warnings()
    assert not [w for w in english if "give it away" in w]


@pytest.mark.parametrize("task", ["single", "when", "associative", "update"])
def test_an_absent_needle_is_asked_for_as_a_present_one_where_the_config_says_so(
    task: str, tmp_path: Path
) -> None:
    config = {"task": task, "may_be_absent": True, "controls": True, **SMALL}
    experiment = experiment_of(RunConfig(provider="simulated", model="perfect", **config))
    asked = {experiment.plant(t).closing.rpartition("?")[2] for t in experiment.trials}
    assert len(asked) == 1
    assert "If the text does not say" in asked.pop()
    plain = experiment_of(experiment.config.model_copy(update={"may_be_absent": False}))
    assert not {t.id for t in plain.trials} & {t.id for t in experiment.trials}
    assert {c.mean for c in run(config, tmp_path / "perfect", perfect).cells} == {1.0}
    silent = run(config, tmp_path / "silent", saying(lambda planting: "Not mentioned."))
    assert {c.mean for c in silent.cells} == {0.0}
    assert {c.mean for c in silent.controls if c.control == "absent"} == {1.0}


def test_options_of_another_task_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="ask_for has no meaning for task 'single'; leave it out, or use update"
    ):
        completed(RunConfig(provider="simulated", model="perfect", task="single", ask_for="first"))


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans"])
@pytest.mark.parametrize("task", [name for name in PLANTING if name not in ("kv", "natural")])
def test_no_needle_has_a_sign_that_its_haystack_never_has(task: str, language: str) -> None:
    config = RunConfig(
        provider="simulated", model="perfect", task=task, haystack=HAYSTACKS[language], **SMALL
    )
    experiment = experiment_of(completed(config))
    corpus = experiment.haystack
    assert isinstance(corpus, Corpus)
    said = bytes(corpus.blocks[0].utf8).decode()
    for trial in experiment.trials:
        for needle in experiment.plant(trial).needles:
            spoken = needle.text.split("\n")[-1]  # without the line of the clock
            assert not [sign for sign in re.sub(r"[\w\s]", "", spoken) if sign not in said]


def test_a_needle_of_depth_nought_comes_first_in_a_control() -> None:
    config = RunConfig(
        provider="simulated",
        model="perfect",
        task="update",
        lengths="3k",
        depths="50",
        placement="random",
        controls=True,
    )
    experiment = experiment_of(completed(config))
    trial = next(t for t in experiment.trials if t.control == "oracle")
    needles, text = experiment.plant(trial).needles, experiment.prompt(trial).text
    statements = needles[:3]
    assert statements[-1].depth_percent == 50.0
    places = [text.index(n.text) for n in statements]
    assert places == sorted(places)
    assert experiment.task.solve(text) == statements[-1].value


def test_too_many_facts_for_a_short_recording_are_refused(haystack: Corpus) -> None:
    trial = Trial(id="t", task="when", context_length=400, depth_percent=50, epoch=0)
    with pytest.raises(PromptError, match=r"too short for .* facts at different times"):
        task_of("when").plant(Draw(0, "n"), site_of(trial, haystack, distractor_count=64))


def test_facts_stand_two_tolerances_apart_where_there_is_room(haystack: Corpus) -> None:
    for seed in range(20):
        trial = Trial(id="t", task="when", context_length=16_000, depth_percent=50, epoch=0)
        planting = task_of("when").plant(
            Draw(seed, "n"), site_of(trial, haystack, distractor_count=4)
        )
        times = sorted(seconds_in(n.value)[0] for n in planting.needles)
        assert min(b - a for a, b in pairwise(times)) >= 60


def test_ids_hang_on_what_decides_bytes_and_on_nothing_else() -> None:
    def ids(**keys: object) -> list[str]:
        config = {
            "provider": "simulated",
            "model": "perfect",
            "lengths": "1k",
            "depths": "50",
            **keys,
        }
        return [t.id for t in experiment_of(RunConfig(**config)).trials]

    assert ids(task="when", tolerance_s=5) == ids(task="when")
    assert ids(task="hops", needle_count=3) == ids(task="hops")
    assert ids(task="hops", needle_count=4) != ids(task="hops")
    assert ids(task="update", ask_for="first") != ids(task="update")


def test_an_update_needs_two_statements(haystack: Corpus) -> None:
    with pytest.raises(ConfigError, match="2 or more statements"):
        planted("update", "en", haystack, needle_count=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_many_near_misses_do_not_contradict_each_other(language: str, haystack: Corpus) -> None:
    for seed in range(10):
        planting = planted("distractors", language, haystack, seed, distractor_count=24)
        conditions = [n.text.replace(n.value, "") for n in planting.needles]
        assert len(set(conditions)) == len(conditions)
        near = [n.text for n in planting.needles[1:]]
        assert task_of("distractors").solve("\n".join([*near, planting.closing])) not in {
            n.value for n in planting.needles
        }


@pytest.mark.parametrize(
    ("task", "what"), [("hops", "things"), ("tracking", "variables"), ("multiquery", "places")]
)
def test_too_many_needles_are_laid_to_the_supply_and_not_to_the_haystack(
    task: str, what: str, haystack: Corpus
) -> None:
    with pytest.raises(ConfigError, match=rf"there are \d+ {what} to plant, and more are needed"):
        planted(task, "en", haystack, needle_count=64, distractor_count=64)


def test_a_link_of_another_chain_is_a_distractor(haystack: Corpus) -> None:
    planting = planted("hops", "en", haystack)
    mine = [n for n in planting.needles if n.answer_class == "right"]
    other = next(n for n in planting.needles if n.answer_class == "distractor")
    score = task_of("hops").score
    assert (score(mine[0].value, planting).answer_class,
            score(other.value, planting).answer_class) == (
        "near-miss", "distractor",
    )  # fmt: skip
    assert (
        score(f"<think>the {mine[0].value}</think>It is not stated.", planting).answer_class
        == "not-there"
    )
    assert (
        score(f"The passage does not contain it, but I would guess {other.value}", planting).value
        == 0
    )


def test_the_value_of_another_pair_is_a_distractor(haystack: Corpus) -> None:
    planting = planted("kv", "en", haystack)
    assert task_of("kv").score(min(pair_values()), planting).answer_class == "distractor"
    assert task_of("kv").score(planting.targets[0], planting).answer_class == "right"
    assert (
        task_of("kv").score("ffffffff-ffff-4fff-8fff-ffffffffffff", planting).answer_class
        == "wrong"
    )


def test_of_a_theme_that_stands_alone_one_text_holds_one(haystack: Corpus) -> None:
    themes = {pair.alone for pair in pairs("en")} - {None}
    assert len(themes) == 2
    for theme in themes:
        parts = [
            t.replace("{name}", "").strip(" .")
            for p in pairs("en")
            if p.alone == theme
            for t in p.told
        ]
        for seed in range(20):
            texts = " ".join(
                n.text
                for n in planted("associative", "en", haystack, seed, distractor_count=20).needles
            )
            assert sum(part in texts for part in parts) <= 1


def test_another_association_is_asked_in_every_epoch_of_a_cell(haystack: Corpus) -> None:
    asked = set()
    for epoch in range(200):
        trial = Trial(
            id="t", task="associative", context_length=4_000, depth_percent=50, epoch=epoch
        )
        asked.add(task_of("associative").plant(Draw(epoch, "n"), site_of(trial, haystack)).question)
    assert len(asked) == 200


@pytest.mark.parametrize("name", task_names())
def test_the_label_of_a_task_with_distractors_says_how_many(name: str) -> None:
    label = task_label({"task": name, "distractor_count": 7}, task_of(name))
    assert label == (
        f"{name}, 7 distractors" if "distractor_count" in task_of(name).OPTIONS else name
    )
    one = task_label(
        {"task": name, "distractor_count": 1, "lure_count": 1, "needle_count": 1}, task_of(name)
    )
    assert one.endswith("1 lure, 1 needle of a question")
    assert "distractors" not in one.removeprefix(name)


@pytest.mark.parametrize("name", task_names())
def test_a_task_is_told_in_the_words_of_todays_options(name: str) -> None:
    told = set(re.findall(r"``(\w+)[` ]", str(task_of(name).__doc__)))
    assert not told & set(RENAMED)
    assert {word for word in told if "_" in word} <= set(RunConfig.model_fields)
