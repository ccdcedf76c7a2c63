"""What a run asks for, as a record: all of its config that verdicts, pictures, comparisons need.

It is written into the header of a run; for logs of an older niah it is made from their config.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from niah.errors import UnknownName
from niah.experiment.config import RunConfig, decides
from niah.records import Design
from niah.tasks import Task, depth_of, task_of

PROMPTS = ("grid", "prompts", "scores")  # what runs must agree in to be compared
_LABELS = {"value_kind": "values", "placement": "needles"}


def design_of(config: Mapping[str, Any], task: Task | None = None) -> Design:
    """The design in a config's table; ``task`` where it is none of the registry."""
    if task is None:
        task = _known(str(config["task"]))
    spread = str(config.get("placement", "spread"))
    return Design(
        lengths=tuple(config["lengths"]),
        depths=tuple(float(depth) for depth in config["depths"]),
        epochs=config["epochs"],
        controls=bool(config.get("controls")),
        haystack_shared=config.get("haystack_per", "epoch") == "epoch",
        model=model_label(str(config["provider"]), str(config["model"])) + delivery_label(config),
        simulated=config["provider"] == "simulated",
        task=task_label(config, task),
        haystack=haystack_label(config["haystack"]),
        depth_of="the needle" if task is None else depth_of(task, spread),
        recipe={key: value for key, value in config.items() if decides(key) in PROMPTS},
        adaptive=bool(config.get("adaptive")),
    )


def task_label(config: Mapping[str, Any], task: Task | None) -> str:
    """The task with the options that change its difficulty, where they are not ordinary."""
    said = [str(config["task"])]
    if task is not None and "distractor_count" in task.OPTIONS:
        said.append(_counted(config.get("distractor_count", 2), "distractor"))
    said += [_counted(config["lure_count"], "lure")] if config.get("lure_count") else []
    said += [f"{config[key]} {what}" for key, what in _LABELS.items() if _unusual(config, key)]
    if config.get("needle_count"):
        said.append(f"{_counted(config['needle_count'], 'needle')} of a question")
    if _unusual(config, "ask_for"):
        said.append(f"{config['ask_for']} asked")
    return ", ".join(said)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _known(name: str) -> Task | None:
    try:
        return task_of(name)
    except UnknownName:  # another tool's, or one of a package that is not there
        return None


def _unusual(config: Mapping[str, Any], key: str) -> bool:
    return config.get(key) not in (None, RunConfig.model_fields[key].default)


def model_label(provider: str, model: str) -> str:
    """The model's name for people, without control characters; a path is cut to its file name."""
    name = model.rsplit("/", 1)[-1] if provider == "local" else model
    return "".join(sign if sign.isprintable() else " " for sign in name)


def haystack_label(names: Sequence[str]) -> str:
    """Names joined; of a folder its last part."""
    return "+".join(name.rstrip("/").rsplit("/", 1)[-1] for name in names)


def delivery_label(config: Mapping[str, Any]) -> str:
    """What stands behind the model's name where its contexts are not sent as they are."""
    said = [str(config["delivery"])] if config.get("delivery", "full") != "full" else []
    if config.get("sent_as", "text") != "text":
        size = f" of {config['page_type_px']} px type" if config.get("page_type_px") else ""
        share = f", {config['media_share']} % of it" if config.get("media_share", 100) < 100 else ""
        said.append(f"as {config['sent_as']}{size}{share}")
    return "".join(f", {word}" for word in said)
