"""Every form of transcript, and every trap of real files, in a few lines each."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from niah.errors import TranscriptError
from niah.generator.transcripts import read_transcript
from niah.records import Transcript


def parsed(tmp_path: Path, text: str, name: str = "episode.txt") -> Transcript:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_transcript(path)


def texts(transcript: Transcript) -> list[str]:
    return [s.text for s in transcript.segments]


def test_minute_windows_run_past_59_minutes_and_keep_their_times(tmp_path: Path) -> None:
    found = parsed(
        tmp_path, "(59:17~60:03) 最後一樣祝大家有個愉快的一周\n(60:03~1:01:10) 我們下次見\n"
    )
    assert found.form == "minute-window"
    assert found.language == "zh-Hant"
    assert [(s.start_s, s.end_s) for s in found.segments] == [(3557, 3603), (3603, 3670)]


def test_long_windows_are_cut_at_the_breaks_of_speech_recognition(tmp_path: Path) -> None:
    speech = "哈囉大家好,歡迎收聽 這是一個白話跟你聊科技的節目 希望可以用簡單易懂的方式"
    speech += " 帶你了解時下的話題"
    found = parsed(tmp_path, f"(00:00~01:00) {speech}\n(01:00~02:00) 短短的一句\n")
    assert " ".join(texts(found)) == f"{speech} 短短的一句"
    assert len(found.segments) > 2
    assert found.segments[0].end_s == found.segments[1].start_s


SRT = (
    "1\n00:00:01,000 --> 00:00:03,000\nHello and welcome.\n\n2\n00:00:03,500 --> 00:00:06,000\nTwo"
    " lines\nof one cue.\n"
)


@pytest.mark.parametrize("text", [SRT, SRT.replace("\n", "\r\n"), "\ufeff" + SRT, SRT.rstrip("\n")])
def test_srt_in_every_line_ending(tmp_path: Path, text: str) -> None:
    found = parsed(tmp_path, text, "episode.srt")
    assert found.form == "srt"
    assert texts(found) == ["Hello and welcome.", "Two lines of one cue."]
    assert found.segments[1].start_s == 3.5


def test_flattened_srt_knows_cue_numbers_from_the_digits_of_the_speech(tmp_path: Path) -> None:
    flat = (
        "preamble of the page\n"
        "1 00:00:00,000 --> 00:00:02,000 歡迎收聽第101"
        "2 00:00:02,000 --> 00:00:04,000 人和AI各50 50"
        "3 00:00:04,000 --> 00:00:06,000 3月份的時候我們看GPT-4"
        "4 00:00:06,000 --> 00:00:08,000 謝謝大家收聽\n沒有留言:\n"
    )
    found = parsed(tmp_path, flat)
    assert found.form == "flattened-srt"
    assert texts(found) == [
        "歡迎收聽第101",
        "人和AI各50 50",
        "3月份的時候我們看GPT-4",
        "謝謝大家收聽",
    ]
    assert [p.line for p in found.problems] == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        SRT.replace("\n2\n", "\n7\n"),  # a gap in the numbers
        SRT.replace("\n2\n", "\n1\n"),  # a number twice
        SRT.replace("1\n00", "00").replace("2\n00", "00"),  # no numbers at all
        SRT.replace("\n\n", "\n"),  # no blank lines
        SRT.replace(",000", ",00").replace(",500", ",50"),  # hundredths
        SRT.replace(",000\n", ",000  X1:40 X2:600 Y1:20 Y2:50\n"),  # places on the screen
        SRT.replace("Hello", "{\\an8}<i>Hello</i>"),
    ],
)
def test_srt_as_people_edit_it_keeps_its_words(tmp_path: Path, text: str) -> None:
    found = parsed(tmp_path, text, "episode.srt")
    assert texts(found) == ["Hello and welcome.", "Two lines of one cue."]
    assert not found.problems


def test_numbers_at_the_end_of_speech_are_no_cue_numbers(tmp_path: Path) -> None:
    text = (
        "00:00:01,000 --> 00:00:02,000\nwe have 5\n00:00:02,000 --> 00:00:03,000\nof them if x < 5"
        " and y > 3\n"
    )
    assert texts(parsed(tmp_path, text, "e.srt")) == ["we have 5", "of them if x < 5 and y > 3"]


def test_a_flattened_srt_with_a_number_missing_names_the_line(tmp_path: Path) -> None:
    flat = (
        "1 00:00:00,000 --> 00:00:02,000 one 2 00:00:02,000 --> 00:00:04,000 two 9 00:00:04,000 -->"
        " 00:00:06,000 nine"
    )
    with pytest.raises(TranscriptError, match=r"episode.txt:1: cue 9 where 3 was expected"):
        parsed(tmp_path, flat)


def test_windows_go_on_over_lines_and_may_be_full_width_or_indented(tmp_path: Path) -> None:
    text = "（00:00～01:00） 第一句\n還有下一行\n  (01:00~02:00)\nthird line\n(02:00~03:00) four\n"
    found = parsed(tmp_path, text)
    assert (found.form, texts(found)) == (
        "minute-window",
        ["第一句 還有下一行", "third line", "four"],
    )


def test_entities_utf_16_and_odd_webvtt_are_read(tmp_path: Path) -> None:
    (tmp_path / "wide.srt").write_bytes(
        SRT.replace("Hello", "Q&amp;A &gt;&gt; Hello").encode("utf-16")
    )
    assert texts(read_transcript(tmp_path / "wide.srt"))[0] == "Q&A >> Hello and welcome."
    text = (
        "\nWEBVTT\n\nNOTE\nthis --> that\n\n00:01.000 --> 00:03.000\nHello\n00:03.000 -->"
        " 00:05.000\nworld\n"
    )
    assert texts(parsed(tmp_path, text, "odd.vtt")) == ["Hello", "world"]


def test_rolling_captions_are_said_once(tmp_path: Path) -> None:
    lines = ["so today we talk", "about bread and", "butter and salt"]
    cues = [
        f"00:0{i}.000 --> 00:0{i + 1}.000 align:start"
        f" position:0%\n{lines[i - 1] if i else ' '}\n{line}\n\n"
        for i, line in enumerate(lines)
    ]
    found = parsed(tmp_path, "WEBVTT\n\n" + "".join(cues), "rolling.vtt")
    assert texts(found) == lines
    assert "2 lines that repeat" in found.problems[0].what


def test_webvtt_loses_tags_notes_and_settings(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\nNOTE written by a machine\n\nintro\n00:01.000 --> 00:03.000 align:start\n"
        "<v Ann>Good <i>morning</i>\n\n"
        "01:00:03.000 --> 01:00:04.000\nand goodbye\n"
    )
    found = parsed(tmp_path, text, "episode.vtt")
    assert texts(found) == ["Good morning", "and goodbye"]
    assert found.segments[1].start_s == 3603
    assert [p.what for p in found.problems] == ["not a cue, dropped: 'NOTE written by a machine'"]


def test_a_comment_without_an_end_is_kept(tmp_path: Path) -> None:
    found = parsed(tmp_path, "so <!-- not\nthis --> it\n<!-- goes on\n", "a.md")
    assert texts(found) == ["so", "it", "<!-- goes on"]


def test_markdown_and_plain_text_keep_their_words(tmp_path: Path) -> None:
    found = parsed(
        tmp_path, "# The *first* talk\n\n- a **bold** claim\n\n---\n\nPlain line.\n", "talk.md"
    )
    assert texts(found) == ["The first talk", "a bold claim", "Plain line."]
    assert found.segments[0].start_s is None


def test_cues_too_short_for_their_text_are_dropped_and_reported(tmp_path: Path) -> None:
    text = SRT + "\n3\n00:00:06,000 --> 00:00:06,050\nNobody says all of this so fast.\n"
    found = parsed(tmp_path, text, "episode.srt")
    assert len(found.segments) == 2
    assert "50 ms" in found.problems[0].what


def test_repeated_recognition_is_reported_and_kept(tmp_path: Path) -> None:
    found = parsed(
        tmp_path, "(00:00~01:00) 這就是我們一再看到的 這就是我們一再看到的 對\n(01:00~02:00) 好\n"
    )
    assert "".join(texts(found)).count("這就是我們一再看到的") == 2
    assert "said twice" in found.problems[0].what


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("7" * 100_000, "pi.txt"),
        ("<!-- " * 20_000, "open.md"),
        ("1\n00:00:01,000 --> 00:00:02,000" + " X1:40" * 40 + " he said", "settings.srt"),
        ("7" * 5_000 + " 00:00:01,000 --> 00:00:02,000 so 8 00:00:03,000 --> 00:00:04,000 on", "n"),
    ],
    ids=["digits", "comments", "settings", "number"],
)
def test_the_oddest_file_is_read_or_refused_at_once(tmp_path: Path, text: str, name: str) -> None:
    started = time.process_time()
    with contextlib.suppress(TranscriptError):
        parsed(tmp_path, text, name)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "empty.txt", "empty.txt:1: no speech"),
        (b"caf\xe9 talk", "latin.txt", "latin.txt:1: not UTF-8"),
        (b"line one\nline \x00 two", "binary.txt", "binary.txt:2: binary"),
        (b"<!DOCTYPE html><html></html>", "page.txt", "page.txt:1: HTML"),
        (b'{"text": "hello"}', "data.txt", "data.txt:1: HTML, XML, RTF or JSON"),
        (
            b"(00:00~01:00) fine\n(01:75~02:00) bad\n(02:00~03:00) fine\n",
            "time.txt",
            "time.txt:2: 01:75",
        ),
        (
            b"(00:00~01:00) fine\n(01:00-02:00) bad\n(02:00~03:00) fine\n",
            "dash.txt",
            "dash.txt:2: cannot read",
        ),
        (
            b"(02:00~01:00) backwards\n(02:00~03:00) fine\n",
            "back.txt",
            "back.txt:1: ends at 60 s before",
        ),
        (b"some speech\n00:01 --> 00:02\nmore speech", "stray.txt", "stray.txt:2: a stray time"),
        (b"no cues here at all", "none.srt", "none.srt:1: no cue"),
    ],
)
def test_what_is_no_transcript_names_file_and_line(
    tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TranscriptError) as caught:
        read_transcript(tmp_path / name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_real_minute_windows_parse_whole(real_transcripts: Path) -> None:
    for name, lines, end_s in (("000", 60, 3603), ("002", 61, 3647), ("003", 56, 3375)):
        found = read_transcript(real_transcripts / f"{name}.txt")
        raw = (real_transcripts / f"{name}.txt").read_text(encoding="utf-8")
        said = "".join(line.split(")", 1)[1] for line in raw.splitlines())
        assert "".join("".join(texts(found)).split()) == "".join(said.split())
        assert raw.count("\n") == lines
        assert found.segments[-1].end_s == end_s
        assert (found.form, found.language) == ("minute-window", "zh-Hant")


def test_a_real_flattened_srt_yields_its_1412_cues_less_8_artefacts(real_transcripts: Path) -> None:
    found = read_transcript(real_transcripts / "004.txt")
    seams = [p for p in found.problems if "too short" in p.what]
    quotes = [p for p in found.problems if "quotes a cue" in p.what]
    outside = [p for p in found.problems if "outside the cues" in p.what]
    assert (found.form, found.language, len(seams)) == ("flattened-srt", "zh-Hans", 8)
    assert len(quotes) >= 32
    assert len(quotes) + len(outside) == 56
    assert len({s.start_s for s in found.segments}) >= 1404
    assert found.segments[-1].text == "感謝大家的收聽 謝謝"
    assert found.segments[-1].end_s == pytest.approx(59 * 60 + 10.456)
    joined = "".join(texts(found))
    for ending in ("欢迎收听硅谷101", "叫做Web3101", "比如说像GPT-4", "我把它叫L4", "要1万块A100"):
        assert ending in joined
    assert "人和AI各50 50" in " ".join(texts(found))
