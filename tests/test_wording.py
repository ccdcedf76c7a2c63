"""Wordings are data: every language says the same things, and a sentence that is filled can be
found again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niah.errors import UnknownName
from niah.text.wording import FOLDER, LANGUAGES, Form, wording_of

OPENINGS = {"hint", "hints", "opening", "speech"}
WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(
    lambda text: len(text.splitlines()) == 1
)


def leaves(table: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every sentence with its key; those of a list share one."""
    if isinstance(table, str):
        yield key, table
    elif isinstance(table, list):
        for item in table:
            yield from leaves(item, key)
    else:
        for name, inner in table.items():
            yield from leaves(inner, f"{key}.{name}" if key else name)


def blanks_by_key(language: str) -> dict[str, set[frozenset[str]]]:
    found: dict[str, set[frozenset[str]]] = {}
    for key, text in leaves(wording_of(language)._table):
        found.setdefault(key, set()).add(Form(text).blanks)
    return found


def test_there_is_a_file_for_every_language_and_no_other() -> None:
    with pytest.raises(UnknownName, match="did you mean 'en'"):
        wording_of("eng")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_all_languages_have_the_same_keys_with_the_same_blanks(language: str) -> None:
    assert blanks_by_key(language) == blanks_by_key("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_found_where_it_was_filled(language: str) -> None:
    for key, text in leaves(wording_of(language)._table):
        form = Form(text)
        if "\n" not in text:
            line = form.fill(**{blank: f"({blank})" for blank in form.blanks})
            found = form.parse(line)
            assert found is not None, key
            assert form.fill(**found) == line  # two blanks side by side may be parted elsewhere


@given(key=WORDS, value=WORDS)
def test_what_was_filled_in_is_found_again(key: str, value: str) -> None:
    form = Form("<{key}> is (not) <{value}>, said <{key}>.*")
    line = form.fill(key=key, value=value)
    assert next(form.found_in(f"before\n{line}\nbehind", key=key)) == (7, {"value": value})
    assert not form.parse(f"{line}\n")
    if not {"<", ">"} & set(key + value):
        assert form.parse(line) == {"key": key, "value": value}


def test_lines_that_only_look_like_a_form_are_not_found() -> None:
    form = Form("{key} is {value}.")
    text = "Oslo is 1.\nthe Oslo is 2.\nOslo is 3\nOslo is 4! \nOslo is 5."
    assert [blanks["value"] for _, blanks in form.found_in(text, key="Oslo")] == ["1", "5"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_opening_holds_a_digit_that_could_be_copied_as_an_answer(language: str) -> None:
    said = [
        (k, t) for k, t in leaves(wording_of(language)._table) if k.rpartition(".")[2] in OPENINGS
    ]
    assert {key.rpartition(".")[2] for key, _ in said} == OPENINGS
    assert not [key for key, text in said if re.search(r"\d", text)]


def test_every_key_is_read_by_some_module() -> None:
    read = [*sorted(FOLDER.parents[1].rglob("*.py")), FOLDER.parent / "tasks.toml"]
    source = "".join(p.read_text(encoding="utf-8") for p in read)
    words = set(re.findall(r"\w+", source))
    assert not [key for key in blanks_by_key("en") if key.rpartition(".")[2] not in words]
