"""How often scorers misjudge answers composed of forms and answers judged by hand, and how long
they take."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import composed
import golden

from niah.tasks import task_of
from niah.text.wording import LANGUAGES

SHAPES = (
    *(
        "12 ",
        "7421830 ",
        "7421830, ",
        "word ",
        "(((",
        "7",
        "十",
        "一千 ",
        "Lusaka 7421830 ",
        "not ",
        "</think>",
    ),
    *("\u0301\u0323", "\x1b[0m", "12:16 ", "因此"),
)

TIMED = (  # fixtures, one of every task
    *(
        "multikey_en_b",
        "update_en_b",
        "multivalue_en_b",
        "multiquery_en_b",
        "tracking_en_b",
        "associative_en_b",
    ),
    *(
        "distractors_en_b",
        "hops_en_b",
        "when_en_b",
        "said_at_en_b",
        "when_and_what_en_b",
        "kv_en_b",
        "price_en_b",
    ),
)


def main() -> None:
    """``python benchmarks/scorers.py [-v] [N]``: every N-th case; -v shows the first misjudged one
    of every form."""
    counts: Counter[tuple[str, str]] = Counter()
    shown: set[tuple[str, str, str]] = set()
    for case in _cases():
        given = case.score().value == 1
        row = f"{case.kind} | {case.language}"
        for place in (row, "all | "):
            counts[place, f"{case.right}"] += 1
            counts[place, f"{case.right} as {given}"] += 1
        if (
            given != case.right
            and "-v" in sys.argv
            and (case.task, case.language, case.form) not in shown
        ):
            shown.add((case.task, case.language, case.form))
            print(case.task, row, repr(case.answer), case.score().explanation)
    print(
        "| forms | language | right | judged wrong | wrong | judged right"
        " |\n|---|---|--:|--:|--:|--:|"
    )
    for place in sorted({place for place, _ in counts}):
        figures = ("True", "True as False", "False", "False as True")
        print(f"| {place} | " + " | ".join(f"{counts[place, f]:,}" for f in figures) + " |")


def by_hand() -> None:
    """Answers that a person judged; of fresh ones also how many were misjudged when nobody had
    tuned to them."""
    print(
        "\n| judged by hand | answers | too low | too high | misjudged when new | of these falsely"
        " right |"
    )
    print("|---|--:|--:|--:|--:|--:|")
    fixtures = golden.fixtures()
    for name in (*golden.SETS, *golden.FRESH):
        rows = [
            (r.share, golden.score_of(r, fixtures[r.fixture]).value) for r in golden.judged(name)
        ]
        below, above = sum(v < s - 0.01 for s, v in rows), sum(v > s + 0.01 for s, v in rows)
        new = " | ".join(map(str, golden.FRESH.get(name, ("", ""))))
        print(f"| {name} | {len(rows)} | {below} | {above} | {new} |")


def timed() -> None:
    """CPU seconds to score 5 MB of several shapes."""
    fixtures = golden.fixtures()
    print("\n| 5 MB of | the slowest task | CPU s |\n|---|---|--:|")
    for shape in SHAPES:
        text, taken = shape * (5_000_000 // len(shape)), dict[str, float]()
        for name in TIMED:
            started = time.process_time()
            task_of(fixtures[name]["task"]).score(text, golden.planting_of(fixtures[name]))
            taken[fixtures[name]["task"]] = time.process_time() - started
        slowest = max(taken, key=lambda task: taken[task])
        print(f"| {shape!r} | {slowest} | {taken[slowest]:.2f} |")


def _cases() -> Iterator[composed.Composed]:
    every = next((int(a) for a in sys.argv[1:] if a.isdecimal()), 1)
    for task in composed.TASKS:
        for language in LANGUAGES:
            yield from composed.composed(task, language)[::every]


if __name__ == "__main__":
    main()
    by_hand()
    timed()
