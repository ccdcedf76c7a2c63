"""Help in sections, an example for every command, one voice for what is wrong, completion for the
shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from conftest import Niah
from runs import header, run

from niah.cli import COMMANDS, SECTIONS, cli
from niah.cli.help import EXAMPLES
from niah.experiment.config import RunConfig, key_sections, shipped_configs
from niah.templates import LIMIT_SECTIONS
from niah.verdict.gate_config import GateConfig

PERFECT = ("--provider", "simulated", "--model", "perfect")


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}".strip(), command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}".strip())


ALL = dict(commands(cli))


def test_every_command_stands_in_one_section_of_the_help(niah: Niah) -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)
    out = niah("--help").out
    assert [title for title in SECTIONS if f"\n{title}:\n" in out] == list(SECTIONS)


def test_every_key_and_every_gate_stands_in_one_section() -> None:
    """A new one must be placed, so that help and templates show it where people look."""
    assert sorted(key for keys in key_sections().values() for key in keys) == sorted(
        RunConfig.model_fields
    )
    assert sorted(key for keys in LIMIT_SECTIONS.values() for key in keys) == sorted(
        GateConfig.model_fields
    )


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_an_example_that_can_be_parsed(path: str) -> None:
    assert EXAMPLES[path]
    for example in EXAMPLES[path]:
        words = shlex.split(example)
        assert words[0] == "niah"
        command: click.Command = cli
        context = click.Context(cli, info_name="niah")
        words = words[1:]
        while isinstance(command, click.Group):
            inner = command.get_command(context, words[0])
            assert inner is not None, example
            command, words = inner, words[1:]
        command.make_context(
            command.name, words, parent=context
        )  # raises for an option that is not there


@pytest.mark.parametrize("path", ALL)
def test_help_fits_80_columns_and_cuts_no_sentence(
    niah: Niah, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = niah(*path.split(), "--help")
    assert ended.exit_code == 0
    lines = [line for line in ended.out.splitlines() if not line.startswith("Usage:")]
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...")]


def test_help_of_a_run_names_every_shipped_config_and_speaks_as_people_write(niah: Niah) -> None:
    out = " ".join(niah("run", "--help").out.split())
    assert f"shipped one: {', '.join(shipped_configs())}." in out
    for words in (
        "[default: 16M]",
        "[default: 1k,2k,4k,8k]",
        "[default: 0,25,50,75,100]",
        "[number|word|uuid]",
    ):
        assert words in out
    assert [title for title in key_sections() if f" {title}: --" in out] == list(key_sections())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("rum",), "no command 'rum'; did you mean 'run'? (see: niah --help)"),
        (("xyzzy",), "no command 'xyzzy' (see: niah --help)"),
        (("haystack", "lst"), "no command 'lst'; did you mean 'list'? (see: niah haystack --help)"),
        (
            ("run", "--lenghts", "1k"),
            "no option --lenghts; did you mean '--lengths'? (see: niah run --help)",
        ),
        (("gate",), "RUN is missing (see: niah gate --help)"),
        (("judge", "r"), "--provider is missing (see: niah judge --help)"),
        (
            ("run", *PERFECT, "--limit", "0"),
            "--limit: 0: use a whole number of 1 or more (see: niah run --help)",
        ),
        (("run", "--limit", "x"), "--limit: 'x' is not a valid integer (see: niah run --help)"),
        (("plot", "r", "--palette", "blue"), "--palette: 'blue' is not one of"),
        (
            ("init", "everything"),
            "KIND: 'everything' is not one of 'run', 'gate', 'suite', 'questions'",
        ),
        (
            ("tasks", "single", "double"),
            "got unexpected extra argument (double) (see: niah tasks --help)",
        ),
        (("run", "--model"), "--model needs a value (see: niah"),
    ],
)
def test_a_wrong_command_line_is_one_line_in_one_voice(
    niah: Niah, arguments: tuple[str, ...], line: str
) -> None:
    ended = niah(*arguments)
    assert (ended.exit_code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith(f"niah: {line}")


def test_a_group_alone_prints_its_help(niah: Niah) -> None:
    for arguments in ((), ("haystack",), ("baseline",)):
        ended = niah(*arguments)
        assert (ended.exit_code, "Usage: niah" in ended.err) == (2, True)


@pytest.mark.parametrize("key", ["task", "haystack"])
def test_an_unknown_name_lists_a_few_and_says_how_many_more(niah: Niah, key: str) -> None:
    assert (
        "did you mean"
        in niah("plan", *PERFECT, f"--{key}", {"task": "singel", "haystack": "zh-hnat"}[key]).err
    )
    Path("c.toml").write_text('lenghts = "1k"\n')
    err = niah("plan", "c.toml").err
    assert "did you mean 'lengths'?" in err
    assert len(err) < 160
    Path("c.toml").write_text('xxxxxxxxxx = "1k"\n')
    assert re.search(r"'xxxxxxxxxx' \(\d+ others are known\)", niah("plan", "c.toml").err)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("niah ju", {"judge"}),
        ("niah run --task mul", {"multikey", "multiquery", "multivalue"}),
        ("niah run de", {"demo"}),
        ("niah run --suite qu", {"quick"}),
        ("niah run --provider anthr", {"anthropic"}),
        ("niah run --provider simulated --model perfect,bl", {"perfect,blind"}),
        ("niah run --value-kind u", {"uuid"}),
        ("niah run --order sh", {"shuffled"}),
        ("niah run --haystack zh-ha", {"zh-hans", "zh-hant"}),
        ("niah report mi", {"mine"}),
        ("niah show mi", {"mine"}),
        ("niah compare mi", {"mine"}),
        ("niah tasks up", {"update"}),
        ("niah init qu", {"questions"}),
    ],
)
def test_the_shell_completes_names(niah: Niah, words: str, offered: set[str]) -> None:
    run(Path("results/mine"), header(epochs=1))
    *before, begun = words.split()[1:]
    found = ShellComplete(cli, {}, "niah", "_NIAH_COMPLETE").get_completions(before, begun)
    assert {item.value for item in found} == offered


def test_completion_answers_a_real_shell(tmp_path: Path) -> None:
    asked = {"COMP_WORDS": "niah ju", "COMP_CWORD": "1", "_NIAH_COMPLETE": "bash_complete"}
    command = [sys.executable, "-m", "niah"]
    environment = {**os.environ, **asked}
    printed = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "plain,judge\n"


@pytest.mark.slow
def test_a_reader_that_hangs_up_is_no_verdict(tmp_path: Path) -> None:
    """Exit 1 would read as fail."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "niah", "build", "--lengths", "1k,2k", "--depths", "0:100:5"]
    ended = subprocess.run(
        command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert ended.returncode == 141
    assert "Traceback" not in ended.stderr


def test_a_task_is_told_from_what_is_installed(niah: Niah) -> None:
    out = niah("tasks", "multikey").out
    assert "--distractor-count" in out
    assert "reply budget" in out
    listed = niah("tasks")
    assert "docs/" not in listed.out + listed.err  # which a wheel does not hold
    for command in re.findall(r"niah (tasks|show) (?:--task )?NAME", listed.err):
        arguments = (
            ("tasks", "single")
            if command == "tasks"
            else ("show", "--task", "single", "--length", "500")
        )
        assert niah(*arguments).exit_code == 0
    assert "did you mean 'multikey'" in niah("tasks", "mulikey").err
    flags = {flag for param in ALL["run"].params for flag in param.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", listed.out)) <= flags


@pytest.mark.parametrize(("named", "said"), [((), True), (PERFECT, False), (("demo",), False)])
def test_a_run_says_first_that_the_embedded_model_answers_where_none_is_named(
    niah: Niah, named: tuple[str, ...], said: bool
) -> None:
    first, *_ = [
        *niah("run", *named, "--lengths", "500", "--depths", "50", "--dry-run").err.splitlines(),
        "",
    ]
    assert first.startswith("no model is named: the embedded gemma3-270m") == said


def test_list_as_json_is_a_line_a_run(niah: Niah) -> None:
    niah("run", *PERFECT, "--lengths", "500", "--depths", "0,50", "--name", "r")
    (line,) = niah("list", "--json").out.splitlines()
    table = json.loads(line)
    assert (table["name"], table["mean"], table["n"], table["planned"]) == ("r", 1.0, 2, 2)
