"""Places where a prompt is split for a cache that asks for it: whole characters, also among the
marks of a task."""

from __future__ import annotations

from itertools import pairwise

import pytest

from niah.experiment.config import RunConfig
from niah.experiment.experiment import experiment_of


@pytest.mark.slow
@pytest.mark.parametrize("haystack", ["en", "zh-hant"])
@pytest.mark.parametrize("task", ["single", "multikey", "tracking", "when", "said-at", "kv"])
def test_prompts_of_an_epoch_share_all_before_the_first_planted_line(
    task: str, haystack: str
) -> None:
    config = RunConfig(
        provider="anthropic", model="m", task=task, haystack=haystack, lengths="4k,8k",
        depths="20,60,100",
        cache_marks=True, controls=True,
    )  # fmt: skip
    experiment = experiment_of(config)
    for trial in (t for t in experiment.trials if t.control in (None, "absent")):
        prompt = experiment.prompt(trial)
        assert list(prompt.splits) == sorted(set(prompt.splits))
        assert prompt.splits
        edges = [0, *prompt.splits, len(prompt.utf8)]
        assert "".join(prompt.utf8[a:b].decode() for a, b in pairwise(edges)) == prompt.text
        first = min(
            (prompt.utf8.index(n.text.encode()) for n in prompt.planting.marks),
            default=len(prompt.utf8),
        )
        assert prompt.shared_bytes <= first
        lines = {prompt.utf8[at - 1 : at] for at in prompt.splits}
        assert lines <= {b"\n"}  # between lines, never within one
