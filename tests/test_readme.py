"""README's picture has the caption of its run, and nothing installs a stranger. Commands:
test_documents.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import example

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_caption_of_the_picture_says_what_the_shipped_run_says() -> None:
    assert example.with_caption(README) == README
    assert example.caption().replace("\n", " ") in README.replace("\n", " ")


def test_the_shipped_run_shows_that_the_middle_is_lost() -> None:
    middle = example.figures().middle
    assert middle is not None
    assert middle.low > 0
    assert "The model loses the middle" in example.caption()


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 150


def lines_of_the_project() -> Iterator[tuple[Path, str]]:
    for pattern in (
        "*.md",
        "docs/*.md",
        "benchmarks/*",
        "niah/**/*.py",
        "action.yml",
        ".github/**/*",
        "Makefile",
        ".ci/*",
    ):
        for path in sorted(REPOSITORY.glob(pattern)):
            if path.is_file():
                for line in path.read_text(encoding="utf-8").splitlines():
                    yield path, line


def installs_a_stranger(line: str) -> bool:
    """Whether a line tells to install the name on the package index that is not ours."""
    told = re.findall(r"(?:(?:pip3?|pipx|uv pip|uv tool) install|uvx)\b([^`#&;|]*)", line)
    words = [word.strip("'\",.)") for text in told for word in text.split()]
    return "'niah[" in line or any(re.fullmatch(r"niah(\[.*|==.*)?", word) for word in words)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install niah", True),
        ("pip install --quiet niah  # comment", True),
        ("run `pip install 'niah[local]'`", True),
        ("needs the package: pip install 'niah[hf]'", True),
        ("uvx niah plan", True),
        ("pip install -U niah==1.0", True),
        ("pip install 'niah-eval[local] @ git+https://host/niah.git'", False),
        ("pip install -e '.[local]' && niah run demo", False),
        ("pip install of plain niah", True),
        ("pip install -e '/path/to/niah[local]'", False),
        ("uvx niah-eval plan", False),
    ],
)
def test_lines_that_install_a_stranger_are_told_from_others(line: str, wrong: bool) -> None:
    assert installs_a_stranger(line) is wrong


def test_nothing_tells_to_install_the_name_that_is_a_strangers() -> None:
    assert not [
        (path.name, line) for path, line in lines_of_the_project() if installs_a_stranger(line)
    ]
