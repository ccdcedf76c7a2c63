"""Time and memory of collecting 10,000 answers to prompts of 32k tokens, each built again for its
digest and its score.

python benchmarks/collect.py [TRIALS] [LENGTH]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

SCRIPT = """
import json, niah
from niah.api import experiment_for
settings = json.loads({settings!r})
niah.build(run="long", **settings)
experiment = experiment_for(None, settings, key_needed=False)
with open("answers.jsonl", "w") as file:
    for trial in experiment.trials:
        text = f"It is {{experiment.plant(trial).targets[0]}}."
        usage = {{"prompt_tokens": 31_900, "completion_tokens": 9}}
        file.write(json.dumps({{"id": trial.id, "text": text, "usage": usage}}) + chr(10))
"""


def main(trials: int = 10_000, length: str = "32k") -> None:
    settings = {
        "provider": "openai",
        "model": "m",
        "lengths": length,
        "depths": "0:95:5",
        "epochs": -(-trials // 20),
    }
    with tempfile.TemporaryDirectory() as folder:
        # the run is planned, and its prompts (1.4 GB) are not written
        plan = SCRIPT.format(settings=json.dumps(settings))
        subprocess.run(
            [sys.executable, "-c", plan],
            cwd=folder,
            check=True,
            env={**os.environ, "OPENAI_API_KEY": "x"},
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "niah", "collect", "answers.jsonl", "--run", "long"]
        started = time.time()
        subprocess.run(command, cwd=folder, check=True)
        seconds, used = time.time() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        print(f"{trials:,} answers to {length}: {seconds:.0f} s, {processor:.0f} CPU s, ", end="")
        print(f"peak {used.ru_maxrss / 1024:,.0f} MB (of planning or collecting)")


if __name__ == "__main__":
    main(*(kind(value) for kind, value in zip((int, str), sys.argv[1:], strict=False)))
