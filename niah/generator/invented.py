"""The haystack without an end: synthetic speech, chapter after chapter, for lengths where no corpus is long enough."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakValueDictionary

from niah.generator import grammar, synthetic
from niah.generator.cache import key_of
from niah.generator.collisions import Leaks
from niah.generator.haystack import Span
from niah.generator.tokenized import TokenizedText, block_of, cached_block
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment, Transcript
from niah.text.seeded import Draw


class Synthetic:
    """Speech of one language. A walk starts at a drawn chapter and never meets a sentence twice."""

    tokens = None

    def __init__(self, language: str, tokenizer: Tokenizer, *, keep: bool) -> None:
        """``keep``: store chapters in the cache, for walks that are taken again."""
        self.name = f"synthetic:{language}"
        self.language = language
        words = grammar.vocabulary_file(language).read_text(encoding="utf-8")
        self.digest = key_of(language, words, synthetic.VERSION)
        self.leaks = Leaks(self.digest, lambda: words)  # every word that it can say
        self._tokenizer = tokenizer
        self._keep = keep
        self._blocks: WeakValueDictionary[int, TokenizedText] = (
            WeakValueDictionary()
        )  # for as long as a tour holds them

    def unique_tokens(self) -> None:
        """Without an end."""

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """Chapter after chapter of one season from a drawn one; another seed or epoch starts elsewhere."""
        number = Draw(seed, "synthetic", *coordinates).below(synthetic.CHAPTERS)
        while True:
            block = self._block(number)
            yield block, 0, len(block)
            number = self.following(number)

    @staticmethod
    def following(number: int) -> int:
        """The next chapter of the same season."""
        season, inside = divmod(number, synthetic.SEASON)
        return season * synthetic.SEASON + (inside + 1) % synthetic.SEASON

    def _block(self, number: int) -> TokenizedText:
        block = self._blocks.get(number)
        if block is None:
            block = self._made(number)
            self._blocks[number] = block
        return block

    def _made(self, number: int) -> TokenizedText:
        if self._keep:
            parts = [self.digest, number]
            return cached_block("synthetic", parts, lambda: [self._segments(number)], self._tokenizer, mapped=False)
        episode = Transcript(name=str(number), form="text", language=self.language, segments=self._segments(number))
        return block_of([episode], self._tokenizer)

    def _segments(self, number: int) -> tuple[Segment, ...]:
        return synthetic.chapter(self.language, number)
