"""Results that other tools have published, read into records of ours and marked as imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from niah.errors import UnknownName
from niah.importers.imported import Imported

Reader: TypeAlias = Callable[[Path, str | None], Imported | list[Imported]]  # a list: a run for each task

FORMATS: Mapping[str, str] = {
    "babilong": "niah.importers.published:read_babilong",
    "inspect": "niah.importers.published:read_inspect",
    "kamradt": "niah.importers.kamradt:read_kamradt",
    "needlehaystack2": "niah.importers.needlehaystack2:read_needlehaystack2",
    "ruler": "niah.importers.published:read_ruler",
}


def importer_of(name: str) -> Reader:
    """The reader of a format: from a path and a model's name (None: as the files say). Raises UnknownName."""
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    module, _, attribute = FORMATS[name].partition(":")
    reader: Callable[[Path, str | None], Imported | list[Imported]] = getattr(
        importlib.import_module(module), attribute
    )
    return reader
