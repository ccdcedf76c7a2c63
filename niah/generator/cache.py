"""Arrays on disk, memory-mapped: one file, a checksum over all of it. What is damaged or stale is made again.

The folder may be deleted at any time. Where it cannot be written, nothing is cached and nothing fails.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

Arrays = Mapping[str, npt.NDArray[np.generic]]
_ALIGNMENT = 64
_MAGIC = b"niah arrays 1\n"


def cache_root() -> Path:
    """Where everything lies that can be made again."""
    return Path(platformdirs.user_cache_dir("niah"))


def writable_cache() -> Path:
    """The cache folder, or one for temporary files where a home cannot be written."""
    root = cache_root()
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return root
    own = f"niah-{os.getuid()}" if hasattr(os, "getuid") else "niah"  # elsewhere that folder is nobody else's
    return Path(tempfile.gettempdir()) / own


def key_of(*parts: object) -> str:
    """A file name from everything that decides its content."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:32]


def cached(kind: str, key: str, make: Callable[[], Arrays], *, mapped: bool = True) -> Arrays:
    """The arrays of a key, from disk where they are whole, made and stored otherwise.

    Mapped ones take no memory that cannot be given back, but an open file each: small ones are better read.
    """
    path = cache_root() / kind / f"{key}.arrays"
    found = _read(path, mapped)
    if found is not None:
        return found
    arrays = make()
    _write(path, arrays)
    return (_read(path, mapped) if mapped else None) or arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Write under another name, then rename: two processes may do this at once."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    layout, offset = {}, 0
    for name, array in contiguous.items():
        layout[name] = [array.dtype.str, offset, array.size]
        offset += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    checksum = 0
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                head = _MAGIC + json.dumps(layout).encode() + b"\n"
                head += b" " * (-(len(head) + _ALIGNMENT) % _ALIGNMENT)
                file.write(b"\0" * _ALIGNMENT + head)
                for array in contiguous.values():
                    padded = array.tobytes() + b"\0" * (-array.nbytes % _ALIGNMENT)
                    checksum = zlib.crc32(padded, checksum)
                    file.write(padded)
                file.seek(0)
                file.write(f"{len(head)} {zlib.crc32(head, checksum)}".encode().ljust(_ALIGNMENT))
                file.close()
                Path(file.name).replace(path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)


def _read(path: Path, mapped: bool) -> Arrays | None:
    """The arrays of a file, or None where it is missing, cut, edited or of another format."""
    try:
        whole = np.memmap(path, dtype=np.uint8, mode="r") if mapped else np.fromfile(path, dtype=np.uint8)
        size, checksum = (int(word) for word in bytes(whole[:_ALIGNMENT]).split())
        start = _ALIGNMENT + size
        head = bytes(whole[_ALIGNMENT:start])
        if not head.startswith(_MAGIC) or zlib.crc32(head, zlib.crc32(whole[start:].data)) != checksum:
            return None
        layout = json.loads(head.removeprefix(_MAGIC))
        return {
            name: whole[start + offset : start + offset + count * np.dtype(kind).itemsize].view(kind)
            for name, (kind, offset, count) in layout.items()
        }
    except (OSError, ValueError):
        return None


@functools.cache
def code_digest(*modules: str) -> str:
    """A digest of the source of our own modules: an older niah's cache is never mistaken for this one's."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for module in modules:
        digest.update((folder / f"{module}.py").read_bytes())
    return digest.hexdigest()


def read_json(kind: str, key: str) -> object | None:
    """A small table of the cache, or None."""
    path = cache_root() / kind / f"{key}.json"
    try:
        checksum, _, text = path.read_text(encoding="utf-8").partition("\n")
        return json.loads(text) if int(checksum) == zlib.crc32(text.encode()) else None
    except (OSError, ValueError):
        return None


def write_json(kind: str, key: str, table: object) -> None:
    path = cache_root() / kind / f"{key}.json"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        text = json.dumps(table, ensure_ascii=False)
        temporary.write_text(f"{zlib.crc32(text.encode())}\n{text}", encoding="utf-8")
        temporary.replace(path)
