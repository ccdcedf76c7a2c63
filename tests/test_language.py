"""A language is files: what it says, how its answers are read, its associations, and a haystack."""

from __future__ import annotations

import pytest

from niah.errors import HaystackError, UnknownName
from niah.generator.library import FILLERS, load_haystack, read_episodes, read_manifest
from niah.generator.synthetic import chapter, spoken
from niah.generator.tokenizers import tokenizer_of
from niah.scorers.words import grammars
from niah.tasks.meaning import ASSOCIATIONS
from niah.text.normalise import fold
from niah.text.numerals import located_numbers
from niah.text.wording import COMMON, LANGUAGES, language_of, language_of_all

HAYSTACKS = {language: language.lower() for language in LANGUAGES}


def test_every_grammar_has_the_rules_of_the_others() -> None:
    rules = {language: set(grammar) for language, grammar in grammars().items()}
    everything = set().union(*rules.values())
    assert {
        language: sorted(everything - own) for language, own in rules.items() if own != everything
    } == {}


def test_a_grammar_stands_for_every_language() -> None:
    assert set(grammars()) == {language.partition("-")[0] for language in LANGUAGES}


def test_every_grammar_has_an_example_where_english_has_one() -> None:
    shown = {rule for rule, data in grammars()["en"].items() if "example" in data}
    for language, grammar in grammars().items():
        assert (
            sorted(shown - {rule for rule, data in grammar.items() if "example" in data}) == []
        ), language


def test_every_language_has_associations_and_no_other() -> None:
    assert sorted(path.stem for path in ASSOCIATIONS.glob("*.toml")) == sorted(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_haystack_that_is_known_by_its_words(language: str) -> None:
    manifest = read_manifest(HAYSTACKS[language])
    assert manifest.language == language
    assert {e.language for e in manifest.episodes} == {language}
    assert {transcript.language for transcript in read_episodes(manifest)} == {language}
    assert (load_haystack([manifest.name], tokenizer_of("o200k_base")).tokens or 0) >= 8_000


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("So what do you think, is it the same as before?", "en"),
        ("Pues yo creo que es lo mismo de siempre, ¿no?", "es"),
        ("PERO QUE NO SE DIGA QUE ESTO ES TODO", "es"),
        ("Bueno, el podcast de hoy va de software open source y de cloud computing.", "es"),
        ("We drove from San Juan de la Cruz to El Paso, and then there was no one at all.", "en"),
        ("Hmm, ok.", "en"),
        ("我們今天來講一個故事", "zh-Hant"),
        ("我们今天来讲一个故事", "zh-Hans"),
        ("今天天氣不錯 so the weather is nice", "mixed"),
        ("", "en"),
    ],
)
def test_a_language_is_told_by_its_commonest_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_no_common_word_is_of_two_languages() -> None:
    words = [word for common in COMMON.values() for word in common]
    assert len(words) == len(set(words))


def test_texts_in_two_languages_are_mixed_together() -> None:
    assert language_of_all(["es", "en"]) == "mixed"
    assert language_of_all(["es", "es"]) == "es"


def test_there_is_no_made_up_speech_in_spanish_and_one_line_says_so() -> None:
    with pytest.raises(
        HaystackError,
        match=r"no synthetic:es.* en, zh-Hans, zh-Hant; use a haystack of transcripts",
    ):
        load_haystack(["synthetic:es"], tokenizer_of("o200k_base"))
    with pytest.raises(UnknownName, match="unknown synthetic language 'xx'"):
        chapter("xx", 0)
    assert "es" not in spoken()


@pytest.mark.parametrize("kind", FILLERS)
def test_haystacks_of_lines_speak_spanish(kind: str) -> None:
    haystack = load_haystack([f"{kind}:es"], tokenizer_of("o200k_base"))
    assert haystack.language == "es"
    assert haystack.unique_tokens() is not None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("siete millones cuatrocientos veintiún mil ochocientos treinta", [7421830]),
        ("siete millones cuatrocientos veintiun mil ochocientos treinta", [7421830]),
        ("Un millón dos mil tres", [1002003]),
        ("mil doscientos", [1200]),
        ("dos mil millones", [2_000_000_000]),
        ("treinta y dos", [32]),
        ("once mil", [11_000]),
        ("uno", []),  # an article, and English "once" is no eleven
        ("once", []),
        ("siete cuatro dos uno ocho tres cero", [7421830]),
        ("7.421.830", [7421830]),
        ("7 421 830", [7421830]),
        ("7'421,830", [7421830]),
        ("7,42 millones", [7, 7_420_000, 42]),
        ("seven million four hundred and twenty-one thousand eight hundred and thirty", [7421830]),
    ],
)
def test_numbers_are_read_as_spanish_speakers_write_them(text: str, values: list[int]) -> None:
    assert [value for value, _, _ in located_numbers(fold(text))] == values


@pytest.mark.parametrize("word", ["siete", "mil", "seven", "one hundred hundred", "dos millones"])
def test_number_words_without_end_are_a_loop_and_no_number(word: str) -> None:
    assert located_numbers(f"{word} " * 5_000) == []


def test_accents_make_no_difference_and_letters_do() -> None:
    assert fold("Múnich ESTÁ más allá, señor") == "munich esta mas alla, senor"
    assert fold("Mu\u0301nich") == fold("Múnich")
    assert fold("漢字 Zürich") == "汉字 zurich"
