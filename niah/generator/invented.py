"""The haystack without an end: synthetic speech, chapter after chapter, for lengths where no corpus is long enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from niah.errors import UnknownName
from niah.generator import synthetic
from niah.generator.block import Block, cached_block
from niah.generator.cache import code_digest, key_of
from niah.generator.draw import Draw
from niah.generator.haystack import Span
from niah.generator.leaks import Leaks
from niah.generator.tokenizers import Tokenizer


class Synthetic:
    """Speech of one language. A walk starts at a drawn chapter and never meets a sentence twice."""

    tokens = None

    def __init__(self, language: str, tokenizer: Tokenizer) -> None:
        if language not in synthetic.LANGUAGES:
            raise UnknownName("synthetic language", language, synthetic.LANGUAGES)
        self.name = f"synthetic:{language}"
        self.language = language
        vocabulary = Path(synthetic.__file__).parent / "vocabulary" / f"{language}.toml"
        self.digest = key_of(language, vocabulary.read_text(encoding="utf-8"), code_digest("synthetic"))
        self.leaks = Leaks(self.digest, lambda: "")  # its vocabulary holds no key and no long number: a test proves it
        self._tokenizer = tokenizer
        self._blocks: dict[int, Block] = {}

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """Chapter after chapter from a drawn one; another seed or epoch starts elsewhere."""
        number = Draw(seed, "synthetic", *coordinates).below(synthetic.CHAPTERS)
        while True:
            block = self._block(number)
            yield block, 0, len(block)
            number = (number + 1) % synthetic.CHAPTERS

    def _block(self, number: int) -> Block:
        if number not in self._blocks:
            parts = [self.digest, number]
            self._blocks[number] = cached_block(
                "synthetic", parts, lambda: [synthetic.chapter(self.language, number)], self._tokenizer
            )
        return self._blocks[number]
