"""The page as one file: HTML, style and script of this folder around the data, behind a policy that forbids all else.

Style and script are named in the policy by their hashes and no address is allowed, so that nothing a model answers can
run, load or send anything. The data is compressed and in base64: no answer can end the element that holds it.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

SCRIPTS = ("base.js", "grid.js", "trials.js", "curves.js", "compare.js")  # in this order; main.js begins


def page_html(data: Mapping[str, Any], *, served: bool = False) -> str:
    """A page. ``served``: by ``niah view``, which it may ask for news and tell marks."""
    runs: Sequence[Mapping[str, Any]] = data["runs"]
    title = runs[0]["headline"] if len(runs) == 1 else f"{len(runs)} runs"
    scripts = (*SCRIPTS, *(["view.js"] if served else []), "main.js")
    return document(f"{title} · {runs[0]['model']} · niah", _intro(runs), packed(data), scripts=scripts, served=served)


def document(title: str, body: str, data: str = "", *, scripts: Sequence[str], served: bool = False) -> str:
    """HTML around a body that is escaped already."""
    style, script = _asset("page.css"), _script(scripts)
    more = "form-action 'self'; connect-src 'self'" if served else "form-action 'none'"
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; {more}"
    parts = {"title": html.escape(title), "policy": html.escape(policy), "body": body, "data": data}
    parts |= {"style": style, "script": script}
    return re.sub(r"{{(\w+)}}", lambda blank: parts[blank[1]], _asset("page.html"))


def packed(data: Mapping[str, Any]) -> str:
    """The data as the script unpacks it; the same data, the same bytes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def _intro(runs: Sequence[Mapping[str, Any]]) -> str:
    """What is seen before anything is unpacked, and where no script runs."""
    parts = []
    for run in runs:
        lines = [line for key in ("found", "lengths_said", "doubts", "recipe") if (line := run[key])]
        warnings = "".join(f"<li>{html.escape(w)}</li>" for w in run["warnings"])
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        chip = f'<span class="chip {run["kind"]}">{html.escape(_kind(run))}</span>'
        head = f"<h1>{html.escape(run['headline'])} {chip}</h1>"
        parts.append(f"<header>{head}{said}{f'<ul class=warnings>{warnings}</ul>' if warnings else ''}</header>")
    return "".join(parts)


def _kind(run: Mapping[str, Any]) -> str:
    kinds = {"measured": "measured", "simulated": "simulated reader, no model"}
    return kinds.get(run["kind"], f"imported from {run.get('tool')}")


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _script(names: Sequence[str]) -> str:
    body = "\n".join(map(_asset, names))
    return f'"use strict";\n(() => {{\n{body}\n}})();\n'


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
