"""The sound of a haystack: its own recordings, and lines that a command of the user's speaks.

Every line of the text is cut out of the sound in which it was said. Lines that follow each other in
the recording are one stretch of it, with all that lies between them. A cut stands where it is
quietest near the time that the subtitles give. What is in no recording is spoken, each line once:
kept in the cache under the command and the words.

Speech is 16 kHz, one channel, 16 bits, whatever a command writes: so recognisers and services
take it.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, takewhile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError, HaystackError, PromptError
from niah.generator.cache import Arrays, cached, key_of
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
_FRAME = RATE // 50  # samples whose loudness is measured together: those around a cut are quiet
_DIGITS = re.compile(r"\d{5,}")  # longer than a year: people say such a number digit by digit
Sound = npt.NDArray[np.int16]
_Opened = tuple[int, int, Iterator[Sound]]


def recording_of(transcript: Path) -> Path | None:
    """The recording beside a transcript, of the same stem."""
    return next((p for p in map(transcript.with_suffix, SOUNDS) if p.is_file()), None)


def checked_recording(file: Path, transcript: Transcript) -> Path | None:
    """A transcript's recording. Raises HaystackError for one that is broken, or is not its own."""
    path = recording_of(file)
    if path is None:
        return None
    end_s = transcript.segments[-1].end_s
    if end_s is None:
        raise HaystackError(
            f"{path}: its transcript has no times;"
            " use subtitles (.srt, .vtt), or move the recording"
        )
    try:
        seconds = length_s(path)
    except (wave.Error, OSError) as error:
        raise HaystackError(f"{path}: not a recording that can be read ({error})") from None
    if end_s > seconds + _MOST_BEYOND_S:
        raise HaystackError(
            f"{path}: {seconds:,.0f} s long, but its transcript goes to {end_s:,.0f} s:"
            " not its own?"
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
    """Episodes of a haystack, and the recording of each, if it has one, with its SHA-256."""

    episodes: Sequence[Span]
    files: Sequence[tuple[Path, str] | None]
    _read: dict[int, Sound] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that is heard: other recordings under the same text have another."""
        return key_of(*(known and known[1] for known in self.files))

    def cuts(self, lines: Sequence[str | None]) -> list[Sound | None]:
        """The sound of every line that was recorded; None in ``lines`` is one not to be spoken."""
        found = list(self._found(lines))
        spoken = [n for n, line in enumerate(lines) if line is not None]
        follows = {a: found[b] for a, b in pairwise(spoken)}
        return [
            None if at is None else self._cut(at, joined=follows.get(n) == at + 1)
            for n, at in enumerate(found)
        ]

    def _found(self, lines: Sequence[str | None]) -> Iterator[int | None]:
        """Where each line was said: behind the last one, or where most that follows fits."""
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
        said = (self._line(place + n) == line for n, line in enumerate(lines))
        return sum(takewhile(bool, said))

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
            self._read[recording] = _checked_samples(*known)
        return self._read[recording]

    @cached_property
    def _all(self) -> list[_Said]:
        episodes = enumerate(zip(self.episodes, self.files, strict=True))
        return [
            _Said(line=b.text(i), recording=n, start_s=float(b.start_s[i]), end_s=float(b.end_s[i]))
            for n, ((b, first, stop), file) in episodes
            if file is not None
            for i in range(first, stop)
        ]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for at, said in enumerate(self._all):
            places[said.line].append(at)
        return places


def check_imported(path: Path, sha256: str) -> None:
    """Raises HaystackError for a file that is not what was imported, or cannot be read."""
    with _readable(path):
        same = hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    if not same:
        raise HaystackError(
            f"{path}: changed since it was imported (SHA-256 differs); import it again"
        )


def _checked_samples(path: Path, digest: str) -> Sound:
    """The samples of a recording. Raises HaystackError where it was changed since its import."""
    check_imported(path, digest)
    with _readable(path):
        key = key_of(1, digest)
        return cached("recordings", key, lambda: {"samples": samples_of(path)})["samples"]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises HaystackError where a file of a haystack cannot be read."""
    try:
        yield
    except (wave.Error, OSError) as error:
        raise HaystackError(
            f"{path}: cannot be read ({error}); import the haystack again"
        ) from None


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
    """A command that reads {text} aloud into {wav}, as ``flite -voice rms -f {text} -o {wav}``."""

    command: str

    def __post_init__(self) -> None:
        """Raises ConfigError for a command without its two files."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ConfigError(f"tts {self.command!r}: {error}; close the quotes") from None
        if not words or any(blank not in self.command for blank in BLANKS):
            raise ConfigError(
                f"tts {self.command!r}: name its files {' and '.join(BLANKS)},"
                " as in flite -f {text} -o {wav}"
            )

    def say(self, line: str) -> Sound:
        """The samples of one line. Raises PromptError where the command writes no sound."""
        spoken = _DIGITS.sub(lambda run: ", ".join(run[0]), line)
        key = key_of(1, self.command, spoken)
        return cached("speech", key, lambda: self._spoken(spoken), mapped=False)["samples"]

    def _spoken(self, line: str) -> Arrays:
        with tempfile.TemporaryDirectory() as folder:
            text, wav = Path(folder, "line.txt"), Path(folder, "line.wav")
            text.write_text(line + "\n", encoding="utf-8")
            words = [
                word.replace("{text}", str(text)).replace("{wav}", str(wav))
                for word in shlex.split(self.command)
            ]
            try:
                done = subprocess.run(words, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603
                if done.returncode == 0:
                    return {"samples": samples_of(wav.read_bytes())}
                said = done.stderr.decode(errors="replace").strip().splitlines()
                why = said[-1] if said else f"exit {done.returncode}"
            except (OSError, wave.Error, subprocess.TimeoutExpired) as error:
                why = str(error)
        raise PromptError(
            f"tts {words[0]!r} did not speak a line ({why[:200]}); try the command by hand"
        )


def samples_of(file: bytes | Path) -> Sound:
    """The samples of a sound file, as one channel at RATE. Raises wave.Error for a broken one.

    A long one is read minute by minute.
    """
    with _opened(file) as (rate, _, blocks):
        return np.concatenate([np.zeros(0, np.int16), *(_at_rate(block, rate) for block in blocks)])


def as_loud_as(sound: Sound, others: Sequence[Sound | None]) -> Sound:
    """A sound at the loudness of others that are not silent; by at most 20 dB, never clipped."""
    own, theirs = (_loudness([s for s in of if s is not None]) for of in ([sound], others))
    if not own or not theirs:
        return sound
    most = np.iinfo(np.int16).max / np.abs(sound.astype(np.int32)).max()
    return np.asarray(np.round(sound * min(max(theirs / own, 0.1), 10.0, most)), dtype=np.int16)


def _loudness(sounds: Sequence[Sound]) -> float:
    """The root mean square of sounds without pauses: frames that are 20 dB below the loud ones."""
    frames = [s[: len(s) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64) for s in sounds]
    power = np.concatenate([np.zeros(1), *((f**2).mean(axis=1) for f in frames)])
    return float(np.sqrt(power[power >= np.quantile(power, 0.95) / 100].mean()))


def length_s(file: Path) -> float:
    """How long a sound file is, in seconds. Raises wave.Error for a broken one."""
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
def _opened(file: bytes | Path) -> Iterator[_Opened]:
    """The rate of a sound file, its frames, and its samples by channel, minute by minute."""
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as source:
        head = source.read(4)
        source.seek(0)
        with _wav(source) if head == b"RIFF" else _other(source) as opened:
            yield opened


@contextmanager
def _wav(source: BinaryIO) -> Iterator[_Opened]:
    try:
        with wave.open(source) as wav:
            rate, channels = wav.getframerate(), wav.getnchannels()
            if wav.getsampwidth() != 2:
                raise wave.Error(f"{8 * wav.getsampwidth()} bits a sample, 16 are needed")
            if not rate:
                raise wave.Error("0 samples a second")
            begin = source.tell()
            there = (source.seek(0, io.SEEK_END) - begin) // (2 * channels)
            wav.rewind()
            frames = min(there, wav.getnframes())  # the head of a file that was cut tells of more
            minute = 60 * rate
            reads = (wav.readframes(min(minute, frames - at)) for at in range(0, frames, minute))
            samples = (np.frombuffer(read, np.int16).reshape(-1, channels) for read in reads)
            yield rate, frames, samples
    except EOFError:
        raise wave.Error("the file ends within its head") from None


@contextmanager
def _other(source: BinaryIO) -> Iterator[_Opened]:
    try:
        import soundfile
    except ImportError:
        hint = install_hint("speech")
        raise wave.Error(f"only WAV can be read without soundfile: {hint}") from None
    try:
        with soundfile.SoundFile(source) as sound:
            blocks = sound.blocks(60 * sound.samplerate, dtype="int16", always_2d=True)
            yield int(sound.samplerate), int(sound.frames), blocks
    except soundfile.LibsndfileError as error:
        raise wave.Error(error.error_string) from None
