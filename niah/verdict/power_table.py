"""How many trials a comparison with a baseline needs, for a grid of so many cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from niah.errors import ConfigError
from niah.verdict.power import chance_to_fail, chance_to_pass, epochs_needed, pairs_needed
from niah.verdict.records import Paired

EPOCHS = (1, 2, 5, 10, 20, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a gate is to see, in percent and points of the share found."""

    drop: float = 5.0  # the loss to see
    flips: float = 1.0  # trials that turn right by chance, and as many wrong
    margin: float = 5.0  # drop_margin of the gate
    confidence: float = 95.0  # of the gate
    chance: float = 90.0  # wanted of seeing the loss
    pairs: int | None = None  # of two runs of one model that the flips were measured on; None: they are a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """A run of so many epochs. Chances are from 0 to 1."""

    epochs: int
    pairs: int  # trials that have a partner in the baseline
    loss_seen: float
    no_change_passes: float
    prompt_tokens: int
    dollars: float | None  # without any cache; None: no price is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Trials needed, for independent ones (``haystack_per = "trial"``)."""

    aim: Aim
    cells: int
    pairs_to_fail: int | None  # None: more than 100,000, or the loss is inside the margin
    pairs_to_pass: int | None  # None: more than 100,000
    rows: tuple[PowerRow, ...]

    @property
    def inside_margin(self) -> bool:
        """Whether a gate with this margin lets the loss pass, however many trials there are."""
        return self.aim.drop < self.aim.margin

    @property
    def epochs_to_fail(self) -> int | None:
        """So many epochs of this grid see the loss."""
        return None if self.pairs_to_fail is None else epochs_needed(self.pairs_to_fail, self.cells)

    @property
    def epochs_to_pass(self) -> int | None:
        """So many epochs of this grid let pass what is no worse."""
        return None if self.pairs_to_pass is None else epochs_needed(self.pairs_to_pass, self.cells)


def power_of(aim: Aim, cells: int, epoch_tokens: int, epoch_dollars: float | None) -> Power:
    """The trials that an aim needs, and what runs of some sizes see and cost. Raises ConfigError
    for no percentage.
    """
    _check(aim)
    level, margin = 1 - aim.confidence / 100, aim.margin / 100
    gained, lost = aim.flips / 100, (aim.drop + aim.flips) / 100

    def sees(n: int) -> float:
        return chance_to_fail(n, lost, gained, level, margin)

    def passes(n: int) -> float:
        return chance_to_pass(n, gained, gained, margin, level)

    return Power(
        aim=aim,
        cells=cells,
        pairs_to_fail=None if aim.drop < aim.margin else pairs_needed(sees, aim.chance / 100),
        pairs_to_pass=pairs_needed(passes, aim.chance / 100),
        rows=tuple(
            PowerRow(
                epochs=epochs,
                pairs=cells * epochs,
                loss_seen=sees(cells * epochs),
                no_change_passes=passes(cells * epochs),
                prompt_tokens=epochs * epoch_tokens,
                dollars=None if epoch_dollars is None else epochs * epoch_dollars,
            )
            for epochs in EPOCHS
        ),
    )


def measured_flips(repeat: Paired) -> dict[str, float | int]:
    """The flips between two runs of one model, each way, as settings of an aim. Raises ConfigError for no pairs."""
    if not repeat.n:
        raise ConfigError("--from: the two runs have no trial with a score in both; run the same trials twice")
    return {"flips": 100 * (repeat.lost + repeat.gained) / 2 / repeat.n, "pairs": repeat.n}


def _check(aim: Aim) -> None:
    percents: Mapping[str, float] = {
        name: getattr(aim, name) for name in ("drop", "flips", "margin", "confidence", "chance")
    }
    for name, value in percents.items():
        least = 50 if name == "confidence" else 0
        if not least <= value < 100 or (value == 0 and name != "flips"):
            raise ConfigError(f"--{name} {value:g}: give percent above {least} and below 100")
    if aim.drop + 2 * aim.flips > 100:
        raise ConfigError(f"--drop {aim.drop:g} --flips {aim.flips:g}: more trials change than there are")
