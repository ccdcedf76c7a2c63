"""The delivery and the form that a config names, and how large the calls of a trial are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from niah.deliveries import Delivery, Parts, Presenter, delivery_of
from niah.deliveries.pages import Pages, look_of
from niah.deliveries.retrieve import summary_tokens
from niah.deliveries.speech import Speech
from niah.deliveries.turns import Chat, Tools
from niah.errors import ConfigError
from niah.experiment.checks import chunking_of
from niah.experiment.controls import that_may_be_absent
from niah.experiment.experiment import Experiment
from niah.generator.sound import Voice
from niah.messages import MediaPart
from niah.providers.media import MediaLimits, media_limits
from niah.records import Prompt, Trial
from niah.text.lengths import label_of


def delivery_in(experiment: Experiment) -> Delivery:
    """The delivery of a run: made once, since it keeps what does not change from trial to trial."""
    c = experiment.config

    def says_not_there(text: str, prompt: Prompt) -> bool:
        return experiment.task.score(text, prompt.planting).answer_class in ("absent", "not-there")

    parts = Parts(
        tokenizer=experiment.tokenizer,
        chunking=chunking_of(c),
        embeds=c.embed_url is not None,
        language=experiment.language,
        says_not_there=says_not_there,
        may_be_absent=partial(_may_be_absent, experiment),
    )
    return delivery_of(c.delivery, parts)


def presenter_in(experiment: Experiment) -> Presenter | None:
    """How a run's prompts are put into messages; None: as one text."""
    c, tokenizer = experiment.config, experiment.tokenizer
    kind, _, what = c.sent_as.partition(":")
    if kind == "chat":
        role = None if c.needle_role == "any" else c.needle_role
        return Chat(tokenizer=tokenizer, turn_tokens=c.turn_tokens, role=role)
    if kind == "tools":
        return Tools(tokenizer=tokenizer, turn_tokens=c.turn_tokens, kind=what or "log")
    limits = media_limits(c.provider, str(c.model))
    if kind == "pages":
        return Pages(
            look=look_of(c.page_px, c.page_type_px, c.page_font),
            share=c.media_share,
            image_tokens=limits.image_tokens,
            count=tokenizer.count,
        )
    if kind == "speech":
        own = experiment.recordings
        return Speech(
            say=Voice(str(c.tts)).say,
            recorded=own.cuts if own else None,
            share=c.media_share,
            piece_s=c.piece_s,
            form=c.audio_form,
            audio_tokens_per_s=limits.audio_tokens_per_s,
            count=tokenizer.count,
        )
    return None


def check_media(experiment: Experiment) -> None:
    """Raises ConfigError where the longest prompt's pages or sound are more than the service takes.

    Its pages are counted, and three of them drawn; its lines are spoken, as they must be anyway.
    Nothing is sent.
    """
    c, presenter = experiment.config, presenter_in(experiment)
    limits = media_limits(c.provider, str(c.model))
    if isinstance(presenter, Speech) and not limits.takes_sound:
        raise ConfigError(f"provider {c.provider!r} takes no sound; use --as pages or text")
    if not isinstance(presenter, Pages | Speech):
        return
    prompt = experiment.prompt(max(experiment.trials, key=lambda t: t.context_length))
    if isinstance(presenter, Pages):
        _check_pages(experiment, presenter, prompt, limits)
    else:
        _check_speech(experiment, presenter, prompt, limits)


def _check_pages(
    experiment: Experiment, presenter: Pages, prompt: Prompt, limits: MediaLimits
) -> None:
    c, told = experiment.config, presenter.measured(prompt)
    pages = (told.pages or 0) if told else 0
    what = f"{pages:,} pages of {c.page_px}"
    crowded = limits.crowded is not None and pages > limits.crowded
    most = limits.crowded_side_px if crowded else limits.side_px
    if most is not None and max(presenter.look.width, presenter.look.height) > most:
        raise ConfigError(
            f"{what}: {c.provider} takes sides up to {most:,} px for so many;"
            " use a smaller --page-px"
        )
    _hold(experiment, what, pages, limits.images, "pages", "smaller type (--page-type-px)")
    if c.media == "inline":
        size = presenter.bytes_of(prompt, pages)
        _hold_body(experiment, what, size, limits, "smaller pages (--page-px)")


def _check_speech(
    experiment: Experiment, presenter: Speech, prompt: Prompt, limits: MediaLimits
) -> None:
    messages = presenter.present(prompt).messages
    parts = [part for m in messages for part in m.parts if isinstance(part, MediaPart)]
    sizes = [len(part.load()) for part in parts]
    minutes = sum(part.seconds or 0 for part in parts) / 60
    most = limits.seconds and limits.seconds / 60
    what = f"{minutes:,.0f} minutes of speech"
    _hold(experiment, what, minutes, most, "minutes", "a faster voice")
    if experiment.config.media == "inline":
        size = sum(sizes) * 4 // 3  # as base64
        _hold_body(experiment, what, size, limits, "less for each (--audio-form mp3)")
    else:
        piece = max(sizes, default=0) / 1e6
        most = limits.file_bytes and limits.file_bytes / 1e6
        _hold(experiment, f"pieces of {piece:,.0f} MB", piece, most, "MB", "a smaller --piece-s")


def _hold_body(
    experiment: Experiment, what: str, size: int, limits: MediaLimits, instead: str
) -> None:
    """Raises ConfigError where a request of so many bytes is larger than the service takes."""
    most = limits.body_bytes and limits.body_bytes / 1e6
    instead += " or --media upload" if limits.takes_files else ""
    _hold(experiment, f"{what}, {size / 1e6:,.0f} MB", size / 1e6, most, "MB", instead)


def _hold(
    experiment: Experiment, what: str, much: float, most: float | None, unit: str, instead: str
) -> None:
    """Raises ConfigError where the longest prompt takes more of something than the service does."""
    if most is None or much <= most:
        return
    longest = max(experiment.config.lengths)
    below = label_of(round(longest * most / much) // 100 * 100)
    raise ConfigError(
        f"{label_of(longest)} tokens are {what}, {experiment.config.provider} takes"
        f" {most:,.0f} {unit}: stay below {below}, or use {instead}"
    )


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


def _may_be_absent(experiment: Experiment, prompt: Prompt) -> Prompt:
    """The prompt with a question that allows for the answer that the text does not say."""
    planting = that_may_be_absent(prompt.planting, experiment.language)
    text = prompt.text.removesuffix(prompt.planting.closing) + planting.closing
    return replace(prompt, utf8=text.encode(), planting=planting)
