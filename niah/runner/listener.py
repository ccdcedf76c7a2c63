"""The provider ``listener``: no model, but an instrument that proves what was sent. It hears the sound of a request.

The body is decoded as it would go over the wire. PocketSphinx looks for the beginning of a needle in every stretch
between two silences, and hears such a stretch again by a grammar of needles: English, of the plain number alone. A
simulated reader answers from what was heard, each line below the time at which it begins.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError
from niah.generator.tokenizers import Tokenizer
from niah.generator.voice import RATE, samples_of
from niah.installation import install_hint
from niah.providers.simulated import NOTHING, Messages, in_process, reader_of
from niah.text.wording import wording_of

if TYPE_CHECKING:
    import httpx

NAME = "listener"
TOKENS_PER_S = 32.0  # what it counts for sound, as Gemini does
_FORM = "magic.number.sentence"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SAID = {  # places that the recogniser's dictionary lacks, in its own signs
    "aleppo": "AH L EH P OW",
    "bratislava": "B R AA T IH S L AA V AH",
    "cusco": "K UW S K OW",
    "graz": "G R AA T S",
    "izmir": "IH Z M IH R",
    "kathmandu": "K AA T M AA N D UW",
    "kolkata": "K OW L K AA T AH",
    "marrakesh": "M EH R AH K EH SH",
    "odense": "OW D AH N S AH",
    "rabat": "R AH B AA T",
    "tallinn": "T AE L IH N",
    "utrecht": "Y UW T R EH K T",
}
_WINDOW_S = 0.2  # of silence ends a stretch
_LEAST_S = 0.5
_KEPT_PIECES = 256


def transport(model: str, solve: Callable[[str], str], tokenizer: Tokenizer) -> httpx.MockTransport:
    """An in-process server that listens. Raises ConfigError without PocketSphinx, UnknownName for a reader."""
    ears, reads, turn = Ears(), reader_of(model, solve, tokenizer), Lock()

    @lru_cache(maxsize=_KEPT_PIECES)
    def heard_in(sound: bytes) -> list[tuple[float, str]]:
        return list(ears.heard(sound))

    def read(messages: Messages) -> tuple[str, int]:
        texts: list[str] = []
        tokens, began = 0.0, 0.0
        for part in (part for message in messages for part in _parts(message)):
            if part["type"] == "text":
                texts.append(str(part["text"]))
                tokens += tokenizer.count(str(part["text"]))
                continue
            sound = samples_of(base64.b64decode(part["input_audio"]["data"])).tobytes()
            with turn:  # one recogniser, many requests
                texts += [f"({_clock(began + at)})\n{line}" for at, line in heard_in(sound)]
            seconds = len(sound) / 2 / RATE
            began, tokens = began + seconds, tokens + seconds * TOKENS_PER_S
        heard = "\n".join(texts[1:-1])
        return "\n\n".join([*texts[:1], *([heard] if heard else []), *texts[1:][-1:]]), round(tokens)

    return in_process(model, lambda heard: (reads(heard[0]) or NOTHING, heard[1]), read)


class Ears:
    """A recogniser of needles. Raises ConfigError where PocketSphinx is missing."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise ConfigError(f"provider 'listener' needs PocketSphinx: {install_hint('speech')}") from None
        self._sphinx: Any = pocketsphinx

    def heard(self, samples: bytes) -> Iterator[tuple[float, str]]:
        """Second and words of every needle, as it would be written."""
        for at, stretch in self._stretches(samples):
            if (
                len(stretch) / 2 / RATE >= _LEAST_S
                and self._decoded("begins", stretch)
                and self._decoded("needle", stretch)
            ):
                words = self._decoded("needle", stretch).split()
                digits = "".join(str(_DIGITS.index(word)) for word in words if word in _DIGITS)
                place = " ".join(words[words.index("for") + 1 : words.index("is")])
                yield at, wording_of("en").form(_FORM).fill(key=place.title(), value=digits)

    def _stretches(self, samples: bytes) -> Iterator[tuple[float, bytes]]:
        """The sound between two silences, and the second at which it begins."""
        endpoints, held, began = self._sphinx.Endpointer(sample_rate=RATE, window=_WINDOW_S), b"", 0.0
        size = endpoints.frame_bytes
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
        decoder = self._sphinx.Decoder(samprate=RATE, loglevel="FATAL", lm=None)
        wording = wording_of("en")
        for word, sounds in _SAID.items():
            decoder.add_word(word, sounds, True)
        known = [word for word in map(str.casefold, wording.words("names.places")) if decoder.lookup_word(word)]
        digits = " ".join(["<digit>"] * 7)
        said = wording.form(_FORM).fill(key="<place>", value=digits).casefold().rstrip(".")
        decoder.add_jsgf_string(
            "needle",
            f"#JSGF V1.0; grammar needle; public <needle> = {said}; "
            f"<place> = {' | '.join(known)}; <digit> = {' | '.join(_DIGITS)};",
        )
        decoder.add_keyphrase("begins", said.partition(" <")[0].partition(" ")[2])
        return decoder


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
