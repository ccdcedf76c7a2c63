"""What retrieval finds without any model, and what it costs.

python benchmarks/retrieval.py prints two tables, in about two minutes of CPU. The first: the share
of trials whose needle is in the first 1, 5 and 10 chunks at 16k tokens (11 depths, chunks of 256
tokens), by retriever, task and haystack; with BM25 every rank is worked out a second time by hand,
word by word, and must be the same. The second: CPU seconds to cut, index and rank a haystack of
128k tokens, for the first trial and for further ones of it, once the libraries are loaded; of dense
retrieval the first trial also reads the token table.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from niah.deliveries import RETRIEVERS, Delivery, body_of, lines_of_needles
from niah.deliveries.retrieve import spans_of
from niah.experiment.checks import chunking_of
from niah.experiment.config import RunConfig
from niah.experiment.delivering import delivery_in
from niah.experiment.experiment import Experiment, experiment_of
from niah.records import Prompt
from niah.text.ranking import asked_part, terms_of

HAYSTACKS = ("en", "es", "zh-hant", "zh-hans")
TASKS = ("single", "distractors", "associative")
DEPTHS = "0:100:10"
AT = (1, 5, 10)
K1, B = 1.5, 0.75  # of BM25 as Lucene has it
EPSILON = 1e-4  # of scores: the index holds them in 32 bits


def main() -> None:
    print(
        f"| retriever | haystack | {' | '.join(f'`{task}`' for task in TASKS)} | ranks as by hand |"
    )
    print("|---|---|---|---|---|---|")
    for retriever in RETRIEVERS:
        for haystack in HAYSTACKS:
            print(
                f"| {retriever} | {haystack} | {' | '.join(row_of(retriever, haystack))} |",
                flush=True,
            )
    print(
        "\n| 128k tokens, CPU s | building the prompt | first trial | further trials, worst"
        " |\n|---|---|---|---|"
    )
    for retriever in RETRIEVERS:
        for haystack in ("en", "zh-hant"):
            seconds = " | ".join(f"{s:.2f}" for s in cost_of(retriever, haystack))
            print(f"| {retriever}, {haystack} | {seconds} |", flush=True)


def row_of(retriever: str, haystack: str) -> Iterator[str]:
    """Recall at 1, 5 and 10 for each task, and how many ranks were counted again."""
    same = trials = 0
    for task in TASKS:
        experiment, delivery = made(retriever, haystack, "16k", task)
        prompts = [experiment.prompt(trial) for trial in experiment.trials]
        ranks = [rank_of(delivery, prompt) for prompt in prompts]
        if retriever == "bm25":
            same += sum(
                is_by_hand(rank, prompt, experiment)
                for rank, prompt in zip(ranks, prompts, strict=True)
            )
            trials += len(ranks)
        yield " / ".join(
            f"{100 * sum(r is not None and r <= k for r in ranks) / len(ranks):.0f}" for k in AT
        )
    yield f"{same} of {trials}" if trials else ""


def made(
    retriever: str, haystack: str, lengths: str, task: str = "single", depths: str = DEPTHS
) -> tuple[Experiment, Delivery]:
    table: dict[str, Any] = {
        "provider": "simulated",
        "model": "perfect",
        "lengths": lengths,
        "depths": depths,
        "task": task,
    }
    experiment = experiment_of(
        RunConfig(haystack=(haystack,), delivery=f"retrieve:{retriever}", **table)
    )
    return experiment, delivery_in(experiment)


def rank_of(delivery: Delivery, prompt: Prompt) -> int | None:
    asked = next(delivery.deliver(prompt))
    assert isinstance(asked, Prompt) and asked.delivered is not None
    return asked.delivered.needle_rank


def is_by_hand(rank: int | None, prompt: Prompt, experiment: Experiment) -> bool:
    """Whether a rank is the one that scores from counted words give; chunks that are level may
    change places."""
    body = body_of(prompt)
    assert body is not None
    counts = [experiment.tokenizer.count(line + "\n") for line in body.lines]
    spans = [(first, stop) for first, stop, _ in spans_of(counts, chunking_of(experiment.config))]
    chunks = [
        Counter(term for line in body.lines[a:b] for term in terms_of(line)) for a, b in spans
    ]
    mean = sum(c.total() for c in chunks) / len(chunks)
    scores = [0.0] * len(chunks)
    for term in dict.fromkeys(terms_of(asked_part(prompt.planting.question))):
        holding = sum(term in c for c in chunks)
        weight = math.log(1 + (len(chunks) - holding + 0.5) / (holding + 0.5))
        for i, c in enumerate(chunks):
            scores[i] += (
                weight * c[term] / (c[term] + K1 * (1 - B + B * c.total() / mean))
                if c[term]
                else 0.0
            )
    best = [max((scores[i] for i, (a, b) in enumerate(spans) if a <= x and y <= b), default=None)
            for x, y in lines_of_needles(prompt, body)]  # fmt: skip
    if not best or None in best:
        return rank is None
    worst = min(score for score in best if score is not None)
    above, level = (sum(score > worst + off for score in scores) for off in (EPSILON, -EPSILON))
    return rank is not None and above < rank <= level


def cost_of(retriever: str, haystack: str) -> Iterable[float]:
    """CPU seconds of the first prompt, of its retrieval, and the worst of further retrievals."""
    small, other = made(retriever, haystack, "2k", depths="50")
    rank_of(other, small.prompt(small.trials[0]))  # libraries are loaded before
    experiment, delivery = made(retriever, haystack, "128k", depths="0:100:25")
    began = time.process_time()
    prompts = [experiment.prompt(experiment.trials[0])]
    built = time.process_time() - began
    prompts += [experiment.prompt(trial) for trial in experiment.trials[1:]]
    taken = []
    for prompt in prompts:
        began = time.process_time()
        rank_of(delivery, prompt)
        taken.append(time.process_time() - began)
    return built, taken[0], max(taken[1:])


if __name__ == "__main__":
    main()
