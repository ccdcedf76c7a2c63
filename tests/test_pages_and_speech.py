"""The same needle on pages and in speech: exact places, real bodies, instruments that look and listen."""

from __future__ import annotations

import io
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Niah
from test_deliveries import PROVIDERS, accepted_by_the_sdk, experiment, sent

from niah.deliveries.pages import Pages, look_of
from niah.deliveries.speech import Speech
from niah.errors import ConfigError
from niah.generator.voice import RATE, Sound, Voice, samples_of
from niah.messages import MediaPart, TextPart
from niah.providers.media import anthropic_tokens, gemini_tokens, patches_32, tiles_512
from niah.records import Prompt
from niah.runner import ocr
from niah.scorers import clock

SMALL = ("--as", "pages", "--page-px", "640x400", "--page-type-px", "18")
NEEDS_TESSERACT = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
NEEDS_FLITE = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
VOICE = "flite -voice slt -f {text} -o {wav}"


def prompts(**settings: Any) -> list[Prompt]:
    found = experiment(**settings)
    return [found.prompt(trial) for trial in found.trials]


def media(prompt: Prompt) -> list[MediaPart]:
    return [part for message in prompt.messages for part in message.parts if isinstance(part, MediaPart)]


def hum(line: str) -> Sound:
    """A voice that hums: as many milliseconds as a line has signs, at a height that is the line's."""
    samples = np.arange(RATE * len(line) // 1_000)
    return np.asarray(8_000 * np.sin(samples * (1 + len(line) % 7) / 10), dtype=np.int16)


def in_speech(prompt: Prompt, **settings: Any) -> Prompt:
    return Speech(**{"say": hum, "piece_s": 5.0, **settings}).present(prompt)


@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
@pytest.mark.parametrize("size", [8, 22, 40])
def test_the_needle_stands_on_the_page_and_line_that_are_logged(haystack: str, size: int) -> None:
    look = look_of("600x800", size)
    for prompt in prompts(haystack=(haystack,)):
        shown = Pages(look=look).present(prompt)
        assert shown.delivered is not None
        page, line = shown.delivered.page, shown.delivered.page_line
        assert page and line and 1 <= page <= (shown.delivered.pages or 0) == len(media(shown))
        alone = Pages(look=look).present(_from_line(prompt, shown))
        assert alone.delivered is not None
        assert (alone.delivered.page, alone.delivered.page_line) == (1, 1)
        assert (page - 1) * look.rows + line - 1 + _rows(alone, look) == _rows(shown, look)


def _from_line(prompt: Prompt, shown: Prompt) -> Prompt:
    """The prompt without what stands before its needle."""
    from dataclasses import replace

    opening, text = prompt.planting.opening, prompt.text
    needle = next(n.text for n in prompt.planting.needles if n.answer_class == "right")
    return replace(prompt, utf8=(opening + text[text.index(needle) :]).encode())


def _rows(prompt: Prompt, look: Any) -> int:
    """Lines on all pages, counted from the pictures themselves."""
    from PIL import Image

    last = np.asarray(Image.open(io.BytesIO(media(prompt)[-1].load())))
    dark = np.flatnonzero((last < 128).any(axis=1))
    return (len(media(prompt)) - 1) * int(look.rows) + int((dark[-1] - look.margin) // look.step) + 1


def test_pages_and_speech_are_the_same_bytes_on_a_second_build() -> None:
    prompt = prompts()[1]
    for present in (Pages(look=look_of("400x500", 16)).present, in_speech):
        first, second = ([part.digest for part in media(present(prompt))] for _ in range(2))
        assert first == second
        assert len(set(first)) == len(first) > 1


def test_ids_pair_text_pages_and_speech() -> None:
    ids = {
        tuple(trial.id for trial in experiment(**how).trials)
        for how in ({}, {"sent_as": "pages", "page_type_px": 30}, {"sent_as": "speech", "tts": VOICE})
    }
    assert len(ids) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_vendors_own_types_accept_pages_and_speech(provider: str) -> None:
    prompt = prompts()[1]
    accepted_by_the_sdk(provider, sent(provider, Pages(look=look_of("400x500", 16)).present(prompt)))
    if provider in ("chat", "gemini"):
        accepted_by_the_sdk(provider, sent(provider, in_speech(prompt)))


@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "flac"])
def test_the_needle_begins_in_the_file_at_the_second_that_is_logged(form: str) -> None:
    prompt = prompts()[1]
    spoken = in_speech(prompt, form=form, piece_s=60.0)
    assert spoken.delivered is not None and spoken.delivered.start_s is not None
    heard = np.concatenate([samples_of(part.load()) for part in media(spoken)])
    assert abs(len(heard) / RATE - (spoken.delivered.seconds or 0)) < 0.01
    needle = hum(next(n.text for n in prompt.planting.needles if n.answer_class == "right")).astype(float)
    start = round(spoken.delivered.start_s * RATE)
    near = {
        shift: float(np.dot(needle, heard[start + shift : start + shift + len(needle)].astype(float)))
        for shift in range(-400, 401, 8)
    }
    assert abs(max(near.items(), key=lambda found: found[1])[0]) <= 0.01 * RATE


@pytest.mark.parametrize("task", ["when", "said-at", "when-and-what"])
@pytest.mark.parametrize("haystack", ["en", "zh-hant", "zh-hans", "es"])
def test_times_that_are_asked_for_are_those_of_the_recording(task: str, haystack: str) -> None:
    for prompt in prompts(task=task, haystack=(haystack,)):
        spoken = in_speech(prompt)
        assert spoken.delivered is not None and spoken.delivered.start_s is not None
        before, behind = (
            part.utf8.decode()
            for part in (spoken.messages[0].parts[0], spoken.messages[0].parts[-1])
            if isinstance(part, TextPart)
        )
        real = clock(round(spoken.delivered.start_s))
        assert real in (behind if task == "said-at" else spoken.planting.targets)
        assert before != prompt.planting.opening.strip()  # says nothing of lines with times
        assert not any(word in behind for word in ("in the text", "en el texto", "文中"))
        unlike = [n.text.split("\n")[0] for n in spoken.planting.needles]
        assert len(set(unlike)) == len(unlike)


def test_trials_share_all_pieces_but_those_with_a_needle() -> None:
    pieces = [{part.digest for part in media(in_speech(prompt))} for prompt in prompts()]
    shared = set.intersection(*pieces)
    assert len(shared) >= max(map(len, pieces)) - 4  # the needle's, the one behind it, and the end's


def test_tokens_of_a_picture_are_those_of_the_published_examples() -> None:
    assert tiles_512(85, 170)(1024, 1024) == 765
    assert tiles_512(85, 170)(2048, 4096) == 1105
    assert patches_32(1.0)(1024, 1024) == 1024
    assert patches_32(1.0)(1800, 2400) == 1452
    assert gemini_tokens(384, 384) == 258
    assert gemini_tokens(1024, 1448) == 4 * 258
    assert anthropic_tokens(1000, 1000) == 1334


@pytest.mark.parametrize(
    ("provider", "more", "why"),
    [
        ("anthropic", ("--lengths", "1M"), "anthropic takes 600"),
        ("openai", ("--lengths", "1M"), "openai takes 500"),
        ("gemini", ("--lengths", "256k"), "gemini takes 20 MB"),
        ("anthropic", ("--lengths", "32k", "--page-px", "2048x1448"), "sides up to 2,000 px"),
    ],
)
def test_what_a_service_does_not_take_is_refused_before_anything_is_sent(
    niah: Niah, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, more: tuple[str, ...], why: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "planted")
    ended = niah("run", "--provider", provider, "--model", "m", "--as", "pages", "--depths", "50", *more)
    assert ended.exit_code == 2
    assert why in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--provider", "anthropic", "--model", "m", "--as", "speech", "--tts", VOICE), "takes no sound"),
        (("--provider", "simulated", "--model", "perfect", "--as", "pages"), "takes --as text"),
        (("--provider", "ocr", "--model", "search"), "takes --as pages"),
        (("--provider", "listener", "--model", "search", "--as", "pages"), "takes --as speech"),
        (("--provider", "listener", "--model", "search", "--as", "speech"), "--tts"),
        (("--provider", "ocr", "--model", "search", "--as", "pages", "--tts", VOICE), "tts has no meaning"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted")
    ended = niah("run", *words, "--lengths", "1k", "--depths", "50")
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1)
    assert why in ended.err


@pytest.mark.parametrize("pixels", ["wide", "10x10", "1024", "9000x100"])
def test_a_page_of_no_size_is_refused(pixels: str) -> None:
    with pytest.raises(ConfigError, match="page_px"):
        look_of(pixels, 22)


@pytest.mark.parametrize("command", ["flite", "flite -o {wav}", "flite 'open {text} {wav}"])
def test_a_voice_without_its_files_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="tts"):
        Voice(command)


def test_any_wav_becomes_one_channel_at_one_rate() -> None:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((2, 2, 8_000, 0, "NONE", ""))
        file.writeframes(np.repeat(np.arange(0, 8_000, dtype=np.int16), 2).tobytes())
    samples = samples_of(held.getvalue())
    assert len(samples) == RATE
    assert samples[8_000] == 4_000


@NEEDS_TESSERACT
@pytest.mark.slow
def test_a_reader_of_pages_finds_the_needle_and_nothing_on_pages_without_one(niah: Niah) -> None:
    run = ("run", "--provider", "ocr", "--model", "search", "--lengths", "600", "--depths", "0:100:50", "--controls")
    ended = niah(*run, *SMALL, "--name", "seen")
    assert ended.exit_code == 0, ended.err
    rows = [json.loads(line) for line in Path("results/seen/run.jsonl").read_text().splitlines()[1:]]
    scores = {(r["trial"]["control"], r["trial"]["depth_percent"]): r["score"] for r in rows}
    assert [scores[None, depth] for depth in (0, 50, 100)] == [1.0, 1.0, 1.0]
    absent = next(r for r in rows if r["trial"]["control"] == "absent")
    assert not any(target in absent["response"]["text"] for target in absent["targets"])
    assert all(r["response"]["usage"]["input_tokens"] == r["expected_input_tokens"] for r in rows if r["delivered"])


@NEEDS_TESSERACT
@pytest.mark.slow
def test_a_page_that_was_dropped_is_a_mismatch_and_not_red(niah: Niah, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ocr._parts

    def without_the_third_page(messages: Any) -> Any:
        parts = whole(messages)
        pages = [part for part in parts if part["type"] == "image_url"]
        return [part for part in parts if len(pages) < 3 or part is not pages[2]]

    monkeypatch.setattr(ocr, "_parts", without_the_third_page)
    run = ("run", "--provider", "ocr", "--model", "search", "--lengths", "600", "--depths", "50")
    niah(*run, *SMALL, "--name", "dropped")
    row = json.loads(Path("results/dropped/run.jsonl").read_text().splitlines()[-1])
    assert (row["outcome"], row["score"]) == ("mismatch", None)


@NEEDS_FLITE
@pytest.mark.slow
def test_a_listener_hears_the_needle_and_nothing_in_speech_without_one(niah: Niah) -> None:
    pytest.importorskip("pocketsphinx")
    speech = ("--as", "speech", "--tts", VOICE, "--audio-form", "wav", "--piece-s", "20")
    run = ("run", "--provider", "listener", "--model", "search", "--lengths", "300", "--depths", "50", "--controls")
    ended = niah(*run, *speech, "--name", "heard")
    assert ended.exit_code == 0, ended.err
    rows = [json.loads(line) for line in Path("results/heard/run.jsonl").read_text().splitlines()[1:]]
    assert {r["trial"]["control"]: r["score"] for r in rows} == {
        None: 1.0, "absent": 1.0, "closed-book": 0.0, "oracle": 1.0,
    }  # fmt: skip
