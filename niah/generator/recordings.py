"""A haystack's own recordings: every line of its text, cut out of the sound in which it was said.

Lines that follow each other in the recording are one stretch of it, with all that lies between them. A cut stands
where it is quietest near the time that the subtitles give. What is in no recording has no sound here.
"""

from __future__ import annotations

import hashlib
import wave
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from niah.errors import HaystackError
from niah.generator.cache import cached, key_of
from niah.generator.haystack import Span
from niah.generator.voice import RATE, Sound, length_s, samples_of
from niah.records import Transcript

SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".opus")
GAP_S = 0.5  # of silence behind what is not followed by its own next line
_NEAR_S, _FRAME = 0.12, 320  # how far a cut may move, and the samples that must be quiet around it
_PADS = "…—⋯? a"  # that may stand behind it
_AHEAD = 8  # lines by which one of several equal places is told
_MOST_BEYOND_S = 2.0  # that the last line of a transcript may end behind its recording


def recording_of(transcript: Path) -> Path | None:
    """The recording beside a transcript, of the same stem."""
    return next((p for p in map(transcript.with_suffix, SOUNDS) if p.is_file()), None)


def checked_recording(file: Path, transcript: Transcript) -> Path | None:
    """The recording of a transcript. Raises HaystackError for one that cannot be read, or is not its own."""
    path = recording_of(file)
    if path is None:
        return None
    ends = [segment.end_s for segment in transcript.segments]
    if ends[-1] is None:
        raise HaystackError(f"{path}: its transcript has no times; use subtitles (.srt, .vtt), or move the recording")
    try:
        seconds = length_s(path)
    except (wave.Error, EOFError, OSError) as error:
        raise HaystackError(f"{path}: not a recording that can be read ({error})") from None
    if ends[-1] > seconds + _MOST_BEYOND_S:
        raise HaystackError(
            f"{path}: {seconds:,.0f} s long, but its transcript goes to {ends[-1]:,.0f} s: not its own?"
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
    """Episodes of a haystack, and beside each the file of its recording with its SHA-256, where it has one."""

    episodes: Sequence[Span]
    files: Sequence[tuple[Path, str] | None]
    _read: dict[int, Sound] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that is heard: other recordings under the same text have another."""
        return key_of(*(known and known[1] for known in self.files))

    def cuts(self, lines: Sequence[str | None]) -> list[Sound | None]:
        """The sound of every line that was recorded; None in ``lines`` is one that is not spoken."""
        found = list(self._found(lines))
        spoken = [n for n, line in enumerate(lines) if line is not None]
        follows = {a: found[b] for a, b in pairwise(spoken)}
        return [None if at is None else self._cut(at, joined=follows.get(n) == at + 1) for n, at in enumerate(found)]

    def _found(self, lines: Sequence[str | None]) -> Iterator[int | None]:
        """The place of every line among all that was said: behind the last one, or where most that follows fits."""
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
        return next((n for n, line in enumerate(lines) if self._line(place + n) != line), len(lines))

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
                    raise HaystackError(f"{path}: changed since it was imported (SHA-256 differs); import it again")
                kept = cached("recordings", key_of(1, digest), lambda: {"samples": samples_of(path)})
            except (wave.Error, EOFError, OSError) as error:
                raise HaystackError(f"{path}: cannot be read ({error}); import the haystack again") from None
            self._read[recording] = kept["samples"].astype(np.int16, copy=False)
        return self._read[recording]

    @cached_property
    def _all(self) -> list[_Said]:
        return [
            _Said(line=b.text(i), recording=n, start_s=float(b.start_s[i]), end_s=float(b.end_s[i]))
            for n, ((b, first, stop), file) in enumerate(zip(self.episodes, self.files, strict=True))
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
