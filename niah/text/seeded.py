"""Seeded choices that survive Python upgrades: SHA-256 of seed, purpose, coordinates, counter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of choices for one purpose at one coordinate, the same on any machine."""

    def __init__(self, seed: int, purpose: str, *coordinates: object) -> None:
        self._key = json.dumps([seed, purpose, *coordinates], ensure_ascii=False).encode()
        self._drawn = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1; 128 bits are drawn, so the bias is below 1e-30."""
        block = hashlib.sha256(self._key + self._drawn.to_bytes(8, "big")).digest()
        self._drawn += 1
        return int.from_bytes(block[:16], "big") % limit

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def choice(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A new list in random order (Fisher-Yates)."""
        order = list(items)
        for i in range(len(order) - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def adaptive_places(
    seed: int, length: int, depths: Sequence[float], most: int, *, shared: bool
) -> list[tuple[float, int]]:
    """Depth and epoch of the trials that an adaptive run tries at a length, in their order.

    Depths come in blocks that hold each of them once. Trials of one epoch may share a haystack
    (``shared``): then each has an epoch of its own.
    """
    draw, blocks = Draw(seed, "adaptive", length), -(-most // len(depths))
    drawn = [float(depth) for _ in range(blocks) for depth in draw.shuffled(depths)][:most]
    return [(depth, i if shared else i // len(depths)) for i, depth in enumerate(drawn)]
