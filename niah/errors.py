"""Every error niah raises on purpose. Each message says what is wrong, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NiahError(Exception):
    """Shown as one line without a traceback. Any other exception is a bug in niah."""

    exit_code = 2


class ConfigError(NiahError):
    """A setting that cannot be used."""


class UnknownName(ConfigError):
    """A name that no registry knows; the message lists the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}{guess} (known: {', '.join(names)})")


class TranscriptError(NiahError):
    """A file that cannot be read as a transcript; names file and line."""


class HaystackError(NiahError):
    """A haystack that is missing, empty, changed on disk or too short."""


class PromptError(NiahError):
    """A prompt that cannot be built as asked."""


class RunError(NiahError):
    """A results folder that cannot be used."""


class ProviderError(NiahError):
    """A server that refuses requests whatever they ask: a wrong key, model or field."""


class OutageError(NiahError):
    """A server that does not answer the first request: nothing more was sent."""

    exit_code = 3
