"""Names of models and haystacks as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def model_label(provider: str, model: str) -> str:
    """The model's name for people, without control characters; a path is cut to its file name."""
    name = model.rsplit("/", 1)[-1] if provider == "local" else model
    return "".join(sign if sign.isprintable() else " " for sign in name)


def haystack_label(names: Sequence[str]) -> str:
    """Names joined; of a folder its last part."""
    return "+".join(name.rstrip("/").rsplit("/", 1)[-1] for name in names)
