"""Lines to and from a disk that may be full: whole ones, and a reserve for answers paid for."""

from __future__ import annotations

import errno
import io
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from niah.errors import RunError, writing

_RESERVE_NAME = ".reserve"
_RESERVE_BYTES = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_T = TypeVar("_T")


def append(path: Path, lines: bytes, *, anew: bool = False) -> bool:
    """Append whole lines or nothing, and see them on the disk. ``anew`` empties the file first.

    False where they only fitted because the reserve was given up. Raises RunError.
    """
    # unbuffered: nothing may linger in a buffer after a failure
    with writing(path, "what is in it is kept"), path.open("ab", buffering=0) as file:
        if anew:
            file.truncate(0)
        try:
            write_whole(file, lines, sync=True)
        except OSError as error:
            if error.errno not in _FULL or not _free_reserve(path):
                raise
            write_whole(file, lines, sync=True)
            return False
        return True


def write_anew(path: Path, content: bytes) -> None:
    """Put a file in the place of another, whole or not at all, and on the disk. Raises RunError."""
    part = path.with_suffix(".part")
    with writing(path, "choose another --results or --run"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=0) as file:
            write_whole(file, content, sync=True)
        part.replace(path)


def read_lines(path: Path, read: Callable[[bytes], _T]) -> list[_T]:
    """What ``read`` makes of every whole line; nothing without a file. Raises as ``taken_in``."""
    return taken_in(path, whole_lines(path), read)


def whole_lines(path: Path, start: int = 0) -> list[bytes]:
    """The whole lines behind a place of a file; none where there is no file. Raises RunError."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error


def taken_in(
    path: Path, lines: Iterable[bytes], read: Callable[[bytes], _T], first: int = 1
) -> list[_T]:
    """What ``read`` makes of lines of a file from ``first`` on. Raises RunError for damage."""
    found = []
    for number, line in enumerate(lines, first):
        try:
            found += [read(line)] if line.strip() else []
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise RunError(
                f"{path}:{number}: damaged line ({error!r:.80}); remove that line and run again"
            ) from error
    return found


def write_whole(file: io.FileIO, lines: bytes, *, sync: bool = False) -> None:
    """Append all of it or nothing: what a full disk took of it is cut off again. Raises OSError."""
    end, left = file.seek(0, os.SEEK_END), memoryview(lines)
    try:
        while left:
            left = left[file.write(left) :]
        if sync:
            os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


@contextmanager
def reserve(path: Path) -> Iterator[None]:
    """Disk space kept free for answers in flight: when the disk is full, they are still logged."""
    file_name = path.with_name(_RESERVE_NAME)
    try:
        with file_name.open("wb") as file:
            file.write(os.urandom(_RESERVE_BYTES))  # some file systems store zeros as nothing
            os.fsync(file.fileno())
    except OSError as error:
        file_name.unlink(missing_ok=True)
        raise RunError(
            f"{path.parent}: no room for a run ({error.strerror}); free some disk space"
        ) from error
    try:
        yield
    finally:
        file_name.unlink(missing_ok=True)


def drop_torn_line(path: Path) -> None:
    """Cut off a line that a crash left half-written: its trial runs again. Raises RunError."""
    try:
        with path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:  # nothing to map
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                end = text.rfind(b"\n") + 1
            if end != size:
                file.truncate(end)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"{path}: cannot be read and mended ({error.strerror})") from error


def _free_reserve(path: Path) -> bool:
    """Give the reserve back to the disk; False where it is already gone."""
    try:
        path.with_name(_RESERVE_NAME).unlink()
    except OSError:
        return False
    return True
