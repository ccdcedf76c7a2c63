"""Haystacks on disk: the shipped ones are sound, imports are whole or not at all, changes are
noticed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tomllib
import wave
from collections import Counter
from pathlib import Path

import pytest
from conftest import Niah

from niah.errors import HaystackError
from niah.generator.library import (
    language_of_haystack,
    load_haystack,
    read_episodes,
    read_manifest,
    shared_root,
)
from niah.generator.tokenizers import tokenizer_of
from niah.records import Transcript

NAMES = ("en", "zh-hant", "zh-hans", "es", "mixed")


@pytest.mark.slow
def test_shipped_haystacks_are_long_enough_and_in_their_language(
    shipped: dict[str, list[Transcript]],
) -> None:
    tokenizer = tokenizer_of("o200k_base")
    tokens = {name: load_haystack([name], tokenizer).tokens or 0 for name in NAMES[:3]}
    assert sum(tokens.values()) >= 40_000
    assert sum(len(e) for e in shipped.values()) >= 6
    for name in NAMES:
        manifest = read_manifest(name)
        assert manifest.licence == "Apache-2.0"
        assert [e.language for e in manifest.episodes] == [
            t.language for t in read_episodes(manifest)
        ]
    assert {e.form for episodes in shipped.values() for e in episodes} == {
        "srt",
        "webvtt",
        "minute-window",
    }


def test_no_line_of_the_shipped_text_is_said_twice(shipped: dict[str, list[Transcript]]) -> None:
    for episodes in shipped.values():
        lines = Counter(s.text for e in episodes for s in e.segments if len(s.text) > 20)
        assert not [line for line, n in lines.items() if n > 1]
        assert not [
            p for e in episodes for p in e.problems if "dropped" in p.what and "NOTE" not in p.what
        ]


def test_no_run_of_words_is_a_template(shipped: dict[str, list[Transcript]]) -> None:
    for name in ("en", "es", "zh-hant", "zh-hans"):
        for episode in shipped[name]:
            text = " ".join(s.text for s in episode.segments).lower()
            latin = not name.startswith("zh")
            units = re.findall(r"[\w']+", text) if latin else list("".join(text.split()))
            size = 8 if latin else 12
            runs = Counter(tuple(units[i : i + size]) for i in range(len(units) - size))
            assert not [run for run, n in runs.items() if n > 1]


def test_chinese_haystacks_have_speech_breaks_instead_of_full_stops(
    shipped: dict[str, list[Transcript]],
) -> None:
    for name in ("zh-hant", "zh-hans"):
        assert not [
            s for e in shipped[name] for s in e.segments if re.search("[。！？；：]", s.text)
        ]


def test_shipped_files_carry_their_digests() -> None:
    for name in NAMES:
        folder = shared_root("haystacks") / name
        for episode in tomllib.loads((folder / "haystack.toml").read_text(encoding="utf-8"))[
            "episodes"
        ]:
            assert (
                hashlib.sha256((folder / episode["file"]).read_bytes()).hexdigest()
                == episode["sha256"]
            )


def test_a_changed_or_missing_file_is_noticed(niah: Niah) -> None:
    Path("talk.txt").write_text("(00:00~01:00) We met at noon.\n(01:00~02:00) And left at three.\n")
    assert niah("haystack", "add", "talk.txt", "--name", "mine", "--into", "here").exit_code == 0
    copy = Path("here/mine/talk.txt")
    copy.write_text("(00:00~01:00) Something else.\n")
    assert "changed since it was imported" in niah("haystack", "check", "here/mine").err
    copy.unlink()
    with pytest.raises(HaystackError, match="missing"):
        read_episodes(read_manifest("here/mine"))
    copy.mkdir()
    with pytest.raises(HaystackError, match="missing"):
        read_episodes(read_manifest("here/mine"))


def test_a_manifest_names_its_files_in_text(niah: Niah) -> None:
    Path("talk.txt").write_text("We met at noon.\nAnd left at three.\n")
    assert niah("haystack", "add", "talk.txt", "--name", "mine", "--into", "here").exit_code == 0
    manifest = Path("here/mine/haystack.toml")
    manifest.write_text(manifest.read_text().replace('"talk.txt"', "5"))
    with pytest.raises(HaystackError, match="not a usable manifest"):
        read_manifest("here/mine")


@pytest.mark.slow
def test_add_list_check_and_run_an_imported_haystack(niah: Niah) -> None:
    Path("in").mkdir()
    for i in range(3):
        lines = [
            f"({m:02}:00~{m + 1:02}:00) Guest {i} told story {m} about a boat." for m in range(60)
        ]
        Path(f"in/talk{i}.txt").write_text("\n".join(lines))
    Path("in/notes.json").write_text("{}")
    added = niah("haystack", "add", "in", "--name", "boats", "--licence", "CC0")
    assert added.exit_code == 0
    assert "boats: en, 3 episodes, 180 segments" in added.out
    assert "100.0 % unique" in added.out
    listed = niah("haystack", "list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["boats", *sorted(NAMES)]
    ended = niah(
        "run",
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--haystack",
        "boats",
        "--lengths",
        "1k,8k",
    )
    assert "100 % found (n = 10" in ended.err
    assert "already" in niah("haystack", "add", "in", "--name", "boats").err
    assert "already" in niah("haystack", "add", "in", "--name", "en").err


def test_an_import_is_whole_or_not_at_all(niah: Niah) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text("fine words")
    Path("in/b.txt").write_bytes(b"\xff\xfe broken")
    ended = niah("haystack", "add", "in", "--name", "n", "--into", "here")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "b.txt:1: not UTF-8" in ended.err
    assert not Path("here").exists() or not list(Path("here").iterdir())


def test_two_recordings_of_one_name_are_refused_as_two_transcripts_are(niah: Niah) -> None:
    cue = "\n\n00:00:00.000 --> 00:00:01.000\nWe met at noon.\n"
    for folder, form, head in (("a", "srt", "1"), ("b", "vtt", "WEBVTT\n\n1")):
        Path(folder).mkdir()
        Path(folder, f"talk.{form}").write_text((head + cue).replace("1\n\n00", "1\n00"))
        with wave.open(f"{folder}/talk.wav", "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(folder.encode() * 32_000)
    ended = niah("haystack", "add", "a", "b", "--name", "n", "--into", "here")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "two files are called 'talk.wav'" in ended.err


@pytest.mark.parametrize("name", ["", ".n", "a/b", "a,b", "a:b", " n", "a\nb", ".."])
def test_a_name_by_which_no_run_could_call_it_is_refused(niah: Niah, name: str) -> None:
    Path("talk.txt").write_text(TALK)
    ended = niah("haystack", "add", "talk.txt", "--name", name)
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "is no name for a haystack" in ended.err


def test_what_a_killed_import_leaves_is_no_haystack(niah: Niah) -> None:
    Path("talk.txt").write_text(TALK)
    assert niah("haystack", "add", "talk.txt", "--name", "mine").exit_code == 0
    folder = read_manifest("mine").folder
    shutil.copytree(folder, folder.with_name(".other.4711"))
    assert ".other" not in niah("haystack", "list").out
    assert ".other" not in niah("haystack", "check", "none").err


def test_a_folder_of_transcripts_that_is_no_haystack_yet_is_told_how_to_become_one(
    niah: Niah,
) -> None:
    Path("talks").mkdir()
    Path("talks/talk.txt").write_text(TALK)
    ended = niah("plan", "--provider", "simulated", "--model", "perfect", "--haystack", "talks")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "niah haystack add talks --name NAME" in ended.err


def test_a_file_whose_name_is_no_text_is_refused_and_nothing_is_left(niah: Niah) -> None:
    Path("in").mkdir()
    Path(os.fsdecode(b"in/caf\xe9.txt")).write_text(TALK)
    ended = niah("haystack", "add", "in", "--name", "n", "--into", "here")
    assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
    assert "is not UTF-8; rename the file" in ended.err
    assert not Path("here").exists()


def test_a_folder_with_a_colon_in_its_path_is_a_haystack_of_its_own_language(niah: Niah) -> None:
    Path("talk.txt").write_text(
        "(00:00~01:00) Llegamos al puerto con la carta que no era para nosotros.\n"
    )
    assert (
        niah("haystack", "add", "talk.txt", "--name", "mine", "--into", "2024: spring").exit_code
        == 0
    )
    assert language_of_haystack(["2024: spring/mine"]) == "es"
    shown = niah("show", "--task", "single", "--haystack", "2024: spring/mine", "--length", "200")
    assert "número mágico" in shown.out


def test_an_empty_haystack_is_one_clear_line(niah: Niah) -> None:
    Path("h").mkdir()
    Path("h/haystack.toml").write_text(
        'language = "en"\nlicence = "x"\nsource = "x"\nepisodes = []\n'
    )
    ended = niah("run", "--provider", "simulated", "--model", "perfect", "--haystack", "h")
    assert (ended.exit_code, ended.err) == (
        2,
        "niah: haystack 'h' is empty; add transcripts with niah haystack add\n",
    )
    Path("empty").mkdir()
    assert "no transcript in this folder" in niah("haystack", "add", "empty", "--name", "n").err


@pytest.mark.slow
def test_real_transcripts_import_with_one_command_and_run(
    niah: Niah, real_transcripts: Path
) -> None:
    added = niah("haystack", "add", real_transcripts, "--name", "real")
    assert added.exit_code == 0
    assert "too short for its text, dropped" in added.out
    ended = niah(
        "run", "--provider", "simulated", "--model", "perfect", "--haystack", "real", "--language",
        "zh-Hant",
        "--lengths", "1k,4k,16k,64k",
    )  # fmt: skip
    assert "100 % found (n = 20" in ended.err


@pytest.mark.slow
def test_a_damaged_haystack_does_not_hide_the_others_in_the_list(niah: Niah) -> None:
    Path("talk.txt").write_text("We met at noon.\nAnd left at three.\n")
    niah("haystack", "add", "talk.txt", "--name", "mine")
    [manifest] = Path("data").rglob("haystack.toml")
    manifest.write_text("language = ")
    listed = niah("haystack", "list")
    assert listed.exit_code == 0
    lines = listed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["mine", *sorted(NAMES)]
    assert "cannot be used" in lines[0]


TALK = "(00:00~01:00) We met at noon.\n(01:00~02:00) And left at three.\n"


def test_files_that_are_no_transcripts_are_named(niah: Niah) -> None:
    Path("in/deep").mkdir(parents=True)
    Path("in/talk.txt").write_text(TALK)
    Path("in/deep/notes.docx").write_bytes(b"PK")
    Path("in/cover.png").write_bytes(b"PNG")
    ended = niah("haystack", "add", "in", "--name", "mine")
    assert ended.exit_code == 0
    assert (
        "left out, as they are no .md, .srt, .txt, .vtt: in/cover.png, in/deep/notes.docx"
        in ended.err
    )
    assert "left out" not in niah("haystack", "add", "in/talk.txt", "--name", "other").err


def test_an_imported_haystack_is_written_anew_and_removed_and_its_sources_stay(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("talk.txt").write_text(TALK)
    Path("long.txt").write_text(TALK + "(02:00~03:00) Nobody came back.\n")
    assert niah("haystack", "add", "talk.txt", "--name", "mine").exit_code == 0
    refused = niah("haystack", "add", "long.txt", "--name", "mine")
    assert (refused.exit_code, refused.err.count("\n")) == (2, 1)
    assert "--replace" in refused.err
    assert niah("haystack", "add", "long.txt", "--name", "mine", "--replace").exit_code == 0
    assert [e.file for e in read_manifest("mine").episodes] == ["long.txt"]
    folder = read_manifest("mine").folder
    for said in ("", "n\n"):  # nobody says yes
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        assert niah("haystack", "remove", "mine").exit_code == 130  # stopped: 1 is a verdict
    assert folder.is_dir()
    assert niah("haystack", "remove", "mine", "--yes").exit_code == 0
    assert [p.name for p in folder.parent.iterdir()] == []
    assert Path("talk.txt").is_file()
    assert Path("long.txt").is_file()
    assert "unknown haystack 'mine'" in niah("haystack", "check", "mine").err


def test_what_came_with_niah_and_what_is_not_of_the_haystack_is_never_removed(niah: Niah) -> None:
    assert "came with niah" in niah("haystack", "remove", "en", "--yes").err
    assert (
        "came with niah"
        in niah("haystack", "remove", str(shared_root("haystacks") / "en"), "--yes").err
    )
    Path("talk.txt").write_text(TALK)
    assert "came with niah" in niah("haystack", "add", "talk.txt", "--name", "en", "--replace").err
    added = ("add", "talk.txt", "--name", "mine", "--into", "here")
    assert niah("haystack", *added).exit_code == 0
    Path("here/mine/thesis.txt").write_text("three years of work")
    for command in (("remove", "here/mine", "--yes"), (*added, "--replace")):
        ended = niah("haystack", *command)
        assert (ended.exit_code, "'thesis.txt'" in ended.err) == (2, True)
    assert Path("here/mine/thesis.txt").is_file()


def test_an_interrupted_import_leaves_nothing_but_the_old_haystack(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("talk.txt").write_text(TALK)
    Path("other.txt").write_text(TALK)
    niah("haystack", "add", "talk.txt", "--name", "mine")
    folder, rename = read_manifest("mine").folder, Path.rename

    def interrupted(path: Path, *to: Path) -> Path:
        if path.name == "mine" or path.suffix == ".old":
            return rename(path, *to)
        raise KeyboardInterrupt

    for place, name in ((shutil, "copyfile"), (Path, "rename")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, interrupted)
            assert (
                niah("haystack", "add", "other.txt", "--name", "mine", "--replace").exit_code == 130
            )
        assert [p.name for p in folder.parent.iterdir()] == ["mine"]
        assert [e.file for e in read_manifest("mine").episodes] == ["talk.txt"]


def test_a_recording_of_no_samples_a_second_is_one_line(niah: Niah) -> None:
    Path("talk.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nWe met at noon.\n")
    with wave.open("talk.wav", "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    raw = Path("talk.wav").read_bytes()
    Path("talk.wav").write_bytes(raw[:24] + bytes(4) + raw[28:])
    ended = niah("haystack", "add", "talk.srt", "--name", "n", "--into", "here")
    assert (ended.exit_code, ended.err.count("\n"), "0 samples a second" in ended.err) == (
        2,
        1,
        True,
    ), ended.err


def test_a_replacement_that_does_not_parse_leaves_the_old_haystack(niah: Niah) -> None:
    Path("talk.txt").write_text(TALK)
    Path("broken.txt").write_bytes(b"\xff\xfe broken")
    assert "mine: en, 1 episode, " in niah("haystack", "add", "talk.txt", "--name", "mine").out
    assert niah("haystack", "add", "broken.txt", "--name", "mine", "--replace").exit_code == 2
    assert [e.file for e in read_manifest("mine").episodes] == ["talk.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_haystack_that_goes_round_and_round_is_said_before_anything_is_sent(
    niah: Niah, command: str
) -> None:
    Path("talk.txt").write_text(TALK)
    niah("haystack", "add", "talk.txt", "--name", "mine")
    reader = ("--provider", "simulated", "--model", "perfect", "--depths", "50")
    said = " ".join(niah(command, *reader, "--haystack", "mine", "--lengths", "1k,4k").err.split())
    assert re.search(
        r"haystack mine has \d\d different tokens: at 4k its text goes round \d+ times", said
    )
    assert "--haystack synthetic:en" in said
    assert "goes round" not in niah(command, *reader, "--haystack", "en", "--lengths", "1k,4k").err
