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
from niah.providers.media import media_limits
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
        return Pages(
            look=look,
            share=c.media_share,
            image_tokens=limits.image_tokens,
            count=experiment.tokenizer.count,
        )
    if kind == "speech":
        return Speech(
            say=Voice(str(c.tts)).say,
            recorded=own.cuts if (own := experiment.recordings) else None,
            share=c.media_share,
            piece_s=c.piece_s,
            form=c.audio_form,
            audio_tokens_per_s=media_limits(c.provider, str(c.model)).audio_tokens_per_s,
            count=experiment.tokenizer.count,
        )
    return None


def check_media(experiment: Experiment) -> None:
    """Raises ConfigError where the longest prompt's pages or sound are more or larger than the
    service takes.

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
    inline, instead = c.media == "inline", " or --media upload" if limits.takes_files else ""
    if isinstance(presenter, Pages):
        told = presenter.measured(prompt)
        pages, pixels = (
            told.pages or 0 if told else 0,
            max(presenter.look.width, presenter.look.height),
        )
        what, size = (
            f"{pages:,} pages of {c.page_px}",
            presenter.bytes_of(prompt, pages) if inline else 0,
        )
        most = (
            limits.crowded_side_px
            if limits.crowded is not None and pages > limits.crowded
            else limits.side_px
        )
        if most is not None and pixels > most:
            raise ConfigError(
                f"{what}: {c.provider} takes sides up to {most:,} px for so many; use a smaller"
                " --page-px"
            )
        _hold(experiment, what, pages, limits.images, "pages", "smaller type (--page-type-px)")
        instead = f"smaller pages (--page-px){instead}"
    else:
        parts = [
            p
            for m in presenter.present(prompt).messages
            for p in m.parts
            if isinstance(p, MediaPart)
        ]
        seconds, sizes = (
            sum(part.seconds or 0 for part in parts),
            [len(part.load()) for part in parts],
        )
        what, size = f"{seconds / 60:,.0f} minutes of speech", sum(sizes) * 4 // 3 if inline else 0
        _hold(
            experiment,
            what,
            seconds / 60,
            limits.seconds and limits.seconds / 60,
            "minutes",
            "a faster voice",
        )
        piece, largest = max(sizes, default=0) / 1e6, limits.file_bytes and limits.file_bytes / 1e6
        _hold(
            experiment,
            f"pieces of {piece:,.0f} MB",
            piece,
            None if inline else largest,
            "MB",
            "a smaller --piece-s",
        )
        instead = f"less for each (--audio-form mp3){instead}"
    megabytes = limits.body_bytes and limits.body_bytes / 1e6
    _hold(experiment, f"{what}, {size / 1e6:,.0f} MB", size / 1e6, megabytes, "MB", instead)


def _hold(
    experiment: Experiment, what: str, much: float, most: float | None, unit: str, instead: str
) -> None:
    """Raises ConfigError where a prompt of the longest length takes more of something than the
    service does."""
    c = experiment.config
    if most is None or much <= most:
        return
    below = label_of(round(max(c.lengths) * most / much) // 100 * 100)
    raise ConfigError(
        f"{label_of(max(c.lengths))} tokens are {what}, {c.provider} takes {most:,.0f} {unit}: stay"
        f" below {below}, or use {instead}"
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
