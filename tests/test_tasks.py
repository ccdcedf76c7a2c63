"""Needles of every task: unused keys and values, one question, and readers that prove the scorer and the text fit."""

from __future__ import annotations

import pytest

from niah.errors import UnknownName
from niah.generator.draw import Draw
from niah.generator.haystack import Corpus, corpus_of
from niah.generator.segments import segments_of
from niah.generator.tokenizers import tokenizer_of
from niah.records import Planting, Transcript, Trial
from niah.tasks import task_names, task_of
from niah.tasks.places import PLACES

SPEECH = "We talked about Oslo and the number 4830172 for an hour."


@pytest.fixture(scope="module")
def haystack() -> Corpus:
    episode = Transcript(name="a", form="text", language="en", segments=tuple(segments_of(SPEECH)))
    return corpus_of("a", "en", [episode], tokenizer_of("o200k_base"))


def planted(task: str, language: str, haystack: Corpus, seed: int = 0, distractors: int = 3) -> Planting:
    trial = Trial(id="t", task=task, context_length=1_000, depth_percent=50, epoch=0)
    return task_of(task).plant(Draw(seed, "needle"), trial, haystack, language, distractors)


def test_tasks_are_the_modules_of_their_folder() -> None:
    assert task_names() == ["multikey", "single"]
    with pytest.raises(UnknownName, match=r"did you mean 'single'"):
        task_of("singel")


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans"])
@pytest.mark.parametrize("task", task_names())
def test_needles_have_different_keys_and_values_that_the_haystack_does_not_hold(
    task: str, language: str, haystack: Corpus
) -> None:
    for seed in range(200):
        planting = planted(task, language, haystack, seed)
        keys, values = [n.key for n in planting.needles], [n.value for n in planting.needles]
        assert len(set(keys)) == len(set(values)) == len(planting.needles) == (1 if task == "single" else 4)
        assert "Oslo" not in keys
        assert "4830172" not in values
        assert planting.targets == (values[0],)
        assert keys[0] in planting.question
        assert not [k for k in keys[1:] if k in planting.question]


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans"])
@pytest.mark.parametrize("task", task_names())
def test_a_reader_of_the_text_is_right_and_a_reader_of_the_question_is_not(
    task: str, language: str, haystack: Corpus
) -> None:
    module, planting = task_of(task), planted(task, language, haystack)
    lines = [n.text for n in reversed(planting.needles)]
    whole = planting.opening + "\n".join([SPEECH, *lines, SPEECH]) + planting.closing
    assert module.score(module.solve(whole), planting).answer_class == "right"
    assert module.score(module.solve(planting.closing), planting).answer_class == "absent"
    assert module.score(planting.question, planting).value == 0
    assert module.score(" ".join(n.value for n in planting.needles), planting).value == (task == "single")


def test_a_distractor_is_named_as_one(haystack: Corpus) -> None:
    planting = planted("multikey", "en", haystack)
    assert task_of("multikey").score(planting.needles[2].value, planting).answer_class == "distractor"


def test_distractors_keep_away_from_the_needle(haystack: Corpus) -> None:
    depths = [n.depth_percent for s in range(50) for n in planted("multikey", "en", haystack, s).needles[1:]]
    assert all(d is not None and abs(d - 50) >= 5 for d in depths)
    assert min(d for d in depths if d is not None) < 10
    assert max(d for d in depths if d is not None) > 90


@pytest.mark.parametrize("language", PLACES)
def test_no_place_is_part_of_another(language: str) -> None:
    places = PLACES[language]
    assert len(set(places)) == len(places) >= 100
    assert not [(a, b) for a in places for b in places if a != b and a.casefold() in b.casefold()]
