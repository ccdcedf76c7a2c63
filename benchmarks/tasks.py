"""What each task measures: readers that understand nothing, on every task in every language.

python benchmarks/tasks.py [TASK ...] prints the table; with --write it goes into
niah/tasks/measured.json and docs/tasks.md. Readers see the prompt only and quote a line; the task's
own scorer judges. ``guess`` is the answer of the next epoch of the same cell. ``any`` and ``last
number``: a line with a number of five or more digits. ``odd``: the line that shares fewest words
with its neighbours. ``rare``: the one with most words that occur nowhere else.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from niah import tasks as stored
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.experiment.scoring import search_scores
from niah.tasks import task_names
from niah.text.ranking import terms_of
from niah.text.seeded import Draw

HAYSTACKS = {"en": "en", "zh-Hant": "zh-hant", "zh-Hans": "zh-hans", "es": "es"}
GRID = {
    "lengths": "2k,8k",
    "depths": "0:100:25",
    "epochs": 4,
    "provider": "simulated",
    "model": "perfect",
}
VARIANTS: Sequence[tuple[str, Mapping[str, object]]] = [
    *((name, {}) for name in task_names()),
    ("single", {"value_kind": "word"}),
    ("multikey", {"distractor_count": 8}),
    ("distractors", {"distractor_count": 4}),
    ("distractors", {"distractor_count": 8}),
    ("associative", {"distractor_count": 4}),
    ("associative", {"distractor_count": 8}),
    ("associative", {"lure_count": 2}),
    ("update", {"ask_for": "first"}),
    ("update", {"needle_count": 4, "distractor_count": 4}),
    ("when", {"distractor_count": 4}),
    ("when-and-what", {"distractor_count": 4}),
    ("hops", {"needle_count": 5, "distractor_count": 4}),
]
ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def main(arguments: Sequence[str]) -> None:
    wanted = [a for a in arguments if not a.startswith("--")]
    rows = []
    for task, options in VARIANTS:
        if wanted and task not in wanted:
            continue
        row = stored.Measured(
            task=task,
            options=options,
            scores={language: scores_in(language, task, options) for language in HAYSTACKS},
        )
        rows.append(row)
        shares = {
            k: "/".join(f"{100 * row.scores[n][k]:.0f}" for n in HAYSTACKS)
            for k in row.scores["en"]
        }
        print(row.name, "|", row.measures, "|", shares, flush=True)
    if "--write" in arguments:
        write(rows, keep=bool(wanted))


def write(rows: Sequence[stored.Measured], *, keep: bool) -> None:
    """Into the package and the docs; ``keep`` the rows that were not measured again."""
    known = {row.name: row for row in (*(stored.measured() if keep else ()), *rows)}
    names = [
        stored.Measured(task=task, options=options, scores={}).name for task, options in VARIANTS
    ]
    rows = [known[name] for name in names if name in known]
    text = json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1)
    text = re.sub(r"(?<=\d\d\d)\d+(?=[,\s])", "", text)
    (ROOT / "niah" / "tasks" / "measured.json").write_text(text + "\n", encoding="utf-8")
    stored.measured.cache_clear()
    docs = ROOT / "docs" / "tasks.md"
    before, _, rest = docs.read_text(encoding="utf-8").partition(START)
    docs.write_text(before + START + table() + END + rest.partition(END)[2], encoding="utf-8")


def table() -> str:
    """The table of docs/tasks.md: shares in percent, one figure for each language."""
    measured = stored.measured
    languages = list(measured()[0].scores)
    readers = ["guess", "any number", "last number", "odd", "rare", "search", "search again"]
    head = ["task", *readers, "so it measures"]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for row in measured():
        shares = {
            r: [row.scores[language].get(r, 0.0) for language in languages] for r in readers[:5]
        }
        shares["search"] = list(row.search(again=False).values())
        shares["search again"] = [
            max(row.scores[language][way] for way in stored.SEARCH_AGAIN) for language in languages
        ]
        cells = ["/".join(f"{100 * share:.0f}" for share in shares[r]) for r in readers]
        lines.append(
            " | ".join([f"`{row.task}`{row.name.removeprefix(row.task)}", *cells, row.measures])
        )
    return "".join(f"| {line} |\n" for line in lines)


def scores_in(language: str, task: str, options: Mapping[str, object]) -> dict[str, float]:
    """The mean score of every reader on the task's prompts in one language."""
    questions = {"questions": (HAYSTACKS[language],)} if task == "natural" else {}
    experiment = experiment_of(
        RunConfig(task=task, haystack=(HAYSTACKS[language],), **GRID, **questions, **options)
    )
    scores = {name: [] for name in ("guess", *READERS)}  # type: dict[str, list[float]]
    for trial in experiment.trials:
        prompt = experiment.prompt(trial)
        lines = lines_of(prompt.text)
        for name, read in READERS.items():
            scores[name].append(experiment.task.score(read(lines, trial.id), prompt.planting).value)
        scores["guess"].append(
            experiment.task.score(guess(experiment, trial.id), prompt.planting).value
        )
    return {name: fmean(values) for name, values in scores.items()} | dict(
        search_scores(experiment, experiment.trials)
    )


def guess(experiment: Experiment, trial_id: str) -> str:
    """The answer that another epoch of the cell has."""
    trial = next(t for t in experiment.trials if t.id == trial_id)
    cell = [
        t
        for t in experiment.trials
        if (t.context_length, t.depth_percent) == (trial.context_length, trial.depth_percent)
    ]
    return ", ".join(experiment.plant(cell[(cell.index(trial) + 1) % len(cell)]).targets)


def lines_of(prompt: str) -> list[str]:
    """The lines between instruction and question, each with the time above it, where there is
    one."""
    text = prompt[: prompt.rfind("\n\n", 0, prompt.rfind("\n\n"))].partition("\n\n")[2]
    return re.sub(r"(?m)^(\([\d:]+\))\n", r"\1 ", text).split("\n")


def any_number(lines: Sequence[str], seed: str) -> str:
    return Draw(0, "any", seed).choice(_with_numbers(lines) or [""])


def last_number(lines: Sequence[str], seed: str) -> str:
    return (_with_numbers(lines) or [""])[-1]


def odd(lines: Sequence[str], seed: str) -> str:
    terms = [set(terms_of(line)) for line in lines]
    shared = [
        len(own & set().union(*terms[max(0, i - 2) : i], *terms[i + 1 : i + 3])) / max(1, len(own))
        for i, own in enumerate(terms)
    ]
    return lines[min(range(len(lines)), key=lambda i: (shared[i], -len(terms[i])))]


def rare(lines: Sequence[str], seed: str) -> str:
    counts = Counter(term for line in lines for term in set(terms_of(line)))
    return max(lines, key=lambda line: sum(counts[term] == 1 for term in set(terms_of(line))))


def _with_numbers(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if re.search(r"\d{5,}", line)]


READERS: Mapping[str, Callable[[Sequence[str], str], str]] = {
    "any number": any_number, "last number": last_number, "odd": odd, "rare": rare,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
