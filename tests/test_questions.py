"""Questions in ten minutes: all faults at once, facts that are told again, times of the transcript,
drafts."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
from conftest import Niah, site_of

from niah.experiment.controls import controlled
from niah.generator.haystack import Corpus, corpus_of
from niah.generator.prompt import Builder
from niah.generator.tokenizers import tokenizer_of
from niah.generator.transcripts import read_transcript
from niah.records import Needle, Planting, Prompt, Trial
from niah.scorers import seconds_in
from niah.tasks import task_of
from niah.tasks._episodes import Episode
from niah.tasks._frame import planting_of
from niah.text.seeded import Draw

TOKENIZER = tokenizer_of("o200k_base")
TOPICS = (
    "lamps",
    "rope",
    "gulls",
    "tar",
    "maps",
    "clocks",
    "soup",
    "kites",
    "coal",
    "bells",
    "moss",
    "ink",
)
NATURAL = task_of("natural")


def minute(number: int, text: str = "") -> str:
    """One window of a transcript; the windows are no whole minutes, and each is a little longer
    than the last."""
    begin, end = 61 * number, 61 * number + 61
    talk = " ".join(
        f"They went on about {TOPICS[number % 12]} for a while, part {number} {w}."
        for w in ("a", "b", "c")
    )
    return f"({begin // 60:02d}:{begin % 60:02d}~{end // 60:02d}:{end % 60:02d}) {talk} {text}\n"


TALK = "".join(
    minute(
        i,
        {
            2: "The captain was called Ines.",
            5: "So Ines sold the boat.",
            9: "Ask Ines, she knows.",
        }.get(i, ""),
    )
    for i in range(24)
)
ASKED = (
    '[[questions]]\nquestion = "Who was the captain?"\nanswer = "Ines"\nquote = "captain was'
    ' called"\n'
)
TIMED = (
    '[[questions]]\nquestion = "When are bells the topic?"\nquote = "bells for a while, part 9'
    ' a"\nasks = "time"\n'
)


@pytest.fixture
def talk(niah: Niah) -> Niah:
    Path("talk.txt").write_text(TALK, encoding="utf-8")
    assert niah("haystack", "add", "talk.txt", "--name", "talk", "--into", "h").exit_code == 0
    return niah


def check(niah: Niah, toml: str) -> tuple[int, str]:
    Path("q.toml").write_text(toml, encoding="utf-8")
    ended = niah("questions", "check", "q.toml", "--haystack", "h/talk")
    return ended.exit_code, ended.out + ended.err


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def corpus(*paths: Path, language: str = "en") -> Corpus:
    episodes = [read_transcript(p) for p in paths]
    haystack = corpus_of("talk", language, episodes, TOKENIZER)
    return Corpus("talk", language, haystack.blocks, [p.name for p in paths])


def prompts(
    haystack: Corpus, toml: str, lengths: tuple[int, ...] = (300, 700)
) -> list[tuple[Trial, Planting, Prompt]]:
    """A prompt at five depths of every length; every question in turn."""
    Path("q.toml").write_text(toml, encoding="utf-8")
    builder, found = Builder(haystack, TOKENIZER, seed=3, reply_tokens=64, haystack_per="epoch"), []
    for length in lengths:
        for epoch, depth in enumerate((0, 25, 50, 75, 100)):
            trial = Trial(
                id="t", task="natural", context_length=length, depth_percent=depth, epoch=epoch
            )
            planting = NATURAL.plant(
                Draw(1, "n"), site_of(trial, haystack, haystack.language, questions="q.toml")
            )
            found.append((trial, planting, builder.build(trial, planting)))
    return found


# All faults at once


@pytest.mark.slow
def test_check_tells_all_faults_of_a_file_at_once_and_what_was_meant(talk: Niah) -> None:
    faulty = (
        ASKED
        + '[[questions]]\nquestion = "Who?"\nanswer = "Ines"\nquote = "the captian was caled"\n'
        + '[[questions]]\nquestion = ""\nanswer = ""\nquote = "x"\n'
        + '[[questions]]\nquestion = "What?"\nanswer = "Lima"\nquote = "So Ines sold the boat"\n'
        + TIMED
    )
    code, said = check(talk, faulty)
    assert code == 2
    assert re.findall(r"^ +(\d) +(ok|wrong)", said, re.MULTILINE) == [
        ("1", "wrong"), ("2", "wrong"), ("3", "wrong"), ("4", "wrong"), ("5", "ok"),
    ]  # fmt: skip
    assert "near: talk.txt 2:" in said
    assert "nothing in it yet" in said
    assert "does not hold its answer" in said
    assert "4 of 5 questions cannot be asked" in said


def test_what_check_offers_for_a_fact_that_is_told_again_can_be_pasted(talk: Niah) -> None:
    _, said = check(talk, ASKED)
    offered = re.search(r"also_at = \[.*\]", said)
    assert offered
    assert len(tomllib.loads(offered[0])["also_at"]) == 2
    code, said = check(talk, ASKED + offered[0] + "\n")
    assert (code, "all 1 can be asked" in said, "(2 lines left out)" in said) == (0, True, True)


def test_without_times_the_lines_themselves_are_offered(talk: Niah) -> None:
    plain = re.sub(r"^\(.*?\) ", "", TALK, flags=re.MULTILINE).replace(
        "sold the boat", 'sold the "boat"'
    )
    Path("plain.txt").write_text(plain, encoding="utf-8")
    talk("haystack", "add", "plain.txt", "--name", "plain", "--into", "h")
    Path("q.toml").write_text(ASKED, encoding="utf-8")
    ended = talk("questions", "check", "q.toml", "--haystack", "h/plain")
    offered = re.search(r"also_at = \[.*\]", ended.out)
    assert offered
    assert 'So Ines sold the "boat".' in tomllib.loads(offered[0])["also_at"][0]
    Path("q.toml").write_text(ASKED + offered[0] + "\n", encoding="utf-8")
    assert talk("questions", "check", "q.toml", "--haystack", "h/plain").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (ASKED + 'also_at = ["0:00"]\n', "also_at '0:00': the answer is not said there"),
        (
            ASKED + 'also_at = ["nobody says this"]\n',
            "also_at 'nobody says this': the answer is not said there",
        ),
        (ASKED + 'also_at = ["5:75"]\n', "also_at '5:75': the answer is not said there"),
        (ASKED + 'also_at = ["1234:00"]\n', "also_at '1234:00': the answer is not said there"),
        (ASKED + 'also_at = ["5:05"]\n', "also stands elsewhere"),  # one of two
        (TIMED + 'answer = "9:09"\n', "leave answer and aliases out"),
        (TIMED.replace("quote", "episode") + 'at = "9:09"\n', "needs a quote"),
        (TIMED.replace('"time"', '"place"'), "asks = 'place'"),
        (ASKED + 'asks = "fact"\nalso_at = "5:05"\n', "also_at = '5:05'"),
        ('[[questions]]\nquestion = "Who?"\nquote = "x"\n', "it has no answer"),
    ],
)
def test_what_proves_nothing_is_refused(talk: Niah, toml: str, message: str) -> None:
    code, said = check(talk, toml)
    assert code == 2
    assert message in said
    command = (
        "show",
        "--task",
        "natural",
        "--haystack",
        "h/talk",
        "--length",
        "300",
        "--set",
        "questions=q.toml",
    )
    ended = talk(*command)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)


def test_made_speech_has_no_questions(niah: Niah) -> None:
    for command in (("questions", "draft"), ("questions", "check", "en")):
        assert "holds no transcripts" in niah(*command, "--haystack", "synthetic:en").err


# Facts that are told again


@pytest.mark.parametrize(
    "also",
    ['["5:05", "9:09"]', '["So Ines sold", "Ask Ines, she knows"]', '["talk.txt 5:20", "9:09"]'],
)
@pytest.mark.usefixtures("talk")
def test_a_fact_stands_once_in_every_prompt_however_often_it_is_told(also: str) -> None:
    for trial, planting, prompt in prompts(corpus(Path("talk.txt")), f"{ASKED}also_at = {also}\n"):
        assert prompt.text.count("Ines") == 1
        assert prompt.text.count(planting.needles[0].text) == 1
        assert TOKENIZER.count(prompt.text) + 64 == trial.context_length
        assert abs(prompt.placements[0].actual_depth_percent - trial.depth_percent) < 15


@pytest.mark.usefixtures("talk")
def test_a_context_that_would_hold_what_is_left_out_is_refused(talk: Niah) -> None:
    Path("q.toml").write_text(ASKED + 'also_at = ["5:05", "9:09"]\n', encoding="utf-8")
    said = talk("questions", "check", "q.toml", "--haystack", "h/talk").out
    free = int(re.findall(r"at most ([\d,]+) tokens", said)[0].replace(",", ""))
    haystack = corpus(Path("talk.txt"))
    assert 10 < haystack.tokens - free < 60
    command = (
        "show",
        "--task",
        "natural",
        "--haystack",
        "h/talk",
        "--set",
        "questions=q.toml",
        "--depth",
        "50",
    )
    assert talk(*command, "--length", str(free)).exit_code == 0
    assert "too few for" in talk(*command, "--length", str(haystack.tokens + 200)).err


def test_an_answer_that_runs_over_lines_is_found_and_one_that_is_taken_out_is_not(
    tmp_path: Path,
) -> None:
    lines = ["an old rope", "near Mount", "Fuji again", "burnt down", "Mount Fuji it is"]
    file = tmp_path / "a.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    haystack = corpus(file)
    episode = Episode(haystack, 0)
    assert episode.lines == lines
    assert episode.saying(["Mount Fuji"]) == [(1, 2), (4, 4)]
    assert episode.saying(["Mount Fuji"], {4}) == [(1, 2)]
    assert episode.saying(["Mount Fuji"], {2, 4}) == []
    assert episode.saying(["rope near Mount Fuji"]) == [(0, 2)]
    assert episode.saying(["rope burnt"], {1, 2}) == [
        (0, 3)
    ]  # what is taken out brings its neighbours together


# When is it said?


@pytest.mark.usefixtures("talk")
def test_the_times_of_a_prompt_are_those_of_the_transcript_and_true_of_every_line() -> None:
    again = 'also_at = ["lamps for a while, part 12 a", "part 9 c"]\n'
    asked = TIMED + again + ASKED + 'also_at = ["5:05", "9:09"]\n'
    for trial, planting, prompt in prompts(corpus(Path("talk.txt")), asked):
        assert TOKENIZER.count(prompt.text) + 64 == trial.context_length
        if not planting.tolerance_s:
            assert "(9:09)" not in prompt.text
            continue
        assert planting.targets == ("9:09",)
        assert not [said for said in ("part 12 a", "part 9 c") if said in prompt.text]
        now = None
        for line in prompt.text.split("\n"):
            if stamp := re.fullmatch(r"\((\d+:\d\d)\)", line):
                now = seconds_in(stamp[1])[0]
                assert now % 61 == 0
            elif (part := re.search(r"part (\d+) [abc]", line)) and now is not None:
                assert now == 61 * int(part[1])
        assert "(9:09)\n" in prompt.text
        assert prompt.text.count(planting.needles[0].text) == 1
        assert (
            NATURAL.solve(
                prompt.text, site_of(trial, corpus(Path("talk.txt")), questions="q.toml").options
            )
            == "9:09"
        )


@pytest.mark.usefixtures("talk")
def test_an_episode_stands_in_order_but_for_one_place_where_it_begins_again() -> None:
    for _, _, prompt in prompts(corpus(Path("talk.txt")), TIMED):
        times = [
            seconds_in(t)[0] for t in re.findall(r"^\((\d+:\d\d)\)$", prompt.text, re.MULTILINE)
        ]
        assert sum(a > b for a, b in itertools.pairwise(times)) <= 1
        assert len(set(times)) == len(times)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("9:09", 1), ("(9:09)", 1), ("9:09 to 10:10", 1), ("at 9:45", 1), ("10:10", 1),
        ("9 minutes", 1),
        ("第9分鐘", 1),
        ("8:59", 0), ("10:11", 0), ("8:08", 0), ("11 minutes", 0), ("19:09", 0),
        ("9:09 or 15:15", 0),
        ("The text does not say.", 0), ("bells", 0),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("talk")
def test_a_time_is_right_within_its_window(reply: str, score: float) -> None:
    _, planting, _ = prompts(corpus(Path("talk.txt")), TIMED)[0]
    found = NATURAL.score(reply, planting)
    assert found.value == score, found
    assert found.parts == {"q": score}


def test_subtitles_give_a_time_every_half_minute_and_none_that_is_made_up(tmp_path: Path) -> None:
    def stamp(second: float) -> str:
        return f"00:{int(second) // 60:02d}:{second % 60:06.3f}".replace(".", ",")

    said = (
        "They said a thing about number {i}, then at length another one, and in the end they came"
        " back to number {i}."
    )
    cues = [(20.4 * i, said.format(i=i)) for i in range(20)]
    file = tmp_path / "s.srt"
    text = "".join(
        f"{i + 1}\n{stamp(s)} --> {stamp(s + 20.2)}\n{said}\n\n" for i, (s, said) in enumerate(cues)
    )
    file.write_text(text, encoding="utf-8")
    episode = Episode(corpus(file), 0)
    assert len(episode.lines) == 2 * len(
        cues
    )  # further lines of a cue begin at times that are shared out
    assert list(episode.marks.values()) == [int(s) for s, _ in cues[::2]]


def test_a_transcript_without_times_cannot_be_asked_for_one(talk: Niah) -> None:
    Path("plain.txt").write_text(
        re.sub(r"^\(.*?\) ", "", TALK, flags=re.MULTILINE), encoding="utf-8"
    )
    talk("haystack", "add", "plain.txt", "--name", "plain", "--into", "h")
    Path("q.toml").write_text(TIMED, encoding="utf-8")
    ended = talk("questions", "check", "q.toml", "--haystack", "h/plain")
    assert "plain.txt has no times" in ended.out


@pytest.mark.slow
def test_a_perfect_reader_knows_when_and_one_that_sees_nothing_does_not(talk: Niah) -> None:
    Path("q.toml").write_text(TIMED + ASKED + 'also_at = ["5:05", "9:09"]\n', encoding="utf-8")
    command = (
        "--task",
        "natural",
        "--haystack",
        "h/talk",
        "--questions",
        "q.toml",
        "--lengths",
        "500",
    )
    for model, cells in (("perfect", 1.0), ("blind", 0.0)):
        run = (
            "run",
            "--provider",
            "simulated",
            "--model",
            model,
            *command,
            "--depths",
            "0,50,100",
            "--epochs",
            "2",
        )
        assert talk(*run, "--controls", "--name", model).exit_code == 0
        grid = json.loads(Path("results", model, "grid.json").read_text(encoding="utf-8"))
        assert {cell["mean"] for cell in grid["cells"]} == {cells}
        controls = {control["control"]: control["mean"] for control in grid["controls"]}
        assert controls == {"absent": 1.0, "closed-book": 0.0, "oracle": cells}


@pytest.mark.usefixtures("talk")
def test_without_its_passage_a_prompt_does_not_say_when() -> None:
    haystack = corpus(Path("talk.txt"))
    trial, planting, _ = prompts(haystack, TIMED)[2]
    absent = controlled(planting, "absent", "en")
    builder = Builder(haystack, TOKENIZER, seed=3, reply_tokens=64, haystack_per="epoch")
    text = builder.build(trial, absent).text
    assert "part 9 a" not in text
    assert TOKENIZER.count(text) + 64 == trial.context_length


# Units and signs within answers


@pytest.mark.parametrize(
    ("answer", "reply", "score"),
    [
        ("八十七階", "87", 1), ("八十七階", "八十七", 1), ("八十七階", "87階", 1),
        ("八十七階", "共八十七階。", 1),
        ("八十七階", "78", 0), ("八十七階", "187階", 0), ("87階", "八十七階", 1),
        ("老罗你来看", "老罗，你来看", 1), ("老罗你来看", "老罗你别看", 0),
        ("12 kilos", "12", 1), ("12 kilos", "twelve kilos", 1), ("12 kilos", "21 kilos", 0),
        ("mind your step, Tom", "Mind your step Tom!", 1),
        ("mind your step Tom", "Mind your step, Tom.", 1),
        ("New York", "New York, Boston and Lima", 0), ("7 or 8", "9", 0), ("twelve", "12", 1),
    ],
)  # fmt: skip
def test_units_and_signs_within_an_answer_make_no_difference(
    answer: str, reply: str, score: float
) -> None:
    language = "en" if answer.isascii() else "zh-Hant"
    planting = planting_of(
        language, "", "What?", [Needle(key="q", value=answer, text="")], [answer]
    )
    assert NATURAL.score(reply, planting).value == score


# Drafts


def test_a_draft_is_filled_in_and_asked(talk: Niah) -> None:
    drafted = talk("questions", "draft", "--haystack", "h/talk", "--count", "5", "--out", "d.toml")
    assert drafted.exit_code == 0
    text = Path("d.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["questions"]
    assert len(rows) == len({row["quote"] for row in rows}) == 5
    ended = talk("questions", "check", "d.toml", "--haystack", "h/talk")
    assert (ended.exit_code, ended.out.count("nothing in it yet")) == (2, 5)
    filled = "".join(
        f'[[questions]]\nquestion = "When {i}?"\nquote = {json.dumps(row["quote"])}\nasks ='
        ' "time"\n'
        for i, row in enumerate(rows)
    )
    assert check(talk, filled)[0] == 0
    assert (
        "is there already"
        in talk("questions", "draft", "--haystack", "h/talk", "--out", "d.toml").err
    )


def test_a_draft_of_a_very_short_haystack_has_no_place_twice(niah: Niah) -> None:
    Path("s.txt").write_text("One line only, and no more than this.\n", encoding="utf-8")
    niah("haystack", "add", "s.txt", "--name", "s", "--into", "h")
    ended = niah("questions", "draft", "--haystack", "h/s", "--count", "9")
    assert len(tomllib.loads(ended.out)["questions"]) == 1


def test_a_draft_of_speech_with_control_signs_can_be_read(niah: Niah) -> None:
    Path("s.txt").write_text("One line\x02 only, and no more than this.\n", encoding="utf-8")
    niah("haystack", "add", "s.txt", "--name", "s", "--into", "h")
    [row] = tomllib.loads(niah("questions", "draft", "--haystack", "h/s", "--count", "1").out)[
        "questions"
    ]
    assert row["quote"] == "One line\x02 only, and no more than this."


# Real podcasts


def test_the_minutes_of_real_podcasts_are_marked_and_found(real_transcripts: Path) -> None:
    haystack = corpus(real_transcripts / "003.txt", language="zh-Hant")
    quotes = ("這就是你的草堆你的haystack", "接下來我們終於可以來講我期待已久的Sora了")
    toml = "".join(
        f'[[questions]]\nquestion = "何時{i}？"\nquote = "{q}"\nasks = "time"\n'
        for i, q in enumerate(quotes)
    )
    stamps = re.findall(
        r"^\((\d+):(\d\d)~",
        (real_transcripts / "003.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert list(Episode(haystack, 0).marks.values()) == [60 * int(m) + int(s) for m, s in stamps]
    for trial, planting, prompt in prompts(haystack, toml, (2_000, 12_000)):
        assert planting.targets[0] in ("12:16", "26:37")
        assert TOKENIZER.count(prompt.text) + 64 == trial.context_length
        options = site_of(trial, haystack, "zh-Hant", questions="q.toml").options
        assert NATURAL.score(NATURAL.solve(prompt.text, options), planting).value == 1
