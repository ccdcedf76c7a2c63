"""What services take of pictures and sound, and what they count for them. Sources stand beside the figures.

None where a service states nothing: then nothing is checked, and what it counts is learnt from its answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

ImageTokens = Callable[[int, int], int]


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
    image_tokens: ImageTokens | None = None
    audio_tokens_per_s: float | None = None


def tiles_512(base: int, tile: int) -> ImageTokens:
    """OpenAI's detail "high": into 2048 px, the short side down to 768 px, so much for each begun 512 px tile."""

    def tokens(width: int, height: int) -> int:
        scale = min(1.0, 2048 / max(width, height))
        scale *= min(1.0, 768 / (min(width, height) * scale))
        w, h = round(width * scale, 6), round(height * scale, 6)
        return base + tile * math.ceil(w / 512) * math.ceil(h / 512)

    return tokens


def patches_32(factor: float, most: int = 1_536) -> ImageTokens:
    """OpenAI's patches: 32 px squares, at most 1,536 of them by scaling down, times a factor of the model."""

    def tokens(width: int, height: int) -> int:
        if math.ceil(width / 32) * math.ceil(height / 32) > most:
            scale = math.sqrt(most * 32**2 / (width * height))
            across, down = width * scale / 32, height * scale / 32
            scale *= min(math.floor(across) / across, math.floor(down) / down)
            width, height = math.floor(width * scale + 1e-6), math.floor(height * scale + 1e-6)
        return math.ceil(min(most, math.ceil(width / 32) * math.ceil(height / 32)) * factor)

    return tokens


def gemini_tokens(width: int, height: int) -> int:
    """258 where both sides are at most 384 px, else 258 for each begun tile of 768 px."""
    return 258 if max(width, height) <= 384 else 258 * math.ceil(width / 768) * math.ceil(height / 768)


def anthropic_tokens(width: int, height: int) -> int:
    """Width times height by 750, once no side is over 1,568 px and the whole at most about 1,600 tokens."""
    scale = min(1.0, 1_568 / max(width, height))
    return min(1_600, math.ceil(width * scale * height * scale / 750))


_OPENAI = MediaLimits(images=500, body_bytes=50_000_000, takes_sound=True)
LIMITS: Mapping[str, MediaLimits] = {
    "openai": _OPENAI,  # its guide on images and vision
    "openai-responses": MediaLimits(images=500, body_bytes=50_000_000),
    "azure": MediaLimits(images=50, takes_sound=True),
    "anthropic": MediaLimits(  # its guide on vision; models of 200k tokens take 100 images
        images=600,
        side_px=8_000,
        crowded=20,
        crowded_side_px=2_000,
        body_bytes=32_000_000,
        image_tokens=anthropic_tokens,
    ),
    "gemini": MediaLimits(  # its guides on images and audio; what is larger than 20 MB must be uploaded
        images=3_600,
        body_bytes=20_000_000,
        seconds=9.5 * 3_600,
        takes_sound=True,
        image_tokens=gemini_tokens,
        audio_tokens_per_s=32,
    ),
}
OPENAI_MODELS: Mapping[str, ImageTokens] = {  # by the beginning of the model's name, the longest that fits
    "gpt-5": tiles_512(70, 140),
    "gpt-5-mini": patches_32(1.62),
    "gpt-5-nano": patches_32(2.46),
    "gpt-4.1": tiles_512(85, 170),
    "gpt-4.1-mini": patches_32(1.62),
    "gpt-4.1-nano": patches_32(2.46),
    "o4-mini": patches_32(1.72),
    "gpt-4o": tiles_512(85, 170),
    "gpt-4o-mini": tiles_512(2_833, 5_667),
    "o1": tiles_512(75, 150),
    "o3": tiles_512(75, 150),
}


def media_limits(provider: str, model: str) -> MediaLimits:
    """What a provider states for a model; nothing where it states nothing."""
    if provider in ("vertex-gemini", "bedrock-anthropic"):
        provider = provider.split("-")[1]
    limits = LIMITS.get(provider, MediaLimits(takes_sound=True))
    known = max((name for name in OPENAI_MODELS if model.startswith(name)), key=len, default=None)
    if known and provider in ("openai", "openai-responses", "azure"):
        return replace(limits, image_tokens=OPENAI_MODELS[known])
    return limits
