"""What mkdocs is told beside mkdocs.yml: pages that lie outside of docs/, and links of both.

The page of settings is made from the keys themselves, as ``niah init`` makes its files, so that
none is missing.

In the repository a link names a file. On the site, that of a page in PAGES goes to the page, and
that of any other file outside of docs/ to the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from niah.templates import TEMPLATES

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
PICTURES = {"results/example/heatmap.png": "pictures/example.png"}
ON_SITE = PAGES | PICTURES
SETTINGS = """\
# Settings

Every key of a run is also a flag (`lengths` is `--lengths`) and a variable (`NIAH_LENGTHS`).
A flag goes before a variable, a variable before a line of `.env`, and that before the file.

## A run

`niah init run` writes this file.

```toml
{run}```

## A gate

`niah init gate` writes this one.

```toml
{gate}```

## A suite

`niah init suite` writes this one.

```toml
{suite}```
"""
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)([^)]*\))")


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside of docs/."""
    for source, page in ON_SITE.items():
        files.append(File.generated(config, page, abs_src_path=str(REPOSITORY / source)))
    made = SETTINGS.format(**{kind: make(f"{kind}.toml") for kind, make in TEMPLATES.items()})
    files.append(File.generated(config, "settings.md", content=made))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links of a file in the repository as links of its page on the site."""
    source = {there: here for here, there in PAGES.items()}.get(
        page.file.src_uri, f"docs/{page.file.src_uri}"
    )

    def on_site(link: re.Match[str]) -> str:
        target = _target(link[2], source, page.file.src_uri, config.repo_url)
        return f"{link[1]}{target}{link[3]}"

    return _LINK.sub(on_site, markdown)


def _target(link: str, source: str, page: str, repository: str) -> str:
    named = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    there = ON_SITE.get(named) or (
        named.removeprefix("docs/") if named.startswith("docs/") else None
    )
    if there is None or there.endswith(".ipynb"):
        return f"{repository.rstrip('/')}/blob/main/{named}"
    return posixpath.relpath(there, posixpath.dirname(page) or ".")
