"""Make the shipped example anew: run the demo, keep its five files, and write what it found under
README's picture.

``python benchmarks/example.py`` takes a few minutes and needs the extra "local"; with ``--caption``
it only writes the caption of the run that is there. The caption says no more than ``niah report
example`` does, and a test holds it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from niah.runlog.log import read_log
from niah.text.lengths import label_of
from niah.verdict.records import RunReport, Share
from niah.verdict.report import report_of
from niah.verdict.sample import FEWEST_CLUSTERS

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = REPOSITORY / "results" / "example"
FILES = ("run.jsonl", "grid.json", "grid.csv", "heatmap.png", "page.html")
BEGIN, END = "<!-- written by make example -->\n", "<!-- end -->\n"


def main() -> None:
    if "--caption" not in sys.argv[1:]:
        _run_demo()
    readme = REPOSITORY / "README.md"
    readme.write_text(with_caption(readme.read_text(encoding="utf-8")), encoding="utf-8")
    print(caption())


def _run_demo() -> None:
    """Sweep elsewhere, so that an interrupted or failed run leaves the old example as it was."""
    with tempfile.TemporaryDirectory(dir=EXAMPLE.parent, prefix=".example-") as folder:
        command = [
            sys.executable,
            "-m",
            "niah",
            "run",
            "demo",
            "--results",
            folder,
            "--name",
            "example",
        ]
        subprocess.run(command, check=True)
        page = [sys.executable, "-m", "niah", "page", str(Path(folder) / "example")]
        subprocess.run(page, check=True)
        EXAMPLE.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(Path(folder) / "example" / name, EXAMPLE / name)


def figures() -> RunReport:
    """What the shipped example says."""
    header, stored = read_log(EXAMPLE)
    return report_of(header, stored.values())


def with_caption(readme: str) -> str:
    """README's text with the caption of the run between its two marks."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{textwrap.fill(caption(), 120, break_on_hyphens=False)}\n{END}{tail}"


def caption() -> str:
    """The example in a few sentences."""
    return f"*{' '.join(_sentences(figures()))}*"


def _sentences(f: RunReport) -> Iterator[str]:
    yield "Gemma 3 270M on two CPU cores, no key, one command."
    yield (
        "One sentence gives the magic number of the city that is asked for, four more give those"
        f" of other cities, {f.whole.n} trials."
    )
    yield (
        f"Found: {_share(f.whole)}; "
        + ", ".join(f"{_share(r)} at {label_of(n)}" for n, r in f.by_length.items())
        + "."
    )
    if f.middle is not None:
        m = f.middle
        interval = f"95 % interval {100 * m.low:+.0f} to {100 * m.high:+.0f}"
        found = (
            "The model loses the middle"
            if m.low > 0
            else "Whether the middle is weaker, so few trials do not tell"
        )
        yield (
            f"{found}: ends minus middle {100 * m.value:+.0f} points ({interval}; n = {m.n_ends}"
            f" and {m.n_middle}{_shared(f.haystacks)})."
        )
    yield (
        "`niah show example` lists every answer. Only if the whole chart is green has a model the"
        " context it claims."
    )


def _shared(haystacks: int | None) -> str:
    """Intervals of trials that share few stretches of haystack hold for those only."""
    return (
        ""
        if haystacks is None or haystacks >= FEWEST_CLUSTERS
        else f", on the {haystacks} stretches they share"
    )


def _share(share: Share) -> str:
    found = round((share.mean or 0.0) * share.n)
    return f"{found} of {share.n}"


if __name__ == "__main__":
    main()
