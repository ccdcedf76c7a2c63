"""Names of models and haystacks as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


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
        said.append(f"as {config['sent_as']}{size}")
    return "".join(f", {word}" for word in said)
