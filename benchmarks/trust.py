"""What a server that cuts prompts in silence costs: cells that are red or green though the prompt
was not whole.

python benchmarks/trust.py [--quick]

A liar on loopback drops a share of every prompt of more than 3,000 tokens; its reader answers from
what is left. Counts are of what is left. Below that, honest servers that count in their own way:
every mismatch there is a false alarm.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from liar import Liar, Lie, lying
from lie_kinds import HONEST
from lies import drops

from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.records import Outcome, Row
from niah.runlog.log import open_log
from niah.runner.progress import Observer
from niah.runner.session import open_session
from niah.runner.sweep import Sweep

LENGTHS = (4_000, 16_000, 64_000)
DEPTHS = (0.0, 2.0, 5.0, 50.0, 95.0, 98.0, 100.0)
SHARES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08)
NEITHER = ("1.3 for one", "as cl100k", "nought", "always 17", "cached, left out", "cached, twice")


def _swept(liar: Liar, lie: Lie, experiment: Experiment) -> list[Row]:
    liar.tell(lie)
    experiment = replace(
        experiment, config=experiment.config.model_copy(update={"base_url": f"{liar.root}/v1"})
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        open_session(experiment, lambda text: None) as session,
        open_log(Path(folder) / "r", experiment.header()) as log,
    ):
        asyncio.run(Sweep(experiment, session, log, Observer()).run())
        return list(log.results.values())


def _cell(results: list[Row], length: int) -> str:
    some = [r for r in results if r.trial.context_length == length]
    outcomes = Counter(r.outcome for r in some)
    red = sum(r.score == 0 for r in some)
    green = sum(r.score == 1 for r in some)
    return f"{red} / {green} / {outcomes[Outcome.MISMATCH]}"


def main() -> None:
    lengths = LENGTHS[:2] if "--quick" in sys.argv else LENGTHS
    config = RunConfig(provider="openai", model="m", lengths=lengths, depths=DEPTHS)
    experiment = experiment_of(config)
    print(f"red / green / mismatch of {len(DEPTHS)} depths\n")
    print("| server | " + " | ".join(f"{n:,}" for n in lengths) + " |")
    print("|---|" + "---|" * len(lengths))
    with lying() as liar:
        for share in SHARES:
            keeps = drops("front", share)
            results = _swept(liar, Lie(name="drops", keeps=keeps), experiment)
            print(
                f"| drops {share:.1%} at the front | "
                + " | ".join(_cell(results, n) for n in lengths)
                + " |"
            )
        for counts in NEITHER:
            results = _swept(liar, Lie(name="honest", counts=HONEST[counts]), experiment)
            print(
                f"| honest, counts {counts} | "
                + " | ".join(_cell(results, n) for n in lengths)
                + " |"
            )


if __name__ == "__main__":
    main()
