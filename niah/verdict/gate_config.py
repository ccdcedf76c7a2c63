"""What a run must hold, as a gate.toml declares it before the run. All defaults stand here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from niah.errors import ConfigError
from niah.text.lengths import length_of
from niah.text.validation import model_from, table_in

# a share that trials must show: none can show that everything is found, or nothing lost
_SHOWN = (
    "min_found", "min_found_per_length", "min_found_per_band", "max_hallucination", "drop_margin",
)  # fmt: skip
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


def _key(description: str, default: Any = None, **bounds: Any) -> Any:
    """A key by what the template says of it, its default, its bounds."""
    return Field(default, description=description, **bounds)


class GateConfig(BaseModel):
    """The gates. Every field is a key of gate.toml; None is a gate that is not there."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    confidence: float = _key("Of every pass and every fail.", 0.95, ge=0.5, lt=1)
    haystacks: Literal["any", "these"] = _key(
        "Whether the verdict is to hold for any stretch of haystack, or for those of the run only.",
        "any",
    )
    min_found: float | None = _key("Least share found, over the whole run.")
    min_found_per_length: float | None = _key("Least share found at every length.")
    min_found_per_band: float | None = _key("Least share found in head, middle and tail.")
    min_effective_length: int | None = _key("Least effective context length, like 16k.")
    effective_rule: str = _key("all-green:0.9, absolute:0.856 or relative:0.85.", "absolute:0.856")
    max_drop: float = _key("Greatest loss against the baseline; more is a fail.", 0.0, ge=0, lt=1)
    drop_margin: float = _key("A loss shown to be smaller than max_drop plus this passes.", 0.05)
    drop_per_length: bool = _key("Also fail on a loss at any one length.", False)
    drop_per_band: bool = _key("Also fail on a loss in head, middle or tail.", False)
    max_nats_lost: float | None = _key("Greatest loss of log-probability, in nats a trial.", gt=0)
    max_hallucination: float | None = _key("Greatest share of answers to what is not there.")
    max_unscored: float | None = _key("Greatest share of trials without a score.", ge=0, le=1)
    max_p95_s: float | None = _key("Seconds in which 95 % of trials must be answered.", gt=0)
    max_cost: float | None = _key("US dollars that the run may have cost.", ge=0)
    price: dict[str, float] | None = _key("US dollars per million tokens: input, cached, output.")
    min_trials: int | None = _key("Least scored trials.", ge=1)
    min_trials_per_length: int | None = _key("Least scored trials at every length.", ge=1)
    max_age: timedelta | None = _key("Oldest last answer that still is evidence, like 36h or 2d.")
    max_mismatch: float = _key("Greatest share of prompts that a server cut.", 0.0, ge=0, le=1)
    min_oracle: float = _key("Least share right where only the needle is given.", 0.9, ge=0, le=1)
    max_guess: float = _key("Greatest share right where no haystack is given.", 0.1, ge=0, le=1)

    @field_validator(*_SHOWN)
    @classmethod
    def _can_be_shown(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and not 0 < value < 1:
            raise ConfigError(
                f"{info.field_name} = {value:g}: use a share above 0 and below 1; "
                "no number of trials can show that everything is found "
                "(try 0.99; 'niah power' says how many trials that takes)"
            )
        return value

    @field_validator("price")
    @classmethod
    def _whole_price(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is None:
            return None
        named = {"input", "output"} <= set(value) <= {"input", "cached", "output"}
        if not named or not all(0 <= dollars < inf for dollars in value.values()):
            raise ConfigError(
                f"price = {value}: give input and output, perhaps cached, each a number not below 0"
            )
        return value

    @field_validator("min_effective_length", mode="before")
    @classmethod
    def _length(cls, value: Any) -> Any:
        return None if value is None else length_of(value)

    @field_validator("max_age", mode="before")
    @classmethod
    def _age(cls, value: Any) -> Any:
        if value is None:
            return None
        matched = re.fullmatch(r"(\d{1,6}(?:\.\d+)?) *([mhd])", str(value).strip())
        if matched is None or not float(matched[1]):
            raise ConfigError(f"max_age = {value!r}: use minutes, hours or days, like 90m, 36h, 2d")
        return timedelta(minutes=float(matched[1]) * _MINUTES[matched[2]])

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> GateConfig:
        for key, of in (("effective_rule", "min_effective_length"), ("price", "max_cost")):
            if key in self.model_fields_set and getattr(self, of) is None:
                told = f"{key} has no meaning without {of}"
                raise ConfigError(f"{told}; set that too, or leave it out")
        if self.max_drop + self.drop_margin >= 1:
            both = f"max_drop = {self.max_drop:g} with drop_margin = {self.drop_margin:g}"
            raise ConfigError(f"{both}: their sum must be below 1")
        return self

    @property
    def level(self) -> float:
        """The chance of a wrong fail that is accepted, and of a wrong pass."""
        return 1 - self.confidence

    @property
    def compares(self) -> bool:
        """Whether anything is said about a baseline."""
        return any(key.startswith("drop_") or key in _DROPS for key in self.model_fields_set)

    @property
    def asks(self) -> bool:
        """Whether any gate is set that needs no baseline."""
        limits = {name for name in GateConfig.model_fields if name.startswith(("min_", "max_"))}
        return any(getattr(self, name) is not None for name in limits - _DROPS - _NO_GATES)


_DROPS = frozenset({"max_drop", "max_nats_lost"})
_NO_GATES = frozenset({"max_mismatch", "min_oracle", "max_guess", "max_age"})


def read_gate_config(path: Path | None) -> GateConfig:
    """The limits of a gate.toml, or the usual ones. Raises as ``gate_config_of``."""
    if path is None:
        return GateConfig()
    return gate_config_of(table_in(path, "; 'niah init gate' writes one"), path)


def gate_config_of(table: Mapping[str, Any], path: Path | None = None) -> GateConfig:
    """The gates of a table, in that file. Raises ConfigError, UnknownName for an unknown key."""
    named, before = (f"gate in {path}", f"{path}: ") if path else ("gate", "")
    return model_from(GateConfig, table, named, before)
