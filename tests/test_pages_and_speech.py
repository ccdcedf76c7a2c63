"""The same needle on pages and in speech: exact places, real bodies, instruments that look and
listen."""

from __future__ import annotations

import io
import json
import re
import shutil
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Niah
from rich.console import Console
from runs import header, results, unreported
from test_deliveries import PROVIDERS, accepted_by_the_sdk, experiment, sent

from niah.deliveries.pages import Pages, look_of
from niah.deliveries.speech import Speech, _encoded
from niah.errors import ConfigError, HaystackError
from niah.experiment.delivering import presenter_in
from niah.generator.sound import GAP_S, RATE, Sound, Voice, samples_of
from niah.messages import Delivered, MediaPart, TextPart
from niah.plotter.heatmap import figure_of
from niah.plotter.outputs import grid_json
from niah.plotter.page import Told, run_data
from niah.plotter.report_text import report_lines
from niah.plotter.summary import View
from niah.plotter.terminal import TerminalHeatmap
from niah.providers.media import (
    anthropic_tokens,
    gemini_tokens,
    media_limits,
    patches_32,
    tiles_512,
)
from niah.records import Prompt
from niah.runner import instruments
from niah.scorers import clock
from niah.verdict.grid import grid_of
from niah.verdict.report import report_of

SMALL = ("--as", "pages", "--page-px", "640x400", "--page-type-px", "18")
NEEDS_TESSERACT = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)
NEEDS_FLITE = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
VOICE = "flite -voice rms -f {text} -o {wav}"
TINY = ("--page-px", "256x256")


def prompts(**settings: Any) -> list[Prompt]:
    found = experiment(**settings)
    return [found.prompt(trial) for trial in found.trials]


def media(prompt: Prompt) -> list[MediaPart]:
    return [
        part for message in prompt.messages for part in message.parts if isinstance(part, MediaPart)
    ]


def hum(line: str) -> Sound:
    """A voice that hums: as many milliseconds as a line has signs, at a height that is the
    line's."""
    samples = np.arange(RATE * len(line) // 1_000)
    return np.asarray(8_000 * np.sin(samples * (1 + len(line) % 7) / 10), dtype=np.int16)


def in_speech(prompt: Prompt, **settings: Any) -> Prompt:
    return Speech(**{"say": hum, "piece_s": 5.0, **settings}).present(prompt)


@pytest.mark.slow
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
    opening, text = prompt.planting.opening, prompt.text
    needle = next(n.text for n in prompt.planting.needles if n.answer_class == "right")
    return replace(prompt, utf8=(opening + text[text.index(needle) :]).encode())


def _rows(prompt: Prompt, look: Any) -> int:
    """Lines on all pages, counted from the pictures themselves."""
    from PIL import Image

    last = np.asarray(Image.open(io.BytesIO(media(prompt)[-1].load())))
    dark = np.flatnonzero((last < 128).any(axis=1))
    return (
        (len(media(prompt)) - 1) * int(look.rows) + int((dark[-1] - look.margin) // look.step) + 1
    )


def test_pages_and_speech_are_the_same_bytes_on_a_second_build() -> None:
    prompt = prompts()[1]
    for present in (Pages(look=look_of("400x500", 16)).present, in_speech):
        first, second = ([part.digest for part in media(present(prompt))] for _ in range(2))
        assert first == second
        assert len(set(first)) == len(first) > 1


def test_ids_pair_text_pages_and_speech() -> None:
    ids = {
        tuple(trial.id for trial in experiment(**how).trials)
        for how in (
            {},
            {"sent_as": "pages", "page_type_px": 30},
            {"sent_as": "speech", "tts": VOICE},
        )
    }
    assert len(ids) == 1


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_vendors_own_types_accept_pages_and_speech(provider: str) -> None:
    prompt = prompts()[1]
    accepted_by_the_sdk(
        provider, sent(provider, Pages(look=look_of("400x500", 16)).present(prompt))
    )
    if provider in ("chat", "gemini"):
        accepted_by_the_sdk(provider, sent(provider, in_speech(prompt)))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "flac"])
def test_the_needle_begins_in_the_file_at_the_second_that_is_logged(form: str) -> None:
    prompt = prompts()[1]
    spoken = in_speech(prompt, form=form, piece_s=60.0)
    assert spoken.delivered is not None and spoken.delivered.start_s is not None
    heard = np.concatenate([samples_of(part.load()) for part in media(spoken)])
    assert abs(len(heard) / RATE - (spoken.delivered.seconds or 0)) < 0.01
    needle = hum(next(n.text for n in prompt.planting.needles if n.answer_class == "right")).astype(
        float
    )
    start = round(spoken.delivered.start_s * RATE)
    near = {
        shift: float(
            np.dot(needle, heard[start + shift : start + shift + len(needle)].astype(float))
        )
        for shift in range(-400, 401, 8)
    }
    assert abs(max(near.items(), key=lambda found: found[1])[0]) <= 0.01 * RATE


@pytest.mark.slow
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
    assert (
        len(shared) >= max(map(len, pieces)) - 4
    )  # the needle's, the one behind it, and the end's


def test_tokens_of_a_picture_are_those_of_the_published_examples() -> None:
    assert tiles_512(85, 170)(1024, 1024) == 765
    assert tiles_512(85, 170)(2048, 4096) == 1105
    assert patches_32(1.0)(1024, 1024) == 1024
    assert patches_32(1.0)(1800, 2400) == 1452
    assert gemini_tokens(384, 384) == 258
    assert gemini_tokens(1024, 1448) == 4 * 258
    assert anthropic_tokens(1000, 1000) == 1334


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provider", "more", "why"),
    [
        ("anthropic", ("--lengths", "64k", *TINY), "anthropic takes 600"),
        ("openai", ("--lengths", "64k", *TINY), "openai takes 500"),
        ("gemini", ("--lengths", "256k"), "gemini takes 20 MB"),
        ("anthropic", ("--lengths", "32k", "--page-px", "2048x1448"), "sides up to 2,000 px"),
        ("bedrock-anthropic", ("--lengths", "64k", *TINY), "bedrock-anthropic takes 600"),
        ("openai-responses", ("--lengths", "64k", *TINY), "openai-responses takes 500"),
        ("azure", ("--lengths", "64k"), "azure takes 50 pages"),
        ("gemini", ("--lengths", "160k", *TINY, "--media", "upload"), "gemini takes 3,600 pages"),
        ("vertex-gemini", ("--lengths", "256k"), "vertex-gemini takes 20 MB"),
    ],
)
def test_what_a_service_does_not_take_is_refused_before_anything_is_sent(
    niah: Niah,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    more: tuple[str, ...],
    why: str,
) -> None:
    ended = _refused(niah, monkeypatch, provider, "--as", "pages", *more)
    assert why in ended
    assert ("or --media upload" in ended) == ("takes 20 MB" in why and provider == "gemini")
    assert not (tmp_path / "results").exists()


def _refused(niah: Niah, monkeypatch: pytest.MonkeyPatch, provider: str, *words: str) -> str:
    """The one line with which a run ends before anything is sent."""
    monkeypatch.setenv("OWN_KEY", "planted")
    known = {"azure": "AZURE_OPENAI_ENDPOINT", "bedrock-anthropic": "AWS_REGION"}
    for name in (
        *known.values(),
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_LOCATION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.setenv(name, "https://127.0.0.1:9" if "ENDPOINT" in name else "global")
    run = (
        "run",
        "--provider",
        provider,
        "--model",
        "m",
        "--api-key-env",
        "OWN_KEY",
        "--depths",
        "50",
    )
    ended = niah(*run, *words)
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1), ended.err
    return ended.err


@pytest.mark.parametrize(
    ("provider", "least", "more", "why"),
    [
        ("gemini", {"seconds": 60.0}, (), "gemini takes 1 minutes"),
        (
            "gemini",
            {"body_bytes": 1_000_000},
            (),
            "or use less for each (--audio-form mp3) or --media upload",
        ),
        ("openai", {"body_bytes": 1_000_000}, (), "openai takes 1 MB"),
        ("openai", {"file_bytes": 1_000_000}, ("--media", "upload"), "a smaller --piece-s"),
        ("gemini", {"file_bytes": 1_000_000}, ("--media", "upload"), "a smaller --piece-s"),
        ("openai-responses", {}, (), "takes no sound"),
        ("anthropic", {}, (), "takes no sound"),
        ("bedrock-anthropic", {}, (), "takes no sound"),
    ],
)
def test_sound_that_a_service_does_not_take_is_refused_before_anything_is_sent(
    niah: Niah,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    least: Any,
    more: tuple[str, ...],
    why: str,
) -> None:
    monkeypatch.setattr(Voice, "say", lambda self, line: hum(line * 3))
    limits = replace(media_limits(provider, "m"), **least)
    monkeypatch.setattr("niah.experiment.delivering.media_limits", lambda *about: limits)
    speech = ("--as", "speech", "--tts", VOICE, "--audio-form", "wav", "--lengths", "1500", *more)
    assert why in _refused(niah, monkeypatch, provider, *speech)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("--provider", "anthropic", "--model", "m", "--as", "speech", "--tts", VOICE),
            "takes no sound",
        ),
        (("--provider", "simulated", "--model", "perfect", "--as", "pages"), "takes --as text"),
        (("--provider", "ocr", "--model", "search"), "takes --as pages"),
        (("--provider", "listener", "--model", "search", "--as", "pages"), "takes --as speech"),
        (("--provider", "listener", "--model", "search", "--as", "speech"), "--tts"),
        (
            ("--provider", "ocr", "--model", "search", "--as", "pages", "--tts", VOICE),
            "tts has no meaning",
        ),
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


def test_a_type_that_is_too_large_is_told_the_largest_that_fits() -> None:
    with pytest.raises(ConfigError, match="lower it to 16"):
        look_of("1024x64", 17)
    assert look_of("1024x64", 16).rows >= 1


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


SENT_AS: dict[str, tuple[Any, str]] = {
    "pages": (
        lambda n: Delivered(tokens=n, pages=n // 600, text_tokens=100, media_tokens=n // 600 * 258),
        "pages",
    ),
    "speech": (
        lambda n: Delivered(tokens=n, seconds=n / 3, text_tokens=100, media_tokens=n * 10),
        "minutes of speech",
    ),
}


@pytest.mark.parametrize(
    ("sent_as", "labels", "reported"),
    [
        (
            "pages",
            ["2", "20"],
            "12k is 20 pages, 5,160 image tokens, 2.31 text tokens per image token",
        ),
        (
            "speech",
            ["6:40", "66:40"],
            "12k is 66:40 min of speech, 120,000 audio tokens, 0.10 text tokens per audio token",
        ),
    ],
)
@pytest.mark.parametrize("depths", [1, 2])
def test_pages_and_minutes_stand_below_their_length_everywhere(
    sent_as: str, labels: list[str], reported: str, depths: int
) -> None:
    told, kind = SENT_AS[sent_as]
    of = header(lengths=(1_200, 12_000), depths=(0.0, 100.0)[:depths], epochs=1)
    rows = [replace(r, delivered=told(r.trial.context_length)) for r in results(of)]
    grid = grid_of(of, rows)
    ax = figure_of([unreported(grid)]).axes[0]
    assert [t.get_text().split("\n") for t in ax.get_xticklabels()] == [
        ["1.2k", labels[0]],
        ["12k", labels[1]],
    ]
    assert kind in ax.get_xlabel()
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(TerminalHeatmap(grid))
    shown = console.export_text().splitlines()
    under = next(n for n, line in enumerate(shown) if line.split() == ["1.2k", "12k"])
    assert shown[under + 1].split() == labels
    assert any(f"below each length its {kind}" in line for line in shown)
    assert reported in report_lines(report_of(of, rows))
    assert list(json.loads(grid_json(grid))["media"]) == ["1200", "12000"]
    page = run_data(
        Told(name="r", view=View(grid=grid, report=report_of(of, rows)), header=of, trials=rows),
        "r",
    )
    assert (page["media"], page["media_kind"]) == ({"1200": labels[0], "12000": labels[1]}, kind)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("gemini", "--as", "pages"),
            r"each 27 pages, 27,864 image tokens, 0\.\d\d text tokens per image token",
        ),
        (("openai", "--as", "pages"), r"each 27 pages, whose tokens are not known"),
        (
            ("gemini", "--as", "speech", "--tts", VOICE),
            r"each \d+:\d\d min of speech, [\d,]+ audio tokens",
        ),
        (("gemini",), r"100 % unique text$"),
    ],
)
def test_a_plan_says_what_a_length_is_as_pages_or_speech(
    niah: Niah, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(Voice, "say", lambda self, line: hum(line))
    price = ("--price", "input=1,output=0")
    ended = niah(
        "plan",
        "--provider",
        words[0],
        "--model",
        "m",
        "--lengths",
        "16k",
        "--depths",
        "50",
        *words[1:],
        *price,
    )
    assert ended.exit_code == 0, ended.err
    assert re.search(told, ended.out.strip())
    dollars = re.search(r"price +\$([\d.]+)", ended.out)
    paid = {"27,864": "0.03", "not known": None, "unique text$": "0.02"}  # of text: 0.016
    expected = next((value for part, value in paid.items() if part in told), "any")
    assert expected == "any" or (dollars and dollars[1]) == expected


@NEEDS_TESSERACT
@pytest.mark.slow
def test_a_reader_of_pages_finds_the_needle_and_nothing_on_pages_without_one(niah: Niah) -> None:
    run = (
        "run",
        "--provider",
        "ocr",
        "--model",
        "search",
        "--lengths",
        "600",
        "--depths",
        "0:100:50",
        "--controls",
    )
    ended = niah(*run, *SMALL, "--name", "seen")
    assert ended.exit_code == 0, ended.err
    rows = [
        json.loads(line) for line in Path("results/seen/run.jsonl").read_text().splitlines()[1:]
    ]
    scores = {(r["trial"]["control"], r["trial"]["depth_percent"]): r["score"] for r in rows}
    assert [scores[None, depth] for depth in (0, 50, 100)] == [1.0, 1.0, 1.0]
    absent = next(r for r in rows if r["trial"]["control"] == "absent")
    assert not any(target in absent["response"]["text"] for target in absent["targets"])
    assert all(
        r["response"]["usage"]["input_tokens"] == r["expected_input_tokens"]
        for r in rows
        if r["delivered"]
    )


@NEEDS_TESSERACT
@pytest.mark.slow
def test_a_page_that_was_dropped_is_a_mismatch_and_not_red(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = instruments._parts

    def without_the_third_page(messages: Any) -> Any:
        parts = whole(messages)
        pages = [part for part in parts if part["type"] == "image_url"]
        return [part for part in parts if len(pages) < 3 or part is not pages[2]]

    monkeypatch.setattr(instruments, "_parts", without_the_third_page)
    run = ("run", "--provider", "ocr", "--model", "search", "--lengths", "600", "--depths", "50")
    niah(*run, *SMALL, "--name", "dropped")
    row = json.loads(Path("results/dropped/run.jsonl").read_text().splitlines()[-1])
    assert (row["outcome"], row["score"]) == ("mismatch", None)


@NEEDS_TESSERACT
def test_a_language_that_tesseract_lacks_is_said_and_not_red(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(instruments.DATA, "en", "not_there")
    ended = niah(
        "run",
        "--provider",
        "ocr",
        "--model",
        "search",
        "--lengths",
        "600",
        "--depths",
        "50",
        *SMALL,
    )
    assert (ended.exit_code, ended.err.count("\n"), "tesseract-ocr-not-there" in ended.err) == (
        2,
        1,
        True,
    )
    assert not Path("results").exists()


@pytest.mark.slow
@NEEDS_FLITE
@pytest.mark.parametrize(
    ("flags", "heard"), [(("--haystack", "es"), "es number"), (("--value-kind", "uuid"), "en uuid")]
)
def test_a_needle_that_no_listener_hears_is_said_and_not_red(
    niah: Niah, flags: tuple[str, str], heard: str
) -> None:
    speech = ("--as", "speech", "--tts", VOICE, "--lengths", "300", "--depths", "50")
    ended = niah("run", "--provider", "listener", "--model", "search", *speech, *flags)
    assert (ended.exit_code, ended.err.count("\n"), f"not {heard}" in ended.err) == (2, 1, True)
    assert not Path("results").exists()


def recorded(folder: Path, lines: list[str], form: str = "wav", height: int = 8_000) -> Path:
    """A recording of some lines with pauses between them, and its subtitles: in a folder as a user
    has them."""
    folder.mkdir(exist_ok=True)
    sounds, cues, at = [np.zeros(RATE // 2, np.int16)], [], RATE // 2
    for number, line in enumerate(lines, 1):
        sound = np.asarray(
            height * np.sin(np.arange(20 * len(line) * RATE // 1_000) * (90 + number) / 900),
            dtype=np.int16,
        )
        times = " --> ".join(
            f"00:{t // 60 // RATE:02}:{t / RATE % 60:06.3f}".replace(".", ",")
            for t in (at, at + len(sound))
        )
        cues.append(f"{number}\n{times}\n{line}\n")
        sounds += [sound, np.zeros(RATE // 2, np.int16)]
        at += len(sound) + RATE // 2
    (folder / "talk.srt").write_text("\n".join(cues), encoding="utf-8")
    file, _ = _encoded(np.concatenate(sounds).tobytes(), form)
    (folder / f"talk.{form}").write_bytes(file)
    return folder


def talk(count: int) -> list[str]:
    return [
        f"Now this is what was said as number {n} of the talk, {'and ' * (n % 5)}that was it."
        for n in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_a_haystack_of_recordings_is_heard_as_it_was_said_with_the_needle_between_two_lines(
    niah: Niah, tmp_path: Path, form: str
) -> None:
    lines = talk(60)
    ended = niah("haystack", "add", recorded(tmp_path / "mine", lines, form), "--name", "talks")
    assert ended.exit_code == 0, ended.err
    assert f"recording talk.{form}" in ended.out
    assert "left out" not in ended.err
    whole = samples_of(tmp_path / "mine" / f"talk.{form}")
    for prompt in prompts(haystack=("talks",), lengths=(600,)):
        spoken = speech_in(
            experiment(haystack=("talks",), lengths=(600,), sent_as="speech", tts=VOICE), prompt
        )
        assert spoken.delivered is not None and spoken.delivered.start_s is not None
        heard = np.concatenate([samples_of(part.load()) for part in media(spoken)])
        start = round(spoken.delivered.start_s * RATE)
        needle = hum(next(n.text for n in prompt.planting.needles))
        assert (
            np.abs(heard[start : start + len(needle)] - needle.astype(float)).max() < 400
        )  # and as loud, within 5 %
        before, behind = heard[:start], heard[start + len(needle) + round(GAP_S * RATE) :]
        assert (
            1 <= _stretches(before, whole) + _stretches(behind, whole) <= 3
        )  # the tour begins anywhere
        said = prompt.text[len(prompt.planting.opening) : -len(prompt.planting.closing)]
        assert (len(before) + len(behind)) / RATE > 0.02 * (
            len(said) - 60
        )  # all of it, at 20 ms a sign


def speech_in(known: Any, prompt: Prompt) -> Prompt:
    """The prompt as a run sends it, by a voice that hums, in one piece of WAV."""
    presenter = presenter_in(known)
    assert isinstance(presenter, Speech)
    return replace(presenter, say=hum, form="wav", piece_s=1e6).present(prompt)


def _stretches(sound: Sound, whole: Sound) -> int:
    """Of how many stretches of another sound this one is made, with silence between them."""
    count = 0
    while sound.any():
        sound = sound[int(np.flatnonzero(sound)[0]) :]
        at = whole.tobytes().find(sound[: RATE // 10].tobytes()) // 2
        assert at >= 0
        size = min(len(sound), len(whole) - at)
        same = sound[:size] == whole[at : at + size]
        sound = sound[size if same.all() else int(np.argmin(same)) :]
        count += 1
    return count


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (
            lambda folder: (folder / "talk.wav").write_bytes(b"RIFF"),
            "not a recording that can be read (the file ends",
        ),
        (
            lambda folder: (folder / "talk.wav").write_bytes(b"no sound"),
            "that can be read (Format not recognised",
        ),
        (lambda folder: _cut_off(folder / "talk.wav"), "not its own"),
        (
            lambda folder: recorded(folder, talk(2)) and (folder / "talk.srt").write_text(_LATE),
            "not its own",
        ),
        (
            lambda folder: (
                (folder / "talk.srt").unlink(),
                (folder / "talk.txt").write_text("Words.\nMore.\n"),
            ),
            "no times",
        ),
    ],
)
def test_a_recording_that_is_not_that_of_its_transcript_is_refused(
    niah: Niah, tmp_path: Path, spoilt: Any, why: str
) -> None:
    folder = recorded(tmp_path / "mine", talk(4))
    spoilt(folder)
    ended = niah("haystack", "add", folder, "--name", "talks")
    assert (ended.exit_code, len(ended.err.strip().splitlines())) == (2, 1)
    assert why in ended.err


def _cut_off(file: Path) -> None:
    """A file whose writing stopped inside a sample; its head still tells of all of it."""
    file.write_bytes(file.read_bytes()[:20_001])


_LATE = "1\n00:00:01,000 --> 00:00:02,000\nHello there.\n\n2\n00:09:01,000 --> 00:09:02,000\nBye.\n"


def test_a_recording_that_changed_since_it_was_imported_is_refused(
    niah: Niah, tmp_path: Path
) -> None:
    niah(
        "haystack",
        "add",
        recorded(tmp_path / "mine", talk(60)),
        "--name",
        "talks",
        "--into",
        tmp_path / "own",
    )
    recorded(tmp_path / "own" / "talks", talk(59))
    niah(
        "haystack",
        "add",
        recorded(tmp_path / "mine", talk(60)),
        "--name",
        "talks",
        "--into",
        tmp_path / "own",
        "--replace",
    )
    (tmp_path / "own" / "talks" / "talk.wav").write_bytes(
        (tmp_path / "mine" / "talk.wav").read_bytes() + b"x"
    )
    known = experiment(
        haystack=(str(tmp_path / "own" / "talks"),), lengths=(600,), sent_as="speech", tts=VOICE
    )
    with pytest.raises(HaystackError, match="changed since it was imported"):
        speech_in(known, known.prompt(known.trials[0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "needle"), [(1_000, 1_000), (24_000, 24_000), (200, 800), (0, 8_000)]
)
def test_a_needle_is_as_loud_as_the_recording_around_it_by_at_most_20_db(
    niah: Niah, tmp_path: Path, height: int, needle: int
) -> None:
    niah("haystack", "add", recorded(tmp_path / "mine", talk(60), height=height), "--name", "talks")
    known = experiment(
        haystack=("talks",), lengths=(600,), depths=(50.0,), sent_as="speech", tts=VOICE
    )
    spoken = speech_in(known, known.prompt(known.trials[0]))
    assert spoken.delivered is not None and spoken.delivered.start_s is not None
    start = round(spoken.delivered.start_s * RATE)
    heard = samples_of(media(spoken)[0].load())[start : start + RATE // 20]
    assert np.abs(heard.astype(int)).max() == pytest.approx(needle, rel=0.03)


@pytest.mark.slow
def test_a_recording_that_was_replaced_under_its_text_is_another_run_with_the_same_ids(
    niah: Niah, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Voice, "say", lambda self, line: hum(line))
    monkeypatch.setattr(instruments, "Ears", Deaf)
    grid = (
        "run",
        "--provider",
        "listener",
        "--model",
        "search",
        "--haystack",
        "talks",
        "--lengths",
        "600",
    )
    run = (
        *grid,
        "--depths",
        "50",
        "--as",
        "speech",
        "--tts",
        VOICE,
        "--audio-form",
        "wav",
        "--name",
        "it",
    )
    ended, ids = [], set()
    for height in (8_000, 8_000, 4_000):
        niah(
            "haystack",
            "add",
            recorded(tmp_path / "mine", talk(60), height=height),
            "--name",
            "talks",
            "--replace",
        )
        ended.append(niah(*run))
        ids |= {trial.id for trial in experiment(haystack=("talks",), lengths=(600,)).trials}
    assert [e.exit_code for e in ended] == [0, 0, 2], ended[-1].err
    assert "the recordings of the haystack have changed" in ended[-1].err
    assert len(ids) == len(experiment(haystack=("talks",), lengths=(600,)).trials)


class Deaf:
    """Ears that hear nothing: where the count of seconds is enough."""

    def heard(self, samples: bytes) -> list[Any]:
        return []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pages", "speech"])
@pytest.mark.parametrize("share", [1, 30, 70])
@pytest.mark.parametrize("task", ["single", "multikey"])
def test_text_and_media_share_a_haystack_and_the_needle_stands_in_one_of_them(
    how: str, share: int, task: str
) -> None:
    for prompt in prompts(depths=(0.0, 20.0, 50.0, 80.0, 100.0), task=task):
        whole: Any = (
            Pages(look=look_of("600x800", 22)) if how == "pages" else Speech(say=hum, piece_s=5.0)
        )
        shown = replace(whole, share=share).present(prompt)
        text = b"\n".join(
            part.utf8 for part in shown.messages[0].parts if isinstance(part, TextPart)
        ).decode()
        needles = [n.text for n in prompt.planting.needles if n.answer_class == "right"]
        assert shown.delivered is not None
        place = shown.delivered.page if how == "pages" else shown.delivered.start_s
        assert (place is None) == all(needle in text for needle in needles)
        body = prompt.text[len(prompt.planting.opening) : -len(prompt.planting.closing)]
        beside = (
            len(text) - len(prompt.planting.opening.strip()) - len(prompt.planting.closing.strip())
        )
        assert abs(beside / len(body) - (1 - share / 100)) < 0.03
        deep = [p.actual_depth_percent > 100 - share + 3 for p in prompt.placements]
        if len(needles) == 1 == len(deep) and place is None:
            assert not deep[0]


@NEEDS_FLITE
@pytest.mark.slow
def test_the_last_minute_of_a_recording_that_was_dropped_is_a_mismatch_and_not_red(
    niah: Niah, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, dropped = instruments._parts, []

    def without_the_last_piece(messages: Any) -> Any:
        parts = whole(messages)
        sound = [part for part in parts if part["type"] == "input_audio"]
        dropped.extend(sound[-1:] if len(sound) > 1 else [])
        return [part for part in parts if len(sound) < 2 or part is not sound[-1]]

    monkeypatch.setattr(instruments, "Ears", Deaf)
    speech = ("--as", "speech", "--tts", VOICE, "--audio-form", "wav", "--piece-s", "60")
    run = (
        "run",
        "--provider",
        "listener",
        "--model",
        "search",
        "--lengths",
        "900",
        "--depths",
        "50",
        *speech,
    )
    niah(*run, "--name", "whole")
    monkeypatch.setattr(instruments, "_parts", without_the_last_piece)
    niah(*run, "--name", "dropped")
    rows = [
        json.loads(Path(f"results/{n}/run.jsonl").read_text().splitlines()[-1])
        for n in ("whole", "dropped")
    ]
    assert dropped
    assert [(row["outcome"], row["score"]) for row in rows] == [("scored", 0.0), ("mismatch", None)]


@NEEDS_FLITE
@pytest.mark.slow
def test_a_listener_hears_the_needle_and_nothing_in_speech_without_one(niah: Niah) -> None:
    pytest.importorskip("pocketsphinx")
    speech = ("--as", "speech", "--tts", VOICE, "--audio-form", "wav", "--piece-s", "20")
    run = (
        "run",
        "--provider",
        "listener",
        "--model",
        "search",
        "--lengths",
        "300",
        "--depths",
        "50",
        "--controls",
    )
    ended = niah(*run, *speech, "--name", "heard")
    assert ended.exit_code == 0, ended.err
    rows = [
        json.loads(line) for line in Path("results/heard/run.jsonl").read_text().splitlines()[1:]
    ]
    assert {r["trial"]["control"]: r["score"] for r in rows} == {
        None: 1.0, "absent": 1.0, "closed-book": 0.0, "oracle": 1.0,
    }  # fmt: skip
