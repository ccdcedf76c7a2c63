"""What services take of pictures and sound, and count for them: formulas, and media.toml's figures.

None where a service states nothing: then nothing is checked, and what it counts is learnt from its
answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from niah.providers import stated

ImageTokens = Callable[[int, int], int]
_MOST_PATCHES = 1_536  # what has more is scaled down


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Most of everything in one request, and the count of tokens."""

    images: int | None = None
    side_px: int | None = None
    crowded: int | None = None  # with more images than this a side may have only...
    crowded_side_px: int | None = None
    body_bytes: int | None = None
    seconds: float | None = None  # of sound
    takes_sound: bool = False
    takes_files: bool = False  # by upload
    file_bytes: int | None = None  # of one that is uploaded
    image_tokens: ImageTokens | None = None
    audio_tokens_per_s: float | None = None


def tiles_512(base: int, tile: int) -> ImageTokens:
    """OpenAI's detail "high": within 2048 px, the short side 768, so much a begun 512 px tile."""

    def tokens(width: int, height: int) -> int:
        scale = min(1.0, 2048 / max(width, height))
        scale *= min(1.0, 768 / (min(width, height) * scale))
        w, h = round(width * scale, 6), round(height * scale, 6)
        return base + tile * math.ceil(w / 512) * math.ceil(h / 512)

    return tokens


def patches_32(factor: float) -> ImageTokens:
    """OpenAI's patches: squares of 32 px, at most 1,536 of them, times a factor of the model."""

    def tokens(width: int, height: int) -> int:
        if math.ceil(width / 32) * math.ceil(height / 32) > _MOST_PATCHES:
            scale = math.sqrt(_MOST_PATCHES * 32**2 / (width * height))
            across, down = width * scale / 32, height * scale / 32
            scale *= min(math.floor(across) / across, math.floor(down) / down)
            width, height = math.floor(width * scale + 1e-6), math.floor(height * scale + 1e-6)
        patches = math.ceil(width / 32) * math.ceil(height / 32)
        return math.ceil(min(_MOST_PATCHES, patches) * factor)

    return tokens


def gemini_tokens(width: int, height: int) -> int:
    """258 where both sides are at most 384 px, else 258 for each begun tile of 768 px."""
    if max(width, height) <= 384:
        return 258
    return 258 * math.ceil(width / 768) * math.ceil(height / 768)


def anthropic_tokens(width: int, height: int) -> int:
    """Width times height by 750, scaled down to sides of 1,568 px and about 1,600 tokens."""
    scale = min(1.0, 1_568 / max(width, height))
    return min(1_600, math.ceil(width * scale * height * scale / 750))


_FORMULAS = {"gemini": gemini_tokens, "anthropic": anthropic_tokens}


def media_limits(provider: str, model: str) -> MediaLimits:
    """What a provider states for a model; nothing where it states nothing."""
    table = stated("media")
    own = provider.split("-")[1] if provider in ("vertex-gemini", "bedrock-anthropic") else provider
    row = dict(table["limits"].get(own, {"takes_sound": True}))
    formula: ImageTokens | None = _FORMULAS.get(row.pop("image_tokens", ""))
    known = [name for name in table["openai_models"] if model.startswith(name)]
    if known and provider in ("openai", "openai-responses", "azure"):
        ((kind, figures),) = table["openai_models"][max(known, key=len)].items()
        formula = tiles_512(*figures) if kind == "tiles" else patches_32(*figures)
    takes_files = provider not in table["without_files"]
    return MediaLimits(**row, image_tokens=formula, takes_files=takes_files)
