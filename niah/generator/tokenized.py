"""A block: some episodes as one run of bytes, with where every segment begins, in bytes and in tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from niah.generator.cache import Arrays, cached, key_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment

PARSER_VERSION = 2  # raised with every change of what the parsers make of a file, or of the arrays below
_Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class TokenizedText:
    """n segments, each a line with its newline."""

    utf8: npt.NDArray[np.uint8]
    byte_offsets: _Offsets  # (n + 1,)
    token_offsets: _Offsets  # (n + 1,)
    start_s: npt.NDArray[np.float64]  # (n,); NaN where a transcript has no times
    end_s: npt.NDArray[np.float64]
    begins: npt.NDArray[np.uint8]  # (n,); 1 where a cue of the transcript begins
    episodes: tuple[tuple[int, int], ...]  # first segment of each, and the one behind its last

    def __len__(self) -> int:
        return len(self.byte_offsets) - 1

    @property
    def tokens(self) -> int:
        return int(self.token_offsets[-1])

    def text(self, segment: int) -> str:
        """One segment without its newline."""
        return bytes(self.bytes_between(segment, segment + 1)[:-1]).decode()

    def tokens_between(self, first: int, stop: int) -> int:
        """Tokens of segments first .. stop - 1, newlines included."""
        return int(self.token_offsets[stop] - self.token_offsets[first])

    def bytes_between(self, first: int, last: int) -> memoryview:
        """The bytes of segments first .. last - 1, not copied."""
        return self.utf8[int(self.byte_offsets[first]) : int(self.byte_offsets[last])].data


def block_of(episodes: Iterable[Sequence[Segment]], tokenizer: Tokenizer) -> TokenizedText:
    """The block of parsed episodes, made in memory."""
    speech = _speech(episodes)
    return _block(speech, _counted(speech, tokenizer))


def cached_block(
    kind: str,
    parts: Sequence[object],
    read: Callable[[], Iterable[Sequence[Segment]]],
    tokenizer: Tokenizer,
    *,
    mapped: bool = True,
) -> TokenizedText:
    """The block of some episodes, from the cache where it is there. ``parts`` names all that decides their text.

    Text and counts are kept apart: a second tokenizer does not parse again.
    """
    key = key_of(kind, *parts, PARSER_VERSION)
    speech = cached("speech", key, lambda: _speech(read()), mapped=mapped)
    count_key = key_of(key, tokenizer.name)
    counts = cached("tokens", count_key, lambda: {"token_offsets": _counted(speech, tokenizer)}, mapped=mapped)
    return _block(speech, counts["token_offsets"].astype(np.int64, copy=False))


def _speech(episodes: Iterable[Sequence[Segment]]) -> Arrays:
    """Everything about the episodes but their tokens, as flat arrays."""
    segments: list[Segment] = []
    edges = [0]
    for episode in episodes:
        segments += episode
        edges.append(len(segments))
    lines = [s.text.encode() + b"\n" for s in segments]
    nan = float("nan")
    return {
        "utf8": np.frombuffer(b"".join(lines), dtype=np.uint8),
        "byte_offsets": _cumulated([len(line) for line in lines]),
        "start_s": np.array([nan if s.start_s is None else s.start_s for s in segments], dtype=np.float64),
        "end_s": np.array([nan if s.end_s is None else s.end_s for s in segments], dtype=np.float64),
        "begins": np.array([s.begins for s in segments], dtype=np.uint8),
        "edges": np.array(edges, dtype=np.int64),
    }


def _counted(speech: Arrays, tokenizer: Tokenizer) -> _Offsets:
    return _cumulated(tokenizer.line_counts(bytes(speech["utf8"]).decode()))


def _block(speech: Arrays, token_offsets: _Offsets) -> TokenizedText:
    edges = [int(e) for e in speech["edges"]]
    return TokenizedText(
        utf8=speech["utf8"].astype(np.uint8, copy=False),
        byte_offsets=speech["byte_offsets"].astype(np.int64, copy=False),
        token_offsets=token_offsets,
        start_s=speech["start_s"].astype(np.float64, copy=False),
        end_s=speech["end_s"].astype(np.float64, copy=False),
        begins=speech["begins"].astype(np.uint8, copy=False),
        episodes=tuple(pairwise(edges)),
    )


def _cumulated(sizes: Sequence[int] | _Offsets) -> _Offsets:
    """Cumulative sizes, starting with 0: shape (n + 1,)."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets
