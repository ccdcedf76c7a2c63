"""Arrays on disk in numpy's own format, memory-mapped, with a checksum each.

What is damaged or stale is made again, and the folder may be deleted at any time. Where it cannot
be written, nothing is cached and nothing fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

Arrays = Mapping[str, npt.NDArray[Any]]
_CHECKSUMS = "checksums.json"


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
    own = f"niah-{os.getuid()}" if hasattr(os, "getuid") else "niah"  # a user's own on Windows
    return Path(tempfile.gettempdir()) / own


def key_of(*parts: object) -> str:
    """A file name from everything that decides its content."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:32]


def cached(kind: str, key: str, make: Callable[[], Arrays], *, mapped: bool = True) -> Arrays:
    """The arrays of a key, from disk where they are whole, made and stored otherwise.

    Mapped ones take no memory that cannot be given back, but an open file each: small ones are
    better read.
    """
    folder = cache_root() / kind / key
    found = _read(folder, mapped)
    if found is not None:
        return found
    arrays = make()
    _write(folder, arrays)
    return (_read(folder, mapped) if mapped else None) or arrays


def _write(folder: Path, arrays: Arrays) -> None:
    """Write beside it, then rename: of two processes that do this at once the last one's stays."""
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for name, array in arrays.items():
                np.save(fresh / f"{name}.npy", array, allow_pickle=False)
            checksums = {name: _checksum(fresh / f"{name}.npy") for name in arrays}
            (fresh / _CHECKSUMS).write_text(json.dumps(checksums), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _read(folder: Path, mapped: bool) -> Arrays | None:
    """The arrays of a folder, or None where one is missing, cut, edited or of another format."""
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        paths = {name: folder / f"{name}.npy" for name in checksums}
        if any(_checksum(path) != checksums[name] for name, path in paths.items()):
            return None
        return {n: np.load(path, mmap_mode="r" if mapped else None) for n, path in paths.items()}
    except (OSError, ValueError, AttributeError):
        return None


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, dtype=np.uint8, mode="r").data)
