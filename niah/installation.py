"""How this niah was installed, and what other packages bring.

It tells what to type for one of its extras, whose the command ``niah`` is, and which tasks and
providers there are by entry points, which are loaded when they are asked for.

What to type follows from what pip wrote down when it installed niah (PEP 610): a checkout, a
repository, a file, or nothing, which means by name from an index. So a hint names no place that
niah did not come from. Libraries are imported where they are used: every command imports this
module, few ask it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from niah.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DISTRIBUTION = "niah-eval"  # the name "niah" on the package index belongs to somebody else
SCRIPT = "niah"
TASKS = "niah.tasks"  # an object or module with the names of a Task
PROVIDERS = "niah.providers"  # a ProviderEntry


def install_hint(*extras: str) -> str:
    """The command that adds extras to this installation, like ``pip install -e '.[local]'``."""
    return f"{pip_install()} {_requirement(','.join(sorted(extras)), _origin())}"


def pip_install() -> str:
    """``pip install`` for the environment that niah runs in, activated or not."""
    import shutil

    python = _shown(Path(sys.executable))
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {python}"
    found = shutil.which("pip")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    return f"{python} -m pip install"


def script_warning() -> str | None:
    """One line where the command ``niah`` beside this Python runs something else, or None.

    Another distribution (needlehaystack 2) brings such a command, and pip overwrites in silence.
    """
    import sysconfig

    folder = Path(sysconfig.get_path("scripts"))
    path = next((p for p in (folder / SCRIPT, folder / f"{SCRIPT}.exe") if p.is_file()), None)
    if path is None or b"niah.cli" in path.read_bytes():
        return None
    owner = _script_owner()
    if owner is None and path.suffix == ".exe":  # a launcher, which may hold its script compressed
        return None
    return (
        f"the command {SCRIPT!r} in {folder} belongs to {owner or 'another package'};"
        f" type {DISTRIBUTION!r} or 'python -m niah' for this one, which is {DISTRIBUTION}"
    )


@functools.cache
def brought_by(group: str) -> Mapping[str, EntryPoint]:
    """What installed packages bring under a group, by name; nothing of them is loaded."""
    from importlib.metadata import entry_points  # 20 ms: only where a name is none of niah's own

    return {point.name: point for point in entry_points(group=group)}


def loaded(group: str, name: str) -> Any:
    """The object behind an entry point. Raises ConfigError where its package cannot be loaded."""
    point = brought_by(group)[name]
    try:
        return point.load()
    except Exception as error:
        package = point.dist.name if point.dist else point.module
        raise ConfigError(
            f"{name!r} of the package {package} cannot be loaded ({type(error).__name__}: {error});"
            f" mend it, or pip uninstall {package}"
        ) from error


def _script_owner() -> str | None:
    from importlib import metadata

    for entry in metadata.entry_points(group="console_scripts", name=SCRIPT):
        if entry.dist is not None and entry.dist.name != DISTRIBUTION:
            return f"{entry.dist.name} {entry.dist.version}"
    return None


@functools.cache
def _origin() -> Mapping[str, Any]:
    """What direct_url.json says; of a checkout that is not installed its folder."""
    from importlib import metadata

    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        checkout = Path(__file__).resolve().parents[1]
        return {"url": checkout.as_uri(), "dir_info": {"editable": True}}
    return {} if text is None else dict(json.loads(text))


def _requirement(extras: str, origin: Mapping[str, Any]) -> str:
    """What follows ``pip install``, quoted for a shell."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        revision = f"@{vcs['requested_revision']}" if vcs.get("requested_revision") else ""
        url = f"{vcs['vcs']}+{url}{revision}"
    elif url.startswith("file:"):
        path = Path(url2pathname(urlsplit(url).path))
        if path.exists():
            editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
            return f"{editable}'{_shown(path)}[{extras}]'"
        url = ""  # gone: by its name, then
    return f"'{DISTRIBUTION}[{extras}]{f' @ {url}' if url else ''}'"


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        return str(path)
