"""Where a run lies, and how it ends: what every way of running shares."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from niah.errors import ConfigError
from niah.experiment.config import RunConfig
from niah.experiment.design import haystack_label, model_label

INCOMPLETE = 3
INTERRUPTED = "interrupted"


def check_name(name: str | None) -> None:
    if name is not None and (not name or Path(name).name != name or name.startswith(".")):
        raise ConfigError(f"--name {name!r}: use a plain name without slashes")


def folder_name(name: str | None, config: RunConfig) -> str:
    """The given name, or one of the config's own, so that the same command finds the same folder."""
    if name is not None:
        return name
    identity = json.dumps(config.identity(), sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    words = (
        f"{model_label(config.provider, str(config.model))}-{config.task}-{haystack_label(config.haystack)}-{digest}"
    )
    return re.sub(r"[^\w.-]+", "-", words)
