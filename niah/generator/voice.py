"""Lines of text spoken by a command of the user's, each once: kept in the cache under the command and the words.

Speech is 16 kHz, one channel, 16 bits, whatever the command writes: recognisers and services take it as it is.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError, PromptError
from niah.generator.cache import cached, key_of
from niah.installation import install_hint

RATE = 16_000
BLANKS = ("{text}", "{wav}")
_LONGEST_S = 120  # that a command may take for one line
_FRAME = RATE // 50  # samples whose loudness is measured together
_DIGITS = re.compile(r"\d{5,}")  # longer than a year: said digit by digit, as people say such numbers
Sound = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Voice:
    """A command that reads the file {text} aloud into the file {wav}, as ``flite -voice rms -f {text} -o {wav}``."""

    command: str

    def __post_init__(self) -> None:
        """Raises ConfigError for a command without its two files."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ConfigError(f"tts {self.command!r}: {error}; close the quotes") from None
        if not words or any(blank not in self.command for blank in BLANKS):
            raise ConfigError(
                f"tts {self.command!r}: name its files {' and '.join(BLANKS)}, as in flite -f {{text}} -o {{wav}}"
            )

    def say(self, line: str) -> Sound:
        """The samples of one line. Raises PromptError where the command fails or writes no sound."""
        spoken = _DIGITS.sub(lambda run: ", ".join(run[0]), line)
        arrays = cached("speech", key_of(1, self.command, spoken), lambda: self._spoken(spoken), mapped=False)
        return np.asarray(arrays["samples"], dtype=np.int16)

    def _spoken(self, text: str) -> Mapping[str, npt.NDArray[np.generic]]:
        with tempfile.TemporaryDirectory() as folder:
            files = {"{text}": str(Path(folder, "line.txt")), "{wav}": str(Path(folder, "line.wav"))}
            Path(files["{text}"]).write_text(text + "\n", encoding="utf-8")
            words = [
                word.replace("{text}", files["{text}"]).replace("{wav}", files["{wav}"])
                for word in shlex.split(self.command)
            ]
            try:
                done = subprocess.run(words, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603
                if done.returncode == 0:
                    return {"samples": samples_of(Path(files["{wav}"]).read_bytes())}
                why = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
            except (OSError, EOFError, wave.Error, subprocess.TimeoutExpired) as error:
                why = [str(error)]
        raise PromptError(f"tts {words[0]!r} did not speak a line ({why[0][:200]}); try the command by hand")


def samples_of(file: bytes | Path) -> Sound:
    """The samples of a sound file, as one channel at RATE. Raises wave.Error for what cannot be read.

    A long one is read minute by minute.
    """
    with _opened(file) as (rate, _, blocks):
        return np.concatenate([np.zeros(0, np.int16), *(_at_rate(block, rate) for block in blocks)])


def as_loud_as(sound: Sound, others: Sequence[Sound | None]) -> Sound:
    """A sound at the loudness of others where they are not silent; by at most 20 dB, and never clipped."""
    own, theirs = (_loudness([s for s in of if s is not None]) for of in ([sound], others))
    if not own or not theirs:
        return sound
    most = np.iinfo(np.int16).max / np.abs(sound.astype(np.int32)).max()
    return np.asarray(np.round(sound * min(max(theirs / own, 0.1), 10.0, most)), dtype=np.int16)


def _loudness(sounds: Sequence[Sound]) -> float:
    """The root mean square of sounds, pauses left out: frames that are 20 dB below the loud ones."""
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
    """The rate of a sound file, its frames, and a minute after the other of its samples by channel."""
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as source:
        head = source.read(4)
        source.seek(0)
        if head == b"RIFF":
            with wave.open(source) as wav:
                if wav.getsampwidth() != 2:
                    raise wave.Error(f"{8 * wav.getsampwidth()} bits a sample, 16 are needed")
                channels, minute, begin = wav.getnchannels(), 60 * wav.getframerate(), source.tell()
                there = (source.seek(0, io.SEEK_END) - begin) // (2 * channels)
                wav.rewind()
                frames = min(there, wav.getnframes())  # the head of a file that was cut off tells of more
                reads = (wav.readframes(min(minute, frames - at)) for at in range(0, frames, minute))
                samples = (np.frombuffer(read, np.int16).reshape(-1, channels) for read in reads)
                yield wav.getframerate(), frames, samples
            return
        try:
            import soundfile
        except ImportError:
            raise wave.Error(f"only WAV can be read without soundfile: {install_hint('speech')}") from None
        try:
            with soundfile.SoundFile(source) as other:
                blocks = other.blocks(60 * other.samplerate, dtype="int16", always_2d=True)
                yield int(other.samplerate), int(other.frames), blocks
        except soundfile.LibsndfileError as error:
            raise wave.Error(str(error)) from None
