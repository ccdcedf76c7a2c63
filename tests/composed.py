"""Answers composed of forms, right and wrong by construction, for what every task plants in every
language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from golden import FOLDER
from opencc import OpenCC

from niah.experiment.config import RunConfig
from niah.experiment.controls import control_score, controlled
from niah.experiment.experiment import experiment_of
from niah.generator.synthetic import spoken
from niah.generator.templated import WORDS
from niah.records import Needle, Planting, Score
from niah.scorers import clock, seconds_in
from niah.tasks import task_of
from niah.tasks._planter import PLACES

_KINDS = {  # which forms fit a task, beside "any"
    "single": ("keyed",), "multikey": ("keyed",), "when": ("keyed", "denied"),
    "said-at": ("keyed",),
    "update": ("order",),
    "associative": ("named",), "distractors": ("named",), "hops": (), "passkey": (), "kv": (),
    "multikey words": ("keyed",), "moves": (), "repeat": (),
}  # fmt: skip
TASKS = tuple(_KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One composed answer to one planting."""

    task: str
    language: str
    kind: str  # any, keyed, named, order, denied or absent
    form: str
    answer: str
    right: bool
    planting: Planting
    control: str | None = None

    def score(self) -> Score:
        return control_score(
            self.answer, self.planting, task_of(self.task.split(" ")[0]), self.control
        )


@cache
def planted(task: str, language: str, epoch: int = 0) -> Planting:
    """What a task plants in made speech of a language."""
    name, _, option = task.partition(" ")
    config = RunConfig(
        provider="simulated",
        model="perfect",
        task=name,
        haystack=(f"synthetic:{language}" if language in spoken() else language,),
        lengths=(2_000,),
        depths=(50.0,),
        epochs=epoch + 1,
        value_kind="word" if option else "number",
    )
    experiment = experiment_of(config)
    return experiment.plant(experiment.trials[epoch])


@cache
def composed(task: str, language: str, epoch: int = 0) -> tuple[Composed, ...]:
    """All forms around a task's target, each with every prefix and suffix."""
    whole = planted(task, language, epoch)
    cases = [
        c
        for kind in ("any", *_KINDS[task])
        for c in _wrapped(task, language, kind, whole, whole, None)
    ]
    if "keyed" in _KINDS[task] and len(whole.needles) > 2:
        cases += _wrapped(
            task, language, "absent", whole, controlled(whole, "absent", language), "absent"
        )
    return tuple(cases)


def _wrapped(
    task: str, language: str, kind: str, whole: Planting, planting: Planting, control: str | None
) -> Iterator[Composed]:
    forms = _forms(language)
    slots = _slots(whole, language, other_keys=kind in ("keyed", "absent"))
    for right in (True, False):
        for form in forms[kind]["right" if right else "wrong"]:
            for prefix, suffix in product(forms["prefix"], forms["suffix"]):
                answer = _filled(prefix + form + suffix, slots)
                yield Composed(
                    task=task, language=language, kind=kind, form=form, answer=answer, right=right,
                    planting=planting, control=control,
                )  # fmt: skip


def _slots(whole: Planting, language: str, *, other_keys: bool) -> dict[str, str]:
    """The values, keys and lines that forms speak of; what a task does not plant is invented in its
    shape.

    ``other_keys``: the wrong values are those of other keys than the asked one.
    """
    asked = next(n for n in whole.needles if n.value == whole.targets[0])
    others = [n for n in whole.needles if n.answer_class != "right" and n.value != asked.value]
    if other_keys:
        others = [n for n in others if n.key != asked.key]
    if any(n.value in PLACES[language] for n in others):
        others = [n for n in others if n.value in PLACES[language]]
    others = [*others, *_invented(asked, language)][:2]
    lines = [n.text.split("\n")[-1] for n in (asked, others[0])]
    return {
        "A": asked.value, "K": asked.key, "B": others[0].value, "X": others[0].key,
        "C": others[1].value,
        "Y": others[1].key, "TA": lines[0], "TB": lines[1],
    }  # fmt: skip


def _invented(asked: Needle, language: str) -> list[Needle]:
    """Two values of the target's shape that nobody planted, for other places."""
    keys = [p for p in PLACES[language] if p != asked.key][:2]
    if times := seconds_in(asked.value):
        values = [clock(times[0] + by) for by in (437, 1141)]
    elif re.fullmatch(r"[0-9a-f-]{36}", asked.value):
        values = [f"{h * 8}-1111-4222-8333-{h * 12}" for h in "ab"]
    elif asked.value.isdecimal():
        least = 10 ** (len(asked.value) - 1)
        values = [str(least + (int(asked.value) * by) % (8 * least)) for by in (7, 11)]
    elif "-" in asked.value:
        first, second = WORDS[language]
        values = [f"{first[i]}-{second[i]}" for i in (-1, -2)]
    else:
        values = keys
    return [Needle(key=k, value=v, text=f"{k} {v}") for k, v in zip(keys, values, strict=True)]


def _filled(form: str, slots: dict[str, str]) -> str:
    return re.sub(r"\{([A-Z]{1,2})\}", lambda m: slots[m[1]], form)


@cache
def _forms(language: str) -> dict[str, Any]:
    """The forms of a language; simplified ones are made of the traditional."""
    table = tomllib.loads((FOLDER / "forms.toml").read_text(encoding="utf-8"))
    if language != "zh-Hans":
        return dict(table[language[:2]])
    return dict(_simplified(table["zh"]))


def _simplified(value: Any) -> Any:
    if isinstance(value, str):
        return OpenCC("t2s").convert(value)
    if isinstance(value, list):
        return [_simplified(v) for v in value]
    return {k: _simplified(v) for k, v in value.items()}
