"""Before a sweep: small requests that prove key, model and fields, and tell how the server counts tokens.

One prompt without a haystack gives what the server adds around every prompt; one with lines from all over the run's
stretch of haystack gives its tokens per token of ours. Where a haystack holds two scripts there is one for each, since
tokenizers differ most between scripts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from niah.errors import OutageError, ProviderError
from niah.generator.haystack import Tour
from niah.generator.tokenizers import Tokenizer
from niah.providers import Provider
from niah.records import Outcome, Prompt
from niah.runner.calibration import Calibration, Counted, calibrated, is_wide
from niah.runner.client import Answer, Client
from niah.runner.recipe import Recipe

SAMPLE_TOKENS = 1_000
_SAMPLE_LINES = 140
_LEAST_SHARE = 0.1  # a script with fewer of the lines has no sample of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What the small requests found."""

    answers: tuple[Answer, ...]
    calibration: Calibration | None  # None: the server does not count
    window: int | None  # in the server's tokens, where it tells

    @property
    def model(self) -> str | None:
        """The name by which the server calls the model."""
        return next((a.response.model for a in self.answers if a.response and a.response.model), None)


async def preflight(client: Client, provider: Provider, recipe: Recipe) -> Preflight:
    """Send the small requests. Raises ProviderError where one is refused, OutageError where none is answered."""
    answers: list[Answer] = []
    counted: list[Counted] = []
    for prompt in small_prompts(recipe):
        answer = await client.ask(provider.request(prompt))
        if answer is None:  # stopped
            break
        _check(answer)
        answers.append(answer)
        tokens = answer.response.usage.input_tokens if answer.response else None
        counted += [Counted(text=prompt.utf8, tokens=prompt.tokens, server_tokens=tokens)] if tokens else []
    _check_budget(answers, recipe)
    known = calibrated(counted) if len(counted) == len(answers) > 1 else None
    return Preflight(answers=tuple(answers), calibration=known, window=await told_window(client, provider))


async def told_window(client: Client, provider: Provider) -> int | None:
    """The window as the server tells it; None where it does not, or in a shape that is not known."""
    request = provider.window_request()
    body = await client.fetch(request) if request else None
    try:
        return provider.window_in(body) if body else None
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


def small_prompts(recipe: Recipe) -> list[Prompt]:
    """A prompt without a haystack, and one or two with about a thousand tokens of its lines."""
    cheapest = min(recipe.trials, key=lambda t: t.context_length)
    planting = recipe.plant(cheapest)
    lines = _lines(recipe)
    wide = [line for line in lines if is_wide(line)]
    narrow = [line for line in lines if not is_wide(line)]
    both = min(len(wide), len(narrow)) >= _LEAST_SHARE * len(lines)
    samples = [_thinned(part, recipe.tokenizer) for part in ((narrow, wide) if both else (lines,))]
    texts = [planting.opening + planting.closing]
    texts += [planting.opening + "\n".join(sample) + planting.closing for sample in samples if sample]
    model = Prompt(
        utf8=b"",
        tokens=0,
        reply_tokens=recipe.reply_tokens,
        haystack_tokens=0,
        unique_share=1.0,
        placements=(),
        planting=replace(planting, needles=()),
        digest="",
    )
    if recipe.config.cache == "marks":  # proves that the server takes them
        opening = len(planting.opening.encode())
        model = replace(model, splits=(opening,), shared_bytes=opening)
    return [
        replace(model, utf8=t.encode(), tokens=recipe.tokenizer.count(t), digest=hashlib.sha256(t.encode()).hexdigest())
        for t in texts
    ]


def _lines(recipe: Recipe) -> list[str]:
    """Lines evenly from the longest trial's stretch of haystack."""
    longest = max(recipe.config.lengths)
    tour = Tour(recipe.haystack, recipe.config.seed, 0)
    places = sorted({tour.floor(longest * k // _SAMPLE_LINES).tokens for k in range(_SAMPLE_LINES)})
    return [tour.segment_at(tour.floor(place))[0] for place in places]


def _thinned(lines: list[str], tokenizer: Tokenizer) -> list[str]:
    """As many of the lines as fit into a small prompt, evenly from all of them."""
    tokens = tokenizer.count("\n".join(lines))
    step = max(1.0, tokens / SAMPLE_TOKENS)
    return [lines[int(k * step)] for k in range(int(len(lines) / step))]


def _check(answer: Answer) -> None:
    """Raises for an answer that promises nothing for the sweep."""
    if answer.outcome is Outcome.ERROR:
        kind = OutageError if answer.retried else ProviderError
        raise kind(f"the first request failed, and nothing more was sent: {answer.error}")
    if answer.outcome is Outcome.OVERFLOW:
        raise ProviderError(f"a prompt of about {SAMPLE_TOKENS:,} tokens is refused as too long: {answer.error}")


def _check_budget(answers: list[Answer], recipe: Recipe) -> None:
    """Raises ProviderError where reasoning leaves no room for an answer: no trial could ever be scored."""
    silent = [a for a in answers if a.outcome is Outcome.TRUNCATED and a.response and not a.response.text.strip()]
    if answers and len(silent) == len(answers):
        raise ProviderError(
            f"the reply budget of {recipe.reply_tokens} tokens was used up before a word of an answer, as reasoning "
            "models do; give more with --reply-tokens 4k, or have it reason less (--extra)"
        )
