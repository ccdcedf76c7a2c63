"""What commands about a large finished run cost: CPU seconds and peak memory of each, in a process
of its own.

    python benchmarks/log.py [--trials 100000] [--answer-bytes 40]

The run is written as a sweep would write it (a line a trial, ids and places of a real plan),
without asking anybody.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from measure import Measured, Watch, machine, measured

from niah.experiment.config import RunConfig, read_config
from niah.experiment.experiment import experiment_of
from niah.records import Outcome, Placement, Response, Result, Trial, Usage
from niah.runlog.log import write_log

LENGTHS, DEPTHS = 50, 40
COMMANDS = {
    "run, drawing": ("run", "--name", "r"),  # no picture is there yet
    "run": ("run", "--name", "r"),
    "report": ("report", "r"),
    "plot": ("plot", "r"),
    "show": ("show", "r"),
    "show TRIAL": ("show", "r", "TRIAL"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--answer-bytes", type=int, default=40)
    parser.add_argument("--only", choices=COMMANDS, help="one command alone")
    parser.add_argument("--inside", help=argparse.SUPPRESS, nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside)
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        flags, some = write_run(root, given.trials, given.answer_bytes)
        size = (root / "r" / "run.jsonl").stat().st_size
        print(f"{given.trials:,} trials, log of {size / 1e6:.0f} MB; {machine()}")
        for name, command in COMMANDS.items():
            if given.only in (None, name):
                arguments = [some if a == "TRIAL" else a for a in command]
                took = one(root, [*arguments, *(flags if command[0] == "run" else ())])
                print(
                    f"{name:<13} {took.cpu_s['command']:>7.1f} CPU s {took.peak_mb:>7.0f} MB",
                    flush=True,
                )


def write_run(root: Path, trials: int, answer_bytes: int) -> tuple[list[str], str]:
    """A finished run of so many trials in ``root/r``: the flags that name it, and the id of one
    trial."""
    epochs = max(1, trials // (LENGTHS * DEPTHS))
    lengths = ",".join(str(1_000 + 500 * i) for i in range(LENGTHS))
    depths = ",".join(f"{100 * i / (DEPTHS - 1):.4g}" for i in range(DEPTHS))
    flags = [
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        lengths,
        "--depths",
        depths,
    ]
    flags += ["--epochs", str(epochs)]
    keys = {
        "provider": "simulated",
        "model": "perfect",
        "lengths": lengths,
        "depths": depths,
        "epochs": str(epochs),
    }
    config: RunConfig = read_config(None, keys)
    experiment = experiment_of(config)
    first = experiment.trials[0]
    prompt = experiment.prompt(first)
    real = replace(result(first, answer_bytes), prompt_digest=prompt.digest,
                   targets=prompt.planting.targets,
                   placements=prompt.placements)  # fmt: skip
    write_log(
        root / "r",
        experiment.header(),
        [real, *(result(t, answer_bytes) for t in experiment.trials[1:])],
    )
    return flags, first.id


def result(trial: Trial, answer_bytes: int) -> Result:
    number = str(1_000_000 + int(trial.id[:8], 16) % 9_000_000)
    right = int(trial.id[-2:], 16) > 20
    place = Placement(key="Oslo", depth_percent=trial.depth_percent,
                      actual_depth_percent=trial.depth_percent + 0.013,
                      tokens_before=trial.context_length * 7 // 10)  # fmt: skip
    return Result(
        trial=trial,
        outcome=Outcome.SCORED,
        placements=(place,),
        targets=(number,),
        prompt_tokens=trial.context_length - 64,
        prompt_digest=(trial.id * 4)[:64],
        unique_share=1.0,
        response=Response(
            text=(f"The magic number is {number}. " * (answer_bytes // 30 + 1))[
                : max(answer_bytes, 28)
            ],
            stop_reason="stop",
            usage=Usage(input_tokens=trial.context_length - 60, output_tokens=12, cached_tokens=0),
            model="perfect",
        ),
        score=float(right),
        answer_class="right" if right else "wrong",
        explanation="the number asked for" if right else f"{number} is another number",
        first_token_s=0.2 + int(trial.id[:3], 16) / 4096,
        total_s=0.4 + int(trial.id[:3], 16) / 4096,
        attempts=1,
        request_id=f"chatcmpl-{trial.id}",
        finished="2026-11-27T06:00:00+00:00",
    )


def one(root: Path, command: list[str]) -> Measured:
    """One command of niah, with its results under ``root``."""
    return measured(__file__, "--inside", *command, "--results", str(root))


def inside(command: list[str]) -> None:
    from niah.cli import main as niah

    watch = Watch()

    def run() -> None:
        try:
            niah(command)
        except SystemExit as ended:
            if ended.code not in (0, None):
                raise

    watch.time("command", run)
    sys.stdout.flush()
    watch.report()


if __name__ == "__main__":
    main()
