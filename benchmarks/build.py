"""Contexts only, no model: what niah's prompts cost beside the straightforward method and
needlehaystack 2.

    python benchmarks/build.py [--peer-python PYTHON_WITH_NEEDLEHAYSTACK]

Every side runs in processes of its own, on the same transcripts, and the table prints CPU seconds,
peak memory and ratios. "cold" starts with an empty cache of ours, "warm" with the one that the cold
start left.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from measure import Measured, machine, measured

from niah.generator.library import add_haystack, read_episodes, read_manifest
from niah.generator.synthetic import chapter
from niah.generator.tokenizers import ENCODINGS, tokenizer_of
from niah.records import Segment

SIDES = str(Path(__file__).with_name("build_sides.py"))
LENGTHS = (4_000, 128_000, 1_000_000, 10_000_000)
SLOW_LENGTHS = LENGTHS[:3]  # for sides that encode 10M tokens for minutes
SWEEPS = {
    "10x10 to 1M": ([round(i * 100_000) for i in range(1, 11)], [i * 100 / 9 for i in range(10)]),
    "35x35 to 200k": (
        [round(1_000 + i * 199_000 / 34) for i in range(35)],
        [i * 100 / 34 for i in range(35)],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", help="an interpreter that has needlehaystack 2")
    peer = parser.parse_args().peer_python
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for encoding in ENCODINGS:  # the vocabularies lie ready for every side
            tokenizer_of(encoding).count("x")
        cache = {
            "XDG_CACHE_HOME": str(root / "cache"),
            "TIKTOKEN_CACHE_DIR": os.environ["TIKTOKEN_CACHE_DIR"],
        }
        short = haystack(root, "shipped", (e.segments for e in read_episodes(read_manifest("en"))))
        long = haystack(root, "long", (chapter("en", n) for n in range(13)))
        sides = {
            "niah, cold": cells("niah", short, LENGTHS, cache),
            "niah, warm": cells("niah", short, LENGTHS, cache),
            "niah, synthetic, cold": cells("niah", Path("synthetic:en"), LENGTHS[3:], cache),
            "niah, synthetic, warm": cells("niah", Path("synthetic:en"), LENGTHS[3:], cache),
            "straightforward": cells("straightforward", short, SLOW_LENGTHS, cache),
        }
        if peer:
            sides["needlehaystack 2"] = cells("needlehaystack", short, SLOW_LENGTHS, cache, peer)
        print_cells(sides)
        print_starts(long, cache)
        print_sweeps(short, cache, peer)


def haystack(root: Path, name: str, episodes: Iterable[Sequence[Segment]]) -> Path:
    """Speech as the same plain text for every side."""
    source = root / f"{name}-source"
    source.mkdir()
    for number, segments in enumerate(episodes):
        text = "\n".join(s.text for s in segments) + "\n"
        (source / f"{number:03}.txt").write_text(text, encoding="utf-8")
    return add_haystack([source], name, root, licence="Apache-2.0", source="benchmark").folder


def cells(
    side: str,
    folder: Path,
    lengths: tuple[int, ...],
    cache: dict[str, str],
    python: str | None = None,
) -> dict[str, Measured]:
    """One process per length, so that peak memory belongs to it."""
    interpreter = {"python": python} if python else {}
    arguments = {str(n): (SIDES, side, str(folder), str(n), "33,67", "", "") for n in lengths}
    return {n: measured(*a, environment=cache, **interpreter) for n, a in arguments.items()}


def print_cells(sides: dict[str, dict[str, Measured]]) -> None:
    print(f"CPU seconds for one prompt on {machine()}\n")
    print("| side | tokens | start | first | further | peak MB |\n|---|---|---|---|---|---|")
    for name, by_length in sides.items():
        for length, m in by_length.items():
            start = sum(s for what, s in m.cpu_s.items() if what.startswith("load"))
            first, further = m.cpu_s[f"first {length}"], m.cpu_s[f"further {length}"]
            print(
                f"| {name} | {int(length):,} | {start:.3f} | {first:.4f} | {further:.4f} |"
                f" {m.peak_mb:.0f} |"
            )
    print()
    for other in [name for name in sides if not name.startswith("niah")]:
        for length, m in sides[other].items():
            ratio = (
                m.cpu_s[f"further {length}"]
                / sides["niah, warm"][length].cpu_s[f"further {length}"]
            )
            print(f"{other} / niah, further cell of {int(length):,} tokens: {ratio:,.1f}x")


def print_starts(folder: Path, cache: dict[str, str]) -> None:
    """The first prompt of 1M tokens from 1M tokens of unique text, beside encoding that text
    once."""
    length = ("1000000", "33,67", "", "")
    places = {
        "imported, nothing cached": (str(folder), "o200k_base"),
        "imported, text cached, new tokenizer": (str(folder), "cl100k_base"),
        "imported, all cached": (str(folder), "o200k_base"),
        "synthetic, nothing cached": ("synthetic:en", "o200k_base"),
    }
    print(
        "\n| first prompt of 1M tokens, 1M unique | CPU s | encoding the text once | ratio"
        " |\n|---|---|---|---|"
    )
    for name, (place, tokenizer) in places.items():
        plain = measured(
            SIDES, "straightforward", f"{folder}@{tokenizer}", "", *length[1:], environment=cache
        )
        once = plain.cpu_s["encode the haystack once"]
        fresh = (
            {"XDG_CACHE_HOME": cache["XDG_CACHE_HOME"] + "-fresh"}
            if place.startswith("synthetic")
            else {}
        )
        m = measured(SIDES, "niah", f"{place}@{tokenizer}", *length, environment={**cache, **fresh})
        total = m.cpu_s["load haystack"] + m.cpu_s["first 1000000"]
        print(f"| {name} | {total:.3f} | {once:.3f} | {total / once:.2f}x |")


def print_sweeps(folder: Path, cache: dict[str, str], peer: str | None) -> None:
    print("\n| sweep | side | CPU s | peak MB | ratio to niah |\n|---|---|---|---|---|")
    for name, (lengths, depths) in SWEEPS.items():
        grid = (",".join(map(str, lengths)), ",".join(f"{d:.4f}" for d in depths))
        sides = {"niah": "", **({"needlehaystack 2": peer} if peer else {})}
        taken = {}
        for side, python in sides.items():
            key = side.split()[0]
            interpreter = {"python": python} if python else {}
            taken[side] = measured(
                SIDES, key, str(folder), "", "0,0", *grid, environment=cache, **interpreter
            )
        for side, m in taken.items():
            total, ours = sum(m.cpu_s.values()), sum(taken["niah"].cpu_s.values())
            print(f"| {name} | {side} | {total:.2f} | {m.peak_mb:.0f} | {total / ours:.1f}x |")


if __name__ == "__main__":
    main()
