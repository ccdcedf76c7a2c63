"""Is made-up speech speech? Its figures beside those of the shipped transcripts, and how models do
on both.

python benchmarks/speech.py prints, for 12,000 tokens of o200k_base of each: how well LZMA
compresses it, the share of phrases (four words; of Chinese five characters) that come more than
once, the share of the ten commonest first words (of Chinese two characters) of lines, and the CPU
time of a token, making and counting. With --all it also reads every chapter of a season and counts
lines that come twice (about two minutes a language).

python benchmarks/speech.py found [MODEL] runs the same cells of four tasks on both with the
embedded model (gemma3-270m) and prints both shares found with their intervals. Wants an idle
machine; about 15 minutes.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from niah.generator.library import read_episodes, read_manifest
from niah.generator.synthetic import SEASON, chapter, spoken
from niah.generator.tokenizers import tokenizer_of

TOKENS = 12_000
SHIPPED = {"en": "en", "zh-Hant": "zh-hant", "zh-Hans": "zh-hans"}
CHAPTERS_READ = (0, 4_000, 8_000)
TASKS: Sequence[tuple[str, ...]] = (
    ("single",),
    ("multikey", "--distractor-count", "2"),
    ("update",),
    ("distractors",),
)
GRID = ("--lengths", "1k,2k,4k", "--depths", "10,50,90", "--epochs", "4", "--haystack-per", "trial")


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["found"]:
        compare_found(arguments[1] if len(arguments) > 1 else "gemma3-270m")
        return
    print(
        "| 12,000 tokens | LZMA ratio | repeated phrases | ten commonest line starts | CPU us a"
        " token |"
    )
    print("|---|---|---|---|---|")
    for language, name in SHIPPED.items():
        shipped = [s.text for e in read_episodes(read_manifest(name)) for s in e.segments]
        print(f"| {name} | {figures(shipped, language)} | |")
        for number in CHAPTERS_READ:
            lines = [s.text for n in (number, number + 1) for s in chapter(language, n)]
            print(
                f"| synthetic:{language}, chapter {number} | {figures(lines, language)} |"
                f" {cost(language):.2f} |"
            )
    if "--all" in arguments:
        for language in spoken():
            print(
                f"{language}: {twice(language):,} lines come twice in {SEASON:,} chapters",
                flush=True,
            )


def figures(lines: Sequence[str], language: str) -> str:
    sizes = accumulate(
        tokenizer_of("o200k_base").line_counts("".join(f"{line}\n" for line in lines))
    )
    read = [line for line, size in zip(lines, sizes, strict=True) if size <= TOKENS]
    text = "\n".join(read)
    words, n, start = (
        (text.split(), 4, 1) if language == "en" else (list("".join(text.split())), 5, 2)
    )
    phrases = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    repeated = sum(count for count in phrases.values() if count > 1) / phrases.total()
    starts = Counter("".join((line.split() if language == "en" else line)[:start]) for line in read)
    common = sum(count for _, count in starts.most_common(10)) / len(read)
    ratio = len(lzma.compress(text.encode())) / len(text.encode())
    return f"{ratio:.3f} | {100 * repeated:.1f} % | {100 * common:.1f} %"


def cost(language: str) -> float:
    """CPU microseconds for a token: lines made and their tokens counted."""
    counter = tokenizer_of("o200k_base")
    chapter(language, 1)
    counter.line_counts("warm\n")
    started, tokens = time.process_time(), 0
    for number in range(10, 16):
        tokens += sum(
            counter.line_counts("".join(f"{s.text}\n" for s in chapter(language, number)))
        )
    return 1e6 * (time.process_time() - started) / tokens


def twice(language: str) -> int:
    """Lines that another line of any chapter repeats, told by 64 bits of their hash."""
    hashes = [
        np.array([hash(s.text) for s in chapter(language, n)], dtype=np.int64)
        for n in range(SEASON)
    ]
    together = np.concatenate(hashes)
    return len(together) - len(np.unique(together))


def compare_found(model: str) -> None:
    with TemporaryDirectory() as folder:
        for task, *options in TASKS:
            for haystack in ("en", "synthetic:en"):
                name = f"{task}-{haystack.replace(':', '-')}"
                command = [
                    "run",
                    "--provider",
                    "local",
                    "--model",
                    model,
                    "--task",
                    task,
                    "--haystack",
                    haystack,
                ]
                command += [*options, *GRID, "--results", folder, "--name", name]
                subprocess.run(
                    [sys.executable, "-m", "niah", *command], check=True, stdout=subprocess.DEVNULL
                )
                found = json.loads(Path(folder, name, "grid.json").read_text(encoding="utf-8"))[
                    "recall"
                ]
                said = (
                    f"{100 * found['mean']:.0f} % ({100 * found['low']:.0f} to"
                    f" {100 * found['high']:.0f})"
                )
                print(f"{task:<12} {haystack:<14} {said}  n {found['n']}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
