"""The config keys of deliveries: what of a prompt reaches the model, and in what form it is sent."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def deciding(what: str) -> Any:
    """A Field of a key that decides one of these things, and nothing else:

    ``grid``: which trials there are. ``prompts``: their bytes. ``scores``: how answers are judged. ``controls``: which
    trials stand beside the grid. ``delivery``: what of a prompt reaches the model, which no trial's id holds, so that
    runs pair. ``model``: who is asked, and how. ``access``: who may ask. ``pace``: how fast and how patiently.
    ``money``: what it may cost. ``label``: what is written beside the picture.
    """
    return partial(Field, json_schema_extra={"decides": what})


_delivery, _access, _prompts = map(deciding, ("delivery", "access", "prompts"))


class DeliveryKeys(BaseModel):
    """A part of RunConfig."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: str = _delivery(
        "full",
        description="What of a prompt reaches the model: full, window:TOKENS, summarise, or retrieve or hybrid "
        "(:bm25, :dense, :rrf).",
    )
    sent_as: Literal["text", "chat", "tools", "tools:files", "tools:search", "pages", "speech"] = _delivery(
        "text",
        description="How it is sent: as text, as turns of a chat, as what a tool returned, as page images, or spoken.",
    )
    page_px: str = _delivery("1024x1448", description="Width and height of a page in pixels, for --as pages.")
    page_type_px: int = _delivery(22, ge=4, le=400, description="Size of type on a page in pixels, for --as pages.")
    page_font: str | None = _delivery(None, description="Font file for pages; default: one that has all signs.")
    tts: str | None = _delivery(
        None, description="Command that speaks the file {text} into the file {wav}, for --as speech."
    )
    audio_form: Literal["wav", "mp3", "opus", "flac"] = _delivery("mp3", description="Form of sound, for --as speech.")
    piece_s: float = _delivery(
        600.0, gt=0, description="About how many seconds one piece of sound has, for --as speech; trials share pieces."
    )
    media_share: int = _delivery(
        100, ge=1, le=100, description="Percent of the haystack, from its end, as pages or speech; the rest stays text."
    )
    media: Literal["inline", "upload"] = _delivery(
        "inline",
        description="Whether pages and sound go with every request, or are uploaded once and referenced.",
    )
    turn_tokens: int = _delivery(
        128, ge=1, le=100_000, description="Least tokens of a turn or tool result, for --as chat and tools."
    )
    needle_role: Literal["any", "user", "assistant"] = _delivery(
        "any", description="In whose turn the needle stands, for --as chat."
    )
    chunk_tokens: int | None = _delivery(
        None, ge=16, description="Most tokens of a chunk; default: 256 that are retrieved, 2k that are summarised."
    )
    chunk_overlap: int | None = _delivery(
        None, ge=0, description="Tokens that a chunk repeats of the one before; default: 32, of summaries none."
    )
    chunk_count: int = _delivery(5, ge=1, le=10_000, description="Chunks that retrieval sends.")
    embed_url: str | None = _delivery(
        None, description="Server of dense vectors, ending in /v1; default: the token table of the embedded model."
    )
    embed_model: str | None = _delivery(None, description="Model that the server of dense vectors is asked for.")
    embed_key_env: str | None = _access(None, description="Environment variable that holds the key of that server.")
    history: Literal["keeps", "breaks"] = _prompts(
        "breaks", description="Whether the assistant's turns keep the rule of task instruction."
    )
