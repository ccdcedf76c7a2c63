"""Install hints hold where they are said, a command niah that is another's is named, wheel and
sdist are whole."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from conftest import REPOSITORY

from niah import installation
from niah.installation import DISTRIBUTION, install_hint, script_warning

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
CHECKOUT = {"url": REPOSITORY.as_uri(), "dir_info": {"editable": True}}
GIT = {
    "url": "https://host/team/niah.git",
    "vcs_info": {"vcs": "git", "commit_id": "a1", "requested_revision": "v1"},
}


@pytest.mark.parametrize(
    ("origin", "inside", "hint"),
    [
        (CHECKOUT, True, "-e '.[local]'"),
        (CHECKOUT, False, f"-e '{REPOSITORY}[local]'"),
        ({**CHECKOUT, "dir_info": {}}, False, f"'{REPOSITORY}[local]'"),
        (GIT, False, "'niah-eval[local] @ git+https://host/team/niah.git@v1'"),
        (
            {"url": "https://host/niah.whl", "archive_info": {}},
            False,
            "'niah-eval[local] @ https://host/niah.whl'",
        ),
        ({"url": "file:///gone/niah.whl", "archive_info": {}}, False, "'niah-eval[local]'"),
        ({}, False, "'niah-eval[local]'"),
    ],
)
def test_a_hint_names_the_place_that_niah_came_from(
    origin: dict[str, object],
    inside: bool,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installation, "_origin", lambda: origin)
    monkeypatch.chdir(REPOSITORY if inside else tmp_path)
    assert install_hint("local") == f"{installation.pip_install()} {hint}"


def test_a_hint_is_for_this_python_even_where_its_environment_is_not_activated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert installation.pip_install() == f"{sys.executable} -m pip install"
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert installation.pip_install() == "pip install"
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "pip" else real(name)
    )
    assert installation.pip_install().startswith("uv pip install --python ")


def test_every_hint_names_an_extra_that_there_is() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    for path in sorted((REPOSITORY / "niah").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for part in text.split("install_hint(")[1:]:
            name = part.split(")")[0].strip("\"'")
            assert name in {*extras, "", "self", "extra", "*extras: str"}, (path.name, name)
        if path.name != "installation.py":
            assert "pip install" not in text, path.name


def test_a_command_that_another_package_overwrote_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert script_warning() is None  # there is none at all
    script = tmp_path / "niah"
    script.write_text("#!python\nfrom niah.cli import main\nmain()\n")
    assert script_warning() is None
    script.write_text("#!python\nfrom needlehaystack.run import main\nmain()\n")
    said = script_warning() or ""
    assert "belongs to another package" in said
    assert "'niah-eval' or 'python -m niah'" in said
    site = tmp_path / "needlehaystack-2.0.0.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: needlehaystack\nVersion: 2.0.0\n")
    (site / "entry_points.txt").write_text("[console_scripts]\nniah = needlehaystack.run:main\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "belongs to needlehaystack 2.0.0" in (script_warning() or "")


def test_the_warning_stands_before_the_output_of_python_m_niah(tmp_path: Path) -> None:
    code = (
        "import sys, sysconfig, runpy\n"
        f"sysconfig.get_path = lambda name: {str(tmp_path)!r}\n"
        "sys.argv = ['niah/__main__.py', '--version']\n"
        "runpy.run_module('niah', run_name='__main__', alter_sys=False)\n"
    )
    (tmp_path / "niah").write_text("another's")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.startswith("niah: the command 'niah' in ")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout.startswith("niah, version")


def test_the_addresses_of_the_repository_agree() -> None:
    urls = PYPROJECT["project"]["urls"]
    replacements = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"][
        "substitutions"
    ]
    for address in (*urls.values(), *(r["replacement"].split("](")[1] for r in replacements)):
        assert address.startswith(urls["Repository"])
    assert PYPROJECT["project"]["name"] == DISTRIBUTION
    assert set(PYPROJECT["project"]["scripts"]) == {"niah", "niah-eval"}
    assert len(set(PYPROJECT["project"]["scripts"].values())) == 1
    assert any(c.startswith("Operating System ::") for c in PYPROJECT["project"]["classifiers"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, built without a network."""
    for name in ("hatchling", "hatch_fancy_pypi_readme", "twine"):
        pytest.importorskip(name, reason="the extra 'dev' is not installed")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    return folder


@pytest.mark.slow
def test_wheel_and_sdist_hold_what_they_should_and_render_on_an_index(built: Path) -> None:
    files = sorted(str(p) for p in built.iterdir())
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    wheel = next(built.glob("niah_eval-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        head, _, description = (
            archive.read(next(n for n in names if n.endswith("METADATA")))
            .decode()
            .partition("\n\n")
        )
    for name in (
        "results/example/run.jsonl",
        "results/example/heatmap.png",
        "results/example/page.html",
        "configs/demo.toml",
        "configs/suites/quick.toml",
    ):
        assert f"niah/shipped/{name}" in names
    assert "Project-URL: Repository, " in head
    targets = [part.split(")")[0] for part in description.split("](")[1:]]
    assert len(targets) > 5
    assert not [t for t in targets if not t.startswith(("https://", "#"))]
    with tarfile.open(next(built.glob("niah_eval-*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "results/example/run.jsonl",
        "benchmarks/example.py",
        "tests/conftest.py",
        "haystacks/en/haystack.toml",
        "README.md",
    ):
        assert name in inside
    assert not [
        n for n in inside if n.startswith("results/") and not n.startswith("results/example/")
    ]


def test_this_installation_tells_where_it_came_from() -> None:
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        pytest.skip("niah is on the path without being installed")
    assert text is None or installation._origin() == json.loads(text)


def test_the_workflow_tests_every_python_and_system_that_the_project_names() -> None:
    workflow = (REPOSITORY / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    classifiers = PYPROJECT["project"]["classifiers"]
    for version in (
        c.rpartition(" ")[2]
        for c in classifiers
        if c.startswith("Programming Language :: Python :: 3.")
    ):
        assert f'"{version}"' in workflow
    for name in ("ubuntu-latest", "macos-latest", "windows-latest"):
        assert name in workflow
