"""Every error niah raises on purpose: each says what is wrong, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_LISTED = 20  # known names in a message; of more only the near ones
MOST_NEAR = 4
MOST_SIGNS = 80  # of a line that lists names, and a few words more


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
        said = f"unknown {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        shown = [*near, *(n for n in names if n not in near)] if len(names) <= MOST_LISTED else near
        there = f"{len(names)} others are known"
        if shown:
            there = f"known: {listed(shown, len(names), len(said))}"
        super().__init__(f"{said} ({there})")


def listed(names: Iterable[str], of: int, said: int) -> str:
    """Names of so many, as far as they fit on a line behind what is said, and how many more."""
    shown: list[str] = []
    for name in names:
        if shown and said + len(", ".join([*shown, name])) > MOST_SIGNS:
            break
        shown.append(name)
    return ", ".join(sorted(shown)) + (f" and {of - len(shown)} more" if len(shown) < of else "")


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
