"""The settings by what they are about, for help and templates: a config key stands where what it decides does."""

from __future__ import annotations

from collections.abc import Mapping

from niah.experiment.config import RunConfig, decides
from niah.experiment.delivery_keys import DeliveryKeys

_TITLES = {  # of what a key decides
    "model": "Model", "access": "Model", "label": "Model", "grid": "Grid", "prompts": "Text and task",
    "scores": "Text and task", "controls": "Text and task", "delivery": "Delivery", "pace": "Pace", "money": "Budget",
}  # fmt: skip


def key_sections() -> dict[str, list[str]]:
    """The config keys by what they decide, in the order in which they are declared, those of deliveries last."""
    sections: dict[str, list[str]] = {title: [] for title in _TITLES.values()}
    for key in sorted(RunConfig.model_fields, key=lambda key: key in DeliveryKeys.model_fields):
        sections[_TITLES[str(decides(key))]].append(key)
    return sections


LIMIT_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Share found": (
        "min_found", "min_found_per_length", "min_found_per_band", "min_effective_length", "effective_rule",
    ),
    "Against a baseline (niah gate NEW --baseline OLD)": (
        "max_drop", "drop_margin", "drop_per_length", "drop_per_band", "max_nats_lost",
    ),
    "Other answers, time, cost": ("max_hallucination", "max_unscored", "max_p95_s", "max_cost", "price"),
    "How much must have been measured": ("min_trials", "min_trials_per_length"),
    "Whether the instrument can be trusted": ("max_age", "max_mismatch", "min_oracle", "max_guess"),
    "The verdict": ("confidence", "haystacks"),
}  # fmt: skip
