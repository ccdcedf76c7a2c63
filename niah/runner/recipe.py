"""From a RunConfig to everything that builds its prompts: haystack, tokenizer, task, trials. No network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from niah import __version__
from niah.config import RunConfig
from niah.generator.draw import Draw
from niah.generator.haystack import Haystack
from niah.generator.plan import recipe_digest, trials_of
from niah.generator.prompt import Builder
from niah.generator.store import load_haystack
from niah.generator.tokenizers import Tokenizer, tokenizer_of
from niah.records import Header, Planting, Prompt, Trial
from niah.runner.log import SCHEMA
from niah.tasks import Task, task_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the bytes of a run's prompts."""

    config: RunConfig
    tokenizer: Tokenizer
    haystack: Haystack
    task: Task
    language: str
    reply_tokens: int
    trials: tuple[Trial, ...]

    def plant(self, trial: Trial) -> Planting:
        """The needles, question and targets of a trial; equal for every model."""
        c = self.config
        draw = Draw(c.seed, "needle", c.task, trial.context_length, trial.depth_percent, trial.epoch)
        return self.task.plant(draw, trial, self.haystack, self.language, c.distractors)

    def prompt(self, trial: Trial) -> Prompt:
        """Build a trial's prompt. Raises PromptError where the length leaves no room."""
        return self._builder().build(trial, self.plant(trial))

    def check_lengths(self) -> None:
        """Raises PromptError where the shortest length cannot hold its own question."""
        shortest = min(self.trials, key=lambda t: t.context_length)
        self._builder().haystack_tokens(shortest.context_length, self.plant(shortest))

    def header(self) -> Header:
        """The first line of the run log."""
        return Header(
            schema=SCHEMA,
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            config={**self.config.identity(), "tokenizer": self.tokenizer.name},
            haystack_digest=self.haystack.digest,
            task_version=self.task.VERSION,
        )

    def _builder(self) -> Builder:
        return Builder(
            self.haystack,
            self.tokenizer,
            seed=self.config.seed,
            reply_tokens=self.reply_tokens,
            haystack_per=self.config.haystack_per,
        )


def recipe_of(config: RunConfig) -> Recipe:
    """Load what a config names. Raises the NiahError of whatever is wrong with it."""
    task = task_of(config.task)
    tokenizer = tokenizer_of(config.tokenizer)
    haystack = load_haystack(config.haystack, tokenizer)
    language = _language(config.language, haystack.language)
    reply_tokens = config.reply_tokens or task.REPLY_TOKENS
    digest = recipe_digest(
        {
            "task": config.task,
            "task_version": task.VERSION,
            "haystack": haystack.digest,
            "haystack_per": config.haystack_per,
            "tokenizer": tokenizer.name,
            "language": language,
            "distractors": config.distractors,
            "seed": config.seed,
            "reply_tokens": reply_tokens,
        }
    )
    trials = trials_of(config.task, digest, config.lengths, config.depths, config.epochs)
    return Recipe(
        config=config,
        tokenizer=tokenizer,
        haystack=haystack,
        task=task,
        language=language,
        reply_tokens=reply_tokens,
        trials=trials,
    )


def _language(asked: str, of_haystack: str) -> str:
    """The needle's language: as asked, else the haystack's; English where the haystack is mixed."""
    if asked != "auto":
        return asked
    return "en" if of_haystack == "mixed" else of_haystack
