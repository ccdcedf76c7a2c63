"""Choose trials of a run: by how they ended, by cell or id, or by what another run made of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from niah.errors import ConfigError, RunError
from niah.records import Outcome, Result
from niah.text.lengths import depths_of, label_of, length_of

MOST_NAMED = 12  # of what is there, in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One trial in two runs that scored it differently."""

    old: Result
    new: Result


def by_cell(results: Iterable[Result]) -> list[Result]:
    """By length, depth and epoch; the controls of a length behind its other trials."""

    def place(result: Result) -> tuple[int, str, float, int]:
        trial = result.trial
        return trial.context_length, trial.control or "", trial.depth_percent, trial.epoch

    return sorted(results, key=place)


def chosen(
    results: Iterable[Result], *, wrong: bool, outcomes: Iterable[str], classes: Iterable[str]
) -> list[Result]:
    """Those scored below 1 (wrong) that ended in one of the outcomes, by an answer of a class.

    What is not asked for does not choose. Raises ConfigError for what no trial has.
    """
    results, outcomes, classes = list(results), set(outcomes), set(classes)
    _check("outcome", outcomes, {r.outcome.value for r in results} | {o.value for o in Outcome})
    _check("class", classes, {r.answer_class for r in results if r.answer_class})
    return [
        r
        for r in results
        if (not wrong or (r.score is not None and r.score < 1))
        and (not outcomes or r.outcome.value in outcomes)
        and (not classes or r.answer_class in classes)
    ]


def addressed(results: Mapping[str, Result], address: tuple[str, ...]) -> list[Result]:
    """The trials at an address: the beginning of an id, a length, or a length and depths.

    Raises ConfigError.
    """
    if len(address) > 1 or _is_length(address[0], results):
        return _in_cell(results.values(), address)
    found = [i for i in results if i.startswith(address[0])]
    if len(found) > 1:
        several = f"{len(found)} ids begin so ({first_of(found, most=3)})"
        raise ConfigError(f"trial {address[0]!r}: {several}; write more of it")
    if not found:
        near = difflib.get_close_matches(address[0], results, n=1, cutoff=0.6)
        guess = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(
            f"no trial {address[0]!r} in this run{guess}; "
            "write the beginning of an id, or a cell like 8k 50"
        )
    return [results[i] for i in found]


def differences(
    old: Mapping[str, Result], new: Mapping[str, Result]
) -> tuple[int, list[Difference]]:
    """How many trials both runs scored, and those of them with another score, by cell.

    Raises RunError where there is none.
    """
    # each is read from disk once
    scored = ((old.get(i), after) for i, after in new.items() if after.score is not None)
    pairs = [(b, after) for b, after in scored if b is not None and b.score is not None]
    if not pairs:
        raise RunError(
            "the two runs have no scored trial in common; "
            "they must have the same task, haystack and seed"
        )
    differing = {after.trial.id: before for before, after in pairs if before.score != after.score}
    ordered = by_cell(after for _, after in pairs if after.trial.id in differing)
    return len(pairs), [Difference(old=differing[r.trial.id], new=r) for r in ordered]


def first_of(names: Iterable[str], most: int = MOST_NAMED) -> str:
    """At most so many of some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _in_cell(results: Iterable[Result], address: tuple[str, ...]) -> list[Result]:
    """The trials of a length, or of a length and some depths."""
    results = list(results)
    length = length_of(address[0])
    here = [r for r in results if r.trial.context_length == length]
    if not here:
        known = sorted({r.trial.context_length for r in results})
        there = first_of(map(label_of, known))
        raise ConfigError(f"length {address[0]!r}: no trial of this run; there are {there}")
    if len(address) == 1:
        return by_cell(here)
    asked = set(depths_of(address[1]))
    here = [r for r in here if r.trial.control is None]
    depths = sorted({r.trial.depth_percent for r in here})
    if not asked <= set(depths):
        none = f"no trial at {label_of(length)}"
        there = first_of(f"{depth:g}" for depth in depths)
        raise ConfigError(f"depth {address[1]!r}: {none}; there are {there}")
    return by_cell(r for r in here if r.trial.depth_percent in asked)


def _is_length(text: str, results: Mapping[str, Result]) -> bool:
    """Whether a word is a length and no id: in plain digits only where the run has that length."""
    try:
        length = length_of(text)
    except ConfigError:
        return False
    return not text.isdigit() or any(r.trial.context_length == length for r in results.values())


def _check(kind: str, asked: set[str], known: set[str]) -> None:
    for name in sorted(asked - known):
        there = first_of(sorted(known)) or "none"
        raise ConfigError(f"{kind} {name!r}: no trial of this run has it; there are {there}")
