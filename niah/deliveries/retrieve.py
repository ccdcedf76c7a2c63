"""Retrieval: the best chunks of a haystack for the question, in the order of the text; and hybrid, which falls back.

``hybrid`` is Self-Route (Li et al., 2407.16833): the chunks first, with leave to say that they do not tell, and all of
the text where the model says so. Chunks stay in document order, as OP-RAG (Yu et al., 2409.01666) found best. Terms
and token counts of lines are kept from trial to trial: of one haystack only the needle's lines are new. ``summarise``
has every stretch summarised without a word of the question, and then asks the question of the summaries: what systems
do that say they read a million tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from niah.deliveries import Chunking, Embed, Parts, Steps, shortened
from niah.deliveries.body import Body, body_of, digest_of, lines_of_needles, share_of_needles, share_of_values
from niah.deliveries.token_table import TokenTable
from niah.messages import Chunk
from niah.records import Prompt
from niah.text.ranking import Ranking, asked_part, terms_of
from niah.text.wording import wording_of

GAP = "[...]"  # between chunks that do not follow each other
RRF_CONSTANT = 60  # of reciprocal rank fusion (Cormack et al., 2009)
LEAST_SUMMARY = 64
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
        spans = spans_of([self._count(line) for line in body.lines], self._parts.chunking)
        scores = yield from self._scores(prompt, body, [(first, stop) for first, stop, _ in spans])
        order = np.argsort(-scores, kind="stable")
        chunks = tuple(
            Chunk(first=spans[i][0], stop=spans[i][1], tokens=spans[i][2], rank=rank, score=round(float(scores[i]), 5),
                  sent=rank <= self._parts.chunking.count)
            for rank, i in enumerate(order, 1)
        )  # fmt: skip
        text = body.opening + "\n".join(_lines(body, chunks, _marks(prompt))) + body.closing
        holding = [[c for c in chunks if c.first <= a and b <= c.stop] for a, b in lines_of_needles(prompt, body)]
        found = {chunk.rank for held in holding for chunk in held[:1]}
        return shortened(
            prompt,
            text,
            self._parts.tokenizer,
            chunks=tuple(c for c in chunks if c.sent or c.rank in found),
            needle_rank=max(found) if found and all(holding) else None,
        )

    def _scores(self, prompt: Prompt, body: Body, spans: Sequence[tuple[int, int]]) -> Generator[Embed, Any, Scores]:
        """One score for each chunk. Shape (chunks,)."""
        question = asked_part(prompt.planting.question)
        by_words, by_sense = None, None
        if self._retriever != "dense":
            terms = [[term for line in body.lines[a:b] for term in self._terms(line)] for a, b in spans]
            by_words = Ranking(terms).scores(terms_of(question))
        if self._table is not None:
            by_sense = self._table.scores(question, [body.lines[a:b] for a, b in spans])
        elif self._retriever != "bm25":
            texts = ("\n".join(body.lines[a:b]) for a, b in spans)
            vectors = np.asarray((yield Embed((*texts, question))), np.float32)
            unit = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
            by_sense = unit[:-1] @ unit[-1]  # cosines
        if by_words is None or by_sense is None:
            return by_words if by_sense is None else by_sense  # type: ignore[return-value]  # one of them is there
        return fused(by_words, by_sense)


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
        part = yield from self._retrieve.shortened(asked, replace(body, closing=asked.planting.closing))
        answer = yield part
        if self._parts.says_not_there(answer, part) and part.delivered is not None:
            told = share_of_needles(prompt, prompt.text)
            yield replace(prompt, delivered=replace(part.delivered, tokens=prompt.tokens, needles=told))

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


def summary_tokens(chunking: Chunking) -> int:
    """The reply budget of a summary."""
    return max(LEAST_SUMMARY, chunking.tokens // SHARE)


def spans_of(counts: Sequence[int], chunking: Chunking) -> list[tuple[int, int, int]]:
    """First line, the line behind the last, and tokens of every chunk: as many whole lines as fit, one at least."""
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


def fused(*scores: Scores, constant: int = RRF_CONSTANT) -> Scores:
    """Reciprocal rank fusion: the sum of 1 / (constant + rank). Shape as each of them."""
    both = np.zeros(len(scores[0]), np.float32)
    for some in scores:
        both[np.argsort(-some, kind="stable")] += 1 / (constant + 1 + np.arange(len(both), dtype=np.float32))
    return both


def _marks(prompt: Prompt) -> set[str]:
    """Lines that belong to what stands below them, such as times."""
    passage = prompt.planting.passage
    timed = {text for _, text in passage.marks} if passage else set()
    return timed | {mark.text for mark in prompt.planting.marks if mark.speaker is None}


def _lines(body: Body, chunks: Sequence[Chunk], marks: set[str]) -> Iterator[str]:
    """The lines of the chunks that are sent, in order, with a mark where some are left out."""
    kept = {line for chunk in chunks if chunk.sent for line in range(chunk.first, chunk.stop)}
    if marks:
        above = (next((n for n in range(line, -1, -1) if body.lines[n] in marks), line) for line in kept)
        kept = kept.union(above)  # the mark that each stands below
    before = -1
    for line in sorted(kept):
        if line != before + 1:
            yield GAP
        yield body.lines[line]
        before = line
    if before != len(body.lines) - 1:
        yield GAP
