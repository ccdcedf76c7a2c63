"""The sound of a haystack: its own recordings, and lines that a command of the user's speaks.

Every line of the text is cut out of the sound in which it was said. Lines that follow each other in
the recording are one stretch of it, with all that lies between them. A cut stands where it is
quietest near the time that the subtitles give. What is in no recording is spoken, each line once:
kept in the cache under the command and the words.

Speech is 16 kHz, one channel, 16 bits, whatever a command writes: recognisers and services take it
as it is.
"""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import subprocess
import tempfile
import wave
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError, HaystackError, PromptError
from niah.generator.cache import cached, key_of
from niah.generator.haystack import Span
from niah.installation import install_hint
from niah.records import Transcript

SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".opus")
GAP_S = 0.5  # of silence behind what is not followed by its own next line
_NEAR_S = 0.12  # how far a cut may move
_PADS = "…—⋯? a"  # that may stand behind it
_AHEAD = 8  # lines by which one of several equal places is told
_MOST_BEYOND_S = 2.0  # that the last line of a transcript may end behind its recording
RATE = 16_000
BLANKS = ("{text}", "{wav}")
_LONGEST_S = 120  # that a command may take for one line
_FRAME = (
    RATE // 50
)  # samples whose loudness is measured together, and that must be quiet around a cut
_DIGITS = re.compile(
    r"\d{5,}"
)  # longer than a year: said digit by digit, as people say such numbers
Sound = npt.NDArray[np.int16]


def recording_of(transcript: Path) -> Path | None:
    """The recording beside a transcript, of the same stem."""
    return next((p for p in map(transcript.with_suffix, SOUNDS) if p.is_file()), None)


def checked_recording(file: Path, transcript: Transcript) -> Path | None:
    """The recording of a transcript. Raises HaystackError for one that cannot be read, or is not
    its own."""
    path = recording_of(file)
    if path is None:
        return None
    ends = [segment.end_s for segment in transcript.segments]
    if ends[-1] is None:
        raise HaystackError(
            f"{path}: its transcript has no times; use subtitles (.srt, .vtt), or move the"
            " recording"
        )
    try:
        seconds = length_s(path)
    except (wave.Error, OSError) as error:
        raise HaystackError(f"{path}: not a recording that can be read ({error})") from None
    if ends[-1] > seconds + _MOST_BEYOND_S:
        raise HaystackError(
            f"{path}: {seconds:,.0f} s long, but its transcript goes to {ends[-1]:,.0f} s: not its"
            " own?"
        )
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Where a line was said."""

    line: str
    recording: int
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """Episodes of a haystack, and beside each the file of its recording with its SHA-256, where it
    has one."""

    episodes: Sequence[Span]
    files: Sequence[tuple[Path, str] | None]
    _read: dict[int, Sound] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that is heard: other recordings under the same text have another."""
        return key_of(*(known and known[1] for known in self.files))

    def cuts(self, lines: Sequence[str | None]) -> list[Sound | None]:
        """The sound of every line that was recorded; None in ``lines`` is one that is not
        spoken."""
        found = list(self._found(lines))
        spoken = [n for n, line in enumerate(lines) if line is not None]
        follows = {a: found[b] for a, b in pairwise(spoken)}
        return [
            None if at is None else self._cut(at, joined=follows.get(n) == at + 1)
            for n, at in enumerate(found)
        ]

    def _found(self, lines: Sequence[str | None]) -> Iterator[int | None]:
        """The place of every line among all that was said: behind the last one, or where most that
        follows fits."""
        last = -2
        for n, line in enumerate(lines):
            places, after = self._places.get(line or "", []), self._line(last + 1)
            kept = (line or "").rstrip(_PADS)  # of a line that was cut to the prompt's length
            at: int | None = last + 1
            if not kept or (line != after and (places or not after.startswith(kept))):
                ahead = [text for text in lines[n : n + _AHEAD] if text is not None]
                at = max(places, key=lambda place: self._fits(place, ahead), default=None)
            last = last if at is None else at
            yield at

    def _line(self, place: int) -> str:
        return self._all[place].line if 0 <= place < len(self._all) else ""

    def _fits(self, place: int, lines: Sequence[str]) -> int:
        """How many of some lines were said one after the other from a place on."""
        return next(
            (n for n, line in enumerate(lines) if self._line(place + n) != line), len(lines)
        )

    def _cut(self, at: int, *, joined: bool) -> Sound:
        said, samples = self._all[at], self._samples(self._all[at].recording)
        first = _quiet(samples, said.start_s)
        if joined and self._all[at + 1].recording == said.recording:
            return samples[first : max(first, _quiet(samples, self._all[at + 1].start_s))]
        sound = samples[first : max(first, _quiet(samples, said.end_s))]
        return np.concatenate([sound, np.zeros(round(GAP_S * RATE), np.int16)])

    def _samples(self, recording: int) -> Sound:
        """All of a recording, read once and kept in the cache."""
        known = self.files[recording]
        if recording not in self._read and known is not None:
            path, digest = known
            try:
                if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                    raise HaystackError(
                        f"{path}: changed since it was imported (SHA-256 differs); import it again"
                    )
                kept = cached(
                    "recordings", key_of(1, digest), lambda: {"samples": samples_of(path)}
                )
            except (wave.Error, OSError) as error:
                raise HaystackError(
                    f"{path}: cannot be read ({error}); import the haystack again"
                ) from None
            self._read[recording] = kept["samples"].astype(np.int16, copy=False)
        return self._read[recording]

    @cached_property
    def _all(self) -> list[_Said]:
        return [
            _Said(line=b.text(i), recording=n, start_s=float(b.start_s[i]), end_s=float(b.end_s[i]))
            for n, ((b, first, stop), file) in enumerate(
                zip(self.episodes, self.files, strict=True)
            )
            if file is not None
            for i in range(first, stop)
        ]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for at, said in enumerate(self._all):
            places[said.line].append(at)
        return places


def _quiet(samples: Sound, seconds: float) -> int:
    """The sample near a time around which it is quietest, of equal ones the nearest."""
    at = min(round(seconds * RATE), len(samples))
    near = round(_NEAR_S * RATE) // _FRAME
    starts = [at + k * _FRAME for k in range(-near, near + 1)]
    middles = [s for s in starts if s - _FRAME // 2 >= 0 and s + _FRAME // 2 <= len(samples)]

    def loudness(middle: int) -> tuple[float, int]:
        frame = samples[middle - _FRAME // 2 : middle + _FRAME // 2].astype(np.float64)
        return float(np.dot(frame, frame)), abs(middle - at)

    return min(middles, key=loudness, default=at)


@dataclass(frozen=True, slots=True)
class Voice:
    """A command that reads the file {text} aloud into the file {wav}, as ``flite -voice rms -f
    {text} -o {wav}``."""

    command: str

    def __post_init__(self) -> None:
        """Raises ConfigError for a command without its two files."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ConfigError(f"tts {self.command!r}: {error}; close the quotes") from None
        if not words or any(blank not in self.command for blank in BLANKS):
            raise ConfigError(
                f"tts {self.command!r}: name its files {' and '.join(BLANKS)}, as in flite -f"
                " {text} -o {wav}"
            )

    def say(self, line: str) -> Sound:
        """The samples of one line. Raises PromptError where the command fails or writes no
        sound."""
        spoken = _DIGITS.sub(lambda run: ", ".join(run[0]), line)
        arrays = cached(
            "speech", key_of(1, self.command, spoken), lambda: self._spoken(spoken), mapped=False
        )
        return np.asarray(arrays["samples"], dtype=np.int16)

    def _spoken(self, text: str) -> Mapping[str, npt.NDArray[np.generic]]:
        with tempfile.TemporaryDirectory() as folder:
            files = {
                "{text}": str(Path(folder, "line.txt")),
                "{wav}": str(Path(folder, "line.wav")),
            }
            Path(files["{text}"]).write_text(text + "\n", encoding="utf-8")
            words = [
                word.replace("{text}", files["{text}"]).replace("{wav}", files["{wav}"])
                for word in shlex.split(self.command)
            ]
            try:
                done = subprocess.run(words, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603
                if done.returncode == 0:
                    return {"samples": samples_of(Path(files["{wav}"]).read_bytes())}
                why = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [
                    f"exit {done.returncode}"
                ]
            except (OSError, wave.Error, subprocess.TimeoutExpired) as error:
                why = [str(error)]
        raise PromptError(
            f"tts {words[0]!r} did not speak a line ({why[0][:200]}); try the command by hand"
        )


def samples_of(file: bytes | Path) -> Sound:
    """The samples of a sound file, as one channel at RATE. Raises wave.Error for what cannot be
    read.

    A long one is read minute by minute.
    """
    with _opened(file) as (rate, _, blocks):
        return np.concatenate([np.zeros(0, np.int16), *(_at_rate(block, rate) for block in blocks)])


def as_loud_as(sound: Sound, others: Sequence[Sound | None]) -> Sound:
    """A sound at the loudness of others where they are not silent; by at most 20 dB, and never
    clipped."""
    own, theirs = (_loudness([s for s in of if s is not None]) for of in ([sound], others))
    if not own or not theirs:
        return sound
    most = np.iinfo(np.int16).max / np.abs(sound.astype(np.int32)).max()
    return np.asarray(np.round(sound * min(max(theirs / own, 0.1), 10.0, most)), dtype=np.int16)


def _loudness(sounds: Sequence[Sound]) -> float:
    """The root mean square of sounds, pauses left out: frames that are 20 dB below the loud
    ones."""
    frames = [s[: len(s) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64) for s in sounds]
    power = np.concatenate([np.zeros(1), *((f**2).mean(axis=1) for f in frames)])
    return float(np.sqrt(power[power >= np.quantile(power, 0.95) / 100].mean()))


def length_s(file: Path) -> float:
    """How long a sound file is, in seconds. Raises wave.Error for what cannot be read."""
    with _opened(file) as (rate, frames, _):
        return frames / rate


def _at_rate(samples: Sound, rate: int) -> Sound:
    """Samples by channel as one channel at RATE."""
    mono = samples.mean(axis=1)
    if rate != RATE:
        at = np.arange(round(len(mono) * RATE / rate)) * rate / RATE
        mono = np.interp(at, np.arange(len(mono)), mono)
    return np.asarray(np.round(mono), dtype=np.int16)


@contextmanager
def _opened(file: bytes | Path) -> Iterator[tuple[int, int, Iterator[Sound]]]:
    """The rate of a sound file, its frames, and a minute after the other of its samples by
    channel."""
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as source:
        head = source.read(4)
        source.seek(0)
        if head == b"RIFF":
            try:
                with wave.open(source) as wav:
                    if wav.getsampwidth() != 2:
                        raise wave.Error(f"{8 * wav.getsampwidth()} bits a sample, 16 are needed")
                    if not wav.getframerate():
                        raise wave.Error("0 samples a second")
                    channels, minute, begin = (
                        wav.getnchannels(),
                        60 * wav.getframerate(),
                        source.tell(),
                    )
                    there = (source.seek(0, io.SEEK_END) - begin) // (2 * channels)
                    wav.rewind()
                    frames = min(
                        there, wav.getnframes()
                    )  # the head of a file that was cut off tells of more
                    reads = (
                        wav.readframes(min(minute, frames - at)) for at in range(0, frames, minute)
                    )
                    samples = (
                        np.frombuffer(read, np.int16).reshape(-1, channels) for read in reads
                    )
                    yield wav.getframerate(), frames, samples
            except EOFError:
                raise wave.Error("the file ends within its head") from None
            return
        try:
            import soundfile
        except ImportError:
            raise wave.Error(
                f"only WAV can be read without soundfile: {install_hint('speech')}"
            ) from None
        try:
            with soundfile.SoundFile(source) as other:
                blocks = other.blocks(60 * other.samplerate, dtype="int16", always_2d=True)
                yield int(other.samplerate), int(other.frames), blocks
        except soundfile.LibsndfileError as error:
            raise wave.Error(error.error_string) from None
