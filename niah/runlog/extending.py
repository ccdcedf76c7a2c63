"""Whether two headers are of one run, and the header of a run that asks for a further grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

from niah.errors import RunError
from niah.experiment.config import RunConfig
from niah.records import Header, Part
from niah.text.outside import visible, without_secrets

_GRID_KEYS = {field.name for field in fields(Part)}  # what an extension adds to


def check_same_run(folder: Path, old: Header, new: Header) -> None:
    """Raises RunError for a header that is neither the run's own nor an extension of it."""
    if differing := _differences(old, new):
        raise RunError(
            f"{folder} holds a run of another config ({'; '.join(differing)}); "
            "choose another --name, repeat the old command to resume it, "
            "or move the folder away to begin anew"
        )


def extended(header: Header, part: Part) -> Header:
    """The header of a run that asks for a further grid."""
    return asking(header, (*header.parts, part))


def asking(header: Header, parts: tuple[Part, ...]) -> Header:
    """The header of a run that asks for these grids."""
    lengths = sorted({n for p in parts for n in p.lengths})
    depths = sorted({d for p in parts for d in p.depths})
    epochs = max(p.epochs for p in parts)
    grid = {"lengths": lengths, "depths": depths, "epochs": epochs}
    design = replace(
        header.design,
        lengths=tuple(lengths),
        depths=tuple(depths),
        epochs=epochs,
        recipe={**header.design.recipe, **grid},
    )
    config = {**header.config, **grid}
    return replace(header, config=config, design=design, extended=parts if len(parts) > 1 else ())


def adds(old: Header, new: Header) -> bool:
    """Whether the new grid asks for a trial that the old one does not."""
    more = Counter(new.planned()) - Counter(old.planned())
    return bool(more or Counter(new.planned_controls()) - Counter(old.planned_controls()))


def _differences(old: Header, new: Header) -> list[str]:
    """What differs between two headers that no extension bridges, for people."""
    defaults = RunConfig().identity()  # a key that an older niah did not know had this value
    was, now = ({**defaults, **without_secrets(h.config)} for h in (old, new))
    keys = {*was, *now}
    if not now.get("aligned"):  # in an adaptive run the order of depths decides what is tried
        keys -= {"lengths"} if now.get("adaptive") else _GRID_KEYS
    differing = [k for k in sorted(keys) if was.get(k) != now.get(k)]
    found = [f"{k} was {was.get(k)!r}, is {now.get(k)!r}" for k in differing]
    if was.get("seed") != now.get("seed"):
        found.append(
            "further --epochs of the old seed draw other needles and other text into the same run"
        )
    if old.haystack_digest != new.haystack_digest:
        found.append("the text of the haystack has changed")
    if old.recordings_digest not in (None, new.recordings_digest):  # an older niah did not note it
        found.append("the recordings of the haystack have changed")
    if old.tokenizer != new.tokenizer:
        found.append(f"the tokenizer was {old.tokenizer}, is {new.tokenizer}")
    if old.task_version != new.task_version:
        found.append(f"the task's version was {old.task_version}, is {new.task_version}")
    return [visible(f) for f in found]
