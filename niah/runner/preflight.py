"""Before a sweep: small requests that prove key, model and fields, and tell how the server counts
tokens.

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
from niah.experiment.checks import key_hint
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment
from niah.generator.haystack import stream_of
from niah.generator.tokenizers import Tokenizer
from niah.providers import HttpRequest, Provider
from niah.records import Outcome, Planting, Prompt, Trial, Usage
from niah.runner.calibration import Calibration, Counted, calibrated, is_wide
from niah.runner.client import Client
from niah.runner.exchange import Answer
from niah.runner.uploads import Uploads
from niah.tasks import TaskContext, magic
from niah.tasks._planter import Planter, planting_of
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
    canary: tuple[
        str, ...
    ] = ()  # what the canary check found, a line each; empty where it was not asked for

    @property
    def model(self) -> str | None:
        """The name by which the server calls the model."""
        return next(
            (a.response.model for a in self.answers if a.response and a.response.model), None
        )

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
        ratio = (
            1.0 if known is None else min(known.narrow, known.wide)
        )  # surely, whatever the script
        beyond = [
            n
            for n in experiment.config.lengths
            if self.window is not None and n * ratio > self.window
        ]
        if beyond:
            lengths = ", ".join(map(label_of, beyond))
            lines.append(
                f"the server says its window is {self.window:,} tokens: {lengths} will not fit"
            )
        return lines


async def preflight(
    client: Client, provider: Provider, experiment: Experiment, uploads: Uploads | None = None
) -> Preflight:
    """Send the small requests. Raises ProviderError where one is refused, OutageError where none is
    answered."""
    prompts = small_prompts(experiment)
    answers = [await _asked(client, provider.request(prompt), experiment) for prompt in prompts]
    _check_budget(answers, experiment)
    counted = [counted_of(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    if any(counted) and not all(counted):  # a gateway loses some counts on the way
        for n, prompt in enumerate(prompts):
            if counted[n] is None and (again := await client.ask(provider.request(prompt))):
                answers.append(again)
                counted[n] = counted_of(prompt, again)
    known = [c for c in counted if c is not None]
    calibration = calibrated(known) if len(known) == len(prompts) > 1 else None
    presenter = presenter_in(experiment)
    if calibration is not None and isinstance(presenter, Chat | Tools):
        calibration = await _with_turns(
            client, provider, presenter, experiment, prompts[-1], calibration
        )
    elif calibration is not None and presenter is not None:
        calibration = await _with_media(
            client, provider, presenter, experiment, calibration, uploads
        )
    return Preflight(
        answers=tuple(answers), calibration=calibration, window=await told_window(client, provider)
    )


async def _with_turns(
    client: Client,
    provider: Provider,
    presenter: Chat | Tools,
    experiment: Experiment,
    prompt: Prompt,
    known: Calibration,
) -> Calibration | None:
    """What a server adds for each turn, by two prompts of one text; None where it does not count
    them."""
    counted, turns = [], []
    for size in (prompt.tokens, max(1, prompt.tokens // FURTHER_TURNS)):
        sent = replace(presenter, turn_tokens=size).present(prompt)
        found = counted_of(sent, await _asked(client, provider.request(sent), experiment))
        if found is None or sent.delivered is None:
            return None
        counted.append(found)
        turns.append(sent.delivered.turns or 0)
    return (
        known.with_turns(counted[0], turns[0], counted[1], turns[1])
        if turns[1] > turns[0]
        else known
    )


async def _with_media(
    client: Client,
    provider: Provider,
    presenter: Presenter,
    experiment: Experiment,
    known: Calibration,
    uploads: Uploads | None,
) -> Calibration:
    """What a server counts for a page or a second of sound, by a small prompt; what it does not
    tell stays unknown."""
    planting = experiment.plant(min(experiment.trials, key=lambda t: t.context_length))
    sample = _thinned(_lines(experiment), experiment.tokenizer, MEDIA_TOKENS)
    sent = presenter.present(_small(experiment, planting, sample))
    told = sent.delivered
    if told is None or told.text_tokens is None:
        return known
    if uploads is not None:
        sent = await uploads.referenced(sent)
    counted = counted_of(sent, await _asked(client, provider.request(sent), experiment))
    if counted is None:
        return known
    beside = replace(counted, tokens=told.text_tokens)
    return known.with_media(beside, told.pages or told.seconds or 0)


async def _asked(client: Client, request: HttpRequest, experiment: Experiment) -> Answer:
    """The answer to a small request; asked again where it is refused as too long, which a busy
    server says too.

    Raises ProviderError or OutageError for an answer that promises nothing for the sweep.
    """
    for _ in range(2):
        failed, hint = (
            "the first request failed, and nothing more was sent",
            partial(key_hint, experiment.config),
        )
        answer = await client.ask_or_raise(request, failed, hint)
        if answer.outcome is not Outcome.OVERFLOW:
            return answer
    about = f"{sample_tokens(experiment):,} tokens"
    raise ProviderError(f"a prompt of about {about} is refused as too long: {answer.error}")


def sample_tokens(experiment: Experiment) -> int:
    """Tokens of haystack in a small request: never more than in a run's longest prompt, which a
    window is made for."""
    return min(SAMPLE_TOKENS, max(experiment.config.lengths))


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


async def told_window(client: Client, provider: Provider) -> int | None:
    """The window as the server tells it; None where it does not, or in a shape that is not
    known."""
    request = provider.window_request()
    body = await client.fetch(request) if request else None
    try:
        return provider.window_in(body) if body else None
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


def small_prompts(experiment: Experiment) -> list[Prompt]:
    """A prompt without a haystack, and one or two with about a thousand tokens of its lines."""
    cheapest = min(experiment.trials, key=lambda t: t.context_length)
    planting = experiment.plant(cheapest)
    lines = _lines(experiment)
    wide = [line for line in lines if is_wide(line)]
    narrow = [line for line in lines if not is_wide(line)]
    both = min(len(wide), len(narrow)) >= _LEAST_SHARE * len(lines)
    most = sample_tokens(experiment)
    samples = [
        _thinned(part, experiment.tokenizer, most)
        for part in ((narrow, wide) if both else (lines,))
    ]
    return [_small(experiment, planting, sample) for sample in ([], *filter(None, samples))]


def further_prompt(experiment: Experiment) -> Prompt:
    """One more prompt, of other lines and longer, so that a cache keeps it; never longer than a
    run's longest."""
    planting = experiment.plant(min(experiment.trials, key=lambda t: t.context_length))
    longest = max(experiment.config.lengths)
    tokens = min(FURTHER_TOKENS, longest, max(SAMPLE_TOKENS, longest // 2))
    places = sorted(
        {experiment.config.seed, *(3 * tokens * k // _FURTHER_LINES for k in range(_FURTHER_LINES))}
    )
    tour = stream_of(experiment.haystack, experiment.config.seed, 0)
    lines = list(dict.fromkeys(tour.segment_at(tour.floor(place))[0] for place in places))
    return _small(experiment, planting, _thinned(lines, experiment.tokenizer, tokens))


def _small(experiment: Experiment, planting: Planting, lines: Sequence[str] = ()) -> Prompt:
    """A prompt with these lines for a haystack, which belongs to no trial."""
    prompt = experiment.builder.bare(replace(planting, needles=()), lines or ("",))
    if experiment.config.cache_marks:  # proves that the server takes them
        opening = len(planting.opening.encode())
        prompt = replace(prompt, splits=(opening,), shared_bytes=opening)
    return prompt


def _lines(experiment: Experiment) -> list[str]:
    """Lines evenly from the longest trial's stretch of haystack."""
    longest = max(experiment.config.lengths)
    tour = stream_of(experiment.haystack, experiment.config.seed, 0)
    places = sorted({tour.floor(longest * k // _SAMPLE_LINES).tokens for k in range(_SAMPLE_LINES)})
    return [tour.segment_at(tour.floor(place))[0] for place in places]


def _thinned(lines: list[str], tokenizer: Tokenizer, most: int) -> list[str]:
    """As many of the lines as make so many tokens, evenly from all of them."""
    step = max(1.0, tokenizer.count("\n".join(lines)) / most)
    return [lines[int(k * step)] for k in range(int(len(lines) / step))]


def _check_budget(answers: list[Answer], experiment: Experiment) -> None:
    """Raises ProviderError where reasoning leaves no room for an answer: no trial could ever be
    scored."""
    silent = [
        a
        for a in answers
        if a.outcome is Outcome.TRUNCATED and a.response and not a.response.text.strip()
    ]
    if answers and len(silent) == len(answers):
        raise ProviderError(
            f"the reply budget of {experiment.reply_tokens} tokens was used up before a word of an"
            " answer, as reasoning models do; give more with --reply-tokens 4k, or have it reason"
            " less (--extra)"
        )


async def look_for_canaries(
    client: Client, provider: Provider, experiment: Experiment
) -> tuple[str, ...]:
    """What was found, a line for each place.

    Raises ProviderError where a place of the long prompt is not seen, OutageError where nobody
    answers.
    """
    seen = [await _look(client, provider, experiment, place) for place in PLACES]
    if missing := [line for line, is_fine in seen if not is_fine]:
        raise ProviderError(
            f"{'; '.join(missing)}: the server seems to drop a part of long prompts in silence;"
            " give it a larger window or ask for shorter --lengths, or go on with --no-canary if"
            " the model is to blame"
        )
    return tuple(line for line, _ in seen)


async def _look(
    client: Client, provider: Provider, experiment: Experiment, place: str
) -> tuple[str, bool]:
    """What is found of one canary, as a line, and whether that is fine: not where only the long
    prompt fails."""
    planting, length = planted(experiment, place), max(experiment.config.lengths)
    alone = experiment.builder.bare(planting, [needle.text for needle in planting.needles])
    failed = "the canary check failed, and no trial was sent"
    control = await client.ask_or_raise(provider.request(alone), failed)
    answer = await client.ask_or_raise(provider.request(long_prompt(experiment, planting)), failed)
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


def planted(experiment: Experiment, place: str) -> Planting:
    """All canaries, and the question about one; the haystack around them is the same for each."""
    trial = _longest(experiment)
    options = replace(experiment.options, value_kind="number")
    site = TaskContext(
        trial=trial, haystack=experiment.haystack, language=experiment.language, options=options
    )
    draw = Draw(experiment.config.seed, "canary")
    planting = magic.planted(Planter(draw, site), list(PLACES.values()))
    asked = planting.needles[list(PLACES).index(place)]
    lines = [replace(n, text="\n".join([n.text] * _CANARY_LINES)) for n in planting.needles]
    question = magic.question_for(experiment.language, "number", asked.key)
    return planting_of(experiment.language, planting.opening, question, lines, [asked.value])


def long_prompt(experiment: Experiment, planting: Planting) -> Prompt:
    """The canaries in a haystack of the longest length."""
    return experiment.builder.build(_longest(experiment), planting)


def _longest(experiment: Experiment) -> Trial:
    length = max(experiment.config.lengths)
    return Trial(
        id="", task=experiment.config.task, context_length=length, depth_percent=0.0, epoch=0
    )


def _is_right(answer: Answer, planting: Planting) -> bool:
    if answer.outcome is not Outcome.SCORED or answer.response is None:
        return False
    return magic.score(answer.response.text, planting).value == 1
