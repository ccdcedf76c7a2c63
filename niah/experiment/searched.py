"""What a reader scores that only searches, on the very prompts of a run: measured without a model.

It stands beside the model's score as its controls do: what searching earns is not reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from niah.errors import PromptError
from niah.experiment.experiment import Experiment
from niah.providers.search import WAYS, Search
from niah.records import Trial

MOST_TOKENS = 64_000  # of a context: a longer one is searched as well, and takes seconds


def search_scores(experiment: Experiment, trials: Iterable[Trial]) -> Mapping[str, float]:
    """The mean score over some trials by way of searching (``search``, ``search:first`` ...)."""
    scores: dict[str, list[float]] = {}
    for trial in trials:
        try:
            prompt = experiment.prompt(trial)
        except PromptError:  # it cannot be built, and the run says so
            continue
        search = Search(prompt.text)
        for way in WAYS:
            score = experiment.task.score(search.answer(way), prompt.planting)
            scores.setdefault(f"search:{way}".strip(":"), []).append(score.value)
    return {way: fmean(values) for way, values in scores.items()}


def best_search(experiment: Experiment) -> float | None:
    """The best of them over the first epoch of a run; None where no prompt was searched."""
    trials = [t for t in experiment.trials if t.epoch == 0 and t.control is None and t.context_length <= MOST_TOKENS]
    return max(search_scores(experiment, trials).values(), default=None)
