"""The providers ``ocr`` and ``listener``: instruments that look and listen, to prove what was sent.

The body is decoded as it would go over the wire, and one of the simulated readers answers from what
was seen or heard: wrong order, lost pages or minutes and illegible type all show. Tesseract reads
every picture. PocketSphinx looks for the beginning of a needle in every stretch between two
silences, and hears such a stretch again by a grammar of needles: English, of the plain number
alone; each line stands below the time at which it begins.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError
from niah.generator.sound import RATE, samples_of
from niah.generator.tokenizers import Tokenizer
from niah.installation import install_hint
from niah.providers.media import gemini_tokens
from niah.providers.simulated import NOTHING, Messages, in_process, reader_of
from niah.scorers import clock
from niah.text.wording import wording_of

if TYPE_CHECKING:
    import httpx

OCR, LISTENER = "ocr", "listener"
DATA = {"en": "eng", "zh-Hant": "chi_tra", "zh-Hans": "chi_sim", "es": "spa"}  # for tesseract
_KEPT_PAGES = 1_024
_WIDE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_SPACED = re.compile(f"(?<=[{_WIDE}]) +|(?<=[0-9]) +(?=[{_WIDE}])| +(?=[{_WIDE}])")
TOKENS_PER_S = 32.0  # what it counts for sound, as Gemini does
_FORM = "magic.number.sentence"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# names that its dictionary lacks, and ways of a voice that lacks them, in the recogniser's signs
_SAID = {
    "aleppo": "AH L EH P OW / AH L AH P OW",
    "bratislava": "B R AA T IH S L AA V AH / B R AE T IH S L AA V AH",
    "cusco": "K UW S K OW",
    "graz": "G R AA T S / G R AE Z",
    "izmir": "IH Z M IH R",
    "kampala": "K AE M P AA L AH",
    "kathmandu": "K AA T M AA N D UW / K AE TH M AE N D UW",
    "kolkata": "K OW L K AA T AH",
    "ljubljana": "EH L JH EY Y UW B IY EH L JH EY EY EH N EY",
    "marrakesh": "M EH R AH K EH SH / M AA R EY K EH SH",
    "odense": "OW D AH N S AH / AA D AH N S",
    "rabat": "R AH B AA T / R AE B AA T",
    "tallinn": "T AE L IH N / T AA L IY N",
    "tbilisi": "T IY B IY AY EH L AY EH S AY",
    "tirana": "T R AE N AH",
    "utrecht": "Y UW T R EH K T",
}
# how likely one is between two words: by the usual 0.005 digits are put where voices pause
_PAUSE = 0.2
_WINDOW_S, _LEAST_S = 0.2, 0.5  # of silence ends a stretch; a shorter stretch is no needle
_FRAMES_S, _BEFORE_S = 100, 0.3  # of the recogniser; a needle's first word, by which it is not told
_KEPT_PIECES = 256


def _check_ocr(data: str) -> None:
    """Raises ConfigError where tesseract is missing, or lacks a language: all would be red."""
    if shutil.which("tesseract") is None:
        raise ConfigError(
            "provider 'ocr' needs tesseract; install it (Debian: tesseract-ocr, for Chinese with"
            " -chi-tra)"
        )
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, check=False)  # noqa: S607
    if data not in (listed.stdout + listed.stderr).decode(errors="replace").split():
        package = f"tesseract-ocr-{data.replace('_', '-')}"
        raise ConfigError(
            f"provider 'ocr' needs tesseract's data of {data!r}; install it (Debian: {package})"
        )


def looking(
    model: str, solve: Callable[[str], str], tokenizer: Tokenizer, language: str
) -> httpx.MockTransport:
    """An in-process server that reads pages. Raises ConfigError, or UnknownName for a reader."""
    reads, data = reader_of(model, solve, tokenizer), DATA.get(language, "eng")
    _check_ocr(data)

    def answer(seen: list[tuple[str, int | None]]) -> tuple[str, int]:
        tokens = sum(tokenizer.count(text) if known is None else known for text, known in seen)
        return reads("\n\n".join(text for text, _ in seen)) or NOTHING, tokens

    def look(messages: Messages) -> list[tuple[str, int | None]]:
        return [_seen(part, data) for part in _parts(messages)]

    return in_process(model, answer, look)


def _parts(messages: Messages) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = []
    for message in messages:
        content = message["content"]
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return parts


def _seen(part: Mapping[str, Any], data: str) -> tuple[str, int | None]:
    """What a part says, and the tokens it counts for a picture."""
    if part["type"] == "text":
        return str(part["text"]), None
    from PIL import Image

    png = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return _read(png, data), gemini_tokens(*Image.open(io.BytesIO(png)).size)


@lru_cache(maxsize=_KEPT_PAGES)
def _read(png: bytes, data: str) -> str:
    """The lines of one page; spaces between wide signs are not the text's."""
    command = ["tesseract", "-", "-", "-l", data, "--psm", "6"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # more only take time from each other
    done = subprocess.run(command, input=png, capture_output=True, check=False, env=environment)  # noqa: S603
    return _SPACED.sub("", done.stdout.decode(errors="replace")).strip()


def listening(model: str, solve: Callable[[str], str], tokenizer: Tokenizer) -> httpx.MockTransport:
    """An in-process server that listens. Raises ConfigError, or UnknownName for a reader."""
    ears, reads, turn = Ears(), reader_of(model, solve, tokenizer), Lock()

    @lru_cache(maxsize=_KEPT_PIECES)
    def heard_in(sound: bytes) -> list[tuple[float, str]]:
        return list(ears.heard(sound))

    def listen(messages: Messages) -> tuple[str, int]:
        texts: list[str] = []
        tokens, began = 0.0, 0.0
        for part in _parts(messages):
            if part["type"] == "text":
                texts.append(str(part["text"]))
                tokens += tokenizer.count(str(part["text"]))
                continue
            sound = samples_of(base64.b64decode(part["input_audio"]["data"])).tobytes()
            with turn:  # one recogniser, many requests
                texts += [f"({clock(round(began + at))})\n{line}" for at, line in heard_in(sound)]
            seconds = len(sound) / 2 / RATE
            began, tokens = began + seconds, tokens + seconds * TOKENS_PER_S
        told = "\n\n".join(filter(None, (*texts[:1], "\n".join(texts[1:-1]), *texts[1:][-1:])))
        return told, round(tokens)

    return in_process(model, lambda told: (reads(told[0]) or NOTHING, told[1]), listen)


class Ears:
    """A recogniser of needles. Raises ConfigError where PocketSphinx is missing."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise ConfigError(
                f"provider 'listener' needs PocketSphinx: {install_hint('speech')}"
            ) from None
        self._sphinx: Any = pocketsphinx

    def heard(self, samples: bytes) -> Iterator[tuple[float, str]]:
        """Second and words of every needle, as it would be written."""
        for at, stretch in self._stretches(samples):
            if len(stretch) / 2 / RATE < _LEAST_S or not self._decoded("begins", stretch):
                continue
            # what is said before a needle in one breath is not in its grammar
            begins = next(iter(self._decoder.seg())).start_frame / _FRAMES_S - _BEFORE_S
            skipped = max(0, round(begins * RATE))
            if "is" in (words := self._decoded("needle", stretch[2 * skipped :]).split()):
                at += skipped / RATE
                digits = "".join(str(_DIGITS.index(word)) for word in words if word in _DIGITS)
                place = " ".join(words[words.index("for") + 1 : words.index("is")])
                yield at, wording_of("en").form(_FORM).fill(key=place.title(), value=digits)

    def _stretches(self, samples: bytes) -> Iterator[tuple[float, bytes]]:
        """The sound between two silences, and the second at which it begins."""
        endpoints = self._sphinx.Endpointer(sample_rate=RATE, window=_WINDOW_S)
        held, began, size = b"", 0.0, endpoints.frame_bytes
        for at in range(0, len(samples) - size + 1, size):
            speech = endpoints.process(samples[at : at + size])
            if speech is None:
                continue
            began = began if held else endpoints.speech_start
            held += speech
            if not endpoints.in_speech:
                yield began, held
                held = b""
        if held:
            yield began, held

    def _decoded(self, search: str, stretch: bytes) -> str:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_raw(stretch, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    @cached_property
    def _decoder(self) -> Any:
        decoder = self._sphinx.Decoder(samprate=RATE, loglevel="FATAL", lm=None, silprob=_PAUSE)
        wording = wording_of("en")
        for word, ways in _SAID.items():
            for n, sounds in enumerate(ways.split(" / ")):
                name = f"{word}(rule-{n})" if decoder.lookup_word(word) else word
                decoder.add_word(name, sounds, True)
        places = map(str.casefold, wording.words("names.places"))
        known = " | ".join(filter(decoder.lookup_word, places))
        digits = " ".join(["<digit>"] * 7)
        said = wording.form(_FORM).fill(key="<place>", value=digits).casefold().rstrip(".")
        decoder.add_jsgf_string(
            "needle",
            f"#JSGF V1.0; grammar needle; public <needle> = {said}; "
            f"<place> = {known}; <digit> = {' | '.join(_DIGITS)};",
        )
        decoder.add_keyphrase("begins", said.partition(" <")[0].partition(" ")[2])
        return decoder
