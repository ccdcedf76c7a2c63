"""Whether two headers are of one run, and what a run becomes that asks for a further grid."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from niah.errors import RunError
from niah.experiment.config import RunConfig
from niah.records import Header, Part
from niah.text.outside import visible, without_secrets

GRID_KEYS = frozenset(field.name for field in fields(Part))  # what an extension adds to


def check_same_run(folder: Path, old: Header, new: Header) -> None:
    """Raises RunError for a header that is neither the run's own nor an extension of it."""
    differing = _differences(old, new)
    if differing:
        raise RunError(
            f"{folder} holds a run of another config ({'; '.join(differing)}); "
            "choose another --name, or repeat the old command to resume it"
        )


def extended(header: Header, part: Part) -> Header:
    """The header of a run that asks for a further grid."""
    parts = (*header.parts, part)
    config = {
        **header.config,
        "lengths": sorted({n for p in parts for n in p.lengths}),
        "depths": sorted({d for p in parts for d in p.depths}),
        "epochs": max(p.epochs for p in parts),
    }
    design = replace(
        header.design,
        lengths=tuple(config["lengths"]),
        depths=tuple(config["depths"]),
        epochs=config["epochs"],
        recipe={**header.design.recipe, **{key: config[key] for key in GRID_KEYS}},
    )
    return replace(header, config=config, design=design, extended=parts)


def adds(old: Header, new: Header) -> bool:
    """Whether the new grid asks for a trial that the old one does not."""
    planned, controls = old.planned(), old.planned_controls()
    return any(planned.get(place, 0) < epochs for place, epochs in new.planned().items()) or any(
        controls.get(place, 0) < epochs for place, epochs in new.planned_controls().items()
    )


def _differences(old: Header, new: Header) -> list[str]:
    """What differs between two headers that no extension bridges, for people."""
    defaults = RunConfig().identity()  # a key that an older niah did not know had this value
    was, now = ({**defaults, **without_secrets(h.config)} for h in (old, new))
    grid = {"lengths"} if now.get("adaptive") else GRID_KEYS  # the order of depths decides what is tried
    keys = {*was, *now} - (grid if not now.get("aligned") else set())
    found = [f"{k} was {was.get(k)!r}, is {now.get(k)!r}" for k in sorted(keys) if was.get(k) != now.get(k)]
    if was.get("seed") != now.get("seed"):
        found.append("further --epochs of the old seed draw other needles and other text into the same run")
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack has changed")
    if old.recordings_digest not in (None, new.recordings_digest):  # an older niah did not note it
        found.append("the recordings of the haystack have changed")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return [visible(f) for f in found]
