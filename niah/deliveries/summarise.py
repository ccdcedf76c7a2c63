"""Summaries: every stretch of the haystack is summarised without a word of the question, and then the question is
asked of the summaries. What systems do that say they read a million tokens."""

from __future__ import annotations

from dataclasses import replace

from niah.deliveries import Chunking, Parts, Steps, shortened
from niah.deliveries.body import body_of, digest_of, share_of_values
from niah.deliveries.retrieve import spans_of
from niah.records import Prompt
from niah.text.wording import wording_of

LEAST_SUMMARY = 64
SHARE = 16  # a summary has a sixteenth of the tokens of its text


def summary_tokens(chunking: Chunking) -> int:
    """The reply budget of a summary."""
    return max(LEAST_SUMMARY, chunking.tokens // SHARE)


class Summarise:
    """Map, then ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._room = summary_tokens(parts.chunking)

    def deliver(self, prompt: Prompt) -> Steps:
        body = body_of(prompt)
        if body is None:
            yield prompt
            return
        count = self._parts.tokenizer.count
        spans = spans_of([count(line + "\n") for line in body.lines], self._parts.chunking)
        summaries = []
        for first, stop, _ in spans:
            summaries.append((yield self._map(prompt, "\n".join(body.lines[first:stop]))).strip())
        text = body.opening + "\n".join(summary for summary in summaries if summary) + body.closing
        yield shortened(prompt, text, self._parts.tokenizer, needles=share_of_values(prompt, summaries))

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        chunking = self._parts.chunking
        windows = max(1, -(-(tokens - frame) // (chunking.tokens - chunking.overlap)))
        return (*((min(tokens, chunking.tokens + frame),) * windows), min(tokens, frame + windows * self._room))

    def _map(self, prompt: Prompt, part: str) -> Prompt:
        """Asks for the summary of a part."""
        wording = wording_of(self._parts.language)
        opening, closing = wording.text("summary.opening") + "\n\n", "\n\n" + wording.text("summary.label")
        text = opening + part + closing
        return replace(
            prompt,
            utf8=text.encode(),
            tokens=self._parts.tokenizer.count(text),
            reply_tokens=self._room,
            digest=digest_of(text),
            planting=replace(prompt.planting, opening=opening, closing=closing),
            splits=(),
            shared_bytes=0,
        )
