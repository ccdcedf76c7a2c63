"""Questions about facts that transcripts hold: where the passage stands, what is refused, how parts
are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Niah, site_of
from hypothesis import given, settings
from hypothesis import strategies as st

from niah.errors import NiahError
from niah.experiment.controls import controlled
from niah.generator.haystack import Corpus
from niah.generator.library import load_haystack
from niah.generator.prompt import Builder
from niah.generator.tokenizers import tokenizer_of
from niah.records import Trial
from niah.tasks import task_of
from niah.tasks._questions import located, read_questions
from niah.text.seeded import Draw

TOKENIZER = tokenizer_of("o200k_base")
SHIPPED = {"en": "en", "es": "es", "zh-hant": "zh-Hant", "zh-hans": "zh-Hans"}
NATURAL = task_of("natural")


def corpus(name: str) -> Corpus:
    haystack = load_haystack([name], TOKENIZER)
    assert isinstance(haystack, Corpus)
    return haystack


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=12)
@given(data=st.data())
def test_a_passage_stands_at_its_depth_and_once_in_a_prompt_of_exact_length(
    name: str, data: st.DataObject
) -> None:
    haystack = corpus(name)
    length = data.draw(
        st.integers(500, min(12_000, haystack.tokens - 600))
    )  # the passage stands once
    depth = data.draw(st.one_of(st.sampled_from([0.0, 50.0, 100.0]), st.floats(0, 100)))
    trial = Trial(
        id="t",
        task="natural",
        context_length=length,
        depth_percent=depth,
        epoch=data.draw(st.integers(0, 5)),
    )
    builder = Builder(haystack, TOKENIZER, seed=1, reply_tokens=64, haystack_per="epoch")
    planting = NATURAL.plant(Draw(1, "n"), site_of(trial, haystack, SHIPPED[name], questions=name))
    prompt = builder.build(trial, planting)
    passage = planting.needles[0].text
    assert TOKENIZER.count(prompt.text) + 64 == length
    assert prompt.text.count(passage) == 1
    (place,) = prompt.placements
    before = prompt.text.partition(passage)[0].removeprefix(planting.opening)
    assert TOKENIZER.count(before) == place.tokens_before
    room = prompt.haystack_tokens - TOKENIZER.count(passage + "\n")
    assert (
        abs(place.actual_depth_percent - depth) / 100 * room <= 40
    )  # half a segment, and the slack of the end
    absent = builder.build(trial, controlled(planting, "absent", SHIPPED[name]))
    assert TOKENIZER.count(absent.text) + 64 == length
    assert passage not in absent.text
    assert (
        NATURAL.score(
            NATURAL.solve(absent.text, site_of(trial, haystack, questions=name).options), planting
        ).value
        == 0
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_questions_have_unique_answers(name: str) -> None:
    assert len(located(corpus(name), (name,))) == 4


TALK = (
    "(00:00~01:00) We left the harbour at noon. The captain was called Ines.\n"
    "(01:00~02:00) She sold maps of Lima at noon.\n"
)


@pytest.fixture
def talk(niah: Niah) -> Niah:
    Path("talk.txt").write_text(TALK, encoding="utf-8")
    assert niah("haystack", "add", "talk.txt", "--name", "talk", "--into", "h").exit_code == 0
    return niah


ASK = (
    "show",
    "--task",
    "natural",
    "--haystack",
    "h/talk",
    "--length",
    "200",
    "--set",
    "reply_tokens=16",
)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nquote = "called Ines"\n',
            "too few for",
        ),
        (
            '[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nepisode = "talk"\nat = "0:00"\n',
            "too few for",
        ),
        (
            '[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nquote = "nowhere said"\n',
            "is not in the haystack",
        ),
        ('[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nquote = "e"\n', "stands at"),
        (
            '[[questions]]\nquestion = "Who?"\nanswer = "Lima"\nquote = "called Ines"\n',
            "does not hold its answer",
        ),
        (
            '[[questions]]\nquestion = "Who?"\nanswer = "noon"\nquote = "left the harbour"\n',
            "also stands elsewhere",
        ),
        ('[[questions]]\nquestion = "Who?"\nanswer = "Ines"\n', "needs a quote"),
        (
            '[[questions]]\nquestion = "Who?"\nquote = "x"\n',
            "a question has question, answer and quote",
        ),
        ('[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nqoute = "x"\n', "unknown: qoute"),
        ("questions = 5\n", "not a file of"),
        ('[questions]\nquestion = "Who?"\nanswer = "Ines"\nquote = "x"\n', "two brackets"),
        ("[[questions]]\nquestion = 5\nanswer = 'Ines'\nquote = 'x'\n", "question = 5: "),
        ("[[questions]]\nquestion = 'Who?'\nanswer = 42\nquote = 'x'\n", "answer = 42: "),
        ("[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nquote = 7\n", "quote = 7: "),
        ("[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nquote = ' '\n", "quote = ' ': "),
        (
            "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\naliases = [4]\nquote = 'x'\n",
            "aliases.0 = 4: ",
        ),
        (
            "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\naliases = ['']\nquote = 'x'\n",
            "aliases.0 = '': ",
        ),
        (
            "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\naliases = 'Ann'\nquote = 'x'\n",
            "aliases = 'Ann': ",
        ),
        (
            "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nepisode = 'talk'\nat = 12:01:00\n",
            "at = datetime",
        ),
        (
            "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nepisode = 'talk'\nat = 'soon'\n",
            "is no time",
        ),
        (
            "[[questions]]\nquestion = 'Is it Ines?'\nanswer = 'Ines'\nquote = 'x'\n",
            "stands in the question itself",
        ),
        (
            '[[questions]]\nquestion = "Who?\\n\\nYes?"\nanswer = "Ines"\nquote = "x"\n',
            "more than one line",
        ),
        (2 * "[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nquote = 'x'\n", "stands twice"),
        (
            f"[[questions]]\nquestion = 'Who?'\nanswer = 'Ines'\nquote = '{'x' * 99}'\n",
            f"'{'x' * 79}…' is not in",
        ),
        ("[[", "not a file of"),
    ],
)
def test_a_question_that_proves_nothing_is_refused_with_one_line(
    talk: Niah, toml: str, message: str
) -> None:
    Path("q.toml").write_text(toml, encoding="utf-8")
    ended = talk(*ASK, "--set", "questions=q.toml")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_a_passage_is_never_cut_to_fit_into_a_prompt(talk: Niah) -> None:
    minute = "(02:00~03:00) " + "Then we ate rice and fish on deck. " * 20 + "The cook was Ann.\n"
    Path("long.txt").write_text(TALK + minute, encoding="utf-8")
    assert talk("haystack", "add", "long.txt", "--name", "long", "--into", "h").exit_code == 0
    row = '[[questions]]\nquestion = "Who?"\nanswer = "Ann"\nepisode = "long"\nat = "2:00"\n'
    Path("q.toml").write_text(row, encoding="utf-8")
    ended = talk(*ASK, "--haystack", "h/long", "--set", "questions=q.toml")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "does not fit into" in ended.err


def test_questions_are_needed_and_must_exist(niah: Niah) -> None:
    assert "needs a file of questions" in niah("show", "--task", "natural").err
    assert "no such file" in niah("show", "--task", "natural", "--set", "questions=none.toml").err
    assert (
        "has none"
        in niah(
            "show", "--task", "natural", "--set", "questions=en", "--haystack", "synthetic:en"
        ).err
    )


def test_two_files_of_one_name_are_refused(niah: Niah) -> None:
    for folder in ("public", "hidden"):
        Path(folder).mkdir()
        row = f'[[questions]]\nquestion = "Who is {folder}?"\nanswer = "Ines"\nquote = "x"\n'
        Path(folder, "q.toml").write_text(row, encoding="utf-8")
    ended = niah("show", "--task", "natural", "--set", "questions=public/q.toml,hidden/q.toml")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "two files of questions are called 'q'" in ended.err


def test_parts_of_a_question_set_are_reported_apart(niah: Niah) -> None:
    table = Path(__file__).resolve().parents[1] / "configs" / "questions" / "en.toml"
    heads = table.read_text(encoding="utf-8").split("\n[[questions]]\n")
    for name, halves in (("public", heads[1:3]), ("hidden", heads[3:])):
        Path(f"{name}.toml").write_text(
            "".join(f"[[questions]]\n{q}\n" for q in halves), encoding="utf-8"
        )
    command = (
        "--task",
        "natural",
        "--questions",
        "public.toml,hidden.toml",
        "--lengths",
        "1k",
        "--depths",
        "50",
    )
    ended = niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        *command,
        "--epochs",
        "4",
        "--name",
        "r",
    )
    assert ended.exit_code == 0
    parts = json.loads(Path("results/r/grid.json").read_text(encoding="utf-8"))["parts"]
    assert {name: (part["mean"], part["n"]) for name, part in parts.items()} == {
        "hidden": (1.0, 2),
        "public": (1.0, 2),
    }


def test_every_question_is_asked_once_in_a_cell_with_as_many_epochs() -> None:
    haystack = corpus("en")
    asked = set()
    for epoch in range(4):
        trial = Trial(id="t", task="natural", context_length=2_000, depth_percent=25, epoch=epoch)
        asked.add(
            NATURAL.plant(Draw(epoch, "n"), site_of(trial, haystack, questions="en")).question
        )
    assert len(asked) == 4


def test_names_of_files_are_read_as_lists() -> None:
    assert {q.part for q in read_questions(["en", "zh-hans"])} == {"en", "zh-hans"}
    with pytest.raises(NiahError, match="no such file"):
        read_questions(["en", "nothing"])
