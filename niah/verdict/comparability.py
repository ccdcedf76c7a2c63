"""Whether two runs asked the same: what decides their prompts, and nothing of the model."""

from __future__ import annotations

from collections.abc import Container, Sequence

from niah.errors import RunError
from niah.records import Header, Row

LONGEST_VALUE = 60  # characters of a setting, in a message


def check_same(old: Header, known: Container[str], new: Header, ids: Sequence[str]) -> None:
    """Raises RunError where a part of the grid has no counterpart."""
    differing = recipe_differences(old, new)
    if differing:
        raise RunError(f"the runs are of different recipes, so a gate cannot compare them: {'; '.join(differing)}")
    unknown = sum(i not in known for i in ids)
    if unknown:
        raise RunError(
            f"the baseline lacks {unknown} of {len(ids)} trials of the run; finish it, and save it again with: "
            "niah baseline save RUN"
        )


def recipe_differences(old: Header, new: Header) -> list[str]:
    """In what two runs differ that decides their prompts, in words. A setting that one niah did not know is none."""
    was, now = old.design.recipe, new.design.recipe
    found = [
        f"{key} was {_short(was[key])}, is {_short(now[key])}"
        for key in sorted({*was} & {*now})
        if was[key] != now[key]
    ]
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack differs")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return found


def other_prompts(old: Header, new: Header) -> str:
    """Why runs of the same settings hold other trials: niah changed what it asks, between or within versions."""
    versions = (
        f"by niah {old.version} and {new.version}" if old.version != new.version else f"by a niah {new.version} each"
    )
    return (
        f"their settings agree and their prompts do not; they were made {versions}, "
        f"on {old.created[:10]} and {new.created[:10]}: run both again with one niah"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."


def check_prompt(result: Row, before: str | None, version: str) -> None:
    """Raises RunError where a trial's prompt is not the one whose digest begins so."""
    if before and result.prompt_digest and not result.prompt_digest.startswith(before):
        raise RunError(
            f"trial {result.trial.id} had another prompt in the baseline (niah {version}); "
            "save a new baseline with this version"
        )
