"""Deliveries that shorten a haystack: the best chunks for the question, or summaries of all of it.

``hybrid`` is Self-Route (Li et al., 2407.16833): the chunks first, with leave to say that they do
not tell, and all of the text where the model says so. Chunks stay in document order, as OP-RAG (Yu
et al., 2409.01666) found best. Terms and token counts of lines are kept from trial to trial: of one
haystack only the needle's lines are new. ``summarise`` has every stretch summarised without a word
of the question, and then asks the question of the summaries: what systems do that say they read a
million tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from niah.deliveries import (
    Body,
    Chunking,
    Embed,
    Parts,
    Steps,
    body_of,
    lines_of_needles,
    share_of_needles,
    share_of_values,
    shortened,
    with_text,
)
from niah.deliveries.token_table import TokenTable, unit
from niah.messages import Chunk
from niah.records import Prompt
from niah.text.ranking import Ranking, asked_part, terms_of
from niah.text.wording import wording_of

GAP = "[...]"  # between chunks that do not follow each other
RRF_CONSTANT = 60  # of reciprocal rank fusion (Cormack et al., 2009)
LEAST_SUMMARY = 64
LINE_TOKENS = 20  # of a usual line of a haystack
SHARE = 16  # a summary has a sixteenth of the tokens of its text
_MOST_KEPT = 200_000  # lines
Scores = npt.NDArray[np.float32]


class Retrieve:
    """The best chunks by one retriever: bm25, dense or rrf of both."""

    def __init__(self, retriever: str, parts: Parts) -> None:
        self._retriever = retriever
        self._parts = parts
        self._count = lru_cache(_MOST_KEPT)(lambda line: parts.tokenizer.count(line + "\n"))
        self._terms = lru_cache(_MOST_KEPT)(terms_of)
        self._table = TokenTable() if retriever != "bm25" and not parts.embeds else None

    def deliver(self, prompt: Prompt) -> Steps:
        body = body_of(prompt)
        if body is None:
            yield prompt
        else:
            yield (yield from self.shortened(prompt, body))

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        chunking = self._parts.chunking
        return (min(tokens, frame + chunking.count * (chunking.tokens + len(GAP))),)

    def shortened(self, prompt: Prompt, body: Body) -> Generator[Embed, Any, Prompt]:
        """The prompt with the best chunks only."""
        chunking = self._parts.chunking
        spans = spans_of([self._count(line) for line in body.lines], chunking)
        scores = yield from self._scores(prompt, body, [(first, stop) for first, stop, _ in spans])
        chunks = []
        for rank, i in enumerate(np.argsort(-scores, kind="stable"), 1):
            (first, stop, tokens), score = spans[i], round(float(scores[i]), 5)
            sent = rank <= chunking.count
            chunks.append(
                Chunk(first=first, stop=stop, tokens=tokens, rank=rank, score=score, sent=sent)
            )
        text = body.opening + "\n".join(_lines(body, chunks, _marks(prompt))) + body.closing
        ranks = [
            next((c.rank for c in chunks if c.first <= first and stop <= c.stop), None)
            for first, stop in lines_of_needles(prompt, body)
        ]
        held = [rank for rank in ranks if rank is not None]
        return shortened(
            prompt,
            text,
            self._parts.tokenizer,
            chunks=tuple(c for c in chunks if c.sent or c.rank in held),
            needle_rank=max(held, default=None) if len(held) == len(ranks) else None,
        )

    def _scores(
        self, prompt: Prompt, body: Body, spans: Sequence[tuple[int, int]]
    ) -> Generator[Embed, Any, Scores]:
        """One score for each chunk. Shape (chunks,)."""
        question = asked_part(prompt.planting.question)
        chunks = [body.lines[first:stop] for first, stop in spans]
        found: list[Scores] = []
        if self._retriever != "dense":
            terms = [[term for line in lines for term in self._terms(line)] for lines in chunks]
            found.append(Ranking(terms).scores(terms_of(question)))
        if self._table is not None:
            found.append(self._table.scores(question, chunks))
        elif self._retriever != "bm25":
            texts = (*map("\n".join, chunks), question)
            vectors = unit(np.asarray((yield Embed(texts)), np.float32))
            found.append(vectors[:-1] @ vectors[-1])  # cosines
        return found[0] if len(found) == 1 else fused(*found)


class Hybrid:
    """The chunks first; all of the text where the model says that they do not tell."""

    def __init__(self, retriever: str, parts: Parts) -> None:
        self._parts = parts
        self._retrieve = Retrieve(retriever, parts)

    def deliver(self, prompt: Prompt) -> Steps:
        body = body_of(prompt)
        if body is None:
            yield prompt
            return
        asked = self._parts.may_be_absent(prompt)
        body = replace(body, closing=asked.planting.closing)
        part = yield from self._retrieve.shortened(asked, body)
        answer = yield part
        if self._parts.says_not_there(answer, part) and part.delivered is not None:
            told = share_of_needles(prompt, prompt.text)
            whole = replace(part.delivered, tokens=prompt.tokens, needles=told)
            yield replace(prompt, delivered=whole)

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        return (*self._retrieve.call_tokens(tokens, frame), tokens)


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
        text = body.opening + "\n".join(filter(None, summaries)) + body.closing
        told = share_of_values(prompt, summaries)
        yield shortened(prompt, text, self._parts.tokenizer, needles=told)

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        chunking = self._parts.chunking
        new = chunking.tokens - chunking.overlap
        # whole lines seldom fill a chunk; two of them hold more than one
        least = max(1, new - LINE_TOKENS, new // 2)
        windows = max(1, -(-(tokens - frame) // least))
        window = min(tokens, chunking.tokens + frame)
        return (*[window] * windows, min(tokens, frame + windows * (self._room + 1)))

    def _map(self, prompt: Prompt, part: str) -> Prompt:
        """Asks for the summary of a part."""
        wording = wording_of(self._parts.language)
        opening = wording.text("summary.opening") + "\n\n"
        closing = "\n\n" + wording.text("summary.label")
        text = opening + part + closing
        planting = replace(prompt.planting, opening=opening, closing=closing)
        tokenizer, room = self._parts.tokenizer, self._room
        return with_text(prompt, text, tokenizer, reply_tokens=room, planting=planting)


def summary_tokens(chunking: Chunking) -> int:
    """The reply budget of a summary."""
    return max(LEAST_SUMMARY, chunking.tokens // SHARE)


def spans_of(counts: Sequence[int], chunking: Chunking) -> list[tuple[int, int, int]]:
    """First line, line behind the last, and tokens of each chunk: whole lines that fit, or one."""
    spans, first = [], 0
    while first < len(counts):
        stop, tokens = first, 0
        while stop < len(counts) and (stop == first or tokens + counts[stop] <= chunking.tokens):
            tokens += counts[stop]
            stop += 1
        spans.append((first, stop, tokens))
        if stop == len(counts):
            break
        first, again = stop, 0
        while first > spans[-1][0] + 1 and again + counts[first - 1] <= chunking.overlap:
            first -= 1
            again += counts[first]
    return spans


def fused(*scores: Scores) -> Scores:
    """Reciprocal rank fusion: the sum of 1 / (RRF_CONSTANT + rank). Shape as each of them."""
    both = np.zeros(len(scores[0]), np.float32)
    for some in scores:
        ranks = 1 + np.arange(len(both), dtype=np.float32)
        both[np.argsort(-some, kind="stable")] += 1 / (RRF_CONSTANT + ranks)
    return both


def _marks(prompt: Prompt) -> set[str]:
    """Lines that belong to what stands below them, such as times."""
    passage = prompt.planting.passage
    timed = {text for _, text in passage.marks} if passage else set()
    return timed | {mark.text for mark in prompt.planting.marks if mark.speaker is None}


def _lines(body: Body, chunks: Sequence[Chunk], marks: set[str]) -> Iterator[str]:
    """The lines of the chunks that are sent, in order, with a mark where some are left out."""
    kept = {line for chunk in chunks if chunk.sent for line in range(chunk.first, chunk.stop)}
    if marks:  # with the mark that each stands below
        for line in list(kept):
            kept.add(next((n for n in range(line, -1, -1) if body.lines[n] in marks), line))
    before = -1
    for line in sorted(kept):
        if line != before + 1:
            yield GAP
        yield body.lines[line]
        before = line
    if before != len(body.lines) - 1:
        yield GAP
