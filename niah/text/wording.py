"""What niah says in each language: one TOML file a language, read here and nowhere else.

Sentences have blanks in braces. The same ``Form`` fills them and finds them again, so that what is
planted and what a reader of the text looks for cannot drift apart. Adding a language is one file
with the keys of the others: it is recognised as soon as its file is there, by the commonest words
that only it has; of Chinese scripts by such characters.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from niah.errors import UnknownName

FOLDER = Path(__file__).parents[1] / "tasks" / "wording"
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))  # that there is a file of
_HAN = r"\u3400-\u9fff"
_WORD = re.compile(rf"[{_HAN}]|[^\W\d_{_HAN}]+")
_CHINESE = re.compile(rf"[{_HAN}]")
_UNLESS_TOLD = ("en", "zh-Hant")  # where no word tells
T = TypeVar("T")


class Form:
    """A sentence with blanks: "The {a} is kept in the {b}." A blank may come twice, as the same."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = [(literal, blank) for literal, blank, _, _ in Formatter().parse(text)]
        self.blanks = frozenset(blank for _, blank in self._parts if blank)

    def fill(self, **blanks: str) -> str:
        return self.text.format(**blanks)

    def parse(self, text: str) -> dict[str, str] | None:
        """The words in the blanks of a text that is this form from end to end, else None."""
        match = re.fullmatch(self._pattern({}), text)
        return match.groupdict() if match else None

    def found_in(self, text: str, **known: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Every line in this form, in order: its place, and the words in its unknown blanks."""
        for match in re.finditer(f"^{self._pattern(known)}$", text, re.MULTILINE):
            yield match.start(), match.groupdict()

    def _pattern(self, known: Mapping[str, str]) -> str:
        pattern, seen = "", set[str]()
        for literal, blank in self._parts:
            pattern += re.escape(literal)
            if not blank:
                continue
            if blank in seen:
                pattern += f"(?P={blank})"
            elif blank in known:
                pattern += re.escape(known[blank])
            else:
                pattern += f"(?P<{blank}>.+?)"
                seen.add(blank)
        return pattern


@dataclass(frozen=True, eq=False)
class Wording:
    """The file of one language. Keys are written with dots: ``hops.question``."""

    language: str
    _table: Mapping[str, Any]

    def text(self, key: str) -> str:
        return str(self._at(key))

    def form(self, key: str) -> Form:
        return Form(self.text(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of sentences or names."""
        return tuple(self._at(key))

    def forms(self, key: str) -> tuple[Form, ...]:
        """All forms of a key that has one, or several."""
        said = self._at(key)
        return tuple(map(Form, [said] if isinstance(said, str) else said))

    def words(self, key: str) -> tuple[str, ...]:
        """A list written as one text, parted by white space."""
        return tuple(self.text(key).split())

    def rows(self, key: str) -> tuple[Mapping[str, str], ...]:
        """A list of tables."""
        return tuple(self._at(key))

    def _at(self, key: str) -> Any:
        here: Any = self._table
        for part in key.split("."):
            here = here[part]
        return here


class ByLanguage(Mapping[str, T]):
    """One thing of every language, read when it is looked at."""

    def __init__(self, read: Callable[[Wording], T]) -> None:
        self._read = cache(lambda language: read(wording_of(language)))

    def __getitem__(self, language: str) -> T:
        return self._read(language)

    def __iter__(self) -> Iterator[str]:
        return iter(LANGUAGES)

    def __len__(self) -> int:
        return len(LANGUAGES)


@cache
def wording_of(language: str) -> Wording:
    """The wording of a language. Raises UnknownName."""
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    text = (FOLDER / f"{language}.toml").read_text(encoding="utf-8")
    return Wording(language, tomllib.loads(text))


COMMON = ByLanguage(lambda wording: frozenset(wording.words("language.common")))


def language_of(text: str) -> str:
    """One of ``LANGUAGES``, or ``mixed`` where Chinese and Latin words weigh a quarter each."""
    words = Counter(_WORD.findall(text.casefold()))
    han = sum(count for word, count in words.items() if _CHINESE.match(word))
    latin = 2 * (words.total() - han)  # a Latin word says about as much as two Han characters
    share = han / max(1, han + latin)
    if 0.25 <= share < 0.75:
        return "mixed"

    def fit(language: str) -> tuple[bool, int, bool]:
        common = COMMON[language]
        right_script = bool(_CHINESE.match(min(common))) == (share >= 0.75)
        return right_script, sum(words[w] for w in common), language in _UNLESS_TOLD

    return max(LANGUAGES, key=fit)


def language_of_all(names: Sequence[str]) -> str:
    """The language of several texts: of Chinese in both scripts the more frequent, else mixed."""
    if len(set(names)) == 1:
        return names[0]
    if set(names) <= {"zh-Hant", "zh-Hans"}:
        return max(("zh-Hant", "zh-Hans"), key=names.count)
    return "mixed"
