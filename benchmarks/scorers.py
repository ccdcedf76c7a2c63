"""How often scorers misjudge: composed answers by form and language, and answers judged by hand. Prints two tables."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import composed
import golden


def main() -> None:
    """``python benchmarks/scorers.py [-v]``: with -v every form that was misjudged, once."""
    right, wrong, low, high = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    shown: set[tuple[str, str, str]] = set()
    for task in composed.TASKS:
        for language in composed.LANGUAGES:
            for case in composed.composed(task, language):
                row = f"{case.kind} | {language}"
                score = case.score()
                (right if case.right else wrong)[row] += 1
                if case.right and score.value < 1:
                    low[row] += 1
                elif not case.right and score.value > 0:
                    high[row] += 1
                else:
                    continue
                if "-v" in sys.argv and (task, language, case.form) not in shown:
                    shown.add((task, language, case.form))
                    print(task, language, case.kind, case.right, score.answer_class, repr(case.answer), score.explanation)
    print("| forms | language | right | judged wrong | wrong | judged right |\n|---|---|---|---|---|---|")
    for row in sorted(right):
        print(f"| {row} | {right[row]:,} | {low[row]:,} | {wrong[row]:,} | {high[row]:,} |")
    total = sum(right.values()) + sum(wrong.values())
    print(f"| all | | {sum(right.values()):,} | {sum(low.values()):,} | {sum(wrong.values()):,} | {sum(high.values()):,} |")
    print(f"\n{total:,} composed answers\n\n| judged by hand | answers | too low | too high |\n|---|---|---|---|")
    fixtures = golden.fixtures()
    for name in ("answers-1", "answers-2"):
        rows = [(r.share, golden.score_of(r, fixtures[r.fixture]).value) for r in golden.judged(name)]
        below, above = sum(v < s - 0.01 for s, v in rows), sum(v > s + 0.01 for s, v in rows)
        print(f"| {name} | {len(rows)} | {below} | {above} |")


def timed() -> None:
    """CPU seconds to score 5 MB of several shapes."""
    planting = golden.planting_of(golden.fixtures()["lusaka"])
    from niah.tasks import task_of

    print("\n| 5 MB of | CPU s |\n|---|---|")
    for shape in ("12 ", "7421830 ", "7421830, ", "word ", "(((", "7", "十", "一千 ", "Lusaka 7421830 ", "not ", "</think>", "\u0301\u0323", "\x1b[0m", "12:16 ", "因此"):
        text = shape * (5_000_000 // len(shape))
        started = time.process_time()
        task_of("multikey").score(text, planting)
        print(f"| {shape!r} | {time.process_time() - started:.2f} |")


if __name__ == "__main__":
    main()
    timed()
