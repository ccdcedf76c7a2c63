"""Whole lines onto a disk that may be full: all of them or none, and a reserve for answers that are paid for."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from niah.errors import RunError

RESERVE_NAME = ".reserve"
_RESERVE_BYTES = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PIECE = 65_536


def append(path: Path, lines: bytes, *, anew: bool = False) -> bool:
    """Append whole lines or nothing, and see them on the disk. ``anew`` empties the file first.

    False where they only fitted because the reserve was given up. Raises RunError where they cannot be written.
    """
    try:
        with path.open("ab", buffering=0) as file:  # nothing may linger in a buffer after a failure
            if anew:
                file.truncate(0)
            try:
                write_whole(file, lines, sync=True)
                return True
            except OSError as error:
                if error.errno not in _FULL or not _free_reserve(path):
                    raise
                write_whole(file, lines, sync=True)
                return False
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}); what is in it is kept") from error


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
    file_name = path.with_name(RESERVE_NAME)
    try:
        with file_name.open("wb") as file:
            file.write(os.urandom(_RESERVE_BYTES))  # some file systems store zeros as nothing
            os.fsync(file.fileno())
    except OSError as error:
        file_name.unlink(missing_ok=True)
        raise RunError(f"{path.parent}: no room for a run ({error.strerror}); free some disk space") from error
    try:
        yield
    finally:
        file_name.unlink(missing_ok=True)


def drop_torn_line(path: Path) -> None:
    """Cut what follows the last newline: a line that a crash left half-written. Its trial runs again."""
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            end = _last_line_end(file, size)
            if end != size:
                file.truncate(end)
    except OSError as error:
        raise RunError(f"{path}: cannot be read and mended ({error.strerror})") from error


def _last_line_end(file: BinaryIO, size: int) -> int:
    """The byte behind the last newline, found from the end."""
    end = size
    while end > 0:
        start = max(0, end - _PIECE)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _free_reserve(path: Path) -> bool:
    """Give the reserve back to the disk; False where it is already gone."""
    try:
        path.with_name(RESERVE_NAME).unlink()
    except OSError:
        return False
    return True
