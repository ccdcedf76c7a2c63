"""The cache makes starts fast and is never trusted: damaged or stale files are made again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from niah.generator.cache import cached
from niah.generator.haystack import PARSER_VERSION, SEARCH_VERSION, Corpus, Haystack
from niah.generator.library import load_haystack
from niah.generator.tokenizers import _seed_cache, tokenizer_of
from niah.generator.transcripts import read_transcript
from niah.records import Transcript


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tokenizer_of("o200k_base").count(
        "x"
    )  # its vocabulary lies in the folder that the environment names by now
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "niah"


def test_two_threads_may_unpack_a_vocabulary_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    both, replace = Barrier(2), Path.replace

    def together(path: Path, target: Path) -> Path:
        both.wait(60)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_seed_cache, ["cl100k_base"] * 2))
    assert len(list((tmp_path / "tiktoken").iterdir())) == 1


def made(log: list[int]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    log.append(1)
    return {
        "a": np.arange(1_000, dtype=np.int64),
        "b": np.frombuffer("文字".encode(), dtype=np.uint8).astype(np.int64),
    }


def test_arrays_are_made_once_and_mapped_afterwards() -> None:
    log: list[int] = []
    first, second = (cached("kind", "key", lambda: made(log)) for _ in range(2))
    assert log == [1]
    for name in ("a", "b"):
        assert np.array_equal(first[name], second[name])
        assert isinstance(second[name], np.memmap)


def stored(own_cache: Path, name: str) -> Path:
    [folder] = (own_cache / "kind").iterdir()
    return folder / name


@pytest.mark.parametrize("name", ["a.npy", "b.npy", "checksums.json"])
@pytest.mark.parametrize("place", [0, 3, 15, -1])
def test_a_changed_byte_anywhere_is_noticed(own_cache: Path, name: str, place: int) -> None:
    log: list[int] = []
    cached("kind", "key", lambda: made(log))
    path = stored(own_cache, name)
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    assert np.array_equal(cached("kind", "key", lambda: made(log))["a"], np.arange(1_000))
    assert log == [1, 1]


@pytest.mark.parametrize("name", ["a.npy", "checksums.json"])
@pytest.mark.parametrize("size", [0, 10, 16])
def test_a_cut_file_is_made_again(own_cache: Path, name: str, size: int) -> None:
    log: list[int] = []
    cached("kind", "key", lambda: made(log))
    path = stored(own_cache, name)
    os.truncate(path, size)
    assert np.array_equal(cached("kind", "key", lambda: made(log))["a"], np.arange(1_000))
    assert log == [1, 1]


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(own_cache: Path) -> None:
    own_cache.write_text("a file in the way")
    log: list[int] = []
    for _ in range(2):
        assert cached("kind", "key", lambda: made(log))["a"].size == 1_000
    assert log == [1, 1]


def haystack() -> Corpus:
    found: Haystack = load_haystack(["en", "zh-hant"], tokenizer_of("o200k_base"))
    assert isinstance(found, Corpus)
    return found


def test_a_cached_haystack_is_the_same_haystack(monkeypatch: pytest.MonkeyPatch) -> None:
    first = haystack()
    numbers, held = first.leaks.numbers, first.leaks.held(["Lisbon", "harbour", "石頭"])

    def refuse(*arguments: object) -> None:
        raise AssertionError("parsed or counted again")

    monkeypatch.setattr("niah.generator.library.read_transcript", refuse)
    monkeypatch.setattr("niah.generator.haystack._counted", refuse)
    monkeypatch.setattr("niah.generator.haystack.fold", refuse)
    again = haystack()
    assert again.digest == first.digest
    assert again.name == "en+zh-hant"
    for a, b in zip(first.blocks, again.blocks, strict=True):
        assert a.episodes == b.episodes
        for field in ("utf8", "byte_offsets", "token_offsets", "start_s", "end_s"):
            assert np.array_equal(getattr(a, field), getattr(b, field), equal_nan=True)
    assert (again.leaks.numbers, again.leaks.held(["Lisbon", "harbour", "石頭"])) == (numbers, held)


@pytest.mark.slow
def test_another_tokenizer_or_another_parser_is_another_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    o200k = haystack().tokens
    other = load_haystack(["en", "zh-hant"], tokenizer_of("cl100k_base"))
    assert other.tokens is not None
    assert other.tokens > o200k
    monkeypatch.setattr("niah.generator.haystack.PARSER_VERSION", -1)
    read: list[Path] = []

    def watched(path: Path) -> Transcript:
        read.append(path)
        return read_transcript(path)

    monkeypatch.setattr("niah.generator.library.read_transcript", watched)
    assert haystack().tokens == o200k
    assert len(read) == 5


def test_two_processes_may_build_it_at_once(own_cache: Path) -> None:
    code = (
        "from niah.generator.library import load_haystack\nfrom niah.generator.tokenizers import"
        " tokenizer_of\nh = load_haystack(['en', 'zh-hans'],"
        " tokenizer_of('o200k_base'))\nprint(h.tokens, h.digest)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(own_cache.parent)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    printed = {p.communicate()[0] for p in processes}
    assert len(printed) == 1
    assert [p.returncode for p in processes] == [0, 0, 0]
    assert not [
        f for f in own_cache.rglob("*") if f.is_file() and f.suffix not in (".npy", ".json")
    ]


def test_what_the_cache_holds_changes_only_with_its_version() -> None:
    """A change of parsers, folding or search that forgets to raise its version would serve stale
    text for ever."""
    found = haystack()
    held = found.leaks.held(["Lisbon", "harbour", "石頭", "tide", "magic number"])
    arrays = [
        np.asarray(getattr(b, f)).tobytes()
        for b in found.blocks
        for f in ("utf8", "byte_offsets", "start_s", "end_s", "begins")
    ]
    parsed = hashlib.sha256(b"".join(arrays)).hexdigest()[:12]
    searched = hashlib.sha256(
        repr((sorted(held), sorted(found.leaks.numbers))).encode()
    ).hexdigest()[:12]
    assert {PARSER_VERSION: parsed} == {2: "182c1115cf18"}
    assert {SEARCH_VERSION: searched} == {2: "c49a032b264c"}
