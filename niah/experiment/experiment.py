"""From a RunConfig to what builds its prompts: haystack, tokenizer, task, trials. No network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from niah import __version__
from niah.errors import ConfigError, RunError
from niah.experiment.checks import concurrency_of
from niah.experiment.config import RunConfig
from niah.experiment.controls import CLOSED_BOOK, ORACLE, controlled
from niah.experiment.design import design_of
from niah.experiment.own import NOTHING, Own
from niah.experiment.recipe import options_of, recipe_of, reply_tokens_of
from niah.experiment.trials import Waves, all_trials, waves_of
from niah.generator.haystack import Haystack
from niah.generator.library import language_of_haystack, languages_in, load_haystack, recordings_of
from niah.generator.prompt import LEAST_HAYSTACK_TOKENS, Builder
from niah.generator.sound import Recordings
from niah.generator.synthetic import spoken
from niah.generator.tokenizers import Tokenizer, tokenizer_of
from niah.records import LOG_SCHEMA, Header, Outcome, Planting, Prompt, Row, Trial
from niah.tasks import Options, Task, TaskContext
from niah.text.lengths import aligned_lengths, label_of, place_of
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES, wording_of

LEAST_UNIQUE = 0.5  # share of the text at the longest length; with less, a run warns

# places in the longest prompt where a cache may be written: 94 % of what one at each needle serves
ANCHORS = 32
LEAST_ANCHOR = 1_024  # tokens: most caches keep nothing shorter

Choose = Callable[[Mapping[str, Row]], Sequence[Trial]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """All that decides the bytes of a run's prompts."""

    config: RunConfig
    tokenizer: Tokenizer
    haystack: Haystack
    builder: Builder
    task: Task
    language: str
    reply_tokens: int
    trials: tuple[Trial, ...]
    lattice_overhead: int | None = None  # tokens that are no haystack, where lengths are aligned
    own: Own = NOTHING  # parts that were handed over as objects
    choose: Choose | None = None  # the next trials, where they depend on those that have ended

    @property
    def options(self) -> Options:
        return options_of(self.config)

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with its reply: for servers that are told their window."""
        return max(self.config.lengths)

    def plant(self, trial: Trial) -> Planting:
        """The needles, question and targets of a trial; equal for every model."""
        told = self.config.may_be_absent
        return controlled(self._planted(trial), trial.control, self.language, may_be_absent=told)

    def _planted(self, trial: Trial) -> Planting:
        site = TaskContext(
            trial=trial, haystack=self.haystack, language=self.language, options=self.options
        )
        if self.lattice_overhead is None:
            draw = self._draw("needle", trial.context_length, trial.depth_percent, trial.epoch)
            return self.task.plant(draw, site)
        place = place_of(trial.context_length, trial.depth_percent, self.lattice_overhead)
        draw = self._draw("needle at", place, trial.epoch)
        planting = self.task.plant(draw, site)
        return replace(planting, needles=(replace(planting.needles[0], tokens_before=place),))

    def _draw(self, purpose: str, *coordinates: object) -> Draw:
        """Choices of one trial.

        In another language or haystack they are others, so that no run gives away another's.
        """
        c = self.config
        return Draw(c.seed, purpose, c.task, self.language, self.haystack.digest, *coordinates)

    def prompt(self, trial: Trial) -> Prompt:
        """Build a trial's prompt. Raises PromptError where the length leaves no room."""
        planting = self.plant(trial)
        if trial.control == CLOSED_BOOK:
            return self.builder.bare(planting, ())
        if trial.control == ORACLE:
            needles = sorted(planting.needles, key=lambda n: n.depth_in(trial))
            return self.builder.bare(planting, [n.text for n in needles])
        return self.builder.build(trial, planting)

    def prompt_tokens(self, trial: Trial) -> int:
        """Tokens of a trial's prompt, known without building it wherever there is a haystack."""
        if trial.control in (CLOSED_BOOK, ORACLE):
            return self.prompt(trial).tokens
        return trial.context_length - self.reply_tokens

    def check_lengths(self) -> None:
        """Raises PromptError where the shortest length cannot hold its own question."""
        shortest = min(t.context_length for t in self.trials)
        trials = (t for t in self.trials if t.context_length == shortest and t.control is None)
        plantings = list(map(self.plant, trials))
        if all(_surely_fits(p, shortest - self.reply_tokens) for p in plantings):
            return  # no need to load the tokenizer
        self.builder.haystack_tokens(shortest, max(plantings, key=self.builder.overhead))

    def unique_share(self, context_length: int) -> float:
        """Share of that many tokens of haystack that do not repeat, at most."""
        unique = self.haystack.unique_tokens()
        return 1.0 if unique is None else min(1.0, unique / context_length)

    def warnings(self) -> list[str]:
        """What a user should know about the haystack before reading the picture."""
        if self.haystack.name.startswith("needles:"):
            return []  # it is meant to be confused with the needle
        return [*self._repetition(), *self._script_warning(), *self._own_needles()]

    def _repetition(self) -> list[str]:
        longest = max(self.config.lengths)
        share, unique = self.unique_share(longest), self.haystack.unique_tokens()
        if unique is None or share >= LEAST_UNIQUE:
            return []
        language = _language("auto", self.haystack.language)
        other = f", or use --haystack synthetic:{language}" if language in spoken() else ""
        return [
            f"haystack {self.haystack.name} has {unique:,} different tokens: at {label_of(longest)}"
            f" its text goes round {longest / unique:,.0f} times, and only {100 * share:.2g} % of"
            f" it is new; add transcripts{other}"
        ]

    def _script_warning(self) -> list[str]:
        """A needle in traditional characters stands out among simplified ones, and vice versa."""
        names = self.config.haystack if self.own.haystack is None else ()
        scripts = {language for name in names for language in languages_in(name)}
        other = ({"zh-Hant", "zh-Hans"} & scripts) - {self.language}
        if not other or not self.language.startswith("zh"):
            return []
        return [
            f"the needle is in {self.language}, and the haystack holds episodes in {min(other)},"
            " where its characters give it away; make a haystack of each script"
        ]

    def _own_needles(self) -> list[str]:
        wordings = map(wording_of, LANGUAGES)
        names = [wording.text(key) for wording in wordings for key in self.task.WORDING]
        alike = {fold(name): name for name in names}  # of Chinese one script is enough
        said = sorted(self.haystack.leaks.held(alike.values()))
        if not said:
            return []
        return [
            f"the haystack itself says {', '.join(map(repr, said))}: a needle of this task may be"
            " confused with it"
        ]

    def waves(self, finished: Container[str], together: int) -> Waves:
        """The trials still to be sent, in waves."""
        c = self.config
        missing = [t for t in self.trials if t.id not in finished]
        if c.cache_marks:  # such a cache reads only what was written: no long warm-up helps it
            together = 1
        shared = c.haystack_per == "epoch"
        return waves_of(missing, c.order, seed=c.seed, haystack_shared=shared, together=together)

    def schedule(
        self, rows: Mapping[str, Row], hopeless: Container[str] = ()
    ) -> Iterator[Sequence[Trial]]:
        """The trials to send, wave after wave; what ended as an error once more at the end.

        ``rows`` holds what has ended, and grows from one wave to the next, as does ``hopeless``:
        trials that another try would not help. So a later wave may depend on how the trials of an
        earlier one ended.
        """
        if self.choose is not None:
            yield from self._chosen(self.choose, rows)
            return
        for _ in range(2):
            errors = {i for i, row in rows.items() if row.outcome is Outcome.ERROR}
            done = {i for i in rows if i not in errors or i in hopeless}
            yield from self.waves(done, concurrency_of(self.config))

    def _chosen(self, choose: Choose, rows: Mapping[str, Row]) -> Iterator[Sequence[Trial]]:
        """Wave after wave of an adaptive run.

        A trial that ends as an error twice ends the command, not the search.
        """
        sent: Counter[str] = Counter()
        together = concurrency_of(self.config)
        while (wave := choose(rows)[:together]) and not any(sent[t.id] >= 2 for t in wave):
            sent.update(t.id for t in wave)
            yield wave

    def first(self, limit: int | None) -> Experiment:
        """With the first trials only, in the order in which they are sent: always the same."""
        if limit is None:
            return self
        if self.config.adaptive:
            raise ConfigError(
                "--limit has no meaning for an adaptive run, which stops by itself; set max_tokens"
            )
        order = [trial for wave in self.waves((), concurrency_of(self.config)) for trial in wave]
        return replace(self, trials=tuple(order[:limit]))

    @property
    def recordings(self) -> Recordings | None:
        """The haystack's own recordings, where they are heard."""
        heard = self.config.sent_as == "speech" and self.own.haystack is None
        return recordings_of(self.config.haystack, self.haystack) if heard else None

    def header(self) -> Header:
        """The first line of the run log."""
        config = self.config.identity()
        return Header(
            schema=LOG_SCHEMA,
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            config=config,
            design=design_of(config, self.task),
            haystack_digest=self.haystack.digest,
            recordings_digest=own.digest if (own := self.recordings) else None,
            tokenizer=self.tokenizer.name,
            task_version=self.task.VERSION,
            unique_share=self.unique_share(max(self.config.lengths)),
            claimed=self.config.claimed,
            price=self.config.price,
        )


def experiment_of(config: RunConfig, own: Own = NOTHING) -> Experiment:
    """Load what a config names, but for the parts handed over.

    Raises the NiahError of whatever is wrong with it.
    """
    if config.prompts is not None:
        from niah.experiment.given import given_experiment  # is made of this module

        return given_experiment(config)
    task = own.task_for(config)
    config = _in_filler(config, task, own)
    tokenizer = tokenizer_of(config.tokenizer)
    haystack = own.haystack_in(tokenizer) or load_haystack(
        config.haystack, tokenizer, keep=config.haystack_per == "epoch"
    )
    language = _language(config.language, haystack.language)
    reply_tokens = reply_tokens_of(config, task)
    anchor = max(LEAST_ANCHOR, max(config.lengths) // ANCHORS) if config.cache_marks else None
    builder = Builder(
        haystack,
        tokenizer,
        seed=config.seed,
        reply_tokens=reply_tokens,
        haystack_per=config.haystack_per,
        anchor_tokens=anchor,
    )
    digest = recipe_of(config, task, haystack, tokenizer, language)
    experiment = Experiment(
        config=config,
        tokenizer=tokenizer,
        haystack=haystack,
        builder=builder,
        task=task,
        language=language,
        reply_tokens=reply_tokens,
        trials=all_trials(config, digest),
        own=own,
    )
    return _aligned(experiment, digest) if config.aligned else experiment


def experiment_again(header: Header, own: Own = NOTHING) -> Experiment:
    """The experiment of a run, loaded again."""
    return experiment_of(RunConfig(**header.config), own)


def prompt_again(header: Header, row: Row, own: Own = NOTHING) -> Prompt:
    """The prompt of a finished trial, built again. Raises RunError where that is another today."""
    if header.imported is not None:
        raise RunError(
            f"the run was imported from {header.imported}: its prompts cannot be built;"
            " list it without TRIAL"
        )
    built = experiment_again(header, own).prompt(row.trial)
    if built.digest != row.prompt_digest:
        raise RunError(
            f"trial {row.trial.id}: its prompt cannot be built again; "
            f"haystack or niah have changed since (version {header.version})"
        )
    return built


def _in_filler(config: RunConfig, task: Task, own: Own) -> RunConfig:
    """The config with the haystack that a task brings along, in the language of the one named."""
    first = config.haystack[0]
    if task.FILLER is None or first.startswith(f"{task.FILLER}:"):
        return config
    if own.haystack is not None:
        raise ConfigError(
            f"task {config.task} stands in {task.FILLER}, which it makes itself:"
            " give it no haystack"
        )
    auto = config.language == "auto"
    language = language_of_haystack(config.haystack) if auto else config.language
    return config.model_copy(update={"haystack": (f"{task.FILLER}:{language}",)})


def _surely_fits(planting: Planting, tokens: int) -> bool:
    """Whether a prompt leaves room for its haystack even if every byte of it were a token."""
    texts = [planting.opening, planting.closing, *(n.text for n in planting.needles)]
    return tokens - LEAST_HAYSTACK_TOKENS > sum(len(text.encode()) + 2 for text in texts)


def _aligned(experiment: Experiment, digest: str) -> Experiment:
    """The recipe with its lengths moved to the lattice."""
    config = experiment.config
    if config.task != "single" or config.haystack_per == "trial":
        raise ConfigError('aligned needs task single and haystack_per "epoch"; else leave it out')
    # a needle of the lattice's own: the same for every grid, also when the run is looked at again
    site = TaskContext(
        trial=Trial(id="", task="single", context_length=0, depth_percent=0, epoch=0),
        haystack=experiment.haystack,
        language=experiment.language,
        options=experiment.options,
    )
    planting = experiment.task.plant(Draw(config.seed, "lattice"), site)
    overhead = experiment.builder.overhead(planting)
    lengths = aligned_lengths(config.lengths, config.depths, overhead)
    config = config.model_copy(update={"lengths": lengths})
    trials = all_trials(config, digest)
    return replace(experiment, config=config, trials=trials, lattice_overhead=overhead)


def _language(asked: str, of_haystack: str) -> str:
    """The needle's language: as asked, else the haystack's; English where the haystack is mixed."""
    if asked != "auto":
        return asked
    return "en" if of_haystack == "mixed" else of_haystack
