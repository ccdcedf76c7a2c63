"""What README and the pages say is so: commands run; pictures, links, flags and names are there.

A page's shell blocks run from top to bottom in an empty folder, through the command line itself. A
simulated reader stands for the model that a user would have, on a grid of a few cells; what needs a
server is parsed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import REPOSITORY, Ended, Niah

from niah.cli import COMMANDS, cli, main

DOCS = REPOSITORY / "docs"
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *DOCS.glob("*.md")])
TEXTS = [
    *PAGES,
    REPOSITORY / "CHANGELOG.md",
    REPOSITORY / "action.yml",
    *sorted((REPOSITORY / ".github").rglob("*.*m*")),
]
NAMES = [p.relative_to(REPOSITORY).as_posix() for p in PAGES]

READER = ["--provider", "simulated", "--model", "perfect"]
PAIRED = ["--lengths", "1k", "--depths", "0,50,100", "--epochs", "2", "--haystack-per", "trial"]
A_CELL = ["--lengths", "1k", "--depths", "50", "--epochs", "1"]
OF_A_MODEL = (
    "--provider",
    "--model",
    "--base-url",
    "--cache-marks",
    "--max-cost",
    "--max-minutes",
    "--claimed",
)
NEED_A_SERVER = {"view", "probe", "models", "judge", "collect", "batch"}  # or answers of one
INSTRUMENTS = {
    "ocr": "tesseract",
    "listener": "flite",
}  # providers that need a program, which may be missing
DECIDED = {"gate": (0, 1, 3)}  # a verdict on a few simulated trials is any of these
KNOWN = {"niah", "make", "pip", "export", "git", "python", "pytest", "cd", "."}

QUESTION = """
[[questions]]
question = "Which boat did Guest {guest} tell of?"
answer = "number {boat}"
quote = "Guest {guest} told of boat"
"""
PUBLISHED = {
    "model": "m",
    "context_length": 1_000,
    "depth_percent": 50.0,
    "score": 10,
    "needle": "n",
}
WRITTEN = {
    "results",
    "baselines",
    "data",
}  # folders that commands write into


def blocks(page: Path, kind: str) -> Iterator[str]:
    """The fenced blocks of a kind on a page."""
    yield from re.findall(
        rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S
    )


def commands(page: Path) -> Iterator[list[str]]:
    """Every command in the shell blocks of a page, without its comment."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if not set(word) <= set(";&|"):
                    words.append(word)
                elif words:
                    yield words
                    words = []


def parsed(words: list[str]) -> click.Context:
    """What click makes of a command of niah, without running it. Raises a UsageError."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, f"no command {words[0]}"
    return command.make_context(words[0], words[1:])


def without(words: list[str], *flags: str) -> list[str]:
    """The words without some flags and their values."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in flags:
            kept.append(word)
        skip = not skip and word in flags
    return kept


def with_a_reader(words: list[str]) -> list[str]:
    """A run by a simulated model instead of a real one, in one cell unless it is quick anyway."""
    if "--dry-run" in words or {"simulated", *INSTRUMENTS} & set(words):
        return words
    models = words[words.index("--model") + 1] if "--model" in words else ""
    several = ["--provider", "simulated", "--model", "perfect,blind"] if "," in models else READER
    grid = [] if "quick" in words[1:2] or "--prompts" in words else A_CELL
    return [*without(words, *OF_A_MODEL), *several, *grid]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the placeholders of the pages stand for."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "FOLDER").mkdir()
    text = "\n".join(
        f"({m:02}:00~{m + 1:02}:00) Guest {m} told of boat number {m * m}." for m in range(400)
    )
    (folder / "FOLDER/talk.txt").write_text(text, encoding="utf-8")
    (folder / "ROWS").write_text(
        json.dumps([{"prompt": "The code is 77.", "targets": ["77"]}]), encoding="utf-8"
    )
    (folder / "PATH").write_text(json.dumps([PUBLISHED]), encoding="utf-8")
    for name, guest in (("my-questions.toml", 17), ("hidden-questions.toml", 23)):
        (folder / name).write_text(QUESTION.format(guest=guest, boat=guest**2), encoding="utf-8")
    runs = [
        ["run", *READER, *PAIRED, "--name", name]
        for name in ("OLD", "NEW", "RUN", "look", "main", "demo")
    ]
    for words in [["haystack", "add", "FOLDER", "--name", "mine"], *runs]:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.chdir(folder)
            patch.setenv("XDG_DATA_HOME", str(folder / "data"))
            main(words)
        assert not ended.value.code
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_page_run_from_top_to_bottom(
    name: str, prepared: Path, niah: Niah
) -> None:
    shutil.copytree(prepared, Path(), dirs_exist_ok=True)
    there = {path.name for path in Path().iterdir()}
    for given in names_given(REPOSITORY / name):  # the page makes its own
        for folder in Path().glob(f"**/{given}"):
            shutil.rmtree(folder)
    for words in commands(REPOSITORY / name):
        if words[0] == "niah":
            ended = done(niah, words[1:])
            assert ended is None or went_well(words[1], ended), (words, ended.err)
    written = {path.name for path in Path().iterdir() if path.suffix not in (".toml", ".xml")}
    assert written <= there | WRITTEN


def went_well(command: str, ended: Ended) -> bool:
    """Whether a command did what its page says. Runs of one second are taken for copies."""
    return ended.exit_code in DECIDED.get(command, (0,)) or "is a copy of its baseline" in ended.err


def names_given(page: Path) -> set[str]:
    """The names of the runs that a page makes."""
    named = (words[words.index("--name") + 1] for words in commands(page) if "--name" in words)
    return {name for name in named if not name.startswith("-")}


def done(niah: Niah, words: list[str]) -> Ended | None:
    """How a command of a page ended; None where it needs a server and was only parsed."""
    if words[0] in NEED_A_SERVER:
        parsed(words)
        return None
    if words[0] == "run":
        parsed(words)  # as it stands on the page
        if any(
            shutil.which(program) is None for name, program in INSTRUMENTS.items() if name in words
        ):
            return None
        words = with_a_reader(words)
    if words[:2] == ["haystack", "remove"]:
        words = [*words, "--yes"]  # nobody is there to be asked
    if "gate.toml" in words and not Path("gate.toml").exists():
        assert niah("init", "gate").exit_code == 0
    for path in (Path(word) for word in words if word.startswith("baselines/")):
        assert path.exists() or niah("baseline", "save", path.stem).exit_code == 0
    return niah(*words)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_a_shell_block_is_a_command_that_is_known(name: str) -> None:
    assert {words[0] for words in commands(REPOSITORY / name)} <= KNOWN


@pytest.mark.parametrize("name", NAMES)
def test_make_is_asked_for_targets_that_there_are(name: str) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.M))
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.M)) <= targets


def named_commands(text: str) -> Iterator[list[str]]:
    """The words of every niah command in spans, blocks and workflows, up to the line's end."""
    for line in text.splitlines():
        for told in re.findall(r"(?:^|[`\s(])niah ([a-z][a-z-]+(?:[^`|#>&)]*))", line):
            words = told.split()
            if words[0] in COMMANDS:
                yield words


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_every_flag_that_is_named_beside_a_command_is_one_of_it(path: Path) -> None:
    for words in named_commands(path.read_text(encoding="utf-8")):
        flags = {match[0] for word in words if (match := re.match(r"--[a-z][a-z-]+", word))}
        assert flags <= flags_of(words), (path.name, words)


def flags_of(words: list[str]) -> set[str]:
    """The flags of a command, and of the one below it where there is one."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    if isinstance(command, click.Group) and len(words) > 1 and words[1] in command.commands:
        command = command.commands[words[1]]
    options = [o for p in command.params for o in (*p.opts, *p.secondary_opts)]
    return {*options, "--help"}


@pytest.mark.parametrize(
    "text, wrong", [("`niah run --palette cividis`", False), ("`niah run --colour blue`", True)]
)
def test_a_flag_that_is_not_there_is_seen(text: str, wrong: bool) -> None:
    (words,) = named_commands(text)
    assert ({word for word in words if word.startswith("--")} <= flags_of(words)) is not wrong


@pytest.mark.parametrize("name", NAMES)
def test_links_and_pictures_are_there(name: str) -> None:
    page = REPOSITORY / name
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_page_stands_in_the_navigation() -> None:
    navigation = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert {path.name for path in DOCS.glob("*.md")} <= set(re.findall(r"[a-z-]+\.md", navigation))


def test_pictures_are_small() -> None:
    assert not [
        p.name
        for p in (DOCS / "pictures").glob("*")
        if p.suffix != ".png" or p.stat().st_size > 60_000
    ]


def test_the_names_in_the_architecture_are_those_of_the_code() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z]+/)?[a-z_]+\.py):(\w+)`", text)
    assert len(named) > 20
    for path, name in named:
        code = (REPOSITORY / "niah" / path).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?(?:def|class) {name}\b", code, flags=re.M), (path, name)
    for path in re.findall(r"`(niah/[a-z./_]*)`", text):
        assert (REPOSITORY / path).exists(), path


@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if n != "docs/python.md"],  # which has tests of its own
)
def test_python_on_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(REPOSITORY / name, "python"):
        exec(compile(block, name, "exec"), {})  # noqa: S102  # what a reader of the page would do


@pytest.mark.slow
def test_the_pages_are_built_as_a_site_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    ended = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert 'src="pictures/example.png"' in index
    assert (tmp_path / "site" / "pictures" / "example.png").is_file()
    assert "//fonts." not in index  # nothing is fetched from elsewhere
