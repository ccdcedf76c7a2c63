"""README's commands do what README says, from top to bottom, in an empty folder; and nothing installs a stranger."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import REPOSITORY, Niah

from niah.cli import COMMANDS, cli

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import example

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
READER = ("--provider", "simulated", "--model", "perfect")
OLD_AND_NEW = ["--lengths", "1k,2k", "--depths", "0,50,100", "--epochs", "5", "--haystack-per", "trial"]
LOOKING = {"show", "plot", "score", "report", "compare", "baseline", "tasks", "providers", "haystack", "init"}
DECIDED = {"gate": (0, 3)}  # the verdict of a run against its equal is either


def commands() -> Iterator[list[str]]:
    """Every line of README's shell blocks that calls niah, without its comment."""
    for block in re.findall(r"^```sh\n(.*?)^```", README, flags=re.M | re.S):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["niah"]:
                yield words[1:]


def without(words: list[str], *flags: str) -> list[str]:
    """The words without some flags and their values."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in flags:
            kept.append(word)
        skip = not skip and word in flags
    return kept


def parse(words: list[str]) -> None:
    """What click makes of a command, without running it. Raises a UsageError."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, f"no command {words[0]}"
    command.make_context(words[0], words[1:], resilient_parsing=False)


def prepare(niah: Niah) -> None:
    """What README's placeholders stand for: a folder of transcripts, two runs, another tool's results."""
    Path("FOLDER").mkdir()
    text = "\n".join(f"({m:02}:00~{m + 1:02}:00) Guest {m} told of boat number {m * m}." for m in range(60))
    Path("FOLDER/talk.txt").write_text(text, encoding="utf-8")
    for name in ("OLD", "NEW"):
        assert niah("run", *READER, *OLD_AND_NEW, "--name", name).exit_code == 0


@pytest.mark.slow
def test_the_commands_of_the_readme_run_from_top_to_bottom(niah: Niah) -> None:
    prepare(niah)
    for words in commands():
        words = [trial_of(niah) if w == "TRIAL" else w for w in words]
        name = words[0]
        if name == "init" and name not in COMMANDS:
            Path("gate.toml").write_text("min_recall = 0.9\n", encoding="utf-8")
            continue
        if name == "probe":
            parse(words)  # it needs a server
            continue
        if name == "run":
            parse(words)
            words = [*without(words, "--provider", "--model", "--base-url", "--cache", "--max-cost"), *reader(words)]
            if "openai-128k" in words:
                words += ["--lengths", "1k", "--depths", "50", "--task", "single"]
        ended = niah(*words)
        assert ended.exit_code in DECIDED.get(name, (0,)), (words, ended.err)
    assert Path("results/look/heatmap.png").is_file()
    assert Path("baselines/OLD.json").is_file()
    written = {path.parts[0] for path in Path().rglob("*") if path.is_file()}
    assert written <= {"FOLDER", "results", "baselines", "gate.toml", "data"}  # of these, a clone tracks none


def reader(words: list[str]) -> list[str]:
    """The simulated reader that README names, or a perfect one."""
    model = words[words.index("--model") + 1] if "simulated" in words else "perfect"
    return ["--provider", "simulated", "--model", model]


def trial_of(niah: Niah) -> str:
    listed = niah("show", "look").out.splitlines()
    return next(w for line in listed for w in line.split() if re.fullmatch(r"[0-9a-f]{16}", w))


def test_the_readme_names_no_command_of_make_that_is_not_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert set(re.findall(r"^make ([a-z-]+)", README, flags=re.M)) | {"example", "quick", "dist"} <= targets


def test_the_caption_of_the_picture_says_what_the_shipped_run_says() -> None:
    assert example.with_caption(README) == README
    assert example.caption().replace("\n", " ") in README.replace("\n", " ")


def test_the_shipped_run_shows_that_the_middle_is_lost() -> None:
    middle = example.figures().middle
    assert middle is not None
    assert middle.low > 0
    assert "The model loses the middle" in example.caption()


def test_the_readme_links_to_what_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (REPOSITORY / target).exists(), target


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
    assert not [(path.name, line) for path, line in lines_of_the_project() if installs_a_stranger(line)]
