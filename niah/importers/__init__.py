"""Results that other tools have published, read into records of ours and marked as imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from niah.errors import UnknownName
from niah.importers.imported import Imported

FORMATS: Mapping[str, str] = {
    "kamradt": "niah.importers.kamradt:read_kamradt",
    "needlehaystack2": "niah.importers.needlehaystack2:read_needlehaystack2",
}


def importer_of(name: str) -> Callable[[Path, str | None], Imported]:
    """The reader of a format: from a path and a model's name (None: as the files say). Raises UnknownName."""
    if name not in FORMATS:
        raise UnknownName("format", name, FORMATS)
    module, _, attribute = FORMATS[name].partition(":")
    reader: Callable[[Path, str | None], Imported] = getattr(importlib.import_module(module), attribute)
    return reader
