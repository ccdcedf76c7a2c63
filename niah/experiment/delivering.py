"""The delivery and the form that a config names, and how large the calls of a trial are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from niah.deliveries import Delivery, Parts, Presenter, delivery_of
from niah.deliveries.pages import Pages, look_of
from niah.deliveries.speech import Speech
from niah.deliveries.summarise import summary_tokens
from niah.deliveries.turns import Chat, Tools
from niah.errors import ConfigError
from niah.experiment.checks import chunking_of
from niah.experiment.controls import that_may_be_absent
from niah.experiment.experiment import Experiment
from niah.generator.voice import Voice
from niah.providers.media import media_limits
from niah.records import Prompt, Trial
from niah.text.lengths import label_of

HAS_TURNS = ("chat", "tools")


def delivery_in(experiment: Experiment) -> Delivery:
    """The delivery of a run: made once, since it keeps what does not change from trial to trial."""
    c = experiment.config
    parts = Parts(
        tokenizer=experiment.tokenizer,
        chunking=chunking_of(c),
        embeds=c.embed_url is not None,
        language=experiment.language,
        says_not_there=partial(_says_not_there, experiment),
        may_be_absent=partial(_may_be_absent, experiment),
    )
    return delivery_of(c.delivery, parts)


def presenter_in(experiment: Experiment) -> Presenter | None:
    """How a run's prompts are put into messages; None: as one text."""
    c = experiment.config
    kind, _, what = c.sent_as.partition(":")
    if kind == "chat":
        role = None if c.needle_role == "any" else c.needle_role
        return Chat(tokenizer=experiment.tokenizer, turn_tokens=c.turn_tokens, role=role)
    if kind == "tools":
        return Tools(tokenizer=experiment.tokenizer, turn_tokens=c.turn_tokens, kind=what or "log")
    if kind == "pages":
        limits = media_limits(c.provider, str(c.model))
        look = look_of(c.page_px, c.page_type_px, c.page_font)
        return Pages(look=look, image_tokens=limits.image_tokens, count=experiment.tokenizer.count)
    if kind == "speech":
        return Speech(
            say=Voice(str(c.tts)).say,
            piece_s=c.piece_s,
            form=c.audio_form,
            audio_tokens_per_s=media_limits(c.provider, str(c.model)).audio_tokens_per_s,
            count=experiment.tokenizer.count,
        )
    return None


def check_media(experiment: Experiment) -> None:
    """Raises ConfigError where the longest prompt's pages are more or larger than the service takes.

    Its pages are counted, three of them are drawn for their size in bytes; nothing is sent.
    """
    presenter = presenter_in(experiment)
    if not isinstance(presenter, Pages):
        return
    c, look = experiment.config, presenter.look
    limits = media_limits(c.provider, str(c.model))
    longest = max(c.lengths)
    prompt = experiment.prompt(max(experiment.trials, key=lambda t: t.context_length))
    pages, side = presenter.count_of(prompt), max(look.width, look.height)
    what = f"{label_of(longest)} tokens are {pages:,} pages of {c.page_px}"
    if limits.images is not None and pages > limits.images:
        below = _about(longest * limits.images // pages)
        raise ConfigError(
            f"{what}, {c.provider} takes {limits.images}: stay below {below}, or use smaller type (--page-type-px)"
        )
    most = limits.crowded_side_px if limits.crowded is not None and pages > limits.crowded else limits.side_px
    if most is not None and side > most:
        raise ConfigError(f"{what}, {c.provider} takes sides up to {most:,} px for so many: use a smaller --page-px")
    size, room = presenter.bytes_of(prompt, pages), limits.body_bytes
    if room is not None and size > room:
        below = _about(longest * room // size)
        raise ConfigError(
            f"{what}, about {size / 1e6:,.0f} MB, {c.provider} takes {room / 1e6:,.0f} MB: stay below {below}"
        )


def _about(tokens: int) -> str:
    return label_of(tokens // 1_000 * 1_000)


def call_tokens(experiment: Experiment, delivery: Delivery, trial: Trial) -> tuple[int, ...]:
    """Prompt tokens of the most calls of a trial."""
    tokens = experiment.prompt_tokens(trial)
    if experiment.config.delivery == "full":
        return (tokens,)
    frame = experiment.builder.overhead(experiment.plant(trial)) - experiment.reply_tokens
    return delivery.call_tokens(tokens, min(tokens, frame))


def most_reply_tokens(experiment: Experiment) -> int:
    """The largest reply budget of any call."""
    if experiment.config.delivery != "summarise":
        return experiment.reply_tokens
    return max(experiment.reply_tokens, summary_tokens(chunking_of(experiment.config)))


def _says_not_there(experiment: Experiment, text: str, prompt: Prompt) -> bool:
    return experiment.task.score(text, prompt.planting).answer_class in ("absent", "not-there")


def _may_be_absent(experiment: Experiment, prompt: Prompt) -> Prompt:
    """The prompt with a question that allows for the answer that the text does not say."""
    planting = that_may_be_absent(prompt.planting, experiment.language)
    text = prompt.text.removesuffix(prompt.planting.closing) + planting.closing
    return replace(prompt, utf8=text.encode(), planting=planting)
