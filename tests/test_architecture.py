"""Imports point one way, and what must not exist does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SLOW_FILES, SLOW_TESTS

PACKAGE = Path(__file__).resolve().parents[1] / "niah"

# a room may import from itself, from the leaves, and from the rooms named here; the order is that
# of the house
LEAVES = {"messages", "records", "errors", "installation", "text"}
MAY_IMPORT = {
    "messages": set(),
    "records": {"messages"},
    "errors": set(),
    "installation": {"errors"},
    "text": {"errors"},
    "generator": LEAVES,
    "scorers": LEAVES,
    "tasks": LEAVES | {"generator", "scorers"},
    "providers": LEAVES | {"generator"},
    "deliveries": LEAVES | {"generator", "scorers", "tasks"},
    "experiment": LEAVES | {"generator", "scorers", "tasks", "providers", "deliveries"},
    "runlog": LEAVES | {"providers", "experiment"},
    "runner": (
        LEAVES
        | {"generator", "scorers", "tasks", "providers", "deliveries", "experiment", "runlog"}
    ),
    "verdict": LEAVES,
    "plotter": LEAVES | {"verdict"},
    "importers": LEAVES | {"scorers"},
    "runs": LEAVES | {"generator", "experiment", "runlog", "verdict"},
    "run": LEAVES | {"generator", "tasks", "experiment", "runlog", "verdict", "plotter", "runs"},
    "share": LEAVES | {"experiment", "providers", "runlog", "verdict", "plotter", "runs", "run"},
    "viewer": LEAVES | {"runlog", "plotter", "runs", "run", "share"},
    "templates": LEAVES | {"generator", "experiment", "verdict"},
    "doctor": LEAVES | {"generator", "providers", "experiment", "plotter", "runner"},
}
MAY_IMPORT["elsewhere"] = set(MAY_IMPORT) - {"templates", "doctor"}
MAY_IMPORT["batches"] = MAY_IMPORT["elsewhere"] | {"elsewhere"}
MAY_IMPORT["cluster"] = MAY_IMPORT["elsewhere"] | {"elsewhere"}
MAY_IMPORT["api"] = set(MAY_IMPORT) - {"templates", "doctor", "importers"}
MAY_IMPORT["studies"] = MAY_IMPORT["api"] | {"api"}
MAY_IMPORT["pytest_plugin"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = set(MAY_IMPORT)
MODULES = sorted(PACKAGE.rglob("*.py"))


def rooms_imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [
                f"{node.module}.{a.name}" if node.module == "niah" else node.module
                for a in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        for name in names:
            if name.startswith("niah."):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ("__init__", "__main__"):
        return
    allowed = MAY_IMPORT[room] | {room, "__version__"}
    assert set(rooms_imported(ast.parse(path.read_text(encoding="utf-8")))) <= allowed


def test_only_the_runner_and_the_transport_know_a_network_library() -> None:
    importing = {
        p.relative_to(PACKAGE).as_posix()
        for p in MODULES
        if "import httpx" in p.read_text(encoding="utf-8")
    }
    assert {p for p in importing if not p.startswith("runner/")} == {"providers/simulated.py"}


def test_no_pyplot_and_no_python_randomness_in_the_generator() -> None:
    text = {p: p.read_text(encoding="utf-8") for p in MODULES}
    assert not [
        p
        for p, t in text.items()
        if "import matplotlib.pyplot" in t or "from matplotlib import pyplot" in t
    ]
    assert not [
        p
        for p, t in text.items()
        if "import random" in t and p.parent.name in ("generator", "tasks")
    ]


def test_modules_and_functions_stay_short() -> None:
    long = [str(p) for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > 400]
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                    node.end_lineno or 0
                ) - node.lineno >= 50:
                    long.append(f"{path}:{node.lineno} {node.name}")
    assert not long


def test_every_test_that_is_called_slow_is_there() -> None:
    tests = Path(__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(tests.glob("test_*.py")))
    assert not [name for name in SLOW_TESTS if f"def {name}(" not in text]
    assert not [name for name in SLOW_FILES if not (tests / f"{name}.py").is_file()]
