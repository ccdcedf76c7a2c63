"""Every error niah raises on purpose. Each message says what is wrong, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_LISTED = 20  # known names in a message; of more only the near ones
MOST_NEAR = 4


class NiahError(Exception):
    """Shown as one line without a traceback. Any other exception is a bug in niah."""

    exit_code = 2


class ConfigError(NiahError):
    """A setting that cannot be used."""


class UnknownName(ConfigError):
    """A name that no registry knows; the message lists the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=MOST_NEAR, cutoff=0.5)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        listed = names if len(names) <= MOST_LISTED else near
        more = f" and {len(names) - len(listed)} more" if len(listed) < len(names) else ""
        there = f"known: {', '.join(listed)}{more}" if listed else f"{len(names)} others are known"
        super().__init__(f"unknown {kind} {name!r}{guess} ({there})")


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


@contextmanager
def writing(place: Path, otherwise: str, kind: type[NiahError] = RunError) -> Iterator[None]:
    """Tell what cannot be written inside the block as an error of ours, with what else to do."""
    try:
        yield
    except OSError as error:
        raise kind(f"{place}: cannot be written ({error.strerror}); {otherwise}") from error
