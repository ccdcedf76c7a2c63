"""The haystack spoken: line after line, a silence behind each, in pieces that trials share.

Opening and question stay text. Where a needle begins is exact to a sample. Pieces end where a
line's own digest says so, not after so many lines: a needle changes the piece in which it stands,
and those behind it are the same again.

The text's own time marks are not read aloud: what is asked about times is asked about seconds of
the recording.
"""

from __future__ import annotations

import hashlib
import io
import re
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import accumulate

import numpy as np

from niah.deliveries import Body, body_of, needle_line
from niah.errors import ConfigError
from niah.generator.sound import GAP_S, RATE, Sound, as_loud_as
from niah.installation import install_hint
from niah.messages import Delivered, MediaPart
from niah.records import Planting, Prompt
from niah.scorers import clock
from niah.text.wording import LANGUAGES, wording_of

FORMATS = {"wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/ogg", "flac": "audio/flac"}
_CONTAINERS = {"mp3": ("MP3", None), "opus": ("OGG", "OPUS"), "flac": ("FLAC", None)}
_KEPT_PIECES = 16
_NEAR = 8  # lines on both sides whose loudness is that of a spoken one
_MARK = re.compile(r"\((\d+(?::\d\d){1,2})\)")  # a line that is nothing but a time
_TIME = re.compile(r"(?<![\d:])\d+(?::\d\d){1,2}(?![\d:])")
_END_OF = 8  # every such line may end a piece that is long enough


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Speech in pieces of about ``piece_s`` seconds."""

    say: Callable[[str], Sound]  # speaks a line
    share: float = 100  # percent of the haystack, from its end
    piece_s: float
    # lines as they were said
    recorded: Callable[[Sequence[str | None]], Sequence[Sound | None]] | None = None
    form: str = "wav"
    audio_tokens_per_s: float | None = None  # the service's
    count: Callable[[str], int] = field(default=len)  # tokens of a text

    def present(self, prompt: Prompt) -> Prompt:
        """Raises PromptError for a line that cannot be spoken, ConfigError without a package."""
        body = body_of(prompt, self.share)
        if body is None:
            return prompt
        lines, starts = self._spoken(body)
        pieces = [self._part(lines[a:b]) for a, b in self._pieces(body.lines, starts)]
        planting = _in_recording(prompt.planting, body.lines, [start / RATE for start in starts])
        opening = planting.opening + body.opening[len(prompt.planting.opening) :]
        body = replace(body, opening=opening, closing=planting.closing)
        told, messages = self._told(prompt, body, starts), body.around(pieces)
        return replace(prompt, messages=messages, planting=planting, splits=(), delivered=told)

    def measured(self, prompt: Prompt) -> Delivered | None:
        """What is to be known of a prompt's sound, its lines spoken; None where it has none."""
        body = body_of(prompt, self.share)
        return None if body is None else self._told(prompt, body, self._spoken(body)[1])

    def _told(self, prompt: Prompt, body: Body, starts: Sequence[int]) -> Delivered:
        needle = needle_line(prompt, body)
        seconds, rate = starts[-1] / RATE, self.audio_tokens_per_s
        return replace(
            prompt.delivered or Delivered(tokens=prompt.tokens),
            seconds=round(seconds, 3),
            start_s=None if needle is None else round(starts[needle] / RATE, 4),
            text_tokens=sum(map(self.count, body.beside)),
            media_tokens=None if rate is None else round(seconds * rate),
        )

    def _spoken(self, body: Body) -> tuple[list[Sound], list[int]]:
        """The sound of every line, and the samples before each and behind the last.

        It is that of its recording, else spoken as loud as those near it; time marks are silent.
        """
        spoken = [None if _MARK.fullmatch(line) else line for line in body.lines]
        cuts = self.recorded(spoken) if self.recorded else [None] * len(spoken)
        gap = np.zeros(round(GAP_S * RATE), np.int16)
        sounds = []
        for n, (line, cut) in enumerate(zip(spoken, cuts, strict=True)):
            if cut is None and line is not None:
                near = cuts[max(0, n - _NEAR) : n + _NEAR]
                cut = np.concatenate([as_loud_as(self.say(line), near), gap])
            sounds.append(gap[:0] if cut is None else cut)
        return sounds, list(accumulate(map(len, sounds), initial=0))

    def _pieces(self, lines: Sequence[str], starts: Sequence[int]) -> Iterator[tuple[int, int]]:
        """First line and line behind the last of every piece, of half its length to twice it."""
        first = 0
        for number, line in enumerate(lines, 1):
            seconds = (starts[number] - starts[first]) / RATE
            ends = hashlib.sha256(line.encode()).digest()[0] % _END_OF == 0
            if seconds >= 2 * self.piece_s or (ends and seconds >= self.piece_s / 2):
                yield first, number
                first = number
        if first < len(lines):
            yield first, len(lines)

    def _part(self, lines: Sequence[Sound]) -> MediaPart:
        samples = np.concatenate(lines).tobytes()
        sound, digest = _encoded(samples, self.form)
        mime, seconds = FORMATS[self.form], len(samples) / 2 / RATE
        return MediaPart(mime=mime, digest=digest, load=partial(bytes, sound), seconds=seconds)


def _in_recording(planting: Planting, lines: Sequence[str], starts_s: Sequence[float]) -> Planting:
    """The planting with the times at which the lines behind its marks begin, from the start."""
    marks = [(_MARK.fullmatch(line), start) for line, start in zip(lines, starts_s, strict=False)]
    times = {mark[1]: clock(round(start)) for mark, start in marks if mark}
    if not times:
        return planting
    clocks = (w for w in map(wording_of, LANGUAGES) if w.text("clock.hint") in planting.opening)
    wording = next(clocks, None)

    def heard(text: str) -> str:
        """What is said of a text, said of a recording."""
        if wording is not None:
            for key in ("hint", "answer"):
                text = text.replace(wording.text(f"clock.{key}"), wording.text(f"recording.{key}"))
        return text

    def retimed(text: str) -> str:
        return _TIME.sub(lambda time: times.get(time[0], time[0]), text)

    return replace(
        planting,
        opening=heard(planting.opening),
        closing=heard(retimed(planting.closing)),
        question=heard(retimed(planting.question)),
        targets=tuple(map(retimed, planting.targets)),
        needles=tuple(
            replace(needle, value=retimed(needle.value), text=retimed(needle.text))
            for needle in planting.needles
        ),
    )


@lru_cache(maxsize=_KEPT_PIECES)
def _encoded(samples: bytes, form: str) -> tuple[bytes, str]:
    """Samples as a file, and its digest."""
    held = io.BytesIO()
    if form == "wav":
        with wave.open(held, "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(samples)
    else:
        try:
            import soundfile
        except ImportError:
            raise ConfigError(
                f"audio_form {form!r} needs soundfile: {install_hint('speech')}; or use wav"
            ) from None
        container, kind = _CONTAINERS[form]
        waves = np.frombuffer(samples, np.int16)
        soundfile.write(held, waves, RATE, format=container, subtype=kind)
    return held.getvalue(), hashlib.sha256(held.getvalue()).hexdigest()
