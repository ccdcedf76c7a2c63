"""Before a sweep: small requests that prove key, model and fields, and tell how tokens are counted.

One prompt without a haystack gives what the server adds around every prompt; one with lines from
all over the run's stretch of haystack gives its tokens per token of ours. Where a haystack holds
two scripts there is one for each, since tokenizers differ most between scripts. During a sweep one
more prompt may be needed, sent twice: where counts are in doubt, and where a cache is first seen.

Where it is asked for, canaries show whether front and middle of the longest prompt are seen at all:
for servers that do not count, or count a prompt that they then cut. A canary is easier than any
needle, the same line several times over; the same question over these lines alone is its control,
so that a model which cannot answer it anyway is not taken for a server that cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from niah.deliveries import Presenter
from niah.deliveries.turns import Chat, Tools
from niah.errors import ProviderError
from niah.experiment.access import key_hint
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment
from niah.generator.haystack import stream_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Outcome, Planting, Prompt, Trial, Usage
from niah.runner.calibration import Calibration, Counted, calibrated, is_wide
from niah.runner.client import Client
from niah.runner.exchange import ODD_SHAPE, Answer
from niah.runner.uploads import Uploads
from niah.tasks import TaskContext, magic
from niah.tasks._frame import planting_of
from niah.tasks._planter import Planter
from niah.text.lengths import label_of
from niah.text.seeded import Draw

SAMPLE_TOKENS = 1_000
_SAMPLE_LINES = 140
MEDIA_TOKENS = 200  # of haystack, for a page or some seconds of sound
FURTHER_TOKENS = 2_400  # most caches keep nothing shorter than 1,024 tokens, or 2,048
_FURTHER_LINES = 400
FURTHER_TURNS = 34  # as many turns tell what one adds
_LEAST_SHARE = 0.1  # a script with fewer of the lines has no sample of its own
PLACES = {"front": 0.0, "middle": 50.0}  # depth in percent
_CANARY_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What the small requests found."""

    answers: tuple[Answer, ...]
    calibration: Calibration | None  # None: the server does not count
    window: int | None  # in the server's tokens, where it tells
    canary: tuple[str, ...] = ()  # what the canary check found, a line for each place

    @property
    def model(self) -> str | None:
        """The name by which the server calls the model."""
        models = (a.response.model for a in self.answers if a.response)
        return next(filter(None, models), None)

    def warnings(self, experiment: Experiment) -> list[str]:
        """What a person must know about the server before a sweep."""
        known, lines = self.calibration, list(self.canary)
        if known is None:
            look = "" if self.canary else "; --canary looks for one"
            lines.append(
                "the server does not say how many prompt tokens it counted, or always says the"
                f" same: a part that it drops in silence cannot be noticed{look}"
            )
        elif not known.is_exact:
            name = experiment.tokenizer.name
            lines.append(
                f"the server counts {known.narrow:.2f} tokens for one of {name}: a dropped part of"
                f" less than {known.resolution:.0%} cannot be noticed; --tokenizer file:PATH of the"
                " model's own finds any"
            )
        if self.window is not None:
            ratio = 1.0 if known is None else min(known.narrow, known.wide)  # in any script
            beyond = [label_of(n) for n in experiment.config.lengths if n * ratio > self.window]
            if beyond:
                window = f"the server says its window is {self.window:,} tokens"
                lines.append(f"{window}: {', '.join(beyond)} will not fit")
        return lines


async def preflight(
    client: Client, experiment: Experiment, uploads: Uploads | None = None
) -> Preflight:
    """Send the small requests. Raises ProviderError for a refusal, OutageError for no answer."""
    prompts = small_prompts(experiment)
    answers = [await _asked(client, prompt, experiment) for prompt in prompts]
    _check_budget(answers, experiment)
    counted = [counted_of(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    if any(counted) and not all(counted):  # a gateway loses some counts on the way
        for n, prompt in enumerate(prompts):
            if counted[n] is None and (again := await client.ask(client.provider.request(prompt))):
                answers.append(again)
                counted[n] = counted_of(prompt, again)
    calibration, presenter = calibrated(counted), presenter_in(experiment)
    if calibration is not None and isinstance(presenter, Chat | Tools):
        calibration = await _with_turns(client, presenter, experiment, prompts[-1], calibration)
    elif calibration is not None and presenter is not None:
        calibration = await _with_media(client, presenter, experiment, calibration, uploads)
    window = await told_window(client)
    return Preflight(answers=tuple(answers), calibration=calibration, window=window)


async def _with_turns(
    client: Client,
    presenter: Chat | Tools,
    experiment: Experiment,
    prompt: Prompt,
    known: Calibration,
) -> Calibration | None:
    """What a server adds for each turn, by two prompts of one text; None where it counts none."""
    counted, turns = [], []
    for size in (prompt.tokens, max(1, prompt.tokens // FURTHER_TURNS)):
        sent = replace(presenter, turn_tokens=size).present(prompt)
        found = counted_of(sent, await _asked(client, sent, experiment))
        if found is None or sent.delivered is None:
            return None
        counted.append(found)
        turns.append(sent.delivered.turns or 0)
    if turns[1] <= turns[0]:
        return known
    return known.with_turns(counted[0], turns[0], counted[1], turns[1])


async def _with_media(
    client: Client,
    presenter: Presenter,
    experiment: Experiment,
    known: Calibration,
    uploads: Uploads | None,
) -> Calibration:
    """What a server counts for a page or a second of sound, by a small prompt, where it tells."""
    sample = _thinned(_lines(experiment), experiment.tokenizer, MEDIA_TOKENS)
    sent = presenter.present(_small(experiment, sample))
    told = sent.delivered
    if told is None or told.text_tokens is None:
        return known
    if uploads is not None:
        sent = await uploads.referenced(sent)
    counted = counted_of(sent, await _asked(client, sent, experiment))
    if counted is None:
        return known
    beside = replace(counted, tokens=told.text_tokens)
    return known.with_media(beside, told.pages or told.seconds or 0)


async def _asked(client: Client, prompt: Prompt, experiment: Experiment) -> Answer:
    """The answer to a small prompt, asked again where it is too long: a busy server says so, too.

    Raises ProviderError or OutageError for an answer that promises nothing for the sweep.
    """
    failed = "the first request failed, and nothing more was sent"
    hint = partial(key_hint, experiment.config)
    for _ in range(2):
        answer = await client.ask_or_raise(client.provider.request(prompt), failed, hint)
        if answer.outcome is not Outcome.OVERFLOW:
            return answer
    about = f"{_sample_tokens(experiment):,} tokens"
    raise ProviderError(f"a prompt of about {about} is refused as too long: {answer.error}")


def _sample_tokens(experiment: Experiment) -> int:
    """Tokens of haystack in a small request; a window may be made for the run's longest prompt."""
    return min(SAMPLE_TOKENS, experiment.longest)


def counted_of(prompt: Prompt, answer: Answer | None) -> Counted | None:
    """What an answer tells of the server's counting; None where it tells nothing."""
    usage = answer.response.usage if answer and answer.response else Usage()
    if not (usage.input_tokens or usage.cached_tokens):
        return None
    return Counted(
        text=prompt.utf8,
        tokens=prompt.tokens,
        server_tokens=usage.input_tokens or 0,
        cached_tokens=usage.cached_tokens or 0,
    )


async def told_window(client: Client) -> int | None:
    """The window as the server tells it; None where it does not, or in a shape unknown."""
    request = client.provider.window_request()
    body = await client.fetch(request) if request else None
    try:
        return client.provider.window_in(body) if body else None
    except ODD_SHAPE:
        return None


def small_prompts(experiment: Experiment) -> list[Prompt]:
    """A prompt without a haystack, and one or two with about a thousand tokens of its lines."""
    lines, most = _lines(experiment), _sample_tokens(experiment)
    wide = [line for line in lines if is_wide(line)]
    narrow = [line for line in lines if not is_wide(line)]
    both = min(len(wide), len(narrow)) >= _LEAST_SHARE * len(lines)
    parts = (narrow, wide) if both else (lines,)
    samples = [_thinned(part, experiment.tokenizer, most) for part in parts]
    return [_small(experiment, sample) for sample in ([], *filter(None, samples))]


def further_prompt(experiment: Experiment) -> Prompt:
    """One more prompt, of other lines and longer, as caches want; never beyond a run's longest."""
    longest, seed = experiment.longest, experiment.config.seed
    tokens = min(FURTHER_TOKENS, longest, max(SAMPLE_TOKENS, longest // 2))
    places = {seed, *(3 * tokens * k // _FURTHER_LINES for k in range(_FURTHER_LINES))}
    tour = stream_of(experiment.haystack, seed, 0)
    lines = list(dict.fromkeys(map(tour.line_at, sorted(places))))
    return _small(experiment, _thinned(lines, experiment.tokenizer, tokens))


def _small(experiment: Experiment, lines: Sequence[str]) -> Prompt:
    """A prompt with these lines for a haystack, which belongs to no trial."""
    planting = experiment.plant(min(experiment.trials, key=lambda t: t.context_length))
    prompt = experiment.builder.bare(replace(planting, needles=()), lines or ("",))
    if experiment.config.cache_marks:  # proves that the server takes them
        opening = len(planting.opening.encode())
        prompt = replace(prompt, splits=(opening,), shared_bytes=opening)
    return prompt


def _lines(experiment: Experiment) -> list[str]:
    """Lines evenly from the longest trial's stretch of haystack."""
    tour, longest = stream_of(experiment.haystack, experiment.config.seed, 0), experiment.longest
    places = sorted({tour.floor(longest * k // _SAMPLE_LINES).tokens for k in range(_SAMPLE_LINES)})
    return [tour.line_at(place) for place in places]


def _thinned(lines: list[str], tokenizer: Tokenizer, most: int) -> list[str]:
    """As many of the lines as make so many tokens, evenly from all of them."""
    step = max(1.0, tokenizer.count("\n".join(lines)) / most)
    return [lines[int(k * step)] for k in range(int(len(lines) / step))]


def _check_budget(answers: list[Answer], experiment: Experiment) -> None:
    """Raises ProviderError where reasoning leaves no room for an answer: none could be scored."""
    cut = [a.response for a in answers if a.outcome is Outcome.TRUNCATED]
    if len(cut) == len(answers) and not any(r and r.text.strip() for r in cut):
        raise ProviderError(
            f"the reply budget of {experiment.reply_tokens} tokens was used up before a word of an"
            " answer, as reasoning models do; give more with --reply-tokens 4k, or have it reason"
            " less (--extra)"
        )


async def look_for_canaries(client: Client, experiment: Experiment) -> tuple[str, ...]:
    """What was found, a line for each place.

    Raises ProviderError where a place of the long prompt is not seen, OutageError where nobody
    answers.
    """
    seen = [await _look(client, experiment, place) for place in PLACES]
    if missing := [line for line, is_fine in seen if not is_fine]:
        raise ProviderError(
            f"{'; '.join(missing)}: the server seems to drop a part of long prompts in silence;"
            " give it a larger window or ask for shorter --lengths, or go on with --no-canary if"
            " the model is to blame"
        )
    return tuple(line for line, _ in seen)


async def _look(client: Client, experiment: Experiment, place: str) -> tuple[str, bool]:
    """What is found of one canary, and whether it is fine: not where only the long prompt fails."""
    task, length = experiment.config.task, experiment.longest
    trial = Trial(id="", task=task, context_length=length, depth_percent=0.0, epoch=0)
    planting, request = _planted(experiment, trial, place), client.provider.request
    alone = experiment.builder.bare(planting, [needle.text for needle in planting.needles])
    failed = "the canary check failed, and no trial was sent"
    control = await client.ask_or_raise(request(alone), failed)
    whole = experiment.builder.build(trial, planting)
    answer = await client.ask_or_raise(request(whole), failed)
    said = answer.response.text.strip()[:60] if answer.response else str(answer.error)
    where = f"the {place} of {label_of(length)}"
    if answer.outcome is not Outcome.SCORED:
        return f"canary: {where} could not be asked about ({said})", True
    if _is_right(answer, planting):
        return f"canary: {where} was seen", True
    if _is_right(control, planting):
        return f"canary: {where} was not seen (answered {said!r}; right without a haystack)", False
    why = f"the model does not answer even without a haystack ({said!r})"
    return f"canary: {why}: nothing is known of {where}", True


def _planted(experiment: Experiment, trial: Trial, place: str) -> Planting:
    """All canaries, and the question about one; the haystack around them is the same for each."""
    options = replace(experiment.options, value_kind="number")
    site = TaskContext(
        trial=trial, haystack=experiment.haystack, language=experiment.language, options=options
    )
    plan = Planter(Draw(experiment.config.seed, "canary"), site)
    planting = magic.planted(plan, list(PLACES.values()))
    asked = planting.needles[list(PLACES).index(place)]
    lines = [replace(n, text="\n".join([n.text] * _CANARY_LINES)) for n in planting.needles]
    question = plan.said("magic.number.question", key=asked.key)
    return planting_of(experiment.language, planting.opening, question, lines, [asked.value])


def _is_right(answer: Answer, planting: Planting) -> bool:
    if answer.outcome is not Outcome.SCORED or answer.response is None:
        return False
    return magic.score(answer.response.text, planting).value == 1
